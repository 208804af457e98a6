"""Size and roll as latent variables: frames turned and scaled until the object stands in them as objects were learned.

Objects are learned upright and at their size in the training pictures. A picture may show an object nearer or farther,
or a camera that was rolled: frames of other sizes and turns are proposed, and the one of largest posterior is kept.
Only photographs with masks that nothing hides are framed anew; what is left of an occluded object, or a figure that had
to be guessed, does not tell its size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.parsing.solid_image import SIDE, SolidViews, box_middles


@dataclass(frozen=True)
class FrameSettings:
    """Which frames are proposed; none where ``zooms`` and ``rolls`` are 0.

    zoom: ratio of the sides of neighbouring proposals; zooms: how many there are to either side of the usual one.
    roll: degrees between neighbouring turns; rolls: how many there are to either side of none. unusual: prior
    probability that an object is of another size or turned, shared evenly by the proposals. learned: share of all
    viewpoints that must have been learned. Below it no other frame is proposed: an object seen from where nothing was
    learned looks rather like another one, larger or turned, seen from where something was.
    """

    zoom: float = 1.19
    zooms: int = 4
    roll: float = 15.0
    rolls: int = 12
    unusual: float = 0.01
    learned: float = 0.55

    def __post_init__(self) -> None:
        if not 1 < self.zoom < math.inf:
            raise ValueError("FrameSettings.zoom is a ratio and must be above 1.")
        if not 0 < self.roll < math.inf:
            raise ValueError("FrameSettings.roll must be a finite number of degrees above 0.")
        if not all(isinstance(count, int) for count in (self.zooms, self.rolls)):
            raise ValueError("FrameSettings.zooms and rolls must be whole numbers.")
        if min(self.zooms, self.rolls) < 0:
            raise ValueError("FrameSettings.zooms and rolls are numbers of proposals, at least 0.")
        if not 0 < self.unusual < 1:
            raise ValueError("FrameSettings.unusual is a probability, above 0 and below 1.")
        if not 0 <= self.learned <= 1:
            raise ValueError("FrameSettings.learned is a share of the viewpoints, in [0, 1].")

    def log_prior(self, zoom: Tensor, roll: Tensor) -> Tensor:
        """Log probability of frames, up to a constant: another size costs as much as a turn."""
        change = (zoom != 1).float() + (roll != 0).float()
        return change * math.log(self.unusual / max(1, 2 * (self.zooms + self.rolls)))

    def changes(self) -> list[list[tuple[float, float]]]:
        """Factors of the frame's side and turns to add, degrees, in rounds: far ones twice, then ever nearer ones."""
        far = [(self.zoom**k, 0.0) for k in range(-self.zooms, self.zooms + 1) if k]
        far += [(1.0, self.roll * k) for k in range(-self.rolls, self.rolls + 1) if k]
        near = []
        for share in (0.5, 0.25):
            zooms = [(self.zoom**share, 0.0), (self.zoom**-share, 0.0)] if self.zooms else []
            rolls = [(1.0, share * self.roll), (1.0, -share * self.roll)] if self.rolls else []
            near.append(zooms + rolls)
        return [far, far, *near]


def reframe(seen: SolidViews, zoom: Float[Tensor, " n"], roll: Float[Tensor, " n"]) -> SolidViews:
    """Photographs in frames ``zoom`` times as large, turned by ``roll`` degrees (from x towards y).

    The frame turns about its middle; frames of whole objects are centred on the bounding box again.
    """
    angle = torch.deg2rad(roll)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    matrix = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)
    centre = torch.zeros_like(seen.origin)
    figure = _sample(seen.figure[..., None], matrix, centre)[..., 0]
    middle = box_middles(figure) - SIDE / 2
    centre = torch.where(seen.whole[:, None], (matrix @ middle[..., None])[..., 0], centre)
    layers = torch.cat([seen.figure[..., None], seen.ground[..., None], seen.colour], -1)
    found = _sample(layers, matrix, centre)
    half = torch.full_like(centre, SIDE / 2)
    corner = half + centre - (matrix @ half[..., None])[..., 0]
    there = torch.deg2rad(seen.turn)
    across, down = corner.unbind(-1)
    turned = torch.stack(
        [there.cos() * across - there.sin() * down, there.sin() * across + there.cos() * down], -1
    )
    return replace(
        seen,
        figure=found[..., 0],
        ground=found[..., 1],
        colour=found[..., 2:],
        origin=seen.origin + seen.scale[:, None] * turned,
        scale=seen.scale * zoom,
        turn=seen.turn + roll,
    )


def settle(
    seen: SolidViews, weigh: Callable[[SolidViews], Float[Tensor, " n"]], settings: FrameSettings
) -> SolidViews:
    """Each photograph of an object with a mask that nothing hides in the frame of largest posterior.

    Args:
        weigh: log p(figure, ground) of photographs whatever the category, nats.
    """
    rows = seen.clear.nonzero().flatten()
    if not (len(rows) and settings.zooms + settings.rolls):
        return seen
    with torch.no_grad():
        rows, zoom, roll = _best_frames(seen, rows, weigh, settings)
    if not len(rows):
        return seen
    settled = reframe(seen.select(rows), zoom, roll)
    changed = {field.name: getattr(seen, field.name).clone() for field in fields(seen)}
    for name, value in changed.items():
        value[rows] = getattr(settled, name)
    return SolidViews(**changed)


def _best_frames(
    seen: SolidViews, rows: Tensor, weigh: Callable[[SolidViews], Tensor], settings: FrameSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Of the photographs at ``rows`` those that another frame suits better, its zoom and its roll."""
    zoom, roll, best = torch.ones(len(rows)), torch.zeros(len(rows)), weigh(seen.select(rows))
    for tried in settings.changes():
        usual, from_zoom, from_roll = seen.select(rows), zoom, roll
        for factor, turn in tried:
            new_zoom, new_roll = from_zoom * factor, from_roll + turn
            # A pixel of a frame is worth the pixels of the usual one that it covers.
            found = weigh(reframe(usual, new_zoom, new_roll)) * new_zoom.square()
            found = found + settings.log_prior(new_zoom, new_roll)
            better = found > best
            zoom, roll = torch.where(better, new_zoom, zoom), torch.where(better, new_roll, roll)
            best = torch.where(better, found, best)
        unusual = (zoom != 1) | (roll != 0)
        rows, zoom, roll, best = (v[unusual] for v in (rows, zoom, roll, best))
        if not len(rows):
            break
    return rows, zoom, roll


def _sample(
    layers: Float[Tensor, "n S S c"], matrix: Float[Tensor, "n 2 2"], centre: Float[Tensor, "n 2"]
) -> Float[Tensor, "n S S c"]:
    """The layers at ``S / 2 + centre + matrix (p - S / 2)`` of every working pixel p; zero beyond the frame."""
    places = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    across = torch.stack([places.expand(SIDE, SIDE), places[:, None].expand(SIDE, SIDE)], -1)
    grid = torch.einsum("nab,yxb->nyxa", matrix, across) + (2 * centre / SIDE)[:, None, None]
    return F.grid_sample(layers.permute(0, 3, 1, 2), grid, align_corners=False).permute(0, 2, 3, 1)
