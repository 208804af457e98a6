"""Ink in compiled loops on the CPU, with the gradient written out.

Every piece of curve visits only the pixels its pen can reach. The forward loop remembers which piece decided
each pixel; the backward loop visits those alone. Draws what :func:`compvis.render.ink_eager.draw_eager`
draws, up to blur beyond five standard deviations (below 3e-7).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import erf, exp, pi, sqrt
from typing import Any, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_REACH = 5.0  # standard deviations of blur drawn beyond the pen's edge
_ZERO, _HALF, _ONE = (
    np.float32(0),
    np.float32(0.5),
    np.float32(1),
)  # keeps the arithmetic in the type of the arrays
_TINY = np.float32(1e-20)
_compile = numba.njit(nogil=True, cache=True, error_model="numpy")


@_compile
@no_type_check
def _span(low, high, limit):
    """First and one past the last pixel whose centre lies in [low, high], cut to 0 ... limit."""
    first = min(max(np.ceil(low - 0.5), 0.0), float(limit))
    last = min(max(np.floor(high - 0.5) + 1.0, 0.0), float(limit))
    return int(first), int(last)


@_compile
@no_type_check
def _draw(first, last, strokes, softness, threshold, out):
    """Draw hypotheses first ... last - 1 into the arrays ``out``."""
    points, width, darkness, mask = strokes
    coverage, ink, coverage_winner, ink_winner, owner = out
    rows, columns = coverage.shape[1:]
    leaves, pieces = points.shape[1], points.shape[2] - 1
    nearest = np.empty((rows, columns), points.dtype)
    nearest_piece = np.empty((rows, columns), np.int32)
    scale = points.dtype.type(1.0 / (softness * sqrt(2.0)))
    for h in range(first, last):
        for leaf in range(leaves):
            if not mask[h, leaf]:
                continue
            half = width[h, leaf] * _HALF
            reach = half + _REACH * softness
            line = points[h, leaf]
            low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
            for point in range(pieces + 1):
                low_x, high_x = min(low_x, line[point, 0]), max(high_x, line[point, 0])
                low_y, high_y = min(low_y, line[point, 1]), max(high_y, line[point, 1])
            left, right = _span(low_x - reach, high_x + reach, columns)
            top, bottom = _span(low_y - reach, high_y + reach, rows)
            for i in range(top, bottom):
                for j in range(left, right):
                    nearest[i, j] = np.inf
            for piece in range(pieces):
                ax, ay = line[piece, 0], line[piece, 1]
                dx, dy = line[piece + 1, 0] - ax, line[piece + 1, 1] - ay
                inverse = _ONE / max(dx * dx + dy * dy, _TINY)
                j0, j1 = _span(min(ax, ax + dx) - reach, max(ax, ax + dx) + reach, columns)
                i0, i1 = _span(min(ay, ay + dy) - reach, max(ay, ay + dy) + reach, rows)
                number = np.int32(leaf * pieces + piece)
                for i in range(i0, i1):
                    down = points.dtype.type(i + 0.5) - ay
                    for j in range(j0, j1):
                        across = points.dtype.type(j + 0.5) - ax
                        along = min(max((across * dx + down * dy) * inverse, _ZERO), _ONE)
                        off_x, off_y = across - along * dx, down - along * dy
                        squared = off_x * off_x + off_y * off_y
                        if squared < nearest[i, j]:
                            nearest[i, j] = squared
                            nearest_piece[i, j] = number
            for i in range(top, bottom):
                for j in range(left, right):
                    if nearest[i, j] > reach * reach:
                        continue
                    distance = sqrt(nearest[i, j])
                    value = _HALF * (erf((half - distance) * scale) + erf((half + distance) * scale))
                    if value > coverage[h, i, j]:
                        coverage[h, i, j] = value
                        coverage_winner[h, i, j] = nearest_piece[i, j]
                    if value * darkness[h, leaf] > ink[h, i, j]:
                        ink[h, i, j] = value * darkness[h, leaf]
                        ink_winner[h, i, j] = nearest_piece[i, j]
        for i in range(rows):
            for j in range(columns):
                if coverage[h, i, j] >= threshold and ink[h, i, j] > 0:
                    owner[h, i, j] = ink_winner[h, i, j] // pieces


@_compile
@no_type_check
def _pull(h, i, j, number, gradient, points, width, softness, grad_points, grad_width):
    """Add the pixel's pull, ``gradient`` = d loss / d coverage, on the piece that drew it."""
    pieces = points.shape[2] - 1
    leaf, piece = number // pieces, number % pieces
    ax, ay = points[h, leaf, piece, 0], points[h, leaf, piece, 1]
    dx, dy = points[h, leaf, piece + 1, 0] - ax, points[h, leaf, piece + 1, 1] - ay
    across, down = j + 0.5 - ax, i + 0.5 - ay
    along = min(max((across * dx + down * dy) / max(dx * dx + dy * dy, _TINY), 0.0), 1.0)
    off_x, off_y = across - along * dx, down - along * dy
    distance = sqrt(off_x * off_x + off_y * off_y)
    half = width[h, leaf] / 2.0
    inner, outer = (half - distance) / softness, (half + distance) / softness
    density = 1.0 / (softness * sqrt(2.0 * pi))
    near, far = density * exp(-0.5 * inner * inner), density * exp(-0.5 * outer * outer)
    grad_width[h, leaf] += gradient * 0.5 * (near + far)
    if distance > 0.0:
        # d distance / d point = minus the unit normal, shared by both ends of the piece.
        pull = gradient * (near - far) / distance
        grad_points[h, leaf, piece, 0] += pull * (1.0 - along) * off_x
        grad_points[h, leaf, piece, 1] += pull * (1.0 - along) * off_y
        grad_points[h, leaf, piece + 1, 0] += pull * along * off_x
        grad_points[h, leaf, piece + 1, 1] += pull * along * off_y


