"""The matcher: its two implementations agree, it finds deformations, and it scores what it finds."""

import dataclasses

import numpy as np
import pytest
import torch

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import CharacterTemplate, StrokeTemplate
from compvis.parsing.evidence import SQUARE_SYMMETRIES
from compvis.parsing.ink_shape import InkShape, describe, shape_stack
from compvis.parsing.match import MatchSettings, ShapeStack, forward_evidence, match, unexplained
from compvis.parsing.match_eager import match_eager
from compvis.parsing.match_kernel import SCORES, match_pairs

PRIOR = DeformationPrior(linear=0.2, warp=0.2, warp_length=0.9, warp_grid=6)
SETTINGS = MatchSettings(points=30, modes=12, turns=(0.0,))
SIZE = 48
SELF = np.zeros((1, 2), dtype=np.int64)

TEE = ([(10, 12), (38, 12)], [(24, 12), (24, 40)])
HOOK = ([(12, 10), (12, 36), (36, 36), (36, 22)],)
DOTTED = ([(24, 20), (24, 40)], [(24, 8), (24, 8)])
LONE_DOT = ([(24, 24), (24, 24)],)


@pytest.fixture
def described(draw):
    """Describe polylines drawn with a round pen."""

    def describe_lines(*lines) -> InkShape:
        return describe(torch.from_numpy(draw(*lines, size=SIZE, pen=4.0)), PRIOR, SETTINGS.points)

    return describe_lines


@pytest.fixture
def stack(described) -> ShapeStack:
    """Four shapes, two of them with dots."""
    return ShapeStack.join([shape_stack(described(*s), SETTINGS) for s in (TEE, HOOK, DOTTED, LONE_DOT)])


def all_pairs(k: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(k), np.arange(k), indexing="ij"), -1).reshape(-1, 2)


def run_loops(stack, pairs, settings):
    z = np.zeros((len(pairs), 2, stack.basis.shape[2]), np.float32)
    scores = np.zeros((len(pairs), SCORES), np.float32)
    arrays = (stack.rest, stack.tangent, stack.width, stack.basis, stack.slope, stack.seen)
    rows = np.ascontiguousarray(pairs.T)
    constants = (settings.starts(), settings.schedule(), settings.options())
    match_pairs(*arrays, rows[0], rows[1], *constants, z, scores)
    return z, scores


def run_eager(stack, pairs, settings, device="cpu"):
    rows = [
        torch.from_numpy(array[pairs[:, 0]]).to(device)
        for array in (stack.rest, stack.tangent, stack.width, stack.basis, stack.slope)
    ]
    rows.append(torch.from_numpy(stack.seen[pairs[:, 1]]).to(device))
    constants = (
        torch.from_numpy(array) for array in (settings.starts()[0], settings.schedule(), settings.options())
    )
    z, scores = match_eager(*rows, *(one.to(device) for one in constants))
    return z.cpu().numpy(), scores.cpu().numpy()


def test_shapes_with_dots_have_zero_tangents(stack):
    still = (stack.tangent == 0).all(-1)
    assert not still[:2].any()
    assert still[3].all()
    assert 0 < still[2].sum() < SETTINGS.points
    np.testing.assert_array_equal(stack.seen[:, 2:4].transpose(0, 2, 1)[still], 0)


def test_compiled_loops_and_plain_torch_agree(stack):
    pairs = all_pairs(len(stack))
    z, scores = run_loops(stack, pairs, SETTINGS)
    wanted_z, wanted_scores = run_eager(stack, pairs, SETTINGS)
    assert np.isfinite(scores).all()
    assert np.abs(z).max() > 0.5
    # unlike shapes are matched through near ties, where rounding shows more
    np.testing.assert_allclose(z, wanted_z, atol=2e-2)
    np.testing.assert_allclose(scores, wanted_scores, rtol=1e-3, atol=5e-2)


def test_options_reach_both_implementations(stack):
    changed = MatchSettings(30, 12, 2.0, 0.2, 9.0, 0.2, 0.6, 4, 0.05, 0.3, 1.0, (15.0,))
    pairs = all_pairs(len(stack))
    z, scores = run_loops(stack, pairs, changed)
    wanted_z, wanted_scores = run_eager(stack, pairs, changed)
    np.testing.assert_allclose(z, wanted_z, atol=2e-2)
    np.testing.assert_allclose(scores, wanted_scores, rtol=1e-3, atol=5e-2)
    assert np.abs(scores - run_loops(stack, pairs, SETTINGS)[1]).max() > 1


def test_the_best_of_the_turned_starts_is_kept(stack):
    pairs = all_pairs(len(stack))
    several = dataclasses.replace(SETTINGS, turns=(0.0, 40.0, -40.0))
    z, found = match(stack, stack.seen, pairs, several)
    each = [
        match(stack, stack.seen, pairs, dataclasses.replace(SETTINGS, turns=(turn,)))
        for turn in several.turns
    ]
    np.testing.assert_allclose(found, np.max([evidence for _, evidence in each], axis=0), atol=1e-4)
    best = np.argmax([evidence for _, evidence in each], axis=0)
    assert len(np.unique(best)) > 1
    np.testing.assert_allclose(z, np.stack([each[b][0][p] for p, b in enumerate(best)]), atol=1e-4)


