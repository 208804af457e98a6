"""HOG features and the kernel machine that is computed from stored arrays."""

import math

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from compvis.baselines.hog import blur_images, describe_hog
from compvis.baselines.hog_svm import HOGSVMClassifier
from compvis.data.check import InputError


def draw_edge(angle: float, side: int = 16) -> torch.Tensor:
    """A smooth edge whose gradient points along `angle` (degrees from +x towards +y)."""
    place = torch.arange(side) + 0.5 - side / 2
    along = place * math.cos(math.radians(angle)), place[:, None] * math.sin(math.radians(angle))
    return torch.sigmoid(along[0] + along[1])[None]


@pytest.mark.parametrize("angle", [0.0, 45.0, 90.0, 120.0])
def test_edges_vote_for_their_orientation(angle):
    features = describe_hog(draw_edge(angle), cells=(4,), bins=12)
    votes = features.reshape(-1, 12, 4).sum((0, 2))  # unfold lists channels first, then the block's cells
    assert int(votes.argmax()) == round(angle / 15) % 12


def test_reversed_edges_differ_only_when_signed():
    edge, reverse = draw_edge(30.0), draw_edge(210.0)
    torch.testing.assert_close(describe_hog(edge), describe_hog(reverse), atol=1e-4, rtol=0)
    signed = [describe_hog(picture, signed=True) for picture in (edge, reverse)]
    assert float((signed[0] - signed[1]).norm()) > 0.5


def test_each_cell_size_has_unit_norm():
    features = describe_hog(torch.rand(3, 28, 28), cells=(4, 7))
    torch.testing.assert_close(features.norm(dim=1), torch.full((3,), math.sqrt(2.0)), atol=1e-3, rtol=0)


def test_blur_keeps_the_sum_and_has_the_asked_width():
    point = torch.zeros(1, 31, 31)
    point[0, 15, 15] = 1.0
    blurred = blur_images(point, 2.0)
    place = torch.arange(31) - 15.0
    assert float(blurred.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float((blurred[0].sum(0) * place**2).sum()) == pytest.approx(4.0, rel=0.03)
    assert blur_images(point, 0.0) is point


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_decisions_are_those_of_the_library(kernel):
    generator = np.random.default_rng(0)
    images = generator.random((18, 16, 16)).astype(np.float32)
    labels = np.arange(18) % 3
    model = HOGSVMClassifier(kernel=kernel, size=16, copies=0)
    model.classes_ = np.arange(3)
    model._fit(torch.from_numpy(images), torch.from_numpy(labels))
    asked = torch.from_numpy(generator.random((5, 16, 16)).astype(np.float32))
    found = model._scores(asked) * model._temperature
    options = {"kernel": kernel, "C": model.c, "gamma": model.gamma / model._spread}
    scale = math.sqrt(model._spread) if kernel == "linear" else 1.0
    kept = model._describe(torch.from_numpy(images)).double().numpy() / scale
    features = model._describe(asked).double().numpy() / scale
    for number in range(3):
        machine = SVC(**options).fit(kept, labels == number)
        np.testing.assert_allclose(found[:, number], machine.decision_function(features), atol=2e-2)


def test_cross_validation_softens_overconfident_machines():
    generator = np.random.default_rng(1)
    noise = generator.random((24, 12, 12)).astype(np.float32)
    hopeless = HOGSVMClassifier(size=12, copies=0).fit(noise, np.arange(24) % 2)
    assert hopeless._temperature > 0.5
    assert abs(hopeless.predict_proba(generator.random((9, 12, 12))) - 0.5).max() < 0.45


def test_unknown_kernel_is_refused():
    with pytest.raises(InputError, match="kernel"):
        HOGSVMClassifier(kernel="cubic").fit(np.random.default_rng(0).random((4, 9, 9)), [0, 1, 0, 1])
