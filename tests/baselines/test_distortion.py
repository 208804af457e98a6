"""The compiled matching against a slow obvious one, and what it forgives."""

import numpy as np
import pytest
import torch

from compvis.baselines.distortion import DistortionNearestClassifier, sobel_gradients
from compvis.baselines.nearest import shift_images


def match_slowly(asked: np.ndarray, learned: np.ndarray, warp: int, context: int) -> float:
    """Sum over pixels of the least sum of squared differences of surroundings; gradients (2, S, S)."""
    side, edge = asked.shape[1], warp + context
    a = np.pad(asked, ((0, 0), (edge, edge), (edge, edge)), mode="edge")
    b = np.pad(learned, ((0, 0), (edge, edge), (edge, edge)), mode="edge")

    def surroundings(g, y, x):
        return g[:, y - context : y + context + 1, x - context : x + context + 1]

    total = 0.0
    for y in range(edge, edge + side):
        for x in range(edge, edge + side):
            total += min(
                ((surroundings(a, y, x) - surroundings(b, y + dy, x + dx)) ** 2).sum()
                for dy in range(-warp, warp + 1)
                for dx in range(-warp, warp + 1)
            )
    return total


@pytest.mark.parametrize(("warp", "context"), [(0, 0), (1, 1), (2, 1), (1, 2)])
def test_distances_equal_the_slow_ones(warp, context):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(5, 9, 9, generator=generator)
    model = DistortionNearestClassifier(warp=warp, context=context, size=9, blur=0.0, shortlist=9)
    model._prepare(images[:3])
    found = model._measure(images[3:])
    gradients = sobel_gradients(images).numpy()
    wanted = [[match_slowly(gradients[i], gradients[j], warp, context) for j in range(3)] for i in (3, 4)]
    np.testing.assert_allclose(found.square().numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_shifts_within_the_warp_are_free():
    pictures = torch.zeros(2, 16, 16)
    pictures[0, 5:10, 6] = 1.0
    pictures[1, 7, 5:10] = 1.0
    model = DistortionNearestClassifier(warp=2, size=16, blur=0.0)
    model._prepare(pictures)
    near = model._measure(shift_images(pictures, 2, -1))
    assert float(near.diagonal().max()) < 1e-3
    assert float(model._measure(shift_images(pictures, 4, 0)).diagonal().min()) > 0.1
    assert float(near[0, 1]) > 0.1


def test_shortlist_leaves_the_others_at_infinity_and_their_classes_improbable():
    generator = np.random.default_rng(0)
    images = generator.random((9, 10, 10)).astype(np.float32)
    model = DistortionNearestClassifier(size=10, shortlist=4).fit(images, np.arange(9) % 3)
    distances = model._measure(torch.from_numpy(images))
    assert bool((distances.isfinite().sum(1) == 4).all())
    probabilities = model.predict_proba(images)
    assert np.isfinite(probabilities).all()
