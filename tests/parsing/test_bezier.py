import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from compvis.parsing.bezier import fit_substrokes, sample_beziers


def misfit(control: torch.Tensor, points: np.ndarray) -> float:
    curve = sample_beziers(control, torch.linspace(0, 1, 200)).reshape(-1, 2).numpy()
    return float(max(KDTree(curve).query(points)[0].max(), KDTree(points).query(curve)[0].max()))


def test_samples_start_and_end_at_the_outer_control_points():
    control = torch.tensor([[[0.0, 0.0], [1.0, 2.0], [3.0, 2.0], [4.0, 0.0]]])
    points = sample_beziers(control, torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(points[0], torch.tensor([[0.0, 0.0], [2.0, 1.5], [4.0, 0.0]]))


def test_a_cubic_is_found_again():
    control = torch.tensor([[[10.0, 10.0], [30.0, 0.0], [50.0, 40.0], [70.0, 20.0]]])
    points = sample_beziers(control, torch.linspace(0, 1, 300))[0].numpy()
    found = fit_substrokes(points, 1.0)
    assert found.shape == (1, 4, 2)
    assert misfit(found, points) < 0.3


def test_long_strokes_are_cut_until_they_fit():
    a = np.linspace(0, 4 * np.pi, 400)
    spiral = np.column_stack([50 + 3 * a * np.cos(a), 50 + 3 * a * np.sin(a)])
    found = fit_substrokes(spiral, 1.0)
    assert 4 <= len(found) <= 14
    assert misfit(found, spiral) < 1.5
    assert torch.equal(found[1:, 0], found[:-1, 3])
    assert torch.equal(found, fit_substrokes(spiral, 1.0))


def test_corners_are_joints():
    corner = np.concatenate(
        [np.column_stack([np.full(40, 10.0), np.linspace(10, 49, 40)]),
         np.column_stack([np.linspace(10, 60, 50), np.full(50, 50.0)])]
    )  # fmt: skip
    found = fit_substrokes(corner, 1.0)
    assert len(found) == 2
    assert np.abs(found[0, 3].numpy() - (10, 50)).max() < 1.5


def test_a_dot_is_one_short_bezier():
    found = fit_substrokes(np.array([[5.0, 6.0], [5.1, 6.0]]), 1.0)
    assert found.shape == (1, 4, 2)
    assert np.abs(found.numpy() - np.array([5.05, 6.0])).max() < 0.2
    assert float((found[0, 3] - found[0, 0]).norm()) > 0
    assert fit_substrokes(np.array([[5.0, 6.0]]), 1.0).shape == (1, 4, 2)


@pytest.mark.parametrize(
    ("points", "tolerance"), [(np.zeros((0, 2)), 1.0), (np.full((3, 2), np.nan), 1.0), (np.eye(2), 0.0)]
)
def test_bad_strokes_are_refused(points, tolerance):
    with pytest.raises(ValueError, match=r"stroke must be|tolerance must be"):
        fit_substrokes(points, tolerance)
