"""Solids in compiled loops on the CPU: what :mod:`compvis.render.solids_eager` draws, once differentiable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.render.solids_footprint import Footprint
from compvis.render.solids_kernel import FRAGMENT, draw, lines_of
from compvis.render.solids_kernel_backward import draw_backward


def _share(units: int, work: Callable[[int, int], Any]) -> None:
    """Run ``work(first, last)`` over the work units on torch's number of threads.

    The threads live for this call only: a lasting pool would not survive a fork.
    """
    threads = min(torch.get_num_threads(), units)
    if threads <= 1:
        work(0, units)
        return
    # Hypotheses differ in cost, so there are more pieces than threads.
    pieces = min(units, 4 * threads)
    edges = [units * k // pieces for k in range(pieces + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


class _FusedSolids(torch.autograd.Function):
    @staticmethod
    def forward(ctx, packed, edges, footprint, hypotheses, size, options, threshold):
        kinds = footprint.kind.numpy()
        values = np.ascontiguousarray(packed.detach().numpy(), np.float64)
        if edges.shape[1] == 0:
            # Ellipsoids alone have no edges; the loops still look at a first one.
            edges_read = np.zeros((len(kinds), 1, 2, 6))
        else:
            edges_read = np.ascontiguousarray(edges.detach().numpy(), np.float64)
        lines, count = np.empty((*edges_read.shape[:2], 9)), np.zeros(len(kinds), np.int64)
        lines_of(edges_read, lines, count)
        scene = (kinds, footprint.box.numpy(), values, edges_read, lines, count)
        starts = np.searchsorted(footprint.hypothesis.numpy(), np.arange(hypotheses + 1))
        slots = max(1, int(np.diff(starts).max(initial=1)))
        bands = _bands(hypotheses, size[0])
        tape = _tape(footprint, hypotheses, size, packed.dtype, any(ctx.needs_input_grad))
        shape = (hypotheses, *size)
        colour, coverage = packed.new_zeros(*shape, 3), packed.new_zeros(shape)
        depth = packed.new_full(shape, torch.inf)
        owner = torch.full(shape, -1, dtype=torch.int64)
        out = tuple(v.numpy() for v in (colour, coverage, depth, owner))
        leaf_of = footprint.leaf.numpy()

        def work(first: int, last: int) -> None:
            room = _room_forward(size[1], slots)
            draw(first, last, bands, starts, scene, options, threshold, leaf_of, out, tape, room)

        _share(hypotheses * bands, work)
        ctx.scene, ctx.starts, ctx.options, ctx.threshold, ctx.tape = scene, starts, options, threshold, tape
        ctx.like = packed.dtype, edges.shape
        ctx.slots = slots
        ctx.mark_non_differentiable(owner)
        return colour, coverage, depth, owner

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *incoming):
        dtype, edges_shape = ctx.like
        hypotheses, rows = incoming[1].shape[:2]
        bands = _bands(hypotheses, rows)
        values, edges = ctx.scene[2:4]
        grads, edge_grads = np.zeros((bands, *values.shape)), np.zeros((bands, *edges.shape))
        given = tuple(v.contiguous().numpy() for v in incoming[:3])
        fixed = (bands, ctx.starts, ctx.scene, ctx.options, ctx.threshold, given, ctx.tape)

        def work(first: int, last: int) -> None:
            draw_backward(first, last, *fixed, _room_backward(ctx.slots, edges.shape[1]), grads, edge_grads)

        _share(hypotheses * bands, work)
        packed = torch.from_numpy(grads.sum(0)).to(dtype)
        of_edges = torch.from_numpy(edge_grads.sum(0)[:, : edges_shape[1]]).to(dtype)
        return packed, of_edges, None, None, None, None, None


def _room_forward(columns: int, slots: int) -> tuple[Any, ...]:
    """Scratch of the forward loops: a row of ``slots`` fragments a column; weights; what hides what."""
    row = (
        np.empty(columns, np.int32),
        np.empty(columns * slots, np.int32),
        np.empty(columns * slots, np.int32),
        np.empty((columns * slots, FRAGMENT)),
    )
    return row, np.empty(slots), np.empty((slots, slots))


def _room_backward(slots: int, lines: int) -> tuple[np.ndarray, ...]:
    """Scratch of the backward loops: a pixel's pulls (distance, depth, shade, alpha, relief), weights, pulls on
    weights, what hides what; and sums of pulls (over 1, x, y) on a hypothesis's lines."""
    return (
        np.empty((slots, 5)),
        np.empty(slots),
        np.empty(slots),
        np.empty((slots, slots)),
        np.empty((slots, lines, 3)),
    )


def _tape(
    footprint: Footprint, hypotheses: int, size: tuple[int, int], dtype: torch.dtype, wanted: bool
) -> tuple[np.ndarray, ...]:
    """Room for the fragments of all pictures, for the backward loops.

    In order: where each row starts (h, H), how many leaves touch each pixel (h, H, W), and for every fragment its
    leaf, the line of the outline that decides, and its numbers. Where nothing is wanted, all are empty. Pages
    that no fragment is written to cost nothing, so the leaves' boxes may be generous.
    """
    if not wanted:
        starts, touching, fragments = np.empty((0, 0), np.int64), np.empty((0, 0, 0), np.int32), 0
    else:
        widths = np.zeros((hypotheses, size[0] + 1), np.int64)
        box, hypothesis = footprint.box.numpy(), footprint.hypothesis.numpy()
        np.add.at(widths, (hypothesis, box[:, 2]), box[:, 1] - box[:, 0])
        np.add.at(widths, (hypothesis, box[:, 3]), box[:, 0] - box[:, 1])
        room = widths.cumsum(1)[:, :-1]
        fragments = int(room.sum())
        starts = (room.cumsum() - room.ravel()).reshape(room.shape)
        touching = np.empty((hypotheses, *size), np.int32)
    number = torch.empty(0, dtype=dtype).numpy().dtype
    integers = (np.empty(fragments, np.int32) for _ in range(2))
    return starts, touching, *integers, np.empty((fragments, FRAGMENT), number)


def _bands(hypotheses: int, rows: int) -> int:
    """Bands of rows that each image is cut into, so that a single image keeps all threads busy."""
    threads = torch.get_num_threads()
    return 1 if hypotheses >= threads else min(rows, 4 * threads)


def pack(footprint: Footprint) -> Float[Tensor, "n columns"]:
    """What the loops need of each leaf but its edges, in the order of the columns named in ``solids_kernel``."""
    return torch.cat(
        [
            footprint.ellipse,
            footprint.origin.flatten(1),
            footprint.direction.flatten(1),
            footprint.light,
            footprint.inverse_size,
            footprint.shape,
            footprint.colour,
            footprint.pixels[:, None],
        ],
        dim=1,
    )


def draw_fused(
    footprint: Footprint,
    hypotheses: int,
    size: tuple[int, int],
    softness: float,
    reach: float,
    ambient: float,
    owner_threshold: float,
) -> tuple[Float[Tensor, "h H W 3"], Float[Tensor, "h H W"], Float[Tensor, "h H W"], Int[Tensor, "h H W"]]:
    """Colour over black, coverage, depth and owner on the CPU; see :class:`SolidRenderer`."""
    options = (float(softness), float(reach), float(ambient), footprint.perspective)
    return _FusedSolids.apply(
        pack(footprint), footprint.edges, footprint, hypotheses, size, options, float(owner_threshold)
    )
