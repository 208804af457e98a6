"""What kernel machines see of a photograph: edges inside, edges of the outline, colours."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.data.check import LUMA


def describe_photographs(
    seen: Float[Tensor, "n 4 S S"],
    describe: Callable[[Float[Tensor, "n S S"]], Float[Tensor, "n d"]],
    outline: float | None,
    colour: float,
    colour_cells: int,
) -> Float[Tensor, "n k"]:
    """Descriptions of the brightness and of the outline, and mean colours, side by side.

    Outside the mask the brightness is the object's mean, so that the outline leaves no edge there.

    Args:
        seen: red, green, blue in [0, 1], and the mask.
        describe: features of planes.
        outline: weight of the mask's features; None leaves them out.
        colour: weight of the mean colours in a grid of colour_cells x colour_cells, by how much of the object lies
            in each.
    """
    rgb, cover = seen[:, :3], seen[:, 3:]
    total = cover.mean((2, 3), keepdim=True).clamp(min=1e-3)
    grey = (rgb * rgb.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    mean = (grey * cover).mean((2, 3), keepdim=True) / total
    features = [describe((mean + cover * (grey - mean))[:, 0])]
    if outline is not None:
        features.append(outline * describe(cover[:, 0]))
    spread = F.adaptive_avg_pool2d((rgb - 0.5) * cover, colour_cells) / total
    features.append(colour * spread.flatten(1))
    return torch.cat(features, 1)
