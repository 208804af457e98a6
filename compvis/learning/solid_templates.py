"""Fitted leaves as templates of the grammar, with parts that have the same number in every alternative."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from compvis.grammar.solid import SolidTemplate
from compvis.learning.solid_fit import Leaves, Poses


def as_template(leaves: Leaves, poses: Poses, kept: np.ndarray, rgb: Float[Tensor, "3"]) -> SolidTemplate:
    """Fitted leaves as a template of the grammar."""
    kind, rotation, centre, size, shape = leaves.unfold()
    order, _ = leaves.order()
    return SolidTemplate(
        kind=kind,
        rotation=rotation,
        centre=centre,
        size=size,
        shape=shape,
        colour=rgb.clamp(0, 1).expand(len(kind), 3).contiguous(),
        present=torch.from_numpy(kept)[order],
        pixels=poses.log_scale.mean().exp(),
    )


def align_parts(templates: list[SolidTemplate]) -> list[SolidTemplate]:
    """The templates with their parts renumbered, so that part k is the same part in every one.

    Each is matched to the one with most parts, by the least sum of distances between centres (the Hungarian
    method). Parts that a template lacks are not present in it.
    """
    first = max(templates, key=lambda one: int(one.present.sum()))
    anchor = first.centre[first.present]
    aligned = []
    for one in templates:
        own = one.present.nonzero().flatten()
        _, places = linear_sum_assignment(torch.cdist(one.centre[own], anchor).numpy())
        order, present = torch.zeros(len(anchor), dtype=torch.long), torch.zeros(len(anchor)) > 0
        order[places], present[places] = own, True
        order[~present] = own[0]
        chosen = {
            name: value[order] for name, value in one.tensors().items() if name not in ("present", "pixels")
        }
        aligned.append(replace(one, **chosen, present=present))
    return aligned
