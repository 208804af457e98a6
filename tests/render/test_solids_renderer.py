"""The paths of the solid renderer against each other, and what they promise at the edges.

The Warp kernels have the promises here; test_solids_warp.py holds their pictures and gradients to plain torch.
"""

from dataclasses import fields, replace
from importlib.util import find_spec

import jaxtyping
import pytest
import torch
from solid_scenes import ALL_KINDS, SIZE, VALUES, cameras, gradients, out_of_range, random_solids

from compvis.render.contract import SceneRenderer
from compvis.render.solids import Kind, Solids
from compvis.render.solids_reference import ReferenceSolidRenderer
from compvis.render.solids_renderer import SolidRenderer

needs_warp = pytest.mark.skipif(find_spec("warp") is None, reason="needs Warp")
BACKENDS = ("fused", "eager", pytest.param("warp", marks=needs_warp))


@pytest.mark.parametrize("ambient", [1.0, 0.3], ids=["flat", "shaded"])
@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
@pytest.mark.parametrize(
    "kinds", [(k,) for k in ALL_KINDS] + [2 * ALL_KINDS], ids=lambda k: k[0].name + str(len(k))
)
def test_fused_equals_eager(kinds, weak, ambient):
    solids = random_solids(kinds, h=3, seed=3, spread=0.5, extent=0.5, dtype=torch.float64)
    camera = cameras(3, 22, weak, torch.float64)
    fused, eager = (SolidRenderer(ambient=ambient, backend=b) for b in ("fused", "eager"))
    a, b = fused(solids, camera, SIZE), eager(solids, camera, SIZE)
    for name in ("colour", "coverage", "depth"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=1e-7, atol=1e-6)
    assert (a.owner == b.owner).all()
    for kind in ("colour", "coverage", "depth"):
        left, right = (gradients(r, solids, camera, kinds=(kind,)) for r in (fused, eager))
        for name, value in left.items():
            scale = 1e-5 * right[name].abs().max().item()
            torch.testing.assert_close(
                value, right[name], rtol=1e-4, atol=scale + 1e-6, msg=f"{kind} by {name}"
            )


