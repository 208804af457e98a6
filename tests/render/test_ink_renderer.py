"""The ink renderers against slow references, finite differences and each other."""

from dataclasses import replace

import jaxtyping
import pytest
import torch

from compvis.render.ink import InkRenderer, InkStrokes
from compvis.render.reference import ReferenceInkRenderer, supersampled_silhouette

BACKENDS = ("fused", "eager")


def random_strokes(h=3, q=4, side=20.0, seed=0, dtype=torch.float32) -> InkStrokes:
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)

    start = side * (0.2 + 0.6 * uniform(h, q, 1, 2))
    walk = torch.cumsum((uniform(h, q, 4, 2) - 0.5) * side * 0.4, dim=2)
    return InkStrokes(start + walk, 1.5 + 2 * uniform(h, q), 0.4 + 0.6 * uniform(h, q), torch.ones(h, q) > 0)


def one_stroke(control_points, width=2.0, darkness=1.0, dtype=torch.float32) -> InkStrokes:
    points = torch.tensor(control_points, dtype=dtype).expand(1, 1, 4, 2)
    return InkStrokes(
        points,
        torch.full((1, 1), width, dtype=dtype),
        torch.full((1, 1), darkness, dtype=dtype),
        torch.ones(1, 1) > 0,
    )


def gradients(renderer, strokes, size):
    leaves = [
        v.detach().clone().requires_grad_() for v in (strokes.control_points, strokes.width, strokes.darkness)
    ]
    rendering = renderer(InkStrokes(*leaves, strokes.mask), size)
    weights = torch.rand(2, *rendering.ink.shape, generator=torch.Generator().manual_seed(1))
    loss = (weights[0] * rendering.ink + weights[1] * rendering.coverage).sum()
    return torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("backend", BACKENDS)
def test_agrees_with_dense_pixel_loop(backend):
    strokes = random_strokes(h=1, q=3, side=14)
    strokes = replace(strokes, mask=torch.tensor([[True, False, True]]))
    fast = InkRenderer(samples_per_substroke=64, backend=backend)(strokes, (14, 13))
    slow = ReferenceInkRenderer(points_per_curve=300)(strokes, (14, 13))
    torch.testing.assert_close(fast.coverage, slow.coverage, rtol=0, atol=2e-3)
    torch.testing.assert_close(fast.ink, slow.ink, rtol=0, atol=2e-3)
    assert (fast.owner == slow.owner).float().mean() > 0.99
    assert 1 not in fast.owner


def test_agrees_with_the_blurred_true_outline():
    # A joined pair of gentle sub-strokes, the case the renderer is for.
    points = torch.tensor([[[4.0, 5], [8, 3], [13, 4], [16, 8]], [[16.0, 8], [18, 11], [17, 17], [13, 19]]])
    strokes = InkStrokes(points[None], torch.full((1, 2), 3.0), torch.ones(1, 2), torch.ones(1, 2) > 0)
    truth = supersampled_silhouette(points, strokes.width[0], (24, 24), softness=0.5, factor=6)
    coverage = InkRenderer()(strokes, (24, 24)).coverage[0].double()
    assert (coverage - truth).abs().max() < 0.07
    assert (coverage - truth).abs().mean() < 0.003
    assert coverage.sum().item() == pytest.approx(truth.sum().item(), rel=0.01)


@pytest.mark.parametrize("softness", [0.3, 0.5, 2.0])
def test_fused_equals_eager(softness):
    strokes = random_strokes()
    fused, eager = (InkRenderer(softness=softness, backend=b) for b in BACKENDS)
    a, b = fused(strokes, (20, 24)), eager(strokes, (20, 24))
    torch.testing.assert_close(a.coverage, b.coverage, rtol=0, atol=1e-6)
    torch.testing.assert_close(a.ink, b.ink, rtol=0, atol=1e-6)
    assert (a.owner == b.owner).all()
    for left, right in zip(
        gradients(fused, strokes, (20, 24)), gradients(eager, strokes, (20, 24)), strict=True
    ):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_are_those_of_finite_differences(backend):
    strokes = random_strokes(h=2, q=2, side=9, seed=3, dtype=torch.float64)
    renderer = InkRenderer(samples_per_substroke=4, softness=1.0, backend=backend)

    def draw(control_points, width, darkness):
        rendering = renderer(InkStrokes(control_points, width, darkness, strokes.mask), (9, 8))
        return rendering.ink, rendering.coverage

    leaves = [v.requires_grad_() for v in (strokes.control_points, strokes.width, strokes.darkness * 0.9)]
    assert torch.autograd.gradcheck(draw, leaves, eps=1e-7, atol=1e-4)


