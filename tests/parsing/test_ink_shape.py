"""Describing ink: points along its strokes, in a frame of its own."""

import math

import numpy as np
import pytest
import torch

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import deformation_basis, deformation_covariance
from compvis.parsing.bezier import sample_beziers
from compvis.parsing.decompose import decompose
from compvis.parsing.ink_shape import LEAST_UNIT, describe, principal_modes, shape_stack, spread_points
from compvis.parsing.match import MatchSettings
from compvis.parsing.skeleton import skeleton_graph

PRIOR = DeformationPrior(warp_grid=4)
POINTS = 40
TEE = ([(10, 12), (38, 12)], [(24, 12), (24, 40)])
HOOK = ([(12, 10), (12, 36), (36, 36), (36, 22)],)
DOTTED = ([(24, 20), (24, 40)], [(24, 8), (24, 8)])


@pytest.fixture
def ink(draw):
    def draw_ink(*lines, size=48, pen=4.0):
        return torch.from_numpy(draw(*lines, size=size, pen=pen))

    return draw_ink


def in_pixels(shape):
    return (shape.points * shape.unit + shape.centre).numpy()


@pytest.mark.parametrize("lines", [TEE, HOOK, DOTTED], ids=["tee", "hook", "dotted"])
def test_points_lie_on_the_ink_in_a_frame_of_zero_mean_and_unit_size(ink, lines):
    image = ink(*lines)
    shape = describe(image, PRIOR, POINTS)
    assert shape.points.shape == shape.tangents.shape == (POINTS, 2)
    assert shape.size == (48, 48)
    x, y = in_pixels(shape).astype(int).T
    assert (image[y, x] > 0.5).all()
    torch.testing.assert_close(shape.points.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    assert float(shape.points.square().sum(1).mean()) == pytest.approx(1, abs=1e-4)
    side = max(image.shape)
    wanted = [*(shape.centre.numpy() / side), math.log(shape.unit / side)]
    np.testing.assert_allclose(shape.pose, wanted, rtol=1e-6)


def test_points_of_one_stroke_are_evenly_spaced_and_tangents_follow_it(ink):
    shape = describe(ink([(8, 24), (40, 24)]), PRIOR, POINTS)
    ordered = np.sort(in_pixels(shape)[:, 0])
    gaps = np.diff(ordered)
    np.testing.assert_allclose(gaps, gaps.mean(), rtol=0.05)
    assert gaps.mean() * POINTS == pytest.approx(32, abs=4)
    np.testing.assert_allclose(shape.tangents[:, 0].abs(), 1, atol=1e-2)


def test_long_strokes_get_more_points(ink):
    points, _, _ = spread_points(skeleton_graph(ink([(8, 10), (40, 10)], [(8, 36), (16, 36)])), POINTS)
    above, below = (points[:, 1] < 23).sum(), (points[:, 1] > 23).sum()
    assert above + below == POINTS
    assert 2.5 < above / below < 6.5


def test_widths_tell_thick_ink_from_thin(draw):
    ink = np.maximum(draw([(8, 12), (40, 12)], pen=3.0), draw([(8, 34), (40, 34)], pen=9.0))
    shape = describe(torch.from_numpy(ink), PRIOR, POINTS)
    thin, thick = (shape.widths[shape.points[:, 1] < 0], shape.widths[shape.points[:, 1] > 0])
    assert float(thick.median() - thin.median()) == pytest.approx(math.log(3), abs=0.25)
    assert float(shape.widths.median()) == pytest.approx(0, abs=0.6)


def test_points_know_their_place_on_the_template(ink):
    shape = describe(ink(*TEE), PRIOR, POINTS)
    control = shape.template.control_points
    at = torch.stack(
        [sample_beziers(control, t[None])[on, 0] for on, t in zip(shape.on, shape.t, strict=True)]
    )
    distance = (at - shape.points).norm(dim=1)
    assert float(distance.max()) * shape.unit < 2.0
    assert set(shape.on.tolist()) == set(range(shape.template.n_substrokes))


def test_dots_collapse_to_one_place_without_direction(ink):
    shape = describe(ink(*DOTTED), PRIOR, POINTS)
    places, still = in_pixels(shape), (shape.tangents == 0).all(1).numpy()
    assert 0 < still.sum() < POINTS / 2
    np.testing.assert_allclose(places[still], np.broadcast_to([24, 8], places[still].shape), atol=1)
    np.testing.assert_allclose(shape.tangents[~still].norm(dim=1), 1, atol=1e-4)
    assert (places[~still][:, 1] > 15).all()


def test_a_single_dot_has_the_least_unit_and_no_orientation(ink):
    image = ink([(30, 20), (30, 20)], size=96, pen=5.0)
    shape = describe(image, PRIOR, POINTS)
    assert shape.unit == pytest.approx(LEAST_UNIT * 96)
    np.testing.assert_allclose(shape.centre, [30, 20], atol=1)
    assert (shape.tangents == 0).all()
    stack = shape_stack(shape, MatchSettings(points=POINTS, modes=6))
    assert np.isfinite(stack.basis).all()
    assert np.isfinite(stack.slope).all()
    np.testing.assert_array_equal(stack.slope, 0)
    np.testing.assert_array_equal(stack.seen[0, 2:], 0)


def test_translation_moves_the_centre_and_nothing_else(ink):
    image = ink(*TEE, size=64)
    moved = torch.roll(image, (7, 11), (0, 1))
    here, there = describe(image, PRIOR, POINTS), describe(moved, PRIOR, POINTS)
    torch.testing.assert_close(there.points, here.points, atol=1e-3, rtol=0)
    torch.testing.assert_close(there.centre - here.centre, torch.tensor([11.0, 7.0]), atol=1e-3, rtol=0)
    assert there.unit == pytest.approx(here.unit, rel=1e-4)


def test_twice_the_size_doubles_the_unit_and_little_else(ink):
    small = describe(ink(*TEE), PRIOR, POINTS)
    large = describe(
        ink(*[[(2 * x, 2 * y) for x, y in line] for line in TEE], size=96, pen=8.0), PRIOR, POINTS
    )
    assert large.unit == pytest.approx(2 * small.unit, rel=0.1)
    nearest = torch.cdist(large.points, small.points).amin(1)
    assert float(nearest.max()) < 0.12
    np.testing.assert_allclose(large.pose, small.pose, atol=0.1)


def test_a_given_decomposition_is_used(ink):
    image = ink([(10, 10), (38, 38)], [(38, 10), (10, 38)])
    best, *others = decompose(skeleton_graph(image), k=3)
    other = next(one for one in others if len(one.strokes) != len(best.strokes) or one is others[-1])
    assert describe(image, PRIOR, POINTS).template.n_strokes == len(best.strokes)
    shape = describe(image, PRIOR, POINTS, other)
    assert shape.template.n_strokes == len(other.strokes)
    starts = torch.stack([one.control_points[0, 0] for one in shape.template.strokes])
    wanted = np.stack([stroke[0] for stroke in other.strokes])
    np.testing.assert_allclose(starts * shape.unit + shape.centre, wanted, atol=1.5)


def test_no_ink_is_refused():
    with pytest.raises(ValueError, match="ink threshold"):
        describe(torch.zeros(20, 20), PRIOR, POINTS)


def test_principal_modes_keep_the_covariance(ink):
    shape = describe(ink(*TEE), PRIOR, POINTS)
    full = deformation_basis(shape.template, shape.on, shape.t)
    covariance = deformation_covariance(shape.template, shape.on, shape.t)
    rotation = principal_modes(full, POINTS)
    kept = full @ rotation
    torch.testing.assert_close(kept @ kept.T, covariance, atol=1e-4, rtol=1e-3)
    used = rotation.abs().sum(0) > 0
    gram = rotation[:, used].T @ rotation[:, used]
    torch.testing.assert_close(gram, torch.eye(int(used.sum())), atol=1e-3, rtol=0)
    variance = kept.square().sum(0)
    assert (variance.diff() <= 1e-4).all()
    few = full @ principal_modes(full, 3)
    torch.testing.assert_close(few, kept[:, :3], atol=1e-4, rtol=1e-3)


def test_modes_beyond_the_points_are_padded_with_zeros():
    basis = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    rotation = principal_modes(basis, 5)
    assert rotation.shape == (8, 5)
    assert (rotation[:, 3:] == 0).all()
    assert (rotation[:, :3] != 0).any(0).all()


def test_slope_is_the_derivative_of_the_basis_along_the_stroke(ink):
    """Along one long stroke finite differences between points say the same."""
    shape = describe(ink([(8, 24), (40, 24)]), PRIOR, POINTS)
    stack = shape_stack(shape, MatchSettings(points=POINTS, modes=3))
    order = np.argsort(stack.rest[0, :, 0])
    x, basis, slope = stack.rest[0, order, 0], stack.basis[0, order], stack.slope[0, order]
    direction = np.sign(stack.tangent[0, order, :1])
    # the nearest curve parameter is one of a few, which wide differences average out
    reach = 5
    wide = (basis[2 * reach :] - basis[: -2 * reach]) / (x[2 * reach :] - x[: -2 * reach])[:, None]
    wanted = wide * direction[reach:-reach]
    assert np.abs(wanted).max() > 0.05
    np.testing.assert_allclose(slope[reach:-reach], wanted, atol=0.15 * np.abs(wanted).max())


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_shape_is_that_of_the_turned_image(ink, quarters):
    """np.rot90 turns from x towards y (down) when its count is negative."""
    image = ink(*TEE, size=48)
    wanted = describe(torch.from_numpy(np.rot90(image.numpy(), -quarters).copy()), PRIOR, POINTS)
    found = describe(image, PRIOR, POINTS).turned(90.0 * quarters)
    assert found.unit == pytest.approx(wanted.unit, rel=0.02)
    torch.testing.assert_close(found.centre, wanted.centre, atol=0.3, rtol=0)
    apart = np.linalg.norm(in_pixels(found)[:, None] - in_pixels(wanted), axis=-1)
    assert apart.min(1).max() < 1.5
    agree = (
        (found.tangents[:, None] * wanted.tangents).sum(-1).abs().numpy()[np.arange(POINTS), apart.argmin(1)]
    )
    assert np.median(agree) > 0.95
    drawn = sample_beziers(found.template.control_points, torch.linspace(0, 1, 9)).flatten(0, 1)
    assert torch.cdist(found.points, drawn).min(1).values.max() < 0.2


def test_a_shape_turned_back_is_the_same(ink):
    shape = describe(ink(*HOOK), PRIOR, POINTS)
    back = shape.turned(35.0).turned(-35.0)
    torch.testing.assert_close(back.points, shape.points, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.template.control_points, shape.template.control_points, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.centre, shape.centre, atol=1e-4, rtol=0)
