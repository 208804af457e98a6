"""The solid renderer against the slow reference, and its gradients against finite differences."""

from dataclasses import fields, replace

import pytest
import torch
from solid_scenes import ALL_KINDS, VALUES, cameras, random_solids

from compvis.geometry.cameras import PerspectiveCamera, WeakPerspectiveCamera
from compvis.geometry.rotations import from_axis_angle
from compvis.render.solids import Kind
from compvis.render.solids_reference import ReferenceSolidRenderer
from compvis.render.solids_renderer import SolidRenderer

BACKENDS = ("fused", "eager")


@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
@pytest.mark.parametrize(
    "kinds", [(k,) for k in ALL_KINDS] + [ALL_KINDS], ids=lambda k: k[0].name + str(len(k))
)
def test_agrees_with_marching_along_every_ray(kinds, weak):
    extent = 0.8 if len(kinds) == 1 else 0.45
    solids = random_solids(kinds, h=2, seed=1, spread=0.5, extent=extent)
    camera = cameras(2, 32, weak)
    truth = ReferenceSolidRenderer(steps=100)(solids, camera, (32, 32))
    for backend in BACKENDS:
        drawn = SolidRenderer(softness=0.3, backend=backend)(solids, camera, (32, 32))
        sharp, seen = drawn.coverage > 0.5, truth.owner >= 0
        assert (sharp & seen).sum() / (sharp | seen).sum() > 0.985
        assert (drawn.coverage - truth.coverage).abs().mean() < 0.006
        assert (drawn.colour - truth.colour).abs().mean() < 0.006
        both = (truth.coverage == 1) & (drawn.coverage > 0.999)
        assert (drawn.owner == truth.owner)[both].float().mean() > 0.98
        # Between leaves of different depth the soft order mixes both, so a few pixels may be far off.
        error = (drawn.depth - truth.depth)[both].abs()
        assert error.median() < 2e-4
        assert (error > 0.02).float().mean() < 0.04


@pytest.mark.parametrize("taper", [0.0, 1.0])
def test_cylinders_and_pointed_cones_are_right_from_every_side(taper):
    solids = random_solids([Kind.CONE], h=6, seed=3, spread=0.0, extent=0.7)
    solids = replace(solids, shape=torch.full((6, 1, 2), taper))
    axis = torch.tensor(
        [[0.0, 0, 0], [torch.pi / 2, 0, 0], [-torch.pi / 2, 0, 0], [0.0, 0, 1], [1, 0, 0], [-1, 0, 0]]
    )
    rotation = cameras(1, 32).rotation.mT @ torch.diag(torch.tensor([1.0, -1, -1])) @ from_axis_angle(axis)
    solids = replace(solids, rotation=rotation[:, None])
    truth = ReferenceSolidRenderer()(solids, cameras(1, 32), (32, 32))
    drawn = SolidRenderer(softness=0.3)(solids, cameras(1, 32), (32, 32))
    assert ((drawn.coverage - truth.coverage).abs().mean((1, 2)) < 0.01).all()
    both = (truth.coverage == 1) & (drawn.coverage > 0.999)
    assert (drawn.depth - truth.depth)[both].abs().max() < 0.02


def finite_difference_case(kinds, weak, seed):
    """A function of turns and values, all float64, that draws; and where to differentiate it."""
    solids = random_solids(kinds, h=1, seed=seed, spread=0.35, extent=0.6, dtype=torch.float64)
    camera = cameras(1, 12, weak, dtype=torch.float64)
    intrinsic = camera.scale if isinstance(camera, WeakPerspectiveCamera) else camera.focal
    start = {
        "turn": torch.zeros_like(solids.centre),
        "view": torch.zeros_like(camera.translation),
        **{name: getattr(solids, name) for name in VALUES[1:]},
        "translation": camera.translation,
        "intrinsic": intrinsic,
        "principal": camera.principal,
    }

    def draw(renderer, values):
        moved = replace(
            solids,
            rotation=from_axis_angle(values["turn"]) @ solids.rotation,
            **{name: values[name] for name in VALUES[1:]},
        )
        build = WeakPerspectiveCamera if weak else PerspectiveCamera
        seen_from = build(
            from_axis_angle(values["view"]) @ camera.rotation,
            values["translation"],
            values["intrinsic"],
            values["principal"],
        )
        return renderer(moved, seen_from, (12, 12))

    return draw, start


