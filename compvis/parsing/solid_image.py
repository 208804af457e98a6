"""Photographs as the parser of solids sees them: who is figure, in which colour, in a square frame."""

from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from skimage.color import rgb2lab
from torch import Tensor

SIDE = 48  # working pixels along the frame
_WINDOW = 0.96  # side of the frame over the larger side of the picture
_BANDWIDTH = 0.04  # of the background's colours, Lab / 100
_FIGURE_DENSITY = 2.0  # of a figure's colour, anywhere in Lab / 100


@dataclass(frozen=True, eq=False)
class SolidViews:
    """n photographs in their working frames of :data:`SIDE` pixels.

    The frame keeps the picture's scale (an object's size in the picture is evidence too) and is centred on the
    figure's bounding box.

    Attributes:
        figure: share of each pixel that is figure, in [0, 1]; a probability where no mask was given.
        colour: CIE Lab / 100, mean over the figure's share of the pixel (over the pixel where there is none).
        origin: image position (x, y) of the frame's upper left corner, pixels.
        scale: image pixels along a working pixel.
        offset: where the picture's own middle lies relative to the frame's, working pixels (x, y).
    """

    figure: Float[Tensor, "n S S"]
    colour: Float[Tensor, "n S S 3"]
    origin: Float[Tensor, "n 2"]
    scale: Float[Tensor, " n"]
    offset: Float[Tensor, "n 2"]

    def __len__(self) -> int:
        return len(self.figure)

    def select(self, rows: Tensor | slice | list[int]) -> "SolidViews":
        """Some of the photographs (anything that indexes a tensor's first axis)."""
        return SolidViews(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def view_photographs(
    images: Float[Tensor, "n 3 H W"], masks: Bool[Tensor, "n H W"] | None = None
) -> SolidViews:
    """Frame photographs for parsing; without masks the figure is told from the colours of the picture's rim.

    Args:
        images: colours in [0, 1].
        masks: True on what is seen of the object. A mask without a single pixel leaves the frame in the middle.
    """
    views = [_view(image, None if masks is None else masks[n]) for n, image in enumerate(images)]
    columns = zip(*views, strict=True) if views else [[]] * 5
    empty = [(0, SIDE, SIDE), (0, SIDE, SIDE, 3), (0, 2), (0,), (0, 2)]
    return SolidViews(
        *(torch.stack(list(c)) if c else torch.zeros(e) for c, e in zip(columns, empty, strict=True))
    )


def tell_figure(lab: Shaped[np.ndarray, "H W 3"]) -> Shaped[np.ndarray, "H W"]:
    """Probability that each pixel is figure, from how unlike the rim of the picture its colour is.

    The background's colours have a kernel density over a sample of the outer twentieth of the picture; a figure
    may have any colour, and is likelier in the middle.
    """
    height, width = lab.shape[:2]
    band = max(1, round(0.05 * min(height, width)))
    rim = np.ones((height, width), bool)
    rim[band:-band, band:-band] = False
    sample = lab[rim][:: max(1, int(rim.sum()) // 200)]
    squared = ((lab[:, :, None] - sample) ** 2).sum(-1) / _BANDWIDTH**2
    background = np.exp(-0.5 * squared).mean(-1) / (2 * np.pi * _BANDWIDTH**2) ** 1.5
    y, x = np.mgrid[:height, :width]
    far = ((2 * (x + 0.5) / width - 1) ** 2 + (2 * (y + 0.5) / height - 1) ** 2) / 2
    prior = 0.7 * np.exp(-2.0 * far)
    figure = prior * _FIGURE_DENSITY
    return figure / (figure + (1 - prior) * background)


def _view(image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    height, width = image.shape[1:]
    lab = rgb2lab(image.permute(1, 2, 0).cpu().numpy()) / 100
    share = tell_figure(lab) if mask is None else mask.cpu().numpy().astype(np.float32)
    side = _WINDOW * max(height, width)
    if mask is None:
        middle = np.array([width / 2, height / 2])
    else:
        middle = _box_middle(share > 0.5)
    step = side / SIDE
    places = (torch.arange(SIDE) + 0.5) * step - side / 2
    x = (places + float(middle[0])) / width * 2 - 1
    y = (places + float(middle[1])) / height * 2 - 1
    grid = torch.stack([x.expand(SIDE, SIDE), y[:, None].expand(SIDE, SIDE)], -1)[None].float()
    figure = torch.from_numpy(np.asarray(share, np.float32))[None, None]
    colour = torch.from_numpy(lab.astype(np.float32)).permute(2, 0, 1)[None]
    both = torch.cat([figure, figure * colour, colour], 1)
    reduce = max(1, round(step))
    if reduce > 1:
        both = F.avg_pool2d(both, reduce, 1, reduce // 2, count_include_pad=False)
    seen = F.grid_sample(both, grid, align_corners=False, padding_mode="border")[0]
    inside = F.grid_sample(torch.ones(1, 1, height, width), grid, align_corners=False)[0, 0]
    figure = (seen[0] * (inside > 0.5)).clamp(0, 1)
    colour = torch.where(seen[0] > 1e-3, seen[1:4] / seen[0].clamp_min(1e-3), seen[4:])
    picture = torch.tensor([width / 2, height / 2])
    centre = torch.tensor(middle, dtype=torch.float32)
    return (
        figure,
        colour.permute(1, 2, 0).contiguous(),
        centre - side / 2,
        torch.tensor(step),
        (picture - centre) / step,
    )


def _box_middle(mask: Shaped[np.ndarray, "H W"]) -> np.ndarray:
    """Middle (x, y) of the mask's bounding box, of the picture where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.array([mask.shape[1] / 2, mask.shape[0] / 2])
    return np.array([(columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2])
