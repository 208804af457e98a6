"""Solids by Warp kernels, on CUDA or the CPU: what :mod:`compvis.render.solids_eager` draws, once differentiable.

Warp is optional and imported with the first picture. It compiles the kernels then, once for each kind of device, and
keeps them in its own cache. All arithmetic is in float32. On CUDA, gradients are summed in no fixed order.
"""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.render.solids_footprint import Footprint
from compvis.render.solids_fused import pack


def has_warp() -> bool:
    """Whether Warp is installed."""
    return find_spec("warp") is not None


@cache
def _kernels() -> ModuleType:
    """The kernels, with Warp started but for its messages about what it loads."""
    import warp

    warp.config.log_level = max(warp.config.log_level, warp.LOG_WARNING)
    warp.init()
    from compvis.render import solids_warp_kernels

    return solids_warp_kernels


def _launcher(device: torch.device) -> Callable[..., None]:
    """Launches a kernel over the given dimensions on torch's current stream; tensors are passed without a copy."""
    import warp

    on = warp.device_from_torch(device)
    stream = warp.stream_from_torch(device) if device.type == "cuda" else None

    def launch(kernel: Any, dimensions: Any, *arguments: Any) -> None:
        given = [warp.from_torch(v, return_ctype=True) if isinstance(v, Tensor) else v for v in arguments]
        warp.launch(kernel, dimensions, given, device=on, stream=stream, record_tape=False)

    return launch


class _WarpSolids(torch.autograd.Function):
    @staticmethod
    def forward(ctx, packed, edges, footprint, hypotheses, size, options, threshold):
        kernels, device = _kernels(), packed.device
        launch = _launcher(device)
        softness, reach, ambient, perspective = options

        def room(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=device)

        packed, edges = packed.detach().contiguous(), edges.detach().contiguous()
        leaves, images = len(packed), (hypotheses, *size)
        numbers = torch.arange(hypotheses + 1, device=device)
        starts = torch.searchsorted(footprint.hypothesis, numbers, out_int32=True)
        lines, line_count = room(*edges.shape[:2], 9), room(leaves, dtype=torch.int32)
        touching = room(*images, dtype=torch.int32)
        launch(kernels.find_lines, leaves, edges, lines, line_count)
        launch(kernels.count_fragments, images, starts, footprint.box, touching)
        ends = touching.flatten().cumsum(0).view(images)
        fragments = int(ends[-1, -1, -1]) if hypotheses else 0
        if fragments >= 2**31:
            raise ValueError(f"{fragments} pixels of leaves are too many for one call; draw fewer hypotheses")
        tape = (
            *(room(fragments, dtype=torch.int32) for _ in range(2)),
            room(kernels.TAPE, fragments),
        )
        colour, coverage, depth = room(*images, 3), room(*images), room(*images)
        owner = room(*images, dtype=torch.int64)
        leaf = (packed, edges, lines)
        launch(
            kernels.draw, images, starts, footprint.box, footprint.kind, footprint.leaf, *leaf, line_count,
            softness, reach, ambient, threshold, perspective, ends, touching, *tape,
            colour, coverage, depth, owner,
        )  # fmt: skip
        ctx.save_for_backward(footprint.kind, *leaf, ends, touching, *tape)
        ctx.options = softness, ambient, threshold, perspective
        ctx.mark_non_differentiable(owner)
        return colour, coverage, depth, owner

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *incoming):
        kind, packed, edges, lines, *tape = ctx.saved_tensors
        kernels = _kernels()
        pulls = packed.new_empty(kernels.PULLS, tape[-1].shape[1])
        grads, edge_grads = torch.zeros_like(packed), torch.zeros_like(edges)
        given = (v.contiguous() for v in incoming[:3])
        _launcher(packed.device)(
            kernels.draw_backward, tape[0].shape, kind, packed, edges, lines, *ctx.options,
            *tape, pulls, *given, grads, edge_grads,
        )  # fmt: skip
        return grads, edge_grads, None, None, None, None, None


def draw_warp(
    footprint: Footprint,
    hypotheses: int,
    size: tuple[int, int],
    softness: float,
    reach: float,
    ambient: float,
    owner_threshold: float,
) -> tuple[Float[Tensor, "h H W 3"], Float[Tensor, "h H W"], Float[Tensor, "h H W"], Int[Tensor, "h H W"]]:
    """Colour over black, coverage, depth and owner of float32 leaves; see :class:`SolidRenderer`.

    Raises:
        ValueError: the leaves' boxes hold 2^31 pixels or more.
    """
    options = (float(softness), float(reach), float(ambient), footprint.perspective)
    return _WarpSolids.apply(
        pack(footprint), footprint.edges, footprint, hypotheses, size, options, float(owner_threshold)
    )
