"""Strokes as chains of cubic Beziers: splitting, least-squares fits, sampling."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def sample_beziers(control: Float[Tensor, "*q 4 2"], t: Float[Tensor, "m"]) -> Float[Tensor, "*q m 2"]:
    """Points of cubic Beziers at curve parameters t in [0, 1]; differentiable in the control points."""
    return torch.einsum("mk,...kd->...md", _bernstein(t), control)


def fit_substrokes(polyline: np.ndarray, tolerance: float) -> Float[Tensor, "q 4 2"]:
    """Cut a stroke into sub-strokes and fit each by a cubic Bezier.

    The stroke is cut at its sharpest corners (more than 60 degrees within three tolerances) and then, as long as
    the fit misses a point by more than ``tolerance``, in the middle of the worst piece's arc or at its largest
    error. Neighbours share their joint exactly. Deterministic.

    Args:
        polyline: (m, 2) points of the stroke, in pixels.
        tolerance: largest allowed distance between the points and the curve, in pixels.

    Returns:
        (q, 4, 2) float32 control points, q >= 1. A stroke without extent gives one short Bezier of constant speed.

    Raises:
        ValueError: no points, points that are not finite, or a tolerance that is not positive.
    """
    points = np.asarray(polyline, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0 or not np.isfinite(points).all():
        raise ValueError("A stroke must be a (m, 2) array of finite points with m >= 1.")
    if not tolerance > 0:
        raise ValueError(f"The tolerance must be positive, not {tolerance}.")
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    if arc[-1] < 1e-3 * tolerance or len(points) < 2:
        return _dot(points.mean(0), tolerance)
    count = max(int(np.ceil(2 * arc[-1] / tolerance)), 8)
    at = np.linspace(0, arc[-1], count + 1)
    even = np.column_stack([np.interp(at, arc, points[:, i]) for i in range(2)])
    cuts = _sharp_corners(even, 6)
    pieces: list[np.ndarray] = []
    for a, b in zip([0, *cuts], [*cuts, count], strict=True):
        pieces.extend(_fit_recursively(even[a : b + 1], tolerance))
    return torch.tensor(np.stack(pieces), dtype=torch.float32)


def _dot(centre: np.ndarray, tolerance: float) -> Tensor:
    reach = np.linspace(-0.05, 0.05, 4)[:, None] * np.array([[tolerance, 0.0]])
    return torch.tensor((centre + reach)[None], dtype=torch.float32)


def _bernstein(t: Tensor) -> Tensor:
    s = 1 - t
    return torch.stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3], -1)


def _fit_recursively(points: np.ndarray, tolerance: float) -> list[np.ndarray]:
    control, error = _fit(points)
    worst = int(np.argmax(error))
    if error[worst] <= tolerance or len(points) < 8:
        return [control]
    margin = len(points) // 4
    cut = int(np.clip(worst, margin, len(points) - 1 - margin))
    return _fit_recursively(points[: cut + 1], tolerance) + _fit_recursively(points[cut:], tolerance)


def _fit(points: np.ndarray, rounds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares cubic through both end points, with a few Gauss-Newton updates of the curve parameters."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    t = np.concatenate([[0.0], np.cumsum(steps)])
    t = t / t[-1]
    control = np.empty((4, 2))
    error = np.zeros(len(points))
    for _ in range(rounds):
        s = 1 - t
        basis = np.column_stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3])
        fixed = basis[:, [0]] * points[0] + basis[:, [3]] * points[-1]
        inner = basis[:, 1:3]
        normal = inner.T @ inner + 1e-9 * np.eye(2)
        control = np.vstack([points[0], np.linalg.solve(normal, inner.T @ (points - fixed)), points[-1]])
        curve = basis @ control
        error = np.linalg.norm(curve - points, axis=1)
        d1, d2, d3 = control[1] - control[0], control[2] - control[1], control[3] - control[2]
        speed = 3 * (s[:, None] ** 2 * d1 + 2 * (s * t)[:, None] * d2 + t[:, None] ** 2 * d3)
        along = ((points - curve) * speed).sum(1) / np.maximum((speed**2).sum(1), 1e-9)
        t = np.clip(t + along, 0, 1)
        t[0], t[-1] = 0.0, 1.0
        t = np.maximum.accumulate(t)
    return control, error


def _sharp_corners(points: np.ndarray, reach: int) -> list[int]:
    m = len(points)
    if m < 2 * reach + 1:
        return []
    middle = np.arange(reach, m - reach)
    before = points[middle] - points[middle - reach]
    after = points[middle + reach] - points[middle]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn = np.abs(np.arctan2(cross, (before * after).sum(1)))
    out: list[int] = []
    for i in np.argsort(-turn, kind="stable"):
        if turn[i] < np.pi / 3:
            break
        at = int(middle[i])
        if all(abs(at - o) >= 2 * reach for o in out):
            out.append(at)
    return sorted(out)
