"""Checks of colour photographs, figure masks and viewpoints, before anything is computed."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compvis.data.check import InputError, check_images


def check_photographs(images: Any) -> Float[Tensor, "n 3 H W"]:
    """Return the images as RGB float32 in [0, 1], on the device they came on; grey gets three equal channels.

    Args:
        images: as `compvis.data.check.check_images`.

    Raises:
        InputError: as `check_images`.
    """
    grey = check_images(images)
    if images.ndim == 3:
        return grey[:, None].repeat(1, 3, 1, 1)
    return torch.stack([check_images(images[..., channel]) for channel in range(3)], 1)


def check_masks(masks: Any, images: Float[Tensor, "n 3 H W"]) -> Bool[Tensor, "n H W"] | None:
    """Return the masks on the images' device; None stays None.

    Args:
        masks: (n, H, W) bool, numpy array or torch tensor, true on the object; or None.
        images: the checked images they belong to.

    Raises:
        InputError: another kind, dtype or shape. A mask without a single pixel is no error: the object is hidden.
    """
    if masks is None:
        return None
    tensor = torch.from_numpy(masks) if isinstance(masks, np.ndarray) else masks
    wanted = (len(images), *images.shape[2:])
    if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool or tuple(tensor.shape) != wanted:
        given = (
            f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else type(masks).__name__
        )
        raise InputError(f"Masks must be one bool array or tensor of shape {wanted}, not {given}.")
    return tensor.to(images.device)


def check_viewpoints(viewpoints: Any, n: int) -> None:
    """Raise InputError unless `viewpoints` is None or n pairs (azimuth, elevation) in degrees.

    A pair is finite, or NaN twice where the viewpoint is not known; half a pair is an error.
    """
    if viewpoints is None:
        return
    values = np.asarray(viewpoints.cpu() if isinstance(viewpoints, Tensor) else viewpoints)
    usable = values.shape == (n, 2) and values.dtype.kind in "iuf"
    if not usable or not (np.isfinite(values).all(1) | np.isnan(values).all(1)).all():
        raise InputError(
            f"Viewpoints must be ({n}, 2) finite numbers, azimuth and elevation in degrees (NaN twice where a "
            f"picture's is not known), not {values.dtype} {values.shape}{'' if not usable else ' with others'}."
        )
