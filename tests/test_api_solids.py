"""The public classifier of photographs of objects, on pictures of things with known shape and viewpoint."""

from copy import copy
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate, zoom
from scipy.special import logsumexp
from sklearn.metrics import adjusted_rand_score

import compvis
from compvis.data.check import InputError
from compvis.geometry.cameras import WeakPerspectiveCamera, viewpoint_rotation
from compvis.geometry.rotations import angle_between
from compvis.parsing.solid_frame import FrameSettings
from compvis.render.pytorch3d import PyTorch3DRenderer
from compvis.render.solids import Kind, Solids
from compvis.render.solids_reference import ReferenceSolidRenderer
from compvis.render.solids_renderer import SolidRenderer
from compvis.tree import from_json, to_json

SIDE = 48
QUICK = {"fit": {"parts": 6, "steps": [20, 20], "grid": 16}, "step": 30.0}
# Half extents (x, y, z) and colours: a long plank, a standing post, a ball.
THINGS = {
    "ball": ((0.6, 0.6, 0.6), (0.9, 0.3, 0.2)),
    "plank": ((1.0, 0.15, 0.35), (0.8, 0.7, 0.2)),
    "post": ((0.2, 1.0, 0.2), (0.3, 0.8, 0.3)),
}


def photograph(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """n pictures of each thing from random viewpoints by the slow reference renderer, on dark blue."""
    generator = np.random.default_rng(seed)
    images, labels, masks, viewpoints = [], [], [], []
    for label, (size, colour) in THINGS.items():
        for _ in range(n):
            azimuth, elevation = generator.uniform(0, 360), generator.uniform(0, 60)
            kind = Kind.ELLIPSOID if label == "ball" else Kind.CUBOID
            solids = Solids(
                kind=torch.tensor([[kind]]),
                rotation=torch.eye(3)[None, None],
                centre=torch.zeros(1, 1, 3),
                size=torch.tensor(size)[None, None],
                shape=torch.ones(1, 1, 2),
                colour=torch.tensor(colour)[None, None],
                mask=torch.ones(1, 1) > 0,
            )
            turn = viewpoint_rotation(
                torch.tensor([azimuth]).float(), torch.tensor([elevation]).float(), torch.zeros(1)
            )
            camera = WeakPerspectiveCamera(
                turn, torch.zeros(1, 3), torch.tensor([SIDE * 0.38]), torch.full((1, 2), SIDE / 2)
            )
            drawn = ReferenceSolidRenderer()(solids, camera, (SIDE, SIDE))
            cover = drawn.coverage[0].numpy() > 0.5
            image = np.where(cover[..., None], drawn.colour[0].numpy(), [0.1, 0.12, 0.3])
            image = image + generator.normal(0, 0.02, image.shape)
            images.append(np.rint(255 * np.clip(image, 0, 1)))
            labels.append(label)
            masks.append(cover)
            viewpoints.append((azimuth, elevation))
    return np.array(images, np.uint8), np.array(labels), np.array(masks), np.array(viewpoints)


@pytest.fixture(scope="module")
def model():
    images, labels, masks, viewpoints = photograph(5, seed=0)
    return compvis.GrammarClassifier(domain="solids", **QUICK).fit(images, labels, masks, viewpoints)


def test_new_views_are_recognised_with_and_without_masks(model):
    images, labels, masks, _ = photograph(6, seed=1)
    assert isinstance(model, compvis.GrammarClassifier)
    assert (model.predict(images, masks) == labels).mean() >= 0.9
    assert (model.predict(images) == labels).mean() >= 0.9
    probabilities = model.predict_proba(images, masks)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-9)


def test_every_photograph_is_answered_by_itself(model):
    images, _, masks, _ = photograph(2, seed=2)
    together = model.log_evidence(images, masks=masks)
    alone = np.concatenate([model.log_evidence(images[i : i + 1], masks=masks[i : i + 1]) for i in range(6)])
    np.testing.assert_allclose(together, alone, atol=1e-3)


def slopes(model, images, masks, own, rival) -> tuple[float, np.ndarray]:
    """The margin of a rival over the own category, and its gradient to float images."""
    asked = torch.as_tensor(images).float().requires_grad_(True)
    logits = model.logits(asked, masks)
    np.testing.assert_allclose(
        logits.detach().numpy(), model.log_evidence(asked.detach(), masks=masks), rtol=1e-4, atol=1e-3
    )
    margin = logits[0, rival] - logits[0, own]
    (slope,) = torch.autograd.grad(margin, asked)
    return float(margin.detach()), slope.numpy()


