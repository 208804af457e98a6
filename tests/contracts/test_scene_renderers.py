"""What every renderer of solids promises. A new one adds one line to SCENE_RENDERERS."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch

from compvis.geometry.cameras import PerspectiveCamera, look_at
from compvis.geometry.rotations import from_axis_angle
from compvis.render.contract import SceneRenderer
from compvis.render.pytorch3d import PyTorch3DRenderer
from compvis.render.solids import Kind, Solids
from compvis.render.solids_reference import ReferenceSolidRenderer
from compvis.render.solids_renderer import SolidRenderer

SIZE = (24, 20)
# Each row: a renderer, and whether it has gradients and a softness.
SCENE_RENDERERS = {
    "solids-fused": (SolidRenderer(backend="fused"), True),
    "solids-eager": (SolidRenderer(backend="eager"), True),
    "solids-warp": (SolidRenderer(backend="warp"), True),
    "solids-reference": (ReferenceSolidRenderer(), False),
    "pytorch3d": (PyTorch3DRenderer(), True),
}
MARKS = {
    "pytorch3d": [
        pytest.mark.pytorch3d,
        pytest.mark.skipif(find_spec("pytorch3d") is None, reason="PyTorch3D is not installed"),
    ],
    "solids-warp": [pytest.mark.skipif(find_spec("warp") is None, reason="Warp is not installed")],
}
ALL, SOFT = (
    pytest.mark.parametrize(
        "renderer",
        [
            pytest.param(renderer, id=name, marks=MARKS.get(name, []))
            for name, (renderer, soft) in SCENE_RENDERERS.items()
            if soft or not only_soft
        ],
    )
    for only_soft in (False, True)
)
VALUES = ("rotation", "centre", "size", "colour")


def scene() -> tuple[Solids, PerspectiveCamera]:
    """Two hypotheses of a cuboid, an ellipsoid and padding, from two sides."""
    turn = torch.tensor(
        [[[0.3, 0.5, 0.1], [0, 0.4, 0], [0, 0, 0]], [[0.1, -0.6, 0], [0.2, 0, 0.3], [0, 0, 0]]]
    )
    solids = Solids(
        kind=torch.tensor([[Kind.CUBOID, Kind.ELLIPSOID, Kind.CUBOID]] * 2),
        rotation=from_axis_angle(turn),
        centre=torch.tensor([[-0.5, 0.3, 0.1], [0.5, -0.3, 0.2], [0.0, 0, 0]]).expand(2, 3, 3),
        size=torch.tensor([[0.5, 0.4, 0.6], [0.4, 0.5, 0.3], [1.0, 1, 1]]).expand(2, 3, 3),
        shape=torch.ones(2, 3, 2),
        colour=torch.tensor([[0.9, 0.3, 0.2], [0.2, 0.8, 0.4], [0.5, 0.5, 0.5]]).expand(2, 3, 3),
        mask=torch.tensor([[True, True, False]] * 2),
    )
    zero = torch.zeros(2)
    pose = look_at(torch.tensor([20.0, -30]), zero + 25, zero + 5, zero + 5)
    return solids, PerspectiveCamera.of_view(*pose, degrees=35.0, size=SIZE)


@ALL
def test_shapes_types_and_ranges(renderer):
    assert isinstance(renderer, SceneRenderer)
    rendering = renderer(*scene(), SIZE)
    assert rendering.colour.shape == (2, *SIZE, 3)
    for picture in (rendering.colour, rendering.coverage):
        assert picture.min() >= 0
        assert 0.5 < picture.max() <= 1
    assert rendering.owner.dtype == torch.int64
    assert rendering.owner.unique().tolist() == [-1, 0, 1]
    assert ((rendering.owner < 0) == (rendering.depth == torch.inf)).all()
    seen = rendering.depth[rendering.owner >= 0]
    assert seen.min() > 3.5
    assert seen.max() < 6
    assert (rendering.colour <= rendering.coverage[..., None] + 1e-6).all()


@ALL
def test_batch_equals_loop(renderer):
    solids, camera = scene()
    together = renderer(solids, camera, SIZE)
    for h in range(2):
        alone = renderer(solids.select([h]), camera.select([h]), SIZE)
        torch.testing.assert_close(alone.colour[0], together.colour[h], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone.depth[0], together.depth[h], rtol=0, atol=1e-5)
        assert (alone.owner[0] == together.owner[h]).all()


@SOFT
def test_gradients_reach_every_drawn_leaf_and_no_padding(renderer):
    solids, camera = scene()
    leaves = {name: getattr(solids, name).clone().requires_grad_() for name in VALUES}
    rendering = renderer(replace(solids, **leaves), camera, SIZE)
    weights = torch.rand(rendering.colour.shape, generator=torch.Generator().manual_seed(0))
    (rendering.colour * weights).sum().backward()
    for name, leaf in leaves.items():
        assert torch.isfinite(leaf.grad).all(), name
        per_leaf = leaf.grad.flatten(2).abs().sum(-1)
        assert (per_leaf[solids.mask] > 1e-3).all(), name
        assert (per_leaf[~solids.mask] == 0).all(), name


@SOFT
def test_softer_is_blurrier(renderer):
    solids, camera = scene()
    sharp, soft = renderer(solids, camera, SIZE), renderer.with_softness(3.0)(solids, camera, SIZE)
    assert (soft.coverage > 0.01).sum() > (sharp.coverage > 0.01).sum()
    assert (soft.coverage > 0.99).sum() < (sharp.coverage > 0.99).sum()
