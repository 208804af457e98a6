"""Solids by Warp kernels, on CUDA or the CPU: what :mod:`compvis.render.solids_eager` draws, once differentiable.

Warp is optional and imported with the first picture. It compiles the kernels then, once for each kind of device, and
keeps them in its own cache. All arithmetic is in float32. On CUDA, gradients are summed in no fixed order, and a
picture waits for the device twice: to hear what there is to draw, and how many pixels the leaves touch.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.geometry.cameras import Camera, PerspectiveCamera
from compvis.render.solids import EXPONENTS, Kind, Solids
from compvis.render.solids_kernel import WIDTH
from compvis.render.solids_outline import CUBOID_EDGES
from compvis.render.solids_warp_launch import Launcher, kernels, zeros

_CURVED = 1 << Kind.CONE | 1 << Kind.SUPERQUADRIC


@dataclass(frozen=True)
class _Look:
    """How to draw; see :class:`compvis.render.solids_renderer.SolidRenderer`."""

    size: tuple[int, int]
    light: tuple[float, ...]
    nearest: float
    segments: int
    softness: float
    reach: float
    ambient: float
    owner_threshold: float
    perspective: bool


def _lay_out(
    launch: Launcher, solids: Solids, values: list[Tensor], look: _Look
) -> tuple[tuple[Any, ...], tuple[Tensor, ...]]:
    """What the kernel ``lay_out`` takes and fills; and boxes, lines and their count of each leaf."""
    placing, outlining, _ = kernels()
    device, (count, leaves) = solids.kind.device, (solids.kind.numel(), solids.kind.shape[1])
    kinds = solids.kind.flatten().long()
    drawn = torch.empty(count, dtype=torch.bool, device=device)
    found = torch.zeros(1, dtype=torch.int32, device=device)
    given = (*values, drawn, kinds, len(values[5]), leaves, look.perspective)
    launch(placing.look_over, count, *given, solids.mask.contiguous(), *EXPONENTS, look.nearest, found)
    present = int(found)
    if present & placing.UNSOUND:
        solids.check_values()
    sides = look.segments if present & _CURVED else CUBOID_EDGES if present & 1 << Kind.CUBOID else 0
    edge_of = torch.empty(count, sides, dtype=torch.int32, device=device)
    lean_of = torch.empty(count, sides, device=device)
    edges = torch.zeros(count, sides, 2, 6, device=device)
    packed = torch.empty(count, WIDTH, device=device)
    given = (*given, look.segments, edge_of, lean_of)
    launch(outlining.choose, (count, sides), *given)
    given = (*given, look.light, edges, packed)
    launch(outlining.lay_out, (count, sides + 1), *given)
    box = torch.empty(count, 4, dtype=torch.int64, device=device)
    lines = torch.empty(count, sides, 9, device=device)
    line_count = torch.empty(count, dtype=torch.int32, device=device)
    launch(placing.bound, count, drawn, kinds, packed, edges, *look.size, look.reach, box, lines, line_count)
    return given, (box, lines, line_count)


class _WarpSolids(torch.autograd.Function):
    @staticmethod
    def forward(ctx, solids, look, *values):
        device, (hypotheses, leaves) = solids.kind.device, solids.kind.shape
        launch, drawing = Launcher(device), kernels()[2]
        values = [value.contiguous() for value in values]
        given, (box, lines, line_count) = _lay_out(launch, solids, values, look)
        kinds, edges, packed = given[10], *given[-2:]
        images = (hypotheses, *look.size)

        def room(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=device)

        touching = room(*images, dtype=torch.int32)
        launch(drawing.count_fragments, images, leaves, box, touching)
        ends = touching.flatten().cumsum(0).view(images)
        fragments = int(ends[-1, -1, -1]) if hypotheses else 0
        if 4 * fragments >= 2**31:  # Warp's strides are 32-bit numbers of bytes
            raise ValueError(f"{fragments} pixels of leaves are too many for one call; draw fewer hypotheses")
        tape = (
            *(room(fragments, dtype=torch.int32) for _ in range(2)),
            room(drawing.TAPE, fragments),
        )
        colour, coverage, depth = room(*images, 3), room(*images), room(*images)
        owner = room(*images, dtype=torch.int64)
        launch(
            drawing.draw, images, leaves, box, kinds, packed, edges, lines, line_count,
            look.softness, look.reach, look.ambient, look.owner_threshold, look.perspective,
            ends, touching, *tape, colour, coverage, depth, owner,
        )  # fmt: skip
        ctx.save_for_backward(*(v for v in given if isinstance(v, Tensor)), lines, ends, touching, *tape)
        ctx.plan = [None if isinstance(v, Tensor) else v for v in given]
        ctx.look = look
        ctx.mark_non_differentiable(owner)
        return colour, coverage, depth, owner

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *incoming):
        _, outlining, drawing = kernels()
        look, saved = ctx.look, iter(ctx.saved_tensors)
        given = [next(saved) if v is None else v for v in ctx.plan]
        lines, *tape = saved
        values, kinds, edges, packed = given[:9], given[10], *given[-2:]
        launch = Launcher(packed.device)
        pulls = packed.new_empty(drawing.PULLS, tape[-1].shape[1])
        of_edges, of_packed, *onto = zeros(
            edges.shape, packed.shape, *(value.shape for value in values), device=packed.device
        )
        launch(
            drawing.draw_backward, tape[0].shape, kinds, packed, edges, lines,
            look.softness, look.ambient, look.owner_threshold, look.perspective,
            *tape, pulls, *(v.contiguous() for v in incoming[:3]), of_packed, of_edges,
        )  # fmt: skip
        dimensions = (len(edges), edges.shape[1] + 1)
        # The derivative fills again what the kernel filled: not the saved tensors.
        given[-2:] = torch.empty_like(edges), torch.empty_like(packed)
        launch.pull(outlining.lay_out, dimensions, given, onto, (of_edges, of_packed))
        return (None, None, *onto)


def draw_warp(
    solids: Solids,
    camera: Camera,
    size: tuple[int, int],
    light: tuple[float, ...],
    nearest: float,
    segments: int,
    softness: float,
    reach: float,
    ambient: float,
    owner_threshold: float,
) -> tuple[Float[Tensor, "h H W 3"], Float[Tensor, "h H W"], Float[Tensor, "h H W"], Int[Tensor, "h H W"]]:
    """Colour over black, coverage, depth and owner of float32 leaves; see :class:`SolidRenderer`.

    Raises:
        ValueError: a drawn leaf's values are out of range, or the leaves' boxes hold 2^29 pixels or more.
    """
    perspective = isinstance(camera, PerspectiveCamera)
    pixels = camera.focal if isinstance(camera, PerspectiveCamera) else camera.scale
    look = _Look(
        size, light, float(nearest), segments, float(softness), float(reach), float(ambient),
        float(owner_threshold), perspective,
    )  # fmt: skip
    leaves = (solids.rotation, solids.centre, solids.size, solids.shape, solids.colour)
    with torch.cuda.device_of(solids.centre):
        return _WarpSolids.apply(
            solids, look, *leaves, camera.rotation, camera.translation, pixels, camera.principal
        )