def test_eager_is_twice_differentiable():
    strokes = one_stroke([[2.0, 3], [3, 4], [5, 5], [7, 4.2]], dtype=torch.float64)
    renderer = InkRenderer(samples_per_substroke=3, softness=1.0, backend="eager")
    weights = torch.rand(1, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def loss(control_points, width):
        return (
            weights * renderer(InkStrokes(control_points, width, strokes.darkness, strokes.mask), (8, 9)).ink
        ).sum()

    leaves = [strokes.control_points.clone().requires_grad_(), strokes.width.requires_grad_()]
    assert torch.autograd.gradgradcheck(loss, leaves, eps=1e-7, atol=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "control_points",
    [
        [[5.5, 5.5]] * 4,  # a dot of no length, exactly on a pixel's centre
        [[5.0, 5.0], [5.0, 5.0], [5.02, 5.0], [5.02, 5.0]],  # a short dot, ends at rest
        [[5.5, 2.5], [5.5, 4.5], [5.5, 6.5], [5.5, 8.5]],  # through pixel centres
        [[-40.0, -40], [-30, -30], [-35, -20], [-50, -10]],  # off the image
        [[-1e6, 5], [-1e5, 5], [1e5, 5], [1e6, 5]],  # enormous
    ],
)
@pytest.mark.parametrize("width", [0.0, 2.0])
def test_degenerate_strokes_have_finite_pictures_and_gradients(backend, control_points, width):
    strokes = one_stroke(control_points, width=width)
    renderer = InkRenderer(backend=backend)
    assert torch.isfinite(renderer(strokes, (11, 11)).ink).all()
    for gradient in gradients(renderer, strokes, (11, 11)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_dot_is_a_disc(backend):
    strokes = one_stroke([[6.0, 6.0]] * 4, width=5.0)
    coverage = InkRenderer(backend=backend, softness=0.3)(strokes, (12, 12)).coverage[0]
    assert coverage.sum().item() == pytest.approx(torch.pi * 2.5**2, rel=0.05)
    assert coverage[5, 5] > 0.99
    torch.testing.assert_close(coverage, coverage.flip(0), rtol=0, atol=1e-5)
    torch.testing.assert_close(coverage, coverage.T, rtol=0, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixel_centres_are_at_half_integers_and_x_goes_right(backend):
    strokes = one_stroke([[7.5, 3.5]] * 4, width=1.0)
    coverage = InkRenderer(backend=backend)(strokes, (10, 12)).coverage[0]
    assert divmod(int(coverage.argmax()), 12) == (3, 7)


@pytest.mark.parametrize("width", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("softness", [0.5, 2.0])
def test_ink_across_a_stroke_integrates_to_its_width(width, softness):
    strokes = one_stroke([[-40.0, 20], [-10, 20], [50, 20], [80, 20]], width=width)
    across = InkRenderer(softness=softness)(strokes, (40, 40)).coverage[0, :, 20]
    assert across.sum().item() == pytest.approx(width, rel=0.02)


@pytest.mark.parametrize("backend", BACKENDS)
def test_twice_the_resolution_averages_to_the_same_picture(backend):
    strokes = random_strokes(side=24)
    doubled = replace(strokes, control_points=2 * strokes.control_points, width=2 * strokes.width)
    renderer = InkRenderer(softness=1.0, backend=backend)
    small = renderer(strokes, (24, 24)).ink
    large = renderer.with_softness(2.0)(doubled, (48, 48)).ink
    pooled = torch.nn.functional.avg_pool2d(large, 2)
    assert (pooled - small).abs().max() < 0.08
    assert (pooled - small).abs().mean() < 0.004


@pytest.mark.parametrize("backend", BACKENDS)
def test_joined_substrokes_leave_no_seam(backend):
    whole = one_stroke([[3.0, 8], [9, 8], [15, 8], [21, 8]], width=3.0)
    halves = torch.tensor([[[3.0, 8], [6, 8], [9, 8], [12, 8]], [[12.0, 8], [15, 8], [18, 8], [21, 8]]])
    split = InkStrokes(halves[None], torch.full((1, 2), 3.0), torch.ones(1, 2), torch.ones(1, 2) > 0)
    renderer = InkRenderer(backend=backend)
    torch.testing.assert_close(
        renderer(split, (16, 24)).ink, renderer(whole, (16, 24)).ink, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_darker_stroke_owns_a_crossing(backend):
    points = torch.tensor([[[2.0, 8], [6, 8], [10, 8], [14, 8]], [[8.0, 2], [8, 6], [8, 10], [8, 14]]])
    strokes = InkStrokes(
        points[None], torch.full((1, 2), 3.0), torch.tensor([[0.4, 0.9]]), torch.ones(1, 2) > 0
    )
    rendering = InkRenderer(backend=backend)(strokes, (16, 16))
    assert rendering.owner[0, 7, 7] == 1
    assert rendering.owner[0, 7, 3] == 0
    assert rendering.owner[0, 2, 2] == -1
    assert rendering.ink[0, 7, 3].item() == pytest.approx(0.4, abs=0.015)
    assert rendering.coverage[0, 7, 3].item() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stroke_without_ink_owns_nothing_and_gives_nothing_to_another(backend):
    strokes = one_stroke([[2.0, 8], [6, 8], [10, 8], [14, 8]], width=3.0, darkness=0.0)
    rendering = InkRenderer(backend=backend)(strokes, (16, 16))
    assert rendering.coverage.max() > 0.9
    assert (rendering.owner == -1).all()
    assert (ReferenceInkRenderer()(strokes, (16, 16)).owner == -1).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_padding_is_invisible_even_when_it_is_not_a_number(backend):
    strokes = random_strokes(q=2)
    padded = InkStrokes(
        torch.cat([strokes.control_points, torch.full((3, 1, 4, 2), torch.nan)], 1),
        torch.cat([strokes.width, torch.full((3, 1), torch.nan)], 1),
        torch.cat([strokes.darkness, torch.full((3, 1), torch.nan)], 1),
        torch.cat([strokes.mask, torch.zeros(3, 1) > 0], 1),
    )
    renderer = InkRenderer(backend=backend)
    torch.testing.assert_close(renderer(padded, (20, 20)).ink, renderer(strokes, (20, 20)).ink)
    for gradient in gradients(renderer, padded, (20, 20)):
        assert (gradient[:, 2] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_to_draw_is_blank_paper(backend):
    empty = InkStrokes(torch.zeros(2, 0, 4, 2), torch.zeros(2, 0), torch.zeros(2, 0), torch.zeros(2, 0) > 0)
    hidden = replace(random_strokes(h=2), mask=torch.zeros(2, 4) > 0)
    for strokes in (empty, hidden):
        rendering = InkRenderer(backend=backend)(strokes, (5, 6))
        assert rendering.ink.shape == (2, 5, 6)
        assert (rendering.ink == 0).all()
        assert (rendering.owner == -1).all()


def test_threads_do_not_change_the_picture():
    strokes = random_strokes(h=5)
    threads = torch.get_num_threads()
    try:
        pictures, pulls = [], []
        for count in (1, 2):
            torch.set_num_threads(count)
            pictures.append(InkRenderer()(strokes, (20, 20)).ink)
            pulls.append(gradients(InkRenderer(), strokes, (20, 20))[0])
    finally:
        torch.set_num_threads(threads)
    assert (pictures[0] == pictures[1]).all()
    assert (pulls[0] == pulls[1]).all()


@pytest.mark.gpu
def test_cuda_equals_cpu():
    strokes = random_strokes()
    moved = InkStrokes(*(getattr(strokes, n).cuda() for n in ("control_points", "width", "darkness", "mask")))
    here, there = InkRenderer()(strokes, (20, 20)), InkRenderer()(moved, (20, 20))
    torch.testing.assert_close(here.ink, there.ink.cpu(), rtol=0, atol=1e-5)


def test_bad_strokes_are_refused():
    good = random_strokes(h=1, q=1)
    with pytest.raises(ValueError, match="same floating type"):
        replace(good, width=good.width.double())
    for changed, message in (
        (replace(good, control_points=good.control_points * torch.nan), "must be finite"),
        (replace(good, width=-good.width), "width must be finite and not negative"),
        (replace(good, darkness=good.darkness + 1), "darkness must lie in"),
    ):
        with pytest.raises(ValueError, match=message):
            InkRenderer()(changed, (9, 9))
    with pytest.raises(ValueError, match="size must be"):
        InkRenderer()(good, (0, 9))
    for settings in ({"softness": 0.0}, {"samples_per_substroke": 0}):
        with pytest.raises(ValueError, match="must be"):
            InkRenderer(**settings)


def test_shapes_are_checked_for_users_too():
    good = random_strokes(h=1, q=1)
    jaxtyping.config.update("jaxtyping_disable", True)  # as outside the tests
    try:
        for changes, message in (
            ({"width": torch.ones(1, 2)}, "width must have shape"),
            ({"control_points": torch.ones(1, 1, 3, 2)}, "control_points must have shape"),
            ({"mask": torch.ones(1, 1)}, "mask must be of type bool"),
        ):
            with pytest.raises(ValueError, match=message):
                replace(good, **changes)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def test_supersampling_refuses_an_odd_factor():
    with pytest.raises(ValueError, match="factor must be even"):
        supersampled_silhouette(torch.zeros(1, 4, 2), torch.ones(1), (4, 4), softness=0.5, factor=3)
