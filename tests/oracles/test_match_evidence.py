"""The forward evidence of the matcher, against sums over fine grids."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp

from compvis.parsing.match import MatchSettings, ShapeStack, match

PAIR = np.zeros((1, 2), dtype=np.int64)
# x, y and angle of six points far apart: each has one partner, so that nothing but z is uncertain
REST = np.array([[-1.5, -1.2], [0.0, -1.4], [1.5, -1.0], [1.3, 1.2], [0.1, 1.5], [-1.4, 1.1]])
ANGLE = np.array([0.1, 0.4, 1.2, 2.0, 2.6, 0.9])
WIDTH = np.array([0.0, -0.3, 0.2, 0.5, 0.0, -0.1])


def template(modes: np.ndarray, slopes: np.ndarray | None = None) -> ShapeStack:
    """Points ``REST`` that move along modes (6, r)."""
    tangent = np.stack([np.cos(ANGLE), np.sin(ANGLE)], 1)
    slopes = np.zeros_like(modes) if slopes is None else slopes
    arrays = (REST, tangent, WIDTH, modes, slopes, observation(REST, ANGLE))
    return ShapeStack(*(np.asarray(array, np.float32)[None] for array in arrays))


def observation(points: np.ndarray, angle: np.ndarray, width: np.ndarray = WIDTH) -> np.ndarray:
    return np.stack([*points.T, np.cos(2 * angle), np.sin(2 * angle), width]).astype(np.float32)


def normal_density(x: np.ndarray, deviation: float) -> np.ndarray:
    return np.exp(-0.5 * (x / deviation) ** 2) / math.sqrt(2 * math.pi) / deviation


def log_density(seen: np.ndarray, moved: np.ndarray, shares: np.ndarray, s: MatchSettings) -> np.ndarray:
    """log p(points, angles, widths | moved template (..., 6, 2)), the formula of the matcher term by term, (...,)."""
    squared = ((seen[:2].T[:, None] - moved[..., None, :, :]) ** 2).sum(-1)
    normal = np.exp(-0.5 * squared / s.noise**2) / (2 * math.pi * s.noise**2)
    angle = 0.5 * np.arctan2(seen[3], seen[2])
    von_mises = np.exp(s.sharpness * np.cos(2 * (angle[:, None] - ANGLE))) / (math.pi * np.i0(s.sharpness))
    width = normal_density(seen[4][:, None] - WIDTH, s.width_noise)
    unexplained = s.outlier / s.area / math.pi * normal_density(seen[4], s.width_spread)
    mixture = (1 - s.outlier) * (shares * normal * von_mises * width).sum(-1) + unexplained
    return np.log(mixture).sum(-1)


def integrate(stack: ShapeStack, seen: np.ndarray, settings: MatchSettings) -> float:
    """log of the integral of p(seen | z) N(z; 0, 1) over a grid of z, one mode in x and in y."""
    axis, step = np.linspace(-3.5, 3.5, 101, retstep=True)
    z = np.stack(np.meshgrid(axis, axis), -1)
    moved = REST + stack.basis[0, :, :1] * z[:, :, None]
    likelihood = log_density(seen, moved, np.full(len(REST), 1 / len(REST)), settings)
    prior = -0.5 * (z**2).sum(-1) - math.log(2 * math.pi)
    return float(logsumexp(likelihood + prior) + 2 * math.log(step))


@pytest.mark.parametrize(
    ("mode", "z"),
    [
        (np.full(6, 0.3), (0.0, 0.0)),
        (np.full(6, 0.3), (0.9, -0.6)),
        (0.25 * REST[:, 0], (0.7, 0.5)),
    ],
    ids=["at rest", "shifted", "sheared"],
)
def test_forward_evidence_is_the_integral_over_deformations(mode, z):
    settings = MatchSettings(points=6, modes=1)
    stack = template(mode[:, None])
    generator = np.random.default_rng(0)
    moved = REST + mode[:, None] * np.array(z) + generator.normal(0, 0.5 * settings.noise, (6, 2))
    seen = observation(moved, ANGLE + generator.normal(0, 0.1, 6))
    found_z, found = match(stack, seen[None], PAIR, settings)
    assert found[0] == pytest.approx(integrate(stack, seen, settings), abs=0.3)
    np.testing.assert_allclose(found_z[0, :, 0], z, atol=0.35)


def test_an_uncertain_deformation_costs_what_the_integral_says():
    """A wider prior explains the same ink with less evidence: Occam's factor, by the Laplace estimate too."""
    settings = MatchSettings(points=6, modes=1)
    seen = observation(REST + 0.1, ANGLE)
    narrow, wide = (template(np.full((6, 1), scale)) for scale in (0.1, 0.5))
    difference = [match(stack, seen[None], PAIR, settings)[1][0] for stack in (narrow, wide)]
    wanted = [integrate(stack, seen, settings) for stack in (narrow, wide)]
    assert wanted[0] - wanted[1] > 1
    assert difference[0] - difference[1] == pytest.approx(wanted[0] - wanted[1], abs=0.2)


def test_density_of_one_ink_point_integrates_to_one():
    """Over places in ``area``, orientations in [0, pi) and log widths: the nats are those of a density."""
    settings = MatchSettings(points=6, modes=1, area=36.0, noise=0.2, outlier=0.2, sharpness=1.5)
    stack = template(np.zeros((6, 1)))
    axis = np.arange(-3, 3, 0.1) + 0.05
    angles = np.arange(8) * math.pi / 8
    widths = np.arange(-2.4, 2.5, 0.4)
    grids = np.meshgrid(axis, axis, angles, widths, indexing="ij")
    x, y, angle, width = (grid.ravel() for grid in grids)
    seen = np.stack([x, y, np.cos(2 * angle), np.sin(2 * angle), width], 1).astype(np.float32)[:, :, None]
    pairs = np.stack([np.zeros(len(seen), np.int64), np.arange(len(seen))], 1)
    _, evidence = match(stack, np.ascontiguousarray(seen), pairs, settings)
    assert np.exp(evidence).sum() * 0.1**2 * math.pi / 8 * 0.4 == pytest.approx(1, abs=0.01)


def test_stretched_parts_hold_more_of_the_ink():
    """The share of a point is its stroke's local length after deformation, at least 0.05 of the length at rest."""
    settings = MatchSettings(points=6, modes=1)
    mode = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 0.3])[:, None]
    slope = np.array([0.8, -0.4, 0.0, 0.5, -0.6, 0.2])[:, None]
    stack = template(mode, slope)
    seen = observation(REST + np.array([0.3, 0.0]), ANGLE)
    z, evidence = match(stack, seen[None], PAIR, settings)
    stretch = np.linalg.norm(stack.tangent[0] + slope * z[0, :, 0], axis=1)
    moved = REST + mode * z[0, :, 0]
    likelihood = log_density(seen, moved, stretch / stretch.sum(), settings)
    gram = float((mode**2).sum())
    log_det = math.log(1 + gram / settings.noise**2)  # every point has one partner
    wanted = likelihood - 0.5 * float((z**2).sum()) - log_det
    assert evidence[0] == pytest.approx(wanted, abs=0.15)
    even = log_density(seen, moved, np.full(6, 1 / 6), settings) - 0.5 * float((z**2).sum()) - log_det
    assert abs(even - wanted) > 0.2
