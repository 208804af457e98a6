"""Tangent distances against least squares, and what they forgive."""

import numpy as np
import pytest
import torch

from compvis.baselines.nearest import shift_images
from compvis.baselines.tangent import TangentNearestClassifier, tangent_basis, tangent_distances
from compvis.data.check import InputError


def draw_pictures(n: int, seed: int, side: int = 14) -> torch.Tensor:
    """Smooth random pictures that vanish at the border."""
    noise = torch.randn(n, 1, 5, 5, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(noise, (side, side), mode="bicubic")[:, 0]
    place = torch.linspace(-1, 1, side)
    return smooth * torch.exp(-3 * (place[:, None] ** 2 + place**2))


def solve_pair(x, y, own, other, spring):
    """min over a, b of |x + A a - y - B b|^2 + spring (|a|^2 + |b|^2), by numpy's least squares."""
    free = np.concatenate([own.T, -other.T], 1)
    stacked = np.concatenate([free, np.sqrt(spring) * np.eye(free.shape[1])])
    wanted = np.concatenate([y - x, np.zeros(free.shape[1])])
    solution = np.linalg.lstsq(stacked, wanted, rcond=None)[0]
    return ((stacked @ solution - wanted) ** 2).sum()


@pytest.mark.parametrize("spring", [0.01, 0.5])
@pytest.mark.parametrize("sides", ["one", "two"])
def test_distance_is_the_least_squares_minimum(sides, spring):
    asked, learned = draw_pictures(4, 0).double(), draw_pictures(5, 1).double()
    own, other = tangent_basis(asked), tangent_basis(learned)
    found = tangent_distances(
        asked.flatten(1), learned.flatten(1), own if sides == "two" else None, other, spring
    )
    nothing = np.zeros((0, own.shape[2]))
    for i in range(4):
        for j in range(5):
            basis = own[i].numpy() if sides == "two" else nothing
            wanted = solve_pair(
                asked[i].flatten().numpy(), learned[j].flatten().numpy(), basis, other[j], spring
            )
            assert float(found[i, j]) == pytest.approx(wanted, rel=1e-3)


def test_bases_are_orthonormal_and_hold_the_shifts():
    pictures = draw_pictures(3, 2).double()
    basis = tangent_basis(pictures)
    assert basis.shape == (3, 7, 196)
    torch.testing.assert_close(basis @ basis.mT, torch.eye(7).double().expand(3, 7, 7))
    slope = torch.gradient(pictures, dim=(1, 2))[1].flatten(1)
    kept = (basis @ slope[..., None]).square().sum((1, 2))
    torch.testing.assert_close(kept, slope.square().sum(1))


def test_small_shift_costs_little():
    pictures = torch.nn.functional.interpolate(draw_pictures(3, 3)[:, None], (28, 28), mode="bicubic")[:, 0]
    moved = shift_images(pictures, 1, 0)
    basis = tangent_basis(pictures)
    found = tangent_distances(moved.flatten(1), pictures.flatten(1), tangent_basis(moved), basis, 0.001)
    plain = (moved - pictures).flatten(1).square().sum(1)
    assert bool((found.diagonal() < 0.1 * plain).all())
    assert bool((found.argmin(1) == torch.arange(3)).all())


def test_unknown_sides_are_refused():
    with pytest.raises(InputError, match="sides"):
        TangentNearestClassifier(sides="three").fit(draw_pictures(4, 0).clamp(0, 1).numpy(), [0, 0, 1, 1])
