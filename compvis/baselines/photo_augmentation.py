"""Random changes of colour photographs, for a whole batch at once: warps, mirroring, colours, backgrounds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from compvis.data.backgrounds import Photographs
from compvis.data.check import LUMA
from compvis.networks.warps import Warp


@dataclass(frozen=True)
class PhotoDeformation(Warp):
    """A warp of photographs, mirroring, and another light. Other arguments are those of `Warp`.

    Colour amounts are half-widths of uniform distributions; colours stay in [0, 1].

    Args:
        flip: probability of mirroring left and right.
        brightness: added to all channels.
        contrast: change of the logarithm of the contrast about the middle grey.
        tint: change of the logarithm of each channel's gain.
        saturation: change of the colours' distance from grey, as a share of it.
    """

    unscaled: ClassVar[frozenset[str]] = Warp.unscaled | {"flip"}

    rotation: float = 12.0
    shear: float = 0.08
    scale: float = 0.15
    stretch: float = 0.1
    translation: float = 0.06
    elastic: float = 0.01
    flip: float = 0.5
    brightness: float = 0.15
    contrast: float = 0.3
    tint: float = 0.3
    saturation: float = 0.6

    def __call__(
        self, images: Float[Tensor, "n 4 H W"], generator: Generator, together: bool = False
    ) -> Float[Tensor, "n 4 H W"]:
        """Change each picture by its own draw, or all by one draw.

        Args:
            images: red, green, blue in [0, 1] and the mask's coverage, which moves along.
            generator: on the pictures' device.
            together: one draw for all pictures.
        """
        draws = 1 if together else len(images)
        moved = self.move_photographs(images, generator, draws, self.flip)
        colour, cover = moved[:, :3], moved[:, 3:]
        # A mask of ones means "unknown".
        everywhere = images[:, 3:].amin((2, 3), keepdim=True) >= 1
        cover = torch.where(everywhere, torch.ones_like(cover), cover)
        return torch.cat([self._relight(colour, draws, generator), cover], 1)

    def _relight(self, colour: Tensor, draws: int, generator: Generator) -> Tensor:
        draw = (_uniform(draws, 6, colour, generator) * 2 - 1)[:, :, None, None]
        grey = (colour * colour.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
        colour = grey + (1 + self.saturation * draw[:, :1]) * (colour - grey)
        colour = colour * torch.exp(self.tint * draw[:, 1:4])
        colour = 0.5 + torch.exp(self.contrast * draw[:, 4:5]) * (colour - 0.5)
        return (colour + self.brightness * draw[:, 5:6]).clamp(0, 1)


PHOTO = PhotoDeformation()


def cut_backgrounds(photographs: Photographs, size: int, count: int, seed: int) -> Float[Tensor, "m 3 S S"]:
    """`count` random pieces of photographs, colours in [0, 1].

    Raises:
        InputError: there are no photographs.
    """
    generator = np.random.default_rng(seed)
    pieces = np.stack([photographs.crop(size, size, generator) for _ in range(count)])
    return torch.from_numpy(pieces).permute(0, 3, 1, 2).float() / 255.0


def paste_backgrounds(
    images: Float[Tensor, "n 4 S S"],
    backgrounds: Float[Tensor, "m 3 S S"],
    share: float,
    generator: Generator,
) -> Float[Tensor, "n 4 S S"]:
    """Lay the masked object over a random background, for a random `share` of the pictures."""
    chosen = torch.randint(len(backgrounds), (len(images),), generator=generator, device=images.device)
    pasted = _uniform(len(images), 1, images, generator)[:, :, None, None] < share
    colour, cover = images[:, :3], images[:, 3:]
    behind = backgrounds[chosen]
    return torch.cat([torch.where(pasted, behind + cover * (colour - behind), colour), cover], 1)


def _uniform(n: int, columns: int, like: Tensor, generator: Generator) -> Tensor:
    return torch.rand(n, columns, generator=generator, device=like.device, dtype=like.dtype)
