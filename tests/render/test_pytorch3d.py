"""The PyTorch3D backend draws what the solid renderer draws, and its gradients point the same way."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from solid_scenes import ALL_KINDS, cameras, random_solids

from compvis.geometry.rotations import from_axis_angle
from compvis.render.pytorch3d import PyTorch3DRenderer
from compvis.render.solids import Kind
from compvis.render.solids_renderer import SolidRenderer

needs_pytorch3d = [
    pytest.mark.pytorch3d,
    pytest.mark.skipif(find_spec("pytorch3d") is None, reason="PyTorch3D is not installed"),
]
SIDE = 48
SCENES = 4


def gradients(renderer, solids, camera, name, target):
    """Gradients of the squared error to a picture, one row a scene: by turn, centre, size and colour."""
    turn = torch.zeros_like(solids.centre).requires_grad_()
    leaves = {v: getattr(solids, v).clone().requires_grad_() for v in ("centre", "size", "colour")}
    moved = replace(solids, rotation=from_axis_angle(turn) @ solids.rotation, **leaves)
    error = (getattr(renderer(moved, camera, (SIDE, SIDE)), name) - target).square().sum()
    found = torch.autograd.grad(error, [turn, *leaves.values()], allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten(1) for g in found], dim=1)


@pytest.mark.skipif(find_spec("pytorch3d") is not None, reason="PyTorch3D is installed")
def test_without_pytorch3d_the_message_says_what_to_do():
    with pytest.raises(ImportError, match="PyTorch3D is not installed"):
        PyTorch3DRenderer()(random_solids([Kind.CUBOID], 1), cameras(1, SIDE), (SIDE, SIDE))


@pytest.mark.parametrize("changes", [{"softness": 0.0}, {"segments": 3}, {"ambient": 2.0}, {"light": (0.0, 0.0, 0.0)},
                                     {"nearest": -1.0}, {"owner_threshold": 7.0}])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(changes):
    with pytest.raises(ValueError, match="must"):
        PyTorch3DRenderer(**changes)


class TestWithPyTorch3D:
    pytestmark = needs_pytorch3d

    @pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
    @pytest.mark.parametrize("kind", ALL_KINDS, ids=[kind.name.lower() for kind in ALL_KINDS])
    def test_coverage_depth_and_owner_agree(self, kind, weak):
        solids, camera = random_solids([kind] * 3, SCENES), cameras(SCENES, SIDE, weak)
        ours = SolidRenderer()(solids, camera, (SIDE, SIDE))
        theirs = PyTorch3DRenderer()(solids, camera, (SIDE, SIDE))
        a, b = ours.coverage > 0.5, theirs.coverage > 0.5
        assert (a & b).sum() / (a | b).sum() >= 0.98
        both = (ours.owner >= 0) & (ours.owner == theirs.owner)
        assert both.sum() / (a & b).sum() > 0.95
        assert (ours.depth - theirs.depth)[both].abs().median() < 0.01
        assert (ours.depth - theirs.depth)[both].abs().quantile(0.95) < 0.05
        assert (ours.colour - theirs.colour)[both].abs().mean() < 0.02

    @pytest.mark.parametrize("name", ["coverage", "colour"])
    @pytest.mark.parametrize(
        "kinds", [(kind,) * 3 for kind in ALL_KINDS] + [ALL_KINDS], ids=lambda k: "-".join(v.name for v in k)
    )
    def test_gradients_point_the_same_way(self, kinds, name):
        solids, camera = random_solids(kinds, 3), cameras(3, SIDE)
        target = getattr(SolidRenderer()(random_solids(kinds, 3, seed=1), camera, (SIDE, SIDE)), name)
        both = (gradients(r, solids, camera, name, target) for r in (SolidRenderer(), PyTorch3DRenderer()))
        assert torch.cosine_similarity(*both).min() >= 0.95

    def test_shading_agrees(self):
        solids, camera = random_solids([Kind.CUBOID, Kind.ELLIPSOID], SCENES), cameras(SCENES, SIDE)
        ours = SolidRenderer(ambient=0.3)(solids, camera, (SIDE, SIDE))
        theirs = PyTorch3DRenderer(ambient=0.3)(solids, camera, (SIDE, SIDE))
        both = (ours.owner >= 0) & (ours.owner == theirs.owner)
        assert (ours.colour - theirs.colour)[both].abs().mean() < 0.03

    def test_nothing_to_draw_is_an_empty_picture(self):
        solids = random_solids([Kind.CUBOID], 2)
        empty = replace(solids, mask=torch.zeros(2, 1) > 0)
        rendering = PyTorch3DRenderer()(empty, cameras(2, SIDE), (SIDE, SIDE))
        assert rendering.coverage.max() == 0
        assert (rendering.owner == -1).all()
