"""Strokes as chains of cubic Beziers (sub-strokes): splitting, least-squares fits, sampling."""

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float
from numba import njit
from torch import Tensor

MOST_TURN = np.radians(200.0)
"""A sub-stroke turns by at most about this much in all, so that it stays a simple arc."""

CORNER = np.radians(60.0)
"""A turn by more than this within about two tolerances is a corner, where sub-strokes meet."""


def sample_beziers(control: Float[Tensor, "*q 4 2"], t: Float[Tensor, "m"]) -> Float[Tensor, "*q m 2"]:
    """Points of cubic Beziers at curve parameters t in [0, 1]; differentiable in the control points."""
    s = 1 - t
    basis = torch.stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3], -1)
    return torch.einsum("mk,...kd->...md", basis, control)


def fit_substrokes(polyline: np.ndarray, tolerance: float) -> Float[Tensor, "q 4 2"]:
    """Cut a stroke into sub-strokes and fit each by a cubic Bezier.

    The stroke is cut at its corners. Then a part that turns by more than 200 degrees is cut half-way through
    its turning, and a part whose best cubic (least squares, both end points fixed, curve parameters refined
    by Gauss-Newton steps) misses a point by more than ``tolerance`` is cut near that point. Neighbours share
    their joint exactly. Deterministic.

    Args:
        polyline: (m, 2) points of the stroke, in pixels.
        tolerance: largest distance between the points and the curve, in pixels; about a quarter of the pen's
            width. Parts shorter than six tolerances are not cut further.

    Returns:
        (q, 4, 2) float32 control points, q >= 1. A stroke without extent gives one short straight Bezier.

    Raises:
        ValueError: no points, points that are not finite, or a tolerance that is not positive.
    """
    points = np.asarray(polyline, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0 or not np.isfinite(points).all():
        raise ValueError("A stroke must be a (m, 2) array of finite points with m >= 1.")
    if not tolerance > 0:
        raise ValueError(f"The tolerance must be positive, not {tolerance}.")
    arc = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(points, axis=0) ** 2).sum(1)))])
    if arc[-1] < 0.2 * tolerance:
        reach = np.linspace(-0.1, 0.1, 4)[:, None] * np.array([[tolerance, 0.0]])
        return torch.tensor((points.mean(0) + reach)[None], dtype=torch.float32)
    count = max(int(np.ceil(arc[-1] / tolerance)), 6)
    at = np.linspace(0, arc[-1], count + 1)
    even = np.column_stack([np.interp(at, arc, points[:, i]) for i in range(2)])
    cuts = _corners(even)
    pieces: list[np.ndarray] = []
    for a, b in zip([0, *cuts], [*cuts, count], strict=True):
        _fit_part(even[a : b + 1], tolerance, pieces)
    return torch.tensor(np.stack(pieces), dtype=torch.float32)


def _fit_part(points: np.ndarray, tolerance: float, out: list[np.ndarray]) -> None:
    """Append the fits of a part, cut where needed."""
    m = len(points)
    if m >= 7:
        # chords that reach over two points count each turn twice
        turned = np.concatenate([[0.0], np.cumsum(np.abs(_turns(points, 2)))])
        cut = 2 + int(np.searchsorted(turned, turned[-1] / 2)) if turned[-1] > 2 * MOST_TURN else -1
        control, error = _fit(points)
        worst = int(np.argmax(error))
        if cut < 0 and error[worst] > tolerance:
            cut = worst
        if cut >= 0:
            margin = max(m // 4, 2)
            cut = min(max(cut, margin), m - 1 - margin)
            _fit_part(points[: cut + 1], tolerance, out)
            _fit_part(points[cut:], tolerance, out)
            return
    else:
        control, _ = _fit(points)
    out.append(control)


def _turns(points: np.ndarray, reach: int) -> np.ndarray:
    """Signed angle at each point between the chords to the points ``reach`` before and after it."""
    before = points[reach:-reach] - points[: -2 * reach]
    after = points[2 * reach :] - points[reach:-reach]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return np.arctan2(cross, (before * after).sum(1))


def _corners(points: np.ndarray, reach: int = 3) -> list[int]:
    if len(points) < 2 * reach + 1:
        return []
    turn = np.abs(_turns(points, reach))
    out: list[int] = []
    for i in np.argsort(-turn, kind="stable"):
        if turn[i] < CORNER:
            break
        at = int(i) + reach
        if all(abs(at - o) >= 2 * reach for o in out):
            out.append(at)
    return sorted(out)


@njit(cache=True)
@no_type_check
def _fit(points):
    """Least-squares cubic through both end points; returns its control points (4, 2) and errors (m,)."""
    m = len(points)
    t = np.zeros(m)
    for i in range(1, m):
        t[i] = t[i - 1] + np.hypot(points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1])
    t /= max(t[-1], 1e-12)
    control = np.zeros((4, 2))
    control[0], control[3] = points[0], points[-1]
    error = np.zeros(m)
    for rounds in range(6):
        a11, a12, a22 = 1e-9, 0.0, 1e-9
        r1, r2 = np.zeros(2), np.zeros(2)
        for i in range(m):
            s = 1 - t[i]
            b1, b2 = 3 * s * s * t[i], 3 * s * t[i] * t[i]
            a11 += b1 * b1
            a12 += b1 * b2
            a22 += b2 * b2
            for d in range(2):
                rest = points[i, d] - s**3 * control[0, d] - t[i] ** 3 * control[3, d]
                r1[d] += b1 * rest
                r2[d] += b2 * rest
        det = a11 * a22 - a12 * a12
        for d in range(2):
            control[1, d] = (a22 * r1[d] - a12 * r2[d]) / det
            control[2, d] = (a11 * r2[d] - a12 * r1[d]) / det
        for i in range(m):
            s, u = 1 - t[i], t[i]
            miss, along, speed = 0.0, 0.0, 1e-9
            for d in range(2):
                p = control[:, d]
                gap = points[i, d] - (s**3 * p[0] + 3 * s * s * u * p[1] + 3 * s * u * u * p[2] + u**3 * p[3])
                velocity = 3 * (s * s * (p[1] - p[0]) + 2 * s * u * (p[2] - p[1]) + u * u * (p[3] - p[2]))
                miss += gap * gap
                along += gap * velocity
                speed += velocity * velocity
            error[i] = np.sqrt(miss)
            if rounds < 5 and 0 < i < m - 1:
                t[i] = min(max(u + along / speed, t[i - 1]), 1.0)
    return control, error
