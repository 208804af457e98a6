"""What every renderer promises. A new renderer adds one line to RENDERERS."""

import pytest
import torch

from compvis.render.ink import InkRenderer, InkStrokes
from compvis.render.reference import ReferenceInkRenderer

SIZE = (12, 10)


def ink_scene() -> tuple[InkStrokes, dict[str, torch.Tensor]]:
    """Two hypotheses of two drawn sub-strokes and one padded, and the tensors gradients must reach."""
    control_points = torch.tensor(
        [
            [
                [[1.2, 2], [4, 2.5], [6, 3], [8.4, 1.8]],
                [[8.4, 1.8], [8, 5], [7, 8], [4, 10.2]],
                [[0.0, 0]] * 4,
            ],
            [[[2.1, 9], [3, 7], [5, 7], [7.7, 9.2]], [[2.0, 3], [2, 3], [6, 4], [6, 4.1]], [[0.0, 0]] * 4],
        ]
    )
    leaves = {
        "control_points": control_points.requires_grad_(),
        "width": torch.tensor([[2.0, 1.5, 1.0], [2.5, 1.7, 1.0]], requires_grad=True),
        "darkness": torch.tensor([[0.9, 0.7, 0.5], [0.8, 1.0, 0.5]], requires_grad=True),
    }
    return InkStrokes(**leaves, mask=torch.tensor([[True, True, False]] * 2)), leaves


# Each row: a renderer and the function that builds its scene.
RENDERERS = {
    "ink-fused": (InkRenderer(backend="fused"), ink_scene),
    "ink-eager": (InkRenderer(backend="eager"), ink_scene),
    "ink-reference": (ReferenceInkRenderer(points_per_curve=40), ink_scene),
}


@pytest.fixture(params=RENDERERS)
def case(request):
    renderer, scene = RENDERERS[request.param]
    primitives, leaves = scene()
    return renderer, primitives, leaves


def test_shapes_types_and_ranges(case):
    renderer, primitives, leaves = case
    rendering = renderer(primitives, SIZE)
    count = next(iter(leaves.values())).shape[0]
    for picture in (rendering.coverage, rendering.ink):
        assert picture.shape == (count, *SIZE)
        assert picture.dtype == torch.float32
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert picture.max() > 0.5
    assert rendering.owner.dtype == torch.int64
    assert rendering.owner.unique().tolist() == [-1, 0, 1]
    assert (rendering.ink <= rendering.coverage).all()


def test_gradients_reach_every_drawn_leaf_and_no_padding(case):
    renderer, primitives, leaves = case
    rendering = renderer(primitives, SIZE)
    weights = torch.rand(rendering.ink.shape, generator=torch.Generator().manual_seed(0))
    (rendering.ink * weights).sum().backward()
    for name, leaf in leaves.items():
        per_leaf = leaf.grad.flatten(2).abs().sum(-1) if leaf.ndim > 2 else leaf.grad.abs()
        assert torch.isfinite(leaf.grad).all(), name
        assert (per_leaf[primitives.mask] > 1e-3).all(), name
        assert (per_leaf[~primitives.mask] == 0).all(), name


def test_batch_equals_loop(case):
    renderer, primitives, _ = case
    together = renderer(primitives, SIZE)
    for h in range(primitives.hypotheses):
        alone = renderer(primitives.select([h]), SIZE)
        torch.testing.assert_close(alone.ink[0], together.ink[h], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone.coverage[0], together.coverage[h], rtol=0, atol=1e-6)
        assert (alone.owner[0] == together.owner[h]).all()


def test_softer_is_blurrier(case):
    renderer, primitives, _ = case
    sharp, soft = renderer(primitives, SIZE), renderer.with_softness(3.0)(primitives, SIZE)
    assert soft.coverage.max() < sharp.coverage.max()
    assert (soft.coverage > 0.01).sum() > (sharp.coverage > 0.01).sum()
