"""The Warp kernels, run on Warp's CPU device, against plain torch; and when they are chosen."""

import subprocess
import sys
from dataclasses import fields, replace

import pytest
import torch
from solid_scenes import ALL_KINDS, SIZE, cameras, gradients, out_of_range, random_solids

from compvis.render import solids_renderer
from compvis.render.solids import Kind
from compvis.render.solids_eager import draw_eager
from compvis.render.solids_renderer import SolidRenderer
from compvis.render.solids_warp import draw_warp

warp = pytest.importorskip("warp")
PICTURES = ("colour", "coverage", "depth")


def doubled(record):
    """The same solids or cameras in double precision."""
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return replace(record, **{n: v.double() for n, v in values.items() if v.is_floating_point()})


def hold_equal(solids, camera, size=SIZE, pictures=PICTURES, **settings):
    """Pictures within rounding, and the gradient of each by every value within 1e-3 of its length, beside what single
    precision costs plain torch: where a ray grazes an ellipsoid, rounding is worth more than that."""
    ours, eager = (SolidRenderer(backend=backend, **settings) for backend in ("warp", "eager"))
    a, b = ours(solids, camera, size), eager(solids, camera, size)
    for name in PICTURES:
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=1e-4, atol=1e-4, msg=name)
    assert (a.owner == b.owner).all()
    for picture in pictures:
        left, right = (gradients(r, solids, camera, size, (picture,)) for r in (ours, eager))
        exact = gradients(eager, doubled(solids), doubled(camera), size, (picture,))
        for name, value in left.items():
            rounding = (right[name] - exact[name]).norm()
            allowed = 1e-3 * exact[name].norm() + 4 * rounding + 1e-5
            assert (value - exact[name]).norm() <= allowed, f"{picture} by {name}"


@pytest.mark.parametrize("ambient", [1.0, 0.3], ids=["flat", "shaded"])
@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
@pytest.mark.parametrize(
    "kinds", [(k,) for k in ALL_KINDS] + [2 * ALL_KINDS], ids=lambda k: k[0].name + str(len(k))
)
def test_warp_equals_eager(kinds, weak, ambient):
    solids = random_solids(kinds, h=3, seed=3, spread=0.5, extent=0.5)
    hold_equal(solids, cameras(3, 22, weak), ambient=ambient)


@pytest.mark.parametrize(("softness", "threshold"), [(0.3, 0.9), (2.0, 0.1)])
def test_warp_equals_eager_however_soft_and_whoever_owns(softness, threshold):
    solids = random_solids(2 * ALL_KINDS, h=2, seed=4)
    hold_equal(
        solids, cameras(1, 22), pictures=("colour", "coverage"), softness=softness, ambient=0.4,
        owner_threshold=threshold,
    )  # fmt: skip


@pytest.mark.parametrize("spread", [0.05, 0.4])
def test_any_number_of_leaves_may_touch_a_pixel(spread):
    solids = random_solids(10 * ALL_KINDS, h=1, seed=5, spread=spread)
    camera = cameras(1, 20)
    hold_equal(solids, camera, pictures=("colour", "coverage"), ambient=0.5)
    # Hypotheses differ in how many leaves they have.
    mask = torch.rand(3, 20, generator=torch.Generator().manual_seed(0)) < 0.5
    mask[1] = False
    some = replace(random_solids(5 * ALL_KINDS, h=3, seed=5, spread=spread), mask=mask)
    hold_equal(some, camera, pictures=("colour", "coverage"))


def test_hidden_leaves_pass_no_gradient_and_no_division_by_nothing():
    # A plate before two boxes hides both wholly; their colour cannot be seen, the plate's depth does not matter.
    solids = random_solids([Kind.CUBOID] * 3, h=1, spread=0.0)
    camera = replace(cameras(1, 20), rotation=torch.diag(torch.tensor([1.0, -1, -1]))[None])
    solids = replace(
        solids,
        rotation=torch.eye(3).expand(1, 3, 3, 3),
        centre=torch.tensor([[[0.0, 0, 1], [0, 0, 0], [0.1, 0, -0.5]]]),
        size=torch.tensor([[[2.0, 2, 0.1], [0.3, 0.3, 0.3], [0.3, 0.3, 0.3]]]),
    )
    hold_equal(solids, camera)
    found = gradients(SolidRenderer(backend="warp"), solids, camera, kinds=("colour",))
    assert found["colour"][0, 0].abs().min() > 1
    assert (found["colour"][0, 1:].abs() < 1e-5).all()


def test_without_gradients_or_hypotheses():
    solids, camera = random_solids(ALL_KINDS), cameras(2, 20)
    renderer = SolidRenderer(backend="warp")
    with torch.no_grad():
        quiet = renderer(solids, camera, SIZE)
    assert not quiet.colour.requires_grad
    learned = renderer(replace(solids, centre=solids.centre.clone().requires_grad_()), camera, SIZE)
    assert learned.colour.requires_grad
    assert (learned.colour == quiet.colour).all()
    none = renderer(random_solids(ALL_KINDS, h=0), cameras(1, 20), SIZE)
    assert none.colour.shape == (0, *SIZE, 3)