@_compile
@no_type_check
def _draw_backward(first, last, strokes, softness, drawn, incoming, grads):
    """Gradients of hypotheses first ... last - 1, added into ``grads``."""
    points, width, darkness = strokes
    ink, coverage_winner, ink_winner = drawn
    grad_coverage, grad_ink = incoming
    grad_points, grad_width, grad_darkness = grads
    rows, columns = ink.shape[1:]
    pieces = points.shape[2] - 1
    for h in range(first, last):
        for i in range(rows):
            for j in range(columns):
                number = ink_winner[h, i, j]
                if number >= 0 and grad_ink[h, i, j] != 0.0:
                    leaf = number // pieces
                    gradient = grad_ink[h, i, j] * darkness[h, leaf]
                    # The winner's darkness is above zero, or it would not have won.
                    grad_darkness[h, leaf] += grad_ink[h, i, j] * ink[h, i, j] / darkness[h, leaf]
                    _pull(h, i, j, number, gradient, points, width, softness, grad_points, grad_width)
                number = coverage_winner[h, i, j]
                if number >= 0 and grad_coverage[h, i, j] != 0.0:
                    gradient = grad_coverage[h, i, j]
                    _pull(h, i, j, number, gradient, points, width, softness, grad_points, grad_width)


def _share(hypotheses: int, work: Callable[[int, int], Any]) -> None:
    """Run ``work(first, last)`` over the hypotheses on torch's number of threads.

    The threads live for this call only: a lasting pool would not survive a fork.
    """
    threads = min(torch.get_num_threads(), hypotheses)
    if threads <= 1:
        work(0, hypotheses)
        return
    edges = [hypotheses * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


class _FusedInk(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points, width, darkness, mask, size, softness, threshold):
        shape = (points.shape[0], *size)
        coverage, ink = points.new_zeros(shape), points.new_zeros(shape)
        coverage_winner = torch.full(shape, -1, dtype=torch.int32)
        ink_winner = torch.full(shape, -1, dtype=torch.int32)
        owner = torch.full(shape, -1, dtype=torch.int64)
        strokes = tuple(v.detach().contiguous().numpy() for v in (points, width, darkness, mask))
        out = tuple(v.numpy() for v in (coverage, ink, coverage_winner, ink_winner, owner))
        _share(shape[0], lambda a, b: _draw(a, b, strokes, softness, threshold, out))
        ctx.save_for_backward(points, width, darkness, ink, coverage_winner, ink_winner)
        ctx.softness = softness
        ctx.mark_non_differentiable(owner)
        return coverage, ink, owner

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *incoming):
        points, width, darkness, *drawn = ctx.saved_tensors
        strokes = tuple(v.detach().contiguous().numpy() for v in (points, width, darkness))
        grads = [
            torch.zeros_like(v, memory_format=torch.contiguous_format) for v in (points, width, darkness)
        ]
        seen = tuple(v.detach().numpy() for v in drawn)
        given = tuple(v.contiguous().numpy() for v in incoming[:2])
        into = tuple(v.numpy() for v in grads)
        _share(points.shape[0], lambda a, b: _draw_backward(a, b, strokes, ctx.softness, seen, given, into))
        return (*grads, None, None, None, None)


def draw_fused(
    points: Float[Tensor, "h q p 2"],
    width: Float[Tensor, "h q"],
    darkness: Float[Tensor, "h q"],
    mask: Bool[Tensor, "h q"],
    size: tuple[int, int],
    softness: float,
    owner_threshold: float,
) -> tuple[Float[Tensor, "h H W"], Float[Tensor, "h H W"], Int[Tensor, "h H W"]]:
    """Coverage, ink and owner of polylines of ``p`` points on the CPU, once differentiable."""
    return _FusedInk.apply(points, width, darkness, mask, size, float(softness), float(owner_threshold))