def losses(rendering):
    """One number each of colour, coverage and depth, every pixel weighted differently."""
    weights = torch.rand(
        5, *rendering.coverage.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64
    ).to(rendering.coverage)
    depth = torch.where(rendering.owner >= 0, rendering.depth, 0.0)
    return torch.stack(
        [
            (weights[:3].movedim(0, -1) * rendering.colour).sum(),
            (weights[3] * rendering.coverage).sum(),
            (weights[4] * depth).sum(),
        ]
    )


@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
@pytest.mark.parametrize(
    "kinds", [(k,) for k in ALL_KINDS] + [ALL_KINDS], ids=lambda k: k[0].name + str(len(k))
)
def test_gradients_are_those_of_finite_differences(kinds, weak):
    draw, start = finite_difference_case(kinds, weak, seed=5)
    renderer = SolidRenderer(softness=0.8, ambient=0.3, backend="eager", segments=24)
    leaves = {name: value.clone().requires_grad_() for name, value in start.items()}
    found = losses(draw(renderer, leaves))
    gradients = [
        torch.autograd.grad(
            loss, list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for loss in found
    ]
    step = 1e-6
    # A scene of several leaves has many values; every third is enough beside the scenes of one leaf.
    stride = 1 if len(kinds) == 1 else 3
    for place, (name, value) in enumerate(start.items()):
        for index in range(place % stride, value.numel(), stride):
            change = torch.zeros(value.numel(), dtype=value.dtype)
            change[index] = step
            with torch.no_grad():
                up, down = (
                    losses(draw(renderer, {**start, name: value + sign * change.view_as(value)}))
                    for sign in (1, -1)
                )
            expected = ((up - down) / (2 * step)).tolist()
            for row, picture in enumerate(("colour", "coverage", "depth")):
                gradient = gradients[row][place].flatten()[index].item()
                assert gradient == pytest.approx(expected[row], rel=2e-3, abs=2e-4), (
                    f"{picture} by {name}[{index}]"
                )


def test_every_value_of_a_seen_leaf_and_its_camera_gets_a_gradient():
    solids, camera = random_solids(ALL_KINDS, spread=0.9), cameras(2, 24)
    leaves = [getattr(solids, name).requires_grad_() for name in VALUES]
    leaves += [getattr(camera, field.name).requires_grad_() for field in fields(camera)]
    losses(SolidRenderer(ambient=0.5)(solids, camera, (24, 24))).sum().backward()
    for leaf in leaves:
        assert torch.isfinite(leaf.grad).all()
    for name in VALUES:
        sums = getattr(solids, name).grad.flatten(2).abs().sum(-1)
        shaped = torch.isin(solids.kind, torch.tensor([Kind.CONE, Kind.SUPERQUADRIC]))
        assert (sums[shaped] > 1e-3).all(), name
        assert name == "shape" or (sums > 1e-3).all(), name


def test_gradients_of_a_fit_are_those_of_the_supersampled_picture():
    # Eight times the resolution, averaged, has next to no blur: its gradients are those of the exact picture.
    solids = random_solids([Kind.CUBOID] * 6, h=3, seed=8, spread=0.8, extent=0.35)
    camera = cameras(3, 64)
    other = replace(solids, centre=solids.centre + 0.05, size=solids.size * 1.1)

    def fine(scene):
        drawn = SolidRenderer(softness=1.0)(scene, camera.scaled(8.0), (512, 512))
        return [getattr(drawn, n).reshape(3, 64, 8, 64, 8, -1).mean((2, 4)) for n in ("colour", "coverage")]

    def plain(scene):
        drawn = SolidRenderer()(scene, camera, (64, 64))
        return [drawn.colour, drawn.coverage[..., None]]

    target = fine(other)
    assert 0.3 < target[1].mean() < 0.6
    found = []
    for draw in (fine, plain):
        leaves = [getattr(solids, name).clone().requires_grad_() for name in ("centre", "size")]
        turn = torch.zeros_like(solids.centre).requires_grad_()
        moved = replace(
            solids, rotation=from_axis_angle(turn) @ solids.rotation, centre=leaves[0], size=leaves[1]
        )
        losses_of_pictures = [(a - b).square().sum() for a, b in zip(draw(moved), target, strict=True)]
        found.append(
            [
                torch.cat(torch.autograd.grad(loss, [*leaves, turn], retain_graph=True), -1).flatten(1)
                for loss in losses_of_pictures
            ]
        )
    for exact, soft in zip(*found, strict=True):
        assert (torch.cosine_similarity(exact, soft, dim=1) > 0.97).all()
