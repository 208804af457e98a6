import pytest
import torch

from compvis.geometry.affine import apply, compose, invert, scaling

POSES = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
POINTS = torch.randn(5, 7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_compose_applies_the_inner_pose_first():
    outer, inner = POSES, POSES.flip(0)
    torch.testing.assert_close(apply(compose(outer, inner), POINTS), apply(outer, apply(inner, POINTS)))


def test_invert_undoes_a_pose():
    torch.testing.assert_close(apply(invert(POSES), apply(POSES, POINTS)), POINTS)


def test_apply_agrees_with_the_definition():
    expected = POSES[0, :, :2] @ POINTS[0, 3] + POSES[0, :, 2]
    torch.testing.assert_close(apply(POSES, POINTS)[0, 3], expected)


def test_poses_broadcast():
    assert compose(POSES[:1], POSES).shape == (5, 2, 3)
    torch.testing.assert_close(compose(POSES[:1], POSES)[4], compose(POSES[0], POSES[4]))


def test_scaling_maps_the_origin_to_the_centre():
    pose = scaling(torch.tensor(12.0), torch.tensor([30.0, 40.0]))
    torch.testing.assert_close(
        apply(pose, torch.tensor([[0.0, 0.0], [1.0, -1.0]])), torch.tensor([[30.0, 40.0], [42.0, 28.0]])
    )


def test_a_flat_pose_has_no_inverse():
    with pytest.raises(ValueError, match="no inverse"):
        invert(torch.zeros(2, 3))
