"""Random deformations of pictures, for a whole batch at once: affine and elastic warps, the pen's thickness."""

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from compvis.networks.other_ink import lay_other_ink, resample

_Warp = TypeVar("_Warp", bound="Warp")
_MOST_TURNED = math.radians(112.5)


@dataclass(frozen=True)
class Warp:
    """How strongly pictures are moved about; every amount 0 leaves them as they are.

    Affine amounts are half-widths of uniform distributions. The elastic displacement is the smooth random
    field of Simard, Steinkraus and Platt (2003, section 2), drawn as normal values on a coarse grid and
    interpolated bicubically, which costs less than filtering white noise.

    Args:
        rotation: in degrees.
        shear: tangent of the slant.
        scale: change of the logarithm of the size, for x and y together.
        stretch: change of the logarithm of the aspect ratio.
        translation: in fractions of the picture's side.
        elastic: standard deviation of the displacement at the grid's nodes, in fractions of the side.
        elastic_cells: the coarse grid has elastic_cells x elastic_cells nodes: more means more local.
    """

    unscaled: ClassVar[frozenset[str]] = frozenset({"elastic_cells"})

    rotation: float = 14.0
    shear: float = 0.24
    scale: float = 0.14
    stretch: float = 0.14
    translation: float = 0.07
    elastic: float = 0.047
    elastic_cells: int = 6

    def scaled(self: _Warp, factor: float) -> _Warp:
        """The same with every amount multiplied by `factor`; what is no amount (`unscaled`) stays."""
        names = {field.name for field in fields(self)} - self.unscaled
        return replace(self, **{name: getattr(self, name) * factor for name in names})

    def draw_grid(self, images: Float[Tensor, "n *c H W"], generator: Generator) -> Float[Tensor, "n H W 2"]:
        """One random sampling grid for `grid_sample` (align_corners=False) for each of the pictures."""
        n, height, width = len(images), images.shape[-2], images.shape[-1]
        draw = torch.rand(6, n, generator=generator, device=images.device, dtype=images.dtype) * 2 - 1
        angle = draw[0] * math.radians(self.rotation)
        size, aspect = torch.exp(draw[1] * self.scale), torch.exp(draw[2] * self.stretch / 2)
        slant = draw[3] * self.shear
        cos, sin = angle.cos(), angle.sin()
        # Rows of rotation x slant x diag(aspect, 1 / aspect) x size, in the grid's units (half sides).
        matrix = (
            torch.stack(
                [
                    torch.stack([cos * aspect, (cos * slant - sin) / aspect], 1),
                    torch.stack([sin * aspect, (sin * slant + cos) / aspect], 1),
                ],
                1,
            )
            * size[:, None, None]
        )
        theta = torch.cat([matrix, 2 * self.translation * draw[4:6].T[:, :, None]], 2)
        grid = F.affine_grid(theta, [n, 1, height, width], align_corners=False)
        if self.elastic <= 0:
            return grid
        nodes = torch.randn(
            n, 2, self.elastic_cells, self.elastic_cells,
            generator=generator, device=images.device, dtype=images.dtype,
        )  # fmt: skip
        field = F.interpolate(nodes, (height, width), mode="bicubic", align_corners=True)
        return grid + 2 * self.elastic * field.permute(0, 2, 3, 1)

    def move_photographs(
        self, images: Float[Tensor, "n 4 H W"], generator: Generator, draws: int, flip: float
    ) -> Float[Tensor, "n 4 H W"]:
        """Three channels of colour and the cover of an object, warped and mirrored together.

        Args:
            draws: one draw for each of the pictures, or 1 for all of them.
            flip: probability of mirroring left and right.
        """
        grid = self.draw_grid(images[:draws], generator)
        chance = torch.rand(draws, 1, 1, generator=generator, device=images.device, dtype=images.dtype)
        mirrored = grid * grid.new_tensor([-1.0, 1.0])
        grid = torch.where((chance < flip)[..., None], mirrored, grid).expand(len(images), -1, -1, -1)
        # The edge of a photograph continues beyond it, which an object does not.
        colour = F.grid_sample(images[:, :3], grid, padding_mode="border", align_corners=False)
        return torch.cat([colour, F.grid_sample(images[:, 3:], grid, align_corners=False)], 1)


@dataclass(frozen=True)
class Deformation(Warp):
    """A warp of ink and a change of the pen's thickness. Other arguments are those of `Warp`.

    Args:
        thickness: largest share of a 3 x 3 dilation or erosion that is mixed into the picture.
        turned: share of the pictures, square ones, that are turned besides, by up to 112.5 degrees.
        other_ink: share of the pictures with ink of others in them; pieces: most of them in one.
    """

    unscaled: ClassVar[frozenset[str]] = Warp.unscaled | {"turned", "other_ink", "pieces"}

    thickness: float = 0.6
    turned: float = 0.0
    other_ink: float = 0.0
    pieces: int = 3

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.turned, self.other_ink)):
            raise ValueError(f"turned and other_ink are shares, not {self.turned} and {self.other_ink}.")
        if self.pieces != int(self.pieces) or self.pieces < 1:
            raise ValueError(f"pieces must be a whole number from 1 on, not {self.pieces}.")

    def __call__(
        self, images: Float[Tensor, "n H W"], generator: Generator, together: bool = False
    ) -> Float[Tensor, "n H W"]:
        """Deform each picture by its own draw, or all by one draw.

        Args:
            images: ink, 0 = paper.
            generator: on the pictures' device.
            together: one draw for all pictures, none of which is turned or gets other ink.
        """
        draws = 1 if together else len(images)
        grid = self.draw_grid(images[:draws], generator).expand(len(images), -1, -1, -1)
        moved = F.grid_sample(images[:, None], grid, align_corners=False)
        if self.thickness > 0:
            moved = self._change_thickness(moved, draws, generator)
        moved = moved[:, 0]
        if self.turned > 0 and not together:
            moved = self._turn(moved, generator)
        if self.other_ink > 0 and not together:
            moved = lay_other_ink(moved, self.other_ink, self.pieces, generator)
        return moved

    def _turn(self, images: Tensor, generator: Generator) -> Tensor:
        chance, to = torch.rand(2, len(images), generator=generator, device=images.device, dtype=images.dtype)
        angle = torch.where(chance < self.turned, (2 * to - 1) * _MOST_TURNED, 0.0)
        cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
        return resample(images, torch.stack([cos, -sin, none, sin, cos, none], 1).view(-1, 2, 3))

    def _change_thickness(self, images: Tensor, draws: int, generator: Generator) -> Tensor:
        thicker = F.max_pool2d(images, 3, 1, 1)
        thinner = -F.max_pool2d(-images, 3, 1, 1)
        share = torch.rand(draws, generator=generator, device=images.device, dtype=images.dtype) * 2 - 1
        share = (share * self.thickness)[:, None, None, None]
        return images + share.clamp(min=0) * (thicker - images) - share.clamp(max=0) * (thinner - images)


HEAVY = Deformation()
LIGHT = Deformation(
    rotation=8.0, shear=0.1, scale=0.08, stretch=0.08, translation=0.04, elastic=0.02, thickness=0.3
)