def test_gradients_may_be_asked_for_again():
    solids, camera = random_solids(2 * ALL_KINDS, spread=0.2), cameras(2, 20)
    centre = solids.centre.clone().requires_grad_()
    colour = SolidRenderer(backend="warp")(replace(solids, centre=centre), camera, SIZE).colour
    first, second = (
        torch.autograd.grad(colour.square().sum(), centre, retain_graph=True)[0] for _ in range(2)
    )
    torch.testing.assert_close(first, second)


def test_a_closer_look_decides_where_values_are_at_the_limit():
    solids, camera = random_solids([Kind.CONE, Kind.SUPERQUADRIC]), cameras(2, 20)
    renderer = SolidRenderer(backend="warp")
    edge = replace(solids, colour=solids.colour.round(), shape=torch.tensor([1.0, 0.1]).expand(2, 2, 2))
    assert torch.isfinite(renderer(edge, camera, SIZE).colour).all()
    for changed, message in out_of_range(solids):
        with pytest.raises(ValueError, match=message):
            renderer(replace(solids, **changed), camera, SIZE)


def test_a_leaf_that_a_closer_look_accepts_is_drawn():
    solids, camera = random_solids(ALL_KINDS, h=1), cameras(1, 20)
    # Stretched along a leaf's axis by more than the tolerance, along none of the world's.
    half = 0.5**0.5
    turned = torch.tensor([[half, -half, 0], [half, half, 0], [0, 0, 1]]) @ torch.diag(
        torch.tensor([1.0006, 1, 1])
    )
    assert (turned.mT @ turned - torch.eye(3)).abs().max() > 1e-3
    skewed = replace(solids, rotation=turned.expand(1, 4, 3, 3))
    hold_equal(skewed, camera, pictures=("coverage",))
    assert (SolidRenderer(backend="warp")(skewed, camera, SIZE).coverage > 0.5).any()


@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
def test_leaves_along_the_line_of_sight(weak):
    solids = random_solids(ALL_KINDS, h=1, spread=0.5)
    straight = replace(solids, rotation=torch.eye(3).expand(1, 4, 3, 3), shape=torch.full((1, 4, 2), 0.3))
    camera = replace(cameras(1, 20, weak), rotation=torch.diag(torch.tensor([1.0, -1, -1]))[None])
    hold_equal(straight, camera, pictures=("coverage",), ambient=0.5)


def test_parts_of_larger_tensors_and_hypotheses_without_leaves():
    solids, camera = random_solids(2 * ALL_KINDS, h=4), cameras(1, 20)
    values = {f.name: getattr(solids, f.name)[::2, 1:6] for f in fields(solids)}
    assert not values["kind"].is_contiguous()
    hold_equal(replace(solids, **values), camera, pictures=("colour",))
    none = {f.name: getattr(solids, f.name)[:, :0] for f in fields(solids)}
    assert (SolidRenderer(backend="warp")(replace(solids, **none), camera, SIZE).coverage == 0).all()


def test_who_draws_what(monkeypatch):
    def path(backend, device="cuda", dtype=torch.float32):
        return SolidRenderer(backend=backend)._path(torch.device(device), dtype)

    assert path("auto") is path("fused") is path("warp") is path("warp", "cpu") is draw_warp
    assert path("auto", dtype=torch.float64) is path("auto", "meta") is path("eager") is draw_eager
    for device, backend in (("cuda", "fused"), ("cuda", "warp"), ("cpu", "warp")):
        with pytest.raises(ValueError, match="draws float32 on"):
            path(backend, device, torch.float64)
    with pytest.raises(ValueError, match="draws on cpu and cuda"):
        path("fused", "meta")
    monkeypatch.setattr(solids_renderer, "has_warp", lambda: False)
    assert path("auto") is draw_eager
    for device, backend in (("cuda", "fused"), ("cuda", "warp"), ("cpu", "warp")):
        with pytest.raises(ImportError, match=r"pip install \"compvis\[cuda\]\""):
            path(backend, device)


def test_warp_is_imported_with_the_first_picture_only():
    code = "import sys, compvis.render.solids_warp, compvis.render.solids_renderer; sys.exit('warp' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="Warp's wheel has a CUDA compiler on Linux")
def test_the_kernels_compile_for_cuda(tmp_path):
    from compvis.render import solids_warp_kernels, solids_warp_outline, solids_warp_place

    for module, kernels in (
        (solids_warp_place, ("look_over", "bound")),
        (solids_warp_outline, ("choose", "lay_out")),
        (solids_warp_kernels, ("count_fragments", "draw", "draw_backward")),
    ):
        first = getattr(module, kernels[0]).module
        (found,) = warp.compile_aot_module(first, arch=80, module_dir=tmp_path, use_ptx=True)
        text = found.read_text()
        for kernel in kernels:
            assert f".entry {kernel}_" in text