def test_the_evidence_has_a_gradient_to_pixels(model):
    images, _, masks, _ = photograph(1, seed=9)
    shown = images[:1] / np.float32(255)
    margin, slope = slopes(model, shown, masks[:1], 0, 1)
    assert np.isfinite(slope).all()
    # Masks are given: the figure alone counts.
    assert np.abs(slope[0][~masks[0]]).max() < 1e-2 * np.abs(slope).max()
    step = 2e-3 * np.sign(slope)
    before, _ = slopes(model, shown - step, masks[:1], 0, 1)
    after, _ = slopes(model, shown + step, masks[:1], 0, 1)
    assert before < margin < after
    assert after - before == pytest.approx(2 * float((slope * step).sum()), rel=0.2)


def test_the_gradient_passes_the_frame_that_is_settled_on(model):
    always = framed_by(model, FrameSettings(learned=0.0))
    images, _, masks, _ = photograph(1, seed=9)
    smaller, own = changed(images[2:], masks[2:], 0.0, 0.6)
    pictures = torch.from_numpy(smaller).float() / 255
    assert float(always.model.view(pictures.permute(0, 3, 1, 2), torch.from_numpy(own)).scale) < 0.9 * 0.96
    _, slope = slopes(always, pictures, own, 2, 0)
    assert np.isfinite(slope).all()
    assert np.abs(slope[0][own[0]]).max() > 10 * np.abs(slope[0][~own[0]]).max()


def test_shape_decides_where_colours_are_of_no_use(model):
    images, labels, masks, _ = photograph(6, seed=3)
    grey = images.copy()
    grey[masks] = 128
    assert (model.predict(grey, masks) == labels).mean() >= 0.8


def test_a_parse_says_where_parts_are_and_how_far_it_is_sure(model):
    images, labels, masks, viewpoints = photograph(3, seed=4)
    plank = int(np.flatnonzero(labels == "plank")[0])
    parse = model.parse(images[plank], masks[plank], alternatives=2)
    assert parse.label == "plank"
    assert len(parse.alternatives) == 2
    covered = parse.parts >= 0
    assert (covered & masks[plank]).sum() / (covered | masks[plank]).sum() > 0.8
    # A plank turned by half a turn looks the same.
    away = abs((parse.viewpoint[0] - viewpoints[plank, 0] + 90) % 180 - 90)
    assert away < 30
    assert 0 < parse.viewpoint_spread <= 180
    assert from_json(to_json(parse.tree)) == parse.tree
    assert "<html" in parse.to_html()
    total = {name for _, name, _ in parse.scores}
    assert {"category", "alternative", "view", "offset", "figure"} <= total


def changed(images, masks, degrees: float, size: float):
    """The pictures turned from x towards y and made smaller, about their middles."""
    ground = images[~masks].mean(0)
    border = (SIDE - round(SIDE * size)) // 2
    put = slice(border, border + round(SIDE * size))
    pictures, covers = [], []
    for image, mask in zip(images, masks, strict=True):
        layers = [np.where(mask[..., None], image - ground, 0.0), mask[..., None].astype(float)]
        layers = [rotate(layer, -degrees, reshape=False, order=1) for layer in layers]
        object_, cover = (
            zoom(layer, (size, size, 1), order=1, grid_mode=True, mode="nearest") for layer in layers
        )
        picture, covered = np.tile(ground, (SIDE, SIDE, 1)), np.zeros((SIDE, SIDE))
        picture[put, put] += object_
        covered[put, put] = cover[..., 0]
        pictures.append(np.rint(np.clip(picture, 0, 255)).astype(np.uint8))
        covers.append(covered > 0.5)
    return np.array(pictures), np.array(covers)


ANY, AS_LEARNED = FrameSettings(learned=0.0), FrameSettings(zooms=0, rolls=0)


def framed_by(model, frame: FrameSettings):
    other, options = copy(model), replace(model.options, frame=frame)
    other.options, other.model = options, model.model.with_options(options)
    return other


def test_smaller_objects_are_recognised(model):
    images, labels, masks, _ = photograph(6, seed=6)
    images, masks = changed(images, masks, degrees=0.0, size=0.5)
    right, before = (
        (framed_by(model, frame).predict(images, masks) == labels).mean() for frame in (ANY, AS_LEARNED)
    )
    assert right >= max(0.8, before + 0.1)


def test_where_few_viewpoints_were_learned_size_and_roll_are_as_learned(model):
    images, _, masks, _ = photograph(2, seed=6)
    images, masks = changed(images, masks, degrees=0.0, size=0.5)
    assert 0 < model.model.learned_share() < FrameSettings().learned
    scores = [
        framed_by(model, frame).log_evidence(images, masks=masks)
        for frame in (FrameSettings(), AS_LEARNED, ANY)
    ]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] != scores[2]).any()


