"""How far inferred viewpoints are from true ones, where the frame of the object is free about the vertical."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.views import view_directions


def free_frame_errors(
    found: Float[ndarray, "n 2"], truth: Float[ndarray, "n 2"], free: bool = True, step: float = 1.0
) -> Float[ndarray, " n"]:
    """Angle between the found and the true viewing direction of each picture, degrees.

    Args:
        found, truth: azimuth and elevation, degrees.
        free: whether the found frame is first turned about the vertical, and mirrored where that is better, to the
            least median error; the pictures are those of one category, learned together.
        step: degrees between the turns that are tried.

    Raises:
        InputError: arrays of other shapes, or none of the pictures.
    """
    if found.shape != truth.shape or found.ndim != 2 or found.shape[1:] != (2,) or not len(found):
        raise InputError(f"Give two arrays of viewpoints (n, 2), not {found.shape} and {truth.shape}.")
    signs, turns = ((1.0, -1.0), np.arange(0.0, 360.0, step)) if free else ((1.0,), np.zeros(1))
    true = view_directions(truth[:, 1], truth[:, 0])
    errors = []
    for sign in signs:
        for turn in turns:
            towards = view_directions(found[:, 1], sign * found[:, 0] + turn)
            errors.append(np.degrees(np.arccos(np.clip((towards * true).sum(1), -1, 1))))
    return min(errors, key=np.median)