@pytest.mark.parametrize("softness", [0.3, 2.0])
def test_fused_equals_eager_in_single_precision(softness):
    solids, camera = random_solids(2 * ALL_KINDS, h=3, seed=4), cameras(3, 22)
    fused, eager = (SolidRenderer(softness=softness, ambient=0.4, backend=b) for b in ("fused", "eager"))
    a, b = fused(solids, camera, SIZE), eager(solids, camera, SIZE)
    for name in ("colour", "coverage"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=0, atol=2e-3)
    both = [gradients(r, solids, camera, kinds=("colour", "coverage")) for r in (fused, eager)]
    for name in both[0]:
        left, right = (value[name].flatten() for value in both)
        assert torch.cosine_similarity(left, right, dim=0) > 0.999, name


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
def test_twice_the_resolution_averages_to_the_same_picture(weak, backend):
    solids, camera = random_solids(ALL_KINDS, seed=6), cameras(2, 24, weak)
    renderer = SolidRenderer(softness=1.0, ambient=0.4, backend=backend)
    small = renderer(solids, camera, (24, 24))
    large = renderer.with_softness(2.0)(solids, camera.scaled(2.0), (48, 48))
    for name in ("colour", "coverage"):
        picture = getattr(large, name).reshape(2, 24, 2, 24, 2, -1).mean((2, 4))
        error = (picture - getattr(small, name).reshape(2, 24, 24, -1)).abs()
        assert error.mean() < 0.004
        # A crease between two faces is as sharp as the pixels are.
        assert name == "colour" or error.max() < 0.08
    depth = large.depth.reshape(2, 24, 2, 24, 2).mean((2, 4))
    both = (depth < torch.inf) & (small.depth < torch.inf)
    assert (depth - small.depth)[both].abs().median() < 6e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_larger_world_seen_from_further_is_the_same_picture(backend):
    solids, camera = random_solids(ALL_KINDS, seed=6), cameras(2, 24)
    grown = replace(solids, centre=3 * solids.centre, size=3 * solids.size)
    renderer = SolidRenderer(backend=backend, ambient=0.4)
    near = renderer(solids, camera, SIZE)
    far = renderer(grown, replace(camera, translation=3 * camera.translation), SIZE)
    torch.testing.assert_close(far.colour, near.colour, rtol=0, atol=2e-3)
    torch.testing.assert_close(far.coverage, near.coverage, rtol=0, atol=2e-3)
    torch.testing.assert_close(far.depth, 3 * near.depth, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_padding_is_invisible_even_when_it_is_not_a_number(backend):
    solids, camera = random_solids(ALL_KINDS, h=3), cameras(3, 20)
    mask = torch.ones(3, 4) > 0
    mask[0, 1] = mask[1] = False
    hole = {n: getattr(solids, n).masked_fill(~mask.view(3, 4, *[1] * (getattr(solids, n).ndim - 2)), torch.nan)
            for n in VALUES}  # fmt: skip
    padded = replace(solids, mask=mask, kind=solids.kind.masked_fill(~mask, 99), **hole)
    renderer = SolidRenderer(backend=backend, ambient=0.5)
    rendering = renderer(padded, camera, SIZE)
    assert torch.isfinite(rendering.colour).all()
    assert (rendering.coverage[1] == 0).all()
    assert (rendering.owner[1] == -1).all()
    assert (rendering.depth[1] == torch.inf).all()
    assert 1 not in rendering.owner[0]
    for name, gradient in gradients(renderer, padded, camera).items():
        assert torch.isfinite(gradient).all(), name
        if name in VALUES:
            assert (gradient[~mask] == 0).all(), name
            assert name == "shape" or (gradient[2].abs().flatten(1).sum(1) > 0).all(), name


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_leaves_behind_beside_and_far_from_the_camera_are_harmless(kind, backend):
    solids = random_solids([kind] * 6, h=1, spread=0.0)
    pose = cameras(1, 20)
    # In the camera frame: behind, around the camera, far to the side, far away, enormous and near, tiny.
    seen_at = torch.tensor([[0.0, 0, -5], [0, 0, 0.1], [1e4, 0, 5], [0, 0, 1e6], [0, 30, 40], [0.3, 0.3, 4]])
    centre = (seen_at - pose.translation) @ pose.rotation[0]
    size = torch.tensor([0.3, 0.3, 0.3, 0.3, 25.0, 1e-5])[:, None].expand(6, 3)
    solids = replace(solids, centre=centre[None], size=size[None])
    renderer = SolidRenderer(backend=backend, ambient=0.5)
    rendering = renderer(solids, pose, SIZE)
    assert torch.isfinite(rendering.colour).all()
    assert not torch.isin(rendering.owner, torch.tensor([0, 1, 2])).any()
    for name, gradient in gradients(renderer, solids, pose).items():
        assert torch.isfinite(gradient).all(), name
        if name in VALUES:
            assert (gradient[0, :3] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("softness", [0.5, 5.0])
def test_symmetric_and_extreme_leaves_have_finite_gradients(softness, backend):
    # Axes along the camera's, exactly on a pixel's centre, flat, long, pointed and of extreme exponents.
    solids = random_solids([k for k in ALL_KINDS for _ in range(2)], h=2, spread=0.0)
    eye = torch.eye(3).expand(2, 8, 3, 3)
    size = torch.tensor([[0.5, 0.5, 0.5], [0.9, 0.01, 0.9]]).repeat(4, 1).expand(2, 8, 3)
    shape = torch.tensor([[0.0, 0.1], [1.0, 1.9]])[:, None].expand(2, 8, 2).clone()
    shape[:, 6:] = torch.tensor([[0.1, 1.9], [1.9, 0.1]])
    solids = replace(solids, rotation=eye, size=size, shape=shape)
    camera = replace(cameras(1, 20), rotation=torch.diag(torch.tensor([1.0, -1, -1]))[None],
                     principal=torch.full((1, 2), 9.5))  # fmt: skip
    for name, gradient in gradients(SolidRenderer(softness, 0.5, backend=backend), solids, camera).items():
        assert torch.isfinite(gradient).all(), name
        assert gradient.abs().max() < 1e6, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_nearer_leaf_hides_the_other_and_backgrounds_shine_through(backend):
    solids = random_solids([Kind.CUBOID, Kind.ELLIPSOID], h=1, spread=0.0)
    camera = replace(cameras(1, 20), rotation=torch.diag(torch.tensor([1.0, -1, -1]))[None])
    solids = replace(
        solids,
        rotation=torch.eye(3).expand(1, 2, 3, 3),
        centre=torch.tensor([[[0.0, 0, -0.5], [0, 0, 0.8]]]),
        size=torch.tensor([[[0.9, 0.9, 0.1], [0.3, 0.3, 0.3]]]),
        colour=torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]),
    )
    rendering = SolidRenderer(backend=backend)(solids, camera, (20, 20), background=torch.tensor([0.0, 0, 1]))
    torch.testing.assert_close(rendering.colour[0, 10, 10], torch.tensor([0.0, 1, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(rendering.colour[0, 6, 6], torch.tensor([1.0, 0, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(rendering.colour[0, 0, 0], torch.tensor([0.0, 0, 1]), atol=1e-5, rtol=0)
    assert [rendering.owner[0, i, i].item() for i in (10, 6, 0)] == [1, 0, -1]
    assert rendering.depth[0, 0, 0] == torch.inf
    assert rendering.depth[0, 10, 10].item() == pytest.approx(4 - 0.8 - 0.3, abs=0.02)


@pytest.mark.parametrize("backend", BACKENDS)
def test_colour_has_a_gradient_in_depth_where_surfaces_cross(backend):
    solids, camera = random_solids([Kind.CUBOID] * 2, h=1, seed=2, spread=0.05, extent=0.6), cameras(1, 40)
    forward = camera.rotation[0, 2]
    found = gradients(SolidRenderer(1.0, backend=backend), solids, camera, (40, 40), kinds=("colour",))
    assert (found["centre"][0] @ forward).abs().min() > 0.1


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_to_draw_is_black(backend):
    empty = random_solids([], h=2)
    hidden = replace(random_solids(ALL_KINDS), mask=torch.zeros(2, 4) > 0)
    for solids in (empty, hidden):
        rendering = SolidRenderer(backend=backend)(solids, cameras(1, 20), SIZE)
        assert rendering.colour.shape == (2, *SIZE, 3)
        assert (rendering.colour == 0).all()
        assert (rendering.owner == -1).all()


def test_threads_do_not_change_the_picture():
    threads = torch.get_num_threads()
    for h in (1, 5):
        solids, camera = random_solids(ALL_KINDS, h=h), cameras(h, 20)
        try:
            pictures, pulls = [], []
            for count in (1, 2):
                torch.set_num_threads(count)
                pictures.append(SolidRenderer()(solids, camera, SIZE).colour)
                pulls.append(gradients(SolidRenderer(), solids, camera)["centre"])
        finally:
            torch.set_num_threads(threads)
        assert (pictures[0] == pictures[1]).all()
        torch.testing.assert_close(pulls[0], pulls[1])


@pytest.mark.gpu
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_cuda_equals_cpu(backend):
    solids, camera = random_solids(ALL_KINDS), cameras(2, 20)
    moved = Solids(**{f.name: getattr(solids, f.name).cuda() for f in fields(solids)})
    seen_from = replace(camera, **{f.name: getattr(camera, f.name).cuda() for f in fields(camera)})
    renderer = SolidRenderer(backend=backend, ambient=0.4)
    on_cpu = SolidRenderer(ambient=0.4)
    here, there = on_cpu(solids, camera, SIZE), renderer(moved, seen_from, SIZE)
    torch.testing.assert_close(here.colour, there.colour.cpu(), rtol=0, atol=1e-3)
    here, there = gradients(on_cpu, solids, camera), gradients(renderer, moved, seen_from)
    for name, gradient in here.items():
        assert (there[name].cpu() - gradient).norm() <= 1e-2 * gradient.norm(), name


def test_renderers_keep_the_contract():
    assert isinstance(SolidRenderer(), SceneRenderer)
    assert isinstance(ReferenceSolidRenderer(), SceneRenderer)


def test_bad_input_is_refused_with_one_clear_message():
    good, camera = random_solids([Kind.CONE, Kind.SUPERQUADRIC], h=2), cameras(2, 20)
    renderer = SolidRenderer()
    for changed, message in out_of_range(good):
        with pytest.raises(ValueError, match=message):
            renderer(replace(good, **changed), camera, SIZE)
    with pytest.raises(ValueError, match="size must be"):
        renderer(good, camera, (0, 9))
    with pytest.raises(ValueError, match="one camera, or one for each"):
        renderer(good, cameras(3, 20), SIZE)
    with pytest.raises(ValueError, match="same device and floating type"):
        renderer(good, cameras(2, 20, dtype=torch.float64), SIZE)
    for settings in (
        {"softness": 0.0}, {"ambient": 1.5}, {"light": (0.0, 0.0, 0.0)}, {"segments": 3}, {"nearest": 0.0},
        {"owner_threshold": 0.0}, {"backend": "fast"},
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=r"must be|must lie|backend"):
            SolidRenderer(**settings)
    with pytest.raises(ValueError, match="must be odd"):
        ReferenceSolidRenderer(supersampling=2)(good, camera, SIZE)


def test_shapes_are_checked_for_users_too():
    good = random_solids([Kind.CONE], h=1)
    jaxtyping.config.update("jaxtyping_disable", True)  # as outside the tests
    try:
        for changes, message in (
            ({"size": torch.ones(1, 2, 3)}, "size must have shape"),
            ({"kind": torch.ones(1)}, "kind must have shape"),
            ({"kind": torch.ones(1, 1)}, "kind must be of an integer type"),
            ({"mask": torch.ones(1, 1)}, "mask must be of type bool"),
            ({"size": good.size.double()}, "same floating type"),
        ):
            with pytest.raises(ValueError, match=message):
                replace(good, **changes)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
