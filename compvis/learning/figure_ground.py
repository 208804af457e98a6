"""Learn to tell figure from ground by synthesis: training objects laid before photographs and behind occluders.

Every step composes new pictures whose labels are known because they were composed: objects of the training
photographs, in changed colours, sizes and places, stand before their own backdrop or a piece of a photograph, and may
be covered by a piece of a photograph or by another training object (cut, paste and learn: Dwibedi, Misra and Hebert,
ICCV 2017).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.data.backgrounds import Photographs
from compvis.parsing.figure_ground import FigureGroundNet
from compvis.parsing.solid_image import SIDE, FramedScenes, to_lab

_CORNERS = 12  # of a blob's outline


@dataclass(frozen=True)
class FigureGroundSettings:
    """How figure and ground are learned.

    steps: of Adam with a one-cycle rate. batch: composed pictures a step. rate: largest. pieces: of photographs that
    are cut beforehand. before: share of the objects before a photograph. occluded: share of the pictures with
    something in front. recoloured: share of the objects in other colours.
    """

    steps: int = 1200
    batch: int = 32
    rate: float = 4e-3
    pieces: int = 600
    before: float = 0.75
    occluded: float = 0.4
    recoloured: float = 0.6

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.pieces) < 1 or not self.rate > 0:
            raise ValueError("steps, batch, pieces and rate of figure_ground must be above 0.")
        for name in ("before", "occluded", "recoloured"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"figure_ground's {name} must lie in [0, 1].")


def learn_figure_ground(
    framed: FramedScenes,
    photographs: Photographs,
    settings: FigureGroundSettings,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> FigureGroundNet:
    """A network that labels figure, ground and occluders, learned from framed training pictures and photographs.

    Args:
        framed: training pictures with their figures.
        progress: called with the number of steps done.
    """
    generator = torch.Generator().manual_seed(seed)
    numbers = np.random.default_rng(seed)
    pieces = np.stack([photographs.crop(SIDE, SIDE, numbers) for _ in range(settings.pieces)])
    behind = _channels_first(torch.from_numpy(pieces)).float() / 255
    behind = _channels_first(torch.from_numpy(to_lab(behind))).float()
    colour, figure = _channels_first(framed.colour), framed.figure[:, None]
    plain = _channels_first(framed.plain)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = FigureGroundNet().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.rate, total_steps=max(settings.steps, 2)
    )
    for step in range(settings.steps):
        rows = torch.randint(len(colour), (settings.batch,), generator=generator)
        picture, labels = compose_scenes(plain[rows], colour[rows], figure[rows], behind, settings, generator)
        loss = -(labels * net(picture).log_softmax(1)).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step + 1)
    return net.eval()


def compose_scenes(
    plain: Float[Tensor, "n 3 S S"],
    colour: Float[Tensor, "n 3 S S"],
    figure: Float[Tensor, "n 1 S S"],
    behind: Float[Tensor, "m 3 S S"],
    settings: FigureGroundSettings,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 3 S S"], Float[Tensor, "n 3 S S"]]:
    """New pictures of objects, and the shares of figure, ground and occluder of each pixel.

    Args:
        plain, colour, figure: of pictures with an object, see :class:`compvis.parsing.solid_image.FramedScenes`.
        behind: pieces of photographs.
    """
    n = len(colour)

    def draw(*shape: int) -> Tensor:
        return torch.rand(n, *(shape or (1, 1, 1)), generator=generator)

    def happens(share: float) -> Tensor:
        return (draw() < share).float()

    def piece() -> Tensor:
        return behind[torch.randint(len(behind), (n,), generator=generator)]

    flip = draw() < 0.5
    own, colour = torch.where(flip, plain.flip(3), plain), torch.where(flip, colour.flip(3), colour)
    figure = torch.where(flip, figure.flip(3), figure)
    thing = recolour(colour, draw, happens(settings.recoloured))
    opacity = torch.where(draw() < 0.3, draw(), 1.0) * happens(settings.before)
    far = piece()
    ground = torch.lerp(own, torch.where(draw() < 0.5, far.flip(3), far), opacity)
    # Only where nothing of the old picture shines through may the object leave its place.
    place = _placements(1 + 0.15 * (2 * draw() - 1), 0.1 * (2 * draw(2) - 1))
    moved, shape = _move(torch.cat([thing, figure], 1), place).split([3, 1], 1)
    alone = opacity == 1
    outlines, thing, figure = figure, torch.where(alone, moved, thing), torch.where(alone, shape, figure)
    picture = torch.lerp(ground, thing, figure)
    other = torch.randperm(n, generator=generator)
    cut = happens(0.5)
    front = torch.lerp(piece(), colour[other], cut)
    outline = torch.lerp(_blobs(draw(_CORNERS), draw()), outlines[other], cut)
    size = (math.log(0.25) + math.log(8.0) * draw()).exp()
    place = _placements(size, 1.2 * draw(2) - 0.6)
    front, outline = _move(torch.cat([front, outline], 1), place).split([3, 1], 1)
    outline = outline * happens(settings.occluded)
    picture = torch.lerp(picture, front, outline)
    noise = torch.randn(picture.shape, generator=generator)
    labels = torch.cat([figure * (1 - outline), (1 - figure) * (1 - outline), outline], 1)
    return picture + 0.02 * draw() * noise, labels


def recolour(
    colour: Float[Tensor, "n 3 S S"], draw: Callable[..., Tensor], changed: Float[Tensor, "n 1 1 1"]
) -> Float[Tensor, "n 3 S S"]:
    """Other hue, chroma and lightness where ``changed``."""
    angle = 2 * math.pi * draw() * changed
    a, b = colour[:, 1:2], colour[:, 2:3]
    chroma = 1 + changed * (1.5 * draw() - 0.8)
    turned = [chroma * (angle.cos() * a - angle.sin() * b), chroma * (angle.sin() * a + angle.cos() * b)]
    light = (colour[:, :1] - 0.5) * (1 + changed * (0.8 * draw() - 0.4)) + 0.5
    light = light + changed * (0.5 * draw() - 0.25)
    shift = changed * (0.2 * draw(2, 1, 1) - 0.1)
    return torch.cat([light.clamp(0, 1), torch.cat(turned, 1) + shift], 1)


def _blobs(radii: Float[Tensor, "n c"], turn: Float[Tensor, "n 1 1 1"]) -> Float[Tensor, "n 1 S S"]:
    """Star-shaped outlines with corners between 0.55 and 1 of half the frame from its middle."""
    line = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = line[:, None].expand(SIDE, SIDE), line.expand(SIDE, SIDE)
    around = (torch.atan2(y, x) / (2 * math.pi) + turn[:, 0]) % 1 * _CORNERS
    first = around.long().clamp(max=_CORNERS - 1)
    radii = (0.55 + 0.45 * radii)[:, :, None].expand(-1, -1, SIDE * SIDE)
    near = torch.gather(radii, 1, first.flatten(1)[:, None])[:, 0].view_as(around)
    far = torch.gather(radii, 1, ((first + 1) % _CORNERS).flatten(1)[:, None])[:, 0].view_as(around)
    limit = torch.lerp(near, far, around - first)
    return ((limit - torch.hypot(x, y)) * SIDE / 2 + 0.5).clamp(0, 1)[:, None]


def _placements(size: Float[Tensor, "n 1 1 1"], shift: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2 3"]:
    """Where each pixel looks, for things of a size (times their own) at a shift (half frames)."""
    size = size.flatten()[:, None]
    return torch.cat([torch.eye(2) / size[:, :, None], (-shift / size)[:, :, None]], 2)


def _move(layers: Float[Tensor, "n c S S"], place: Float[Tensor, "n 2 3"]) -> Float[Tensor, "n c S S"]:
    grid = F.affine_grid(place, list(layers.shape), align_corners=False)
    return F.grid_sample(layers, grid, align_corners=False)


def _channels_first(pictures: Tensor) -> Tensor:
    return pictures.permute(0, 3, 1, 2)
