"""Photographs as the parser of solids sees them: who is figure, in which colour, in a square frame."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.color.colorconv import xyz_from_rgb, xyz_tristimulus_values
from torch import Tensor

from compvis.likelihood.backdrop import Backdrop
from compvis.parsing.figure_ground import FigureGroundNet

SIDE = 48  # working pixels along the frame
_WINDOW = 0.96  # side of the frame over the larger side of the picture
_BANDWIDTH = 0.04  # of the background's colours, Lab / 100
_AT_ONCE = 4_000_000  # comparisons of a pixel with a colour of the rim
_FIGURE_DENSITY = 2.0  # of a figure's colour, anywhere in Lab / 100
# From where to where about a mask, in shares of the side, it is told whether something in front touches it.
_RIM = (0.015, 0.05)
_GROUND = 0.3  # a pixel that is less background than this shows something in front
_TOUCHED = 0.1  # share of the rim that may show something in front of a whole object


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is known of the things about objects.

    backdrop: the colours that were behind the objects in training; None where they are not known.
    net: proposes figures in photographs without a mask; without it they are told from the picture's rim.
    """

    backdrop: Backdrop | None = None
    net: FigureGroundNet | None = None


@dataclass(frozen=True, eq=False)
class SolidViews:
    """n photographs in their working frames of :data:`SIDE` pixels.

    The frame keeps the picture's scale (an object's size in the picture is evidence too) unless
    :func:`compvis.parsing.solid_frame.settle` finds another. It is centred on the
    figure's bounding box; on the picture where there is no mask or where something may hide parts of the object,
    since what is left of it does not tell its middle.

    Attributes:
        figure: share of each pixel that is figure, in [0, 1]; a probability where no mask was given.
        ground: share of each pixel that is background; the rest may have the object behind it.
        colour: CIE Lab / 100, mean over the figure's share of the pixel (over the pixel where there is none).
        origin: image position (x, y) of the frame's upper left corner, pixels.
        scale: image pixels along a working pixel.
        turn: degrees by which the frame is turned in the picture, from x towards y.
        whole: whether a mask shows the whole object, on whose bounding box the frame is centred then.
        clear: whether a mask shows an object that nothing hides, though the picture may end in it.
    """

    figure: Float[Tensor, "n S S"]
    ground: Float[Tensor, "n S S"]
    colour: Float[Tensor, "n S S 3"]
    origin: Float[Tensor, "n 2"]
    scale: Float[Tensor, " n"]
    turn: Float[Tensor, " n"]
    whole: Bool[Tensor, " n"]
    clear: Bool[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.figure)

    def select(self, rows: Tensor | slice | list[int]) -> "SolidViews":
        """Some of the photographs (anything that indexes a tensor's first axis)."""
        return SolidViews(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, eq=False)
class FramedScenes:
    """n pictures in frames about the pictures' middles, for learning what surrounds objects.

    Attributes:
        plain: colours as they are, Lab / 100. colour: of the figure alone, where there is some in the pixel.
        figure: share of each pixel that is figure.
    """

    plain: Float[Tensor, "n S S 3"]
    colour: Float[Tensor, "n S S 3"]
    figure: Float[Tensor, "n S S"]


def frame_scenes(images: Float[Tensor, "n 3 H W"], masks: Bool[Tensor, "n H W"]) -> FramedScenes:
    """Frame pictures of whole objects (colours in [0, 1]) with their masks."""
    plain, colour, figure = [], [], []
    labs = torch.from_numpy(to_lab(images).astype(np.float32))
    for lab, mask in zip(labs, masks.cpu().numpy(), strict=True):
        none = np.zeros(mask.shape, np.float32)
        plain.append(_view(lab, none, none, None)[2])
        share, _, own, *_ = _view(lab, mask, none, None)
        colour.append(own)
        figure.append(share)
    return FramedScenes(torch.stack(plain), torch.stack(colour), torch.stack(figure))


def to_lab(images: Float[Tensor, "n 3 H W"]) -> Float[np.ndarray, "n H W 3"]:
    """CIE Lab / 100 of colours in [0, 1]."""
    return np.stack([rgb2lab(image.detach().permute(1, 2, 0).cpu().numpy()) / 100 for image in images])


