import pytest
import torch

from compvis.geometry.rotations import (
    angle_between,
    from_axis_angle,
    from_quaternion,
    from_six,
    random_rotations,
    skew,
    to_axis_angle,
    to_quaternion,
    to_six,
)

GENERATOR = torch.Generator().manual_seed(0)
ROTATIONS = random_rotations(40, GENERATOR, torch.float64)
EYE = torch.eye(3, dtype=torch.float64)
HALF_TURNS = torch.stack([torch.diag(torch.tensor(d, dtype=torch.float64)) for d in
                          ([1, -1, -1], [-1, 1, -1], [-1, -1, 1])])  # fmt: skip


@pytest.mark.parametrize(
    "back_and_forth",
    [
        lambda r: from_axis_angle(to_axis_angle(r)),
        lambda r: from_quaternion(3 * to_quaternion(r)),
        lambda r: from_six(2 * to_six(r)),
    ],
)
@pytest.mark.parametrize(
    "rotations", [ROTATIONS, HALF_TURNS, EYE[None]], ids=["random", "half turns", "none"]
)
def test_parameters_give_the_rotation_back(back_and_forth, rotations):
    torch.testing.assert_close(back_and_forth(rotations), rotations)


def test_results_are_proper_rotations():
    for rotation in (
        from_axis_angle(torch.randn(9, 3)),
        from_quaternion(torch.randn(9, 4)),
        from_six(torch.randn(9, 6)),
    ):
        torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(9, 3, 3), atol=2e-6, rtol=0)
        torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(9))


def test_axis_angle_is_the_exponential_of_the_skew_matrix():
    vectors = torch.randn(8, 3, generator=GENERATOR, dtype=torch.float64)
    vectors[0] *= 1e-6
    torch.testing.assert_close(from_axis_angle(vectors), torch.linalg.matrix_exp(skew(vectors)))


def test_a_positive_turn_about_z_takes_x_to_y():
    quarter = from_axis_angle(torch.tensor([0, 0, torch.pi / 2]))
    torch.testing.assert_close(quarter @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]))


def test_gradients_are_right_at_and_beside_zero():
    for scale in (0.0, 1e-5, 1.0, 3.0):
        vector = torch.tensor([0.6, -0.8, 0.3], dtype=torch.float64) * scale
        assert torch.autograd.gradcheck(from_axis_angle, vector.requires_grad_())


@pytest.mark.parametrize("degrees", [0.0, 1e-4, 30.0, 179.9999, 180.0])
def test_angle_between_is_the_angle_of_the_turn(degrees):
    axis = torch.nn.functional.normalize(torch.randn(40, 3, generator=GENERATOR, dtype=torch.float64), dim=-1)
    turned = ROTATIONS @ from_axis_angle(axis * torch.deg2rad(torch.tensor(degrees, dtype=torch.float64)))
    expected = torch.full((40,), degrees, dtype=torch.float64)
    torch.testing.assert_close(angle_between(ROTATIONS, turned), expected, rtol=0, atol=1e-6)


def test_angle_between_equal_rotations_has_a_finite_gradient():
    same = EYE.clone().requires_grad_()
    angle_between(same, EYE).backward()
    assert torch.isfinite(same.grad).all()


def test_random_rotations_are_uniform():
    drawn = random_rotations(20000, torch.Generator().manual_seed(1), torch.float64)
    assert drawn.mean(0).abs().max() < 0.02
    # Under the Haar measure the angle's density is (1 - cos a) / pi, so its mean is pi / 2 + 2 / pi.
    mean = angle_between(drawn, EYE).mean().item()
    assert mean == pytest.approx(torch.rad2deg(torch.tensor(torch.pi / 2 + 2 / torch.pi)).item(), abs=1.0)


def test_parallel_columns_are_refused():
    with pytest.raises(ValueError, match="not parallel"):
        from_six(torch.tensor([1.0, 0, 0, 2, 0, 0]))
