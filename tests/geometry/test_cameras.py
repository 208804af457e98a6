from dataclasses import replace

import pytest
import torch

from compvis.geometry.cameras import (
    PerspectiveCamera,
    WeakPerspectiveCamera,
    look_at,
    viewpoint_of,
    viewpoint_rotation,
)
from compvis.geometry.rotations import angle_between

DOUBLE = torch.float64


def angles(*values):
    return torch.tensor(values, dtype=DOUBLE)


def cameras():
    pose = look_at(angles(30, -70), angles(20, -10), angles(0, 15), angles(5, 7))
    return (
        PerspectiveCamera.of_view(*pose, degrees=40.0, size=(48, 64)),
        WeakPerspectiveCamera(*pose, scale=angles(9, 11), principal=angles(32, 24).expand(2, 2)),
    )


def test_the_viewer_at_rest_sees_x_right_y_up_and_z_near():
    rotation, translation = look_at(*(torch.zeros(1, dtype=DOUBLE),) * 3, distance=angles(4))
    camera = PerspectiveCamera.of_view(rotation, translation, 45.0, (10, 20))
    points = torch.cat([torch.zeros(1, 3, dtype=DOUBLE), torch.eye(3, dtype=DOUBLE)])[None]
    origin, right, up, near = camera.project(points)[0]
    torch.testing.assert_close(origin, angles(10, 5))
    assert right[0] > 10
    assert right[1] == pytest.approx(5)
    assert up[1] < 5
    assert up[0] == pytest.approx(10)
    torch.testing.assert_close(near, origin)
    assert camera.to_camera(points)[0, 3, 2] == pytest.approx(3)


@pytest.mark.parametrize(("azimuth", "elevation", "seen_from"), [(90, 0, (1, 0, 0)), (0, 90, (0, 1, 0))])
def test_growing_angles_move_the_viewer_to_x_and_to_y(azimuth, elevation, seen_from):
    rotation, translation = look_at(angles(azimuth), angles(elevation), angles(0), angles(3))
    position = -(rotation.mT @ translation[..., None])[0, :, 0]
    torch.testing.assert_close(position, 3 * torch.tensor(seen_from, dtype=DOUBLE))


def test_roll_turns_the_picture_clockwise():
    rotation = viewpoint_rotation(angles(0), angles(0), angles(90))
    torch.testing.assert_close(rotation[0] @ angles(1, 0, 0), angles(0, 1, 0))


def test_viewpoints_are_proper_rotations_and_come_back():
    generator = torch.Generator().manual_seed(0)
    azimuth = 360 * torch.rand(50, generator=generator, dtype=DOUBLE) - 180
    elevation = 178 * torch.rand(50, generator=generator, dtype=DOUBLE) - 89
    roll = 360 * torch.rand(50, generator=generator, dtype=DOUBLE) - 180
    rotation = viewpoint_rotation(azimuth, elevation, roll)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(50, dtype=DOUBLE))
    for found, given in zip(viewpoint_of(rotation), (azimuth, elevation, roll), strict=True):
        torch.testing.assert_close(found, given)
    above = viewpoint_rotation(angles(20), angles(90), angles(40))
    assert angle_between(viewpoint_rotation(*viewpoint_of(above)), above) < 1e-5


def test_the_target_is_in_the_middle_at_its_distance():
    target = torch.tensor([[0.3, -1.0, 2.0]], dtype=DOUBLE)
    pose = look_at(angles(50), angles(10), angles(5), angles(6), target)
    camera = PerspectiveCamera.of_view(*pose, degrees=30.0, size=(20, 20))
    torch.testing.assert_close(camera.project(target[:, None])[0, 0], angles(10, 10))
    assert camera.to_camera(target[:, None])[0, 0, 2] == pytest.approx(6)


@pytest.mark.parametrize("camera", cameras(), ids=["perspective", "weak"])
def test_rays_pass_through_what_is_projected(camera):
    points = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    seen = camera.to_camera(points)
    pixels = torch.cat([camera.project(points), torch.ones(2, 5, 1, dtype=DOUBLE)], dim=-1)
    origin, direction = (pixels @ matrix.mT for matrix in camera.rays())
    torch.testing.assert_close(origin + seen[..., 2:] * direction, seen)


@pytest.mark.parametrize("camera", cameras(), ids=["perspective", "weak"])
def test_scaling_scales_pixels_and_selecting_selects(camera):
    points = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    torch.testing.assert_close(camera.scaled(2.5).project(points), 2.5 * camera.project(points))
    torch.testing.assert_close(camera.select([1]).project(points[1:]), camera.project(points)[1:])


def test_bad_cameras_are_refused():
    good, _ = cameras()
    with pytest.raises(ValueError, match="floating type"):
        replace(good, focal=good.focal.float())
    with pytest.raises(ValueError, match="between 0 and 180"):
        PerspectiveCamera.of_view(good.rotation, good.translation, degrees=180.0, size=(4, 4))