def test_ink_of_another_width_is_worse_explained(described):
    template = shape_stack(described(*TEE), SETTINGS)
    seen = template.seen.copy()
    _, same = match(template, seen, SELF, SETTINGS)
    seen[:, 4, :10] += 1.0
    _, thick = match(template, seen, SELF, SETTINGS)
    _, careless = match(template, seen, SELF, dataclasses.replace(SETTINGS, width_noise=2.0))
    _, before = match(template, template.seen, SELF, dataclasses.replace(SETTINGS, width_noise=2.0))
    assert same[0] - thick[0] > 5
    assert before[0] - careless[0] < 0.3 * (same[0] - thick[0])


@pytest.mark.gpu
def test_cuda_gives_what_the_compiled_loops_give(stack):
    pairs = all_pairs(len(stack))
    z, evidence = match(stack, stack.seen, pairs, SETTINGS)
    on_gpu_z, on_gpu_evidence = match(stack, stack.seen, pairs, SETTINGS, "cuda")
    np.testing.assert_allclose(on_gpu_z, z, atol=2e-2)
    np.testing.assert_allclose(on_gpu_evidence, evidence, rtol=1e-3, atol=0.1)


def test_match_pairs_rows_as_told(stack):
    pairs = np.array([[2, 0], [0, 1], [1, 1]])
    z, evidence = match(stack, stack.seen, pairs, SETTINGS)
    assert z.shape == (3, 2, SETTINGS.modes)
    assert evidence.shape == (3,)
    for row, pair in enumerate(pairs):
        alone_z, alone = match(stack[pair[:1]], stack.seen[pair[1:]], SELF, SETTINGS)
        np.testing.assert_allclose(z[row], alone_z[0], atol=1e-5)
        np.testing.assert_allclose(evidence[row], alone[0], atol=1e-3)


def test_no_pairs_give_no_answers(stack):
    z, evidence = match(stack, stack.seen, np.zeros((0, 2), np.int64), SETTINGS)
    assert z.shape == (0, 2, SETTINGS.modes)
    assert evidence.shape == (0,)


def test_an_affine_deformation_is_found(described):
    template = shape_stack(described(*HOOK), SETTINGS)
    linear = np.array([[1.12, 0.12], [-0.08, 0.9]], np.float32)
    shift = np.array([0.1, -0.08], np.float32)
    moved = template.rest[0] @ linear.T + shift
    tangent = template.tangent[0] @ linear.T
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    x, y = tangent.T
    seen = np.stack([*moved.T, x**2 - y**2, 2 * x * y, template.width[0]])[None].astype(np.float32)
    z, _ = match(template, seen, SELF, SETTINGS)
    found = template.rest[0] + (template.basis[0] @ z[0].T)
    before = np.linalg.norm(template.rest[0] - moved, axis=1).mean()
    after = np.linalg.norm(found - moved, axis=1).mean()
    assert after < 0.3 * before


def test_the_deformed_template_explains_better_than_the_one_at_rest(draw, described):
    stretched = [(x * 0.8 + 4, y * 1.1 - 2) for x, y in HOOK[0]]
    template = shape_stack(described(*HOOK), SETTINGS)
    image = shape_stack(described(stretched), SETTINGS)
    both, pairs = ShapeStack.join([template, image]), np.array([[0, 1], [0, 0]])
    z, scores = run_loops(both, pairs, SETTINGS)
    stiff = dataclasses.replace(both, basis=0 * both.basis, slope=0 * both.slope)
    assert scores[0, 0] > run_loops(stiff, pairs, SETTINGS)[1][0, 0] + 1
    # its own ink needs next to no deformation
    assert np.square(z[1]).sum() < 0.5 * np.square(z[0]).sum()
    np.testing.assert_allclose(scores[:, 1], np.square(z).sum((1, 2)), rtol=1e-4)


def test_the_right_template_explains_best(stack):
    _, evidence = match(stack, stack.seen, all_pairs(len(stack)), SETTINGS)
    evidence = evidence.reshape(len(stack), len(stack))
    np.testing.assert_array_equal(evidence[:3].argmax(0)[:3], np.arange(3))


def test_forward_evidence_adds_up():
    scores = np.array([[-10.0, 4.0, 3.0, -20.0]], np.float32)
    np.testing.assert_allclose(forward_evidence(scores, 5), -15 - 5 * np.log(np.pi * np.sqrt(2 * np.pi)))


@pytest.mark.parametrize("matrix", SQUARE_SYMMETRIES, ids=range(len(SQUARE_SYMMETRIES)))
def test_turned_observations_are_those_of_the_turned_points(stack, matrix):
    points = stack.rest @ matrix.T
    x, y = np.moveaxis(stack.tangent @ matrix.T, -1, 0)
    wanted = np.stack([*np.moveaxis(points, -1, 0), x**2 - y**2, 2 * x * y, stack.width], 1)
    turned = stack.turned(matrix)
    assert turned.dtype == np.float32
    np.testing.assert_allclose(turned, wanted, atol=1e-5)