def with_gradient(
    lab: Float[np.ndarray, "n H W 3"], images: Float[Tensor, "n 3 H W"]
) -> Float[Tensor, "n H W 3"]:
    """The Lab colours of images as a tensor; where the images have a gradient, so has it (CIE 15:2004, D65)."""
    colours = torch.from_numpy(lab.astype(np.float32))
    if not images.requires_grad:
        return colours
    linear = torch.where(
        images > 0.04045, ((images.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4, images / 12.92
    )
    xyz = torch.einsum("ab,nbyx->nyxa", torch.from_numpy(xyz_from_rgb).float(), linear)
    xyz = xyz / xyz.new_tensor(xyz_tristimulus_values(illuminant="D65", observer="2"))
    root = torch.where(xyz > 0.008856, xyz.clamp_min(0.008856) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = root.unbind(-1)
    found = torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1) / 100
    return colours + found - found.detach()


def view_photographs(
    images: Float[Tensor, "n 3 H W"],
    masks: Bool[Tensor, "n H W"] | None = None,
    surroundings: Surroundings = Surroundings(),
) -> SolidViews:
    """Frame photographs for parsing.

    Args:
        images: colours in [0, 1].
        masks: True on what is seen of the object. A mask without a single pixel leaves the frame in the middle.
        surroundings: tells background from what is in front, and figures where there are no masks.
    """
    if not len(images):
        empty = [(0, SIDE, SIDE), (0, SIDE, SIDE), (0, SIDE, SIDE, 3), (0, 2), (0,), (0,)]
        return SolidViews(
            *(torch.zeros(e) for e in empty), whole=torch.zeros(0) > 0, clear=torch.zeros(0) > 0
        )
    views, clear, labs = [], [], to_lab(images)
    for n, (lab, pixels) in enumerate(zip(labs, with_gradient(labs, images), strict=True)):
        if masks is not None:
            mask = masks[n].cpu().numpy()
            ground = ~mask if surroundings.backdrop is None else surroundings.backdrop.ground(lab, mask)
            clear.append(_in_the_clear(mask, ground))
            whole = clear[-1] and not _is_cut(mask)
            views.append(_view(pixels, mask, ground, _box_middle(mask) if whole else None))
        elif surroundings.net is not None:
            inside = np.ones(
                lab.shape[:2], np.float32
            )  # the network's figures go no further than the picture
            views.append(_view(pixels, inside, 1 - inside, None))
        else:
            figure = tell_figure(lab)
            views.append(_view(pixels, figure, 1 - figure, None))
    columns = (torch.stack(list(column)) for column in zip(*views, strict=True))
    seen = SolidViews(*columns, clear=torch.tensor(clear or [False] * len(views)))
    if masks is None and surroundings.net is not None:
        figure, ground = surroundings.net.label(seen.colour)
        seen = replace(seen, figure=figure * seen.figure, ground=ground * seen.figure)
    return seen


def figure_rgb(
    pictures: Tensor, masks: Bool[Tensor, "n H W"] | None, seen: SolidViews
) -> Float[Tensor, "n 3"]:
    """Mean colour (red, green, blue) of each figure."""
    if masks is None:
        size = tuple(pictures.shape[2:])
        shares = [to_image(f.numpy(), seen.select([n]), size, 0.0) for n, f in enumerate(seen.figure)]
        weight = torch.from_numpy(np.stack(shares))[:, None]
    else:
        weight = masks[:, None].float()
    return (pictures * weight).sum((2, 3)) / weight.sum((2, 3)).clamp_min(1e-6)


def box_middles(coverage: Float[Tensor, "v S S"]) -> Float[Tensor, "v 2"]:
    """Middles (x, y) of the bounding boxes of coverage over one half; of the frame where there is none."""
    places = torch.arange(SIDE, dtype=torch.float32)
    middles = []
    for axis in (1, 2):
        there = (coverage > 0.5).any(axis)
        first = torch.where(there, places, torch.inf).amin(1)
        last = torch.where(there, places + 1, -torch.inf).amax(1)
        middle = (first + last) / 2
        middles.append(torch.where(middle.isfinite(), middle, SIDE / 2))
    return torch.stack(middles, 1)


def to_image(
    frame: Shaped[np.ndarray, "S S *c"], seen: SolidViews, size: tuple[int, ...], outside: float | int | bool
) -> Shaped[np.ndarray, "H W *c"]:
    """A picture of the working frame at the photograph's pixels (nearest), ``outside`` beyond the frame."""
    turn = np.radians(float(seen.turn[0]))
    x = np.arange(size[1]) + 0.5 - float(seen.origin[0, 0])
    y = np.arange(size[0])[:, None] + 0.5 - float(seen.origin[0, 1])
    step = float(seen.scale[0])
    column = np.floor((np.cos(turn) * x + np.sin(turn) * y) / step).astype(int)
    row = np.floor((np.cos(turn) * y - np.sin(turn) * x) / step).astype(int)
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    image = frame[np.clip(row, 0, SIDE - 1), np.clip(column, 0, SIDE - 1)].copy()
    image[~inside] = outside
    return image


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
    rows = max(1, _AT_ONCE // (width * len(sample)))
    parts = []
    for start in range(0, height, rows):
        squared = ((lab[start : start + rows, :, None] - sample) ** 2).sum(-1) / _BANDWIDTH**2
        parts.append(np.exp(-0.5 * squared).mean(-1))
    background = np.concatenate(parts) / (2 * np.pi * _BANDWIDTH**2) ** 1.5
    y, x = np.mgrid[:height, :width]
    far = ((2 * (x + 0.5) / width - 1) ** 2 + (2 * (y + 0.5) / height - 1) ** 2) / 2
    prior = 0.7 * np.exp(-2.0 * far)
    figure = prior * _FIGURE_DENSITY
    return figure / (figure + (1 - prior) * background)


def _view(
    lab: Float[Tensor, "H W 3"],
    figure: Shaped[np.ndarray, "H W"],
    ground: Shaped[np.ndarray, "H W"],
    middle: np.ndarray | None,
) -> tuple[Tensor, ...]:
    """One picture in its frame, as the fields of :class:`SolidViews`.

    Beyond the picture's edge nothing is known, neither figure nor ground.
    """
    height, width = lab.shape[:2]
    side = _WINDOW * max(height, width)
    whole = middle is not None
    if middle is None:
        middle = np.array([width / 2, height / 2])
    step = side / SIDE
    places = (torch.arange(SIDE) + 0.5) * step - side / 2
    grid = _grid(places, middle, (width, height), 0)
    told = torch.from_numpy(np.stack([figure, ground]).astype(np.float32))[None]
    colour = lab.permute(2, 0, 1)[None]
    both = torch.cat([told, told[:, :1] * colour, colour], 1)
    reduce = max(1, round(step))
    if reduce > 1:
        both = F.avg_pool2d(both, reduce, 1, reduce // 2, count_include_pad=False)
    # An even window's means lie between the pixels, and are one more.
    means = _grid(places, middle, (width, height), both.shape[-1] - width)
    seen = F.grid_sample(both, means, align_corners=False, padding_mode="border")[0]
    inside = F.grid_sample(torch.ones(1, 1, height, width), grid, align_corners=False)[0, 0] > 0.5
    shares = (seen[:2] * inside).clamp(0, 1)
    colour = torch.where(seen[0] > 1e-3, seen[2:5] / seen[0].clamp_min(1e-3), seen[5:])
    return (
        shares[0],
        shares[1],
        colour.permute(1, 2, 0).contiguous(),
        torch.tensor(middle, dtype=torch.float32) - side / 2,
        torch.tensor(step),
        torch.tensor(0.0),
        torch.tensor(whole),
    )


def _grid(places: Tensor, middle: np.ndarray, size: tuple[int, int], more: int) -> Float[Tensor, "1 S S 2"]:
    """Where ``grid_sample`` finds places of a picture of ``size`` (x, y) among ``more`` samples along each side."""
    x, y = (
        (places + float(at) + more / 2) / (length + more) * 2 - 1
        for at, length in zip(middle, size, strict=True)
    )
    return torch.stack([x.expand(SIDE, SIDE), y[:, None].expand(SIDE, SIDE)], -1)[None].float()


def _in_the_clear(mask: Shaped[np.ndarray, "H W"], ground: Shaped[np.ndarray, "H W"]) -> bool:
    """Whether background is nearly all around the mask, so that nothing hides parts of the object."""
    near, far = (max(1, round(share * max(mask.shape))) for share in _RIM)
    inner, outer = (
        np.asarray(ndimage.binary_dilation(mask, iterations=steps), dtype=bool) for steps in (near, far + 1)
    )
    rim = outer & ~inner
    return bool(mask.any() and rim.any() and (ground[rim] < _GROUND).mean() < _TOUCHED)


def _is_cut(mask: Shaped[np.ndarray, "H W"]) -> bool:
    """Whether the picture ends in the mask."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _box_middle(mask: Shaped[np.ndarray, "H W"]) -> np.ndarray:
    """Middle (x, y) of the mask's bounding box, of the picture where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.array([mask.shape[1] / 2, mask.shape[0] / 2])
    return np.array([(columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2])