def test_a_parse_of_a_smaller_object_lies_on_it(model):
    images, labels, masks, _ = photograph(3, seed=6)
    plank = np.flatnonzero(labels == "plank")[:1]
    images, masks = changed(images[plank], masks[plank], degrees=20.0, size=0.5)
    overlaps = []
    for frame in (ANY, AS_LEARNED):
        covered = framed_by(model, frame).parse(images[0], masks[0], alternatives=0, label="plank").parts >= 0
        overlaps.append((covered & masks[0]).sum() / (covered | masks[0]).sum())
    assert overlaps[0] > max(0.7, overlaps[1] + 0.1)


def test_a_parse_can_be_asked_for_as_a_category(model):
    images, _, masks, _ = photograph(1, seed=4)
    parse = model.parse(images[0], masks[0], alternatives=1, label="post")
    assert parse.label == "post"
    assert parse.alternatives[0].label == "ball"
    with pytest.raises(InputError, match="no class"):
        model.parse(images[0], masks[0], label="zebra")


def test_what_an_occluder_hides_is_reported(model):
    images, labels, masks, _ = photograph(3, seed=5)
    ball = int(np.flatnonzero(labels == "ball")[0])
    image, mask = images[ball].copy(), masks[ball].copy()
    image[:, : SIDE // 2] = (90, 90, 90)
    mask[:, : SIDE // 2] = False
    parse = model.parse(image, mask, alternatives=2)
    assert parse.label == "ball"
    missing = masks[ball] & ~mask
    assert (parse.hidden & missing).sum() > 0.8 * missing.sum()
    assert not (parse.hidden & mask).any()


def test_viewpoints_that_are_not_given_are_inferred(model, tmp_path):
    images, labels, masks, viewpoints = photograph(6, seed=8)
    given = np.where(labels[:, None] == "ball", viewpoints, np.nan)
    latent = {"side": 16, "step": 30.0, "starts": 1, "finalists": 1}
    latent |= {
        "temperatures": [3.0, 1.0],
        "blurs": [1.0, 0.0],
        "last_temperatures": [1.0],
        "last_blurs": [0.0],
    }
    learned = compvis.GrammarClassifier(domain="solids", latent=latent, **QUICK)
    learned.fit(images, labels, masks, given)
    assert learned.viewpoints_.shape == (18, 2)
    assert np.isfinite(learned.viewpoints_).all()
    np.testing.assert_allclose(learned.viewpoints_[:6], viewpoints[:6], atol=1e-4)
    assert (learned.viewpoint_spread_[:6] == 0).all()
    assert (learned.viewpoint_spread_[6:] > 0).all()
    asked, names, shown, _ = photograph(6, seed=1)
    assert (learned.predict(asked, shown) == names).mean() >= 0.9
    learned.save(tmp_path / "model")
    assert compvis.load(tmp_path / "model").options == learned.options
    # Without any viewpoint the spread says that every one of them is a guess.
    few = np.flatnonzero(labels != "ball")[::3]
    learned.fit(images[few], labels[few], masks[few])
    assert learned.viewpoints_.shape == (4, 2)
    assert (learned.viewpoint_spread_ > 0).all()


def test_new_exemplars_are_drawn(model):
    images, trees = model.sample("post", n=2, seed=1)
    again, _ = model.sample("post", n=2, seed=1)
    np.testing.assert_array_equal(images, again)
    assert images.max() > 50
    assert all("object/part[0]" in tree for tree in trees)
    with pytest.raises(InputError, match="no class"):
        model.sample("zebra")


def test_saved_and_loaded_models_answer_the_same(model, tmp_path):
    images, _, masks, _ = photograph(2, seed=6)
    model.save(tmp_path / "model")
    again = compvis.load(tmp_path / "model")
    np.testing.assert_array_equal(
        again.log_evidence(images, masks=masks), model.log_evidence(images, masks=masks)
    )


def test_a_taught_network_answers_where_whole_objects_are_seen(model, tmp_path):
    small = {"steps": 60, "drawings": 60, "width": 8, "views": 2, "weight": 1.0}
    taught = compvis.GrammarClassifier(domain="solids", recognition=small, **QUICK)
    images, labels, masks, viewpoints = photograph(5, seed=0)
    taught.fit(images, labels, masks, viewpoints)
    asked, names, shown, _ = photograph(4, seed=5)
    plain, pooled = (one.log_evidence(asked, masks=shown) for one in (model, taught))
    np.testing.assert_allclose(logsumexp(pooled, axis=1), logsumexp(plain, axis=1))
    opinion = (pooled - plain) - (pooled - plain).max(1, keepdims=True)
    assert (taught.classes_[opinion.argmax(1)] == names).mean() >= 0.8
    # Without masks, and of an object that something hides, it knows nothing.
    np.testing.assert_allclose(taught.log_evidence(asked), model.log_evidence(asked), atol=1e-6)
    hidden, left = asked.copy(), shown.copy()
    hidden[:, :, : SIDE // 2] = (90, 90, 90)
    left[:, :, : SIDE // 2] = False
    silent, evidence = (one.log_evidence(hidden, masks=left) for one in (taught, model))
    np.testing.assert_allclose(silent, evidence, atol=1e-6)
    for photographs, own in ((asked, shown), (hidden, left)):
        slope, plainly = (slopes(one, photographs[:1] / 255, own[:1], 0, 1)[1] for one in (taught, model))
        assert np.isfinite(slope).all()
        assert np.allclose(slope, plainly, atol=1e-3 * np.abs(plainly).max()) == (photographs is hidden)
    parse = taught.parse(asked[0], shown[0], alternatives=2, steps=2)
    glances = [
        nats
        for one in (parse, *parse.alternatives)
        for _, name, nats in one.scores
        if name == "recognition network"
    ]
    assert np.exp(glances).sum() == pytest.approx(1)
    taught.save(tmp_path / "model")
    again = compvis.load(tmp_path / "model")
    assert again.options == taught.options
    assert again.options.recognition.members == 2
    np.testing.assert_array_equal(again.log_evidence(asked, masks=shown), pooled)


def test_another_renderer_draws_the_same_grammar_and_is_saved_with_it(model, tmp_path):
    images, _, masks, _ = photograph(1, seed=8)
    before = model.log_evidence(images, masks=masks)
    eager = model.with_renderer(SolidRenderer(backend="eager"))
    np.testing.assert_allclose(eager.log_evidence(images, masks=masks), before, atol=0.05)
    eager.save(tmp_path / "eager")
    assert compvis.load(tmp_path / "eager").options.renderer == SolidRenderer(backend="eager")
    assert model.options.renderer.backend == "auto"
    with pytest.raises(InputError, match="with_softness"):
        model.with_renderer(ReferenceSolidRenderer())

    class Mine(ReferenceSolidRenderer):
        def with_softness(self, softness):
            return self

    with pytest.raises(InputError, match="Mine has no name: use SolidRenderer or PyTorch3DRenderer"):
        model.with_renderer(Mine()).save(tmp_path / "mine")


@pytest.mark.pytorch3d
@pytest.mark.slow
@pytest.mark.skipif(find_spec("pytorch3d") is None, reason="PyTorch3D is not installed")
def test_a_grammar_learned_on_pytorch3d_parses_as_one_learned_on_ours(tmp_path):
    images, labels, masks, viewpoints = photograph(4, seed=0)
    two = labels != "post"
    lesson = images[two], labels[two], masks[two], viewpoints[two]
    fresh, _, shown, _ = photograph(1, seed=9)
    pick = 1  # the plank
    parses = []
    for renderer in (None, PyTorch3DRenderer(segments=16)):
        model = compvis.GrammarClassifier(domain="solids", renderer=renderer, **QUICK).fit(*lesson)
        parses.append(model.parse(fresh[pick], shown[pick], alternatives=0))
    model.save(tmp_path / "model")
    assert compvis.load(tmp_path / "model").options.renderer == PyTorch3DRenderer(segments=16)
    ours, theirs = parses
    assert ours.label == theirs.label == "plank"
    turn = [viewpoint_rotation(*(torch.tensor(angle) for angle in p.viewpoint)) for p in parses]
    # A plank turned by half a turn looks the same.
    half = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    assert min(angle_between(turn[0], turn[1]), angle_between(turn[0], turn[1] @ half)) < 15
    a, b = ours.parts >= 0, theirs.parts >= 0
    assert (a & b).sum() / (a | b).sum() > 0.9
    # Parts are numbered as they were found, so maps agree up to a renumbering.
    assert adjusted_rand_score(ours.parts[a & b], theirs.parts[a & b]) > 0.5


def test_bad_input_gets_one_clear_message():
    images, labels, masks, viewpoints = photograph(1, seed=7)
    fresh = compvis.GrammarClassifier(domain="solids", **QUICK)
    with pytest.raises(InputError, match="no figure"):
        fresh.fit(images, labels, np.zeros_like(masks), viewpoints)
    with pytest.raises(InputError, match="finite numbers"):
        fresh.fit(images, labels, masks, viewpoints[:, :1])
    viewpoints[0, 0] = np.nan
    with pytest.raises(InputError, match="finite numbers"):
        fresh.fit(images, labels, masks, viewpoints)
    with pytest.raises(InputError, match="cannot be used"):
        compvis.GrammarClassifier(domain="solids", latent={"starts": 0})
    with pytest.raises(InputError, match="cannot be used"):
        compvis.GrammarClassifier(domain="solids", prior={"view": -1.0})
    with pytest.raises(InputError, match="call fit first"):
        fresh.predict(images)
    with pytest.raises(InputError, match="domain"):
        compvis.GrammarClassifier(domain="plants")