def test_turned_takes_any_rotation_and_reflection(stack):
    c, s = np.cos(0.3), np.sin(0.3)
    for matrix in (np.array([[c, -s], [s, c]]), np.array([[c, s], [s, -c]])):
        x, y = np.moveaxis(stack.tangent @ matrix.T, -1, 0)
        np.testing.assert_allclose(
            stack.turned(matrix)[:, 2:4], np.stack([x**2 - y**2, 2 * x * y], 1), atol=1e-5
        )


def turn(shape: InkShape, matrix: np.ndarray) -> InkShape:
    """The shape with everything that lies in the canonical frame under an orthogonal map."""
    by = torch.tensor(matrix, dtype=torch.float32).T
    strokes = tuple(StrokeTemplate(one.control_points @ by, one.widths) for one in shape.template.strokes)
    template = CharacterTemplate(strokes, shape.template.prior)
    return dataclasses.replace(
        shape, template=template, points=shape.points @ by, tangents=shape.tangents @ by
    )


@pytest.mark.parametrize("matrix", SQUARE_SYMMETRIES[1:], ids=range(1, len(SQUARE_SYMMETRIES)))
def test_evidence_does_not_change_when_template_and_image_turn_together(described, matrix):
    template, image = described(*TEE), described([(12, 14), (38, 10)], [(26, 12), (22, 38)])
    plain = shape_stack(template, SETTINGS), shape_stack(image, SETTINGS)
    turned = shape_stack(turn(template, matrix), SETTINGS)
    _, wanted = match(plain[0], plain[1].seen, SELF, SETTINGS)
    _, found = match(turned, plain[1].turned(matrix), SELF, SETTINGS)
    np.testing.assert_allclose(found, wanted, atol=0.05)
    _, unturned = match(plain[0], plain[1].turned(np.array([[0.0, -1.0], [1.0, 0.0]])), SELF, SETTINGS)
    assert abs(unturned - wanted) > 1


def test_coarse_keeps_a_share_of_points_and_modes(stack):
    coarse = stack.coarse(2, 5)
    assert coarse.rest.shape == (4, 15, 2)
    assert coarse.basis.shape == coarse.slope.shape == (4, 15, 5)
    np.testing.assert_array_equal(coarse.seen, stack.seen[:, :, ::2])
    np.testing.assert_array_equal(coarse.basis, stack.basis[:, ::2, :5])


def test_join_and_rows_are_inverse(stack):
    again = ShapeStack.join([stack[np.array([i])] for i in range(len(stack))])
    for field in dataclasses.fields(ShapeStack):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(stack, field.name))


def test_the_schedule_goes_from_coarse_to_fine():
    schedule = dataclasses.replace(SETTINGS, coarsest=0.8, noise=0.1, steps=4).schedule()
    np.testing.assert_allclose(schedule, [0.8, 0.4, 0.2, 0.1], rtol=1e-5)
    assert schedule.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": 0.0}, "MatchSettings.noise must be a finite number above 0"),
        ({"points": -1}, "MatchSettings.points must be a finite number above 0"),
        ({"sharpness": float("nan")}, "MatchSettings.sharpness must be a finite number above 0"),
        ({"area": float("inf")}, "MatchSettings.area must be a finite number above 0"),
        ({"width_noise": 0.0}, "MatchSettings.width_noise must be a finite number above 0"),
        ({"turns": ()}, "turns must hold at least one finite number"),
        ({"turns": (0.0, float("nan"))}, "turns must hold at least one finite number"),
        ({"outlier": 1.0}, "outlier is a share and must be below 1"),
        ({"coarsest": 0.05, "noise": 0.1}, "coarsest must not be below noise"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        MatchSettings(**changes)


def test_what_a_template_does_not_explain_is_the_outlier_share_of_its_density(stack):
    """Summed over points, the log densities behind the shares are the matcher's log-likelihood."""
    pairs = all_pairs(len(stack))
    z, scores = run_loops(stack, pairs, SETTINGS)
    doubt = unexplained(stack, stack.seen, pairs, z, SETTINGS)
    assert doubt.shape == (len(pairs), SETTINGS.points)
    assert ((doubt >= 0) & (doubt <= 1)).all()
    seen_width = stack.seen[pairs[:, 1], 4]
    spread = SETTINGS.width_spread
    other = SETTINGS.outlier / (SETTINGS.area * spread) * np.exp(-0.5 * (seen_width / spread) ** 2)
    np.testing.assert_allclose(np.log(other / doubt).sum(1), scores[:, 0], atol=0.02)


def test_ink_far_from_the_template_is_unexplained(described):
    tee = shape_stack(described(*TEE), SETTINGS)
    both = described(*TEE, [(40, 30), (44, 44)])
    z, _ = match(tee, shape_stack(both, SETTINGS).seen, SELF, SETTINGS)
    doubt = unexplained(tee, shape_stack(both, SETTINGS).seen, SELF, z, SETTINGS)[0]
    far = (both.points * both.unit + both.centre)[:, 0].numpy() > 39.5
    assert doubt[far].mean() > 0.6
    assert doubt[~far].mean() < 0.2
