"""The ink model: what is learned does not depend on how it was told, and what is answered not on the batch."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import logsumexp

from compvis.grammar.deformation import DeformationPrior
from compvis.learning.ink_model import InkModel, posterior
from compvis.learning.ink_options import InkOptions
from compvis.parsing.evidence import two_way_evidence
from compvis.parsing.ink_image import to_ink
from compvis.parsing.ink_shape import describe, shape_stack
from compvis.parsing.match import MatchSettings, match

SIDE = 24
OPTIONS = InkOptions(
    prior=DeformationPrior(linear=0.2, warp=0.2, warp_length=0.9, warp_grid=4),
    match=MatchSettings(points=20, modes=10, steps=5),
)
FULL = dataclasses.replace(OPTIONS, shortlist=1000)


def draw_shapes(per_class: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """A standing bar, a ring, a plus and an ell, a little different each time, white on black, grey at the edges."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    images, labels = [], []
    for label in range(4):
        for _ in range(per_class):
            cx, cy = 12 + generator.uniform(-1, 1, 2)
            u = (x - cx) + generator.uniform(-0.15, 0.15) * (y - cy)
            v = (y - cy) * generator.uniform(0.9, 1.1)
            shapes = (
                (abs(u) < 1.3) & (abs(v) < 8),
                abs(np.hypot(u, v) - 6.5) < 1.3,
                ((abs(u) < 1.3) & (abs(v) < 8)) | ((abs(v) < 1.3) & (abs(u) < 8)),
                ((abs(u + 5) < 1.3) & (abs(v) < 7)) | ((abs(v - 6) < 1.3) & (abs(u) < 6)),
            )
            images.append(np.clip(1.2 * gaussian_filter(shapes[label].astype(np.float32), 0.5), 0, 1))
            labels.append(label)
    return torch.from_numpy(np.array(images)), np.array(labels)


@pytest.fixture(scope="module")
def model() -> InkModel:
    return InkModel(FULL).learn(*draw_shapes(3, seed=0))


def test_drawn_shapes_are_recognised(model):
    images, labels = draw_shapes(3, seed=1)
    evidence = model.log_evidence(images)
    assert evidence.shape == (12, 4)
    assert np.isfinite(evidence).all()
    np.testing.assert_array_equal(model.classes[evidence.argmax(1)], labels)


def test_learning_in_parts_is_learning_at_once():
    images, labels = draw_shapes(3, seed=0)
    order = np.random.default_rng(0).permutation(len(labels))
    first, second = order[:7], order[7:]
    parts = InkModel(FULL).learn(images[first], labels[first]).learn(images[second], labels[second])
    once = InkModel(FULL).learn(images[order], labels[order])
    asked = draw_shapes(1, seed=2)[0]
    np.testing.assert_array_equal(parts.labels, once.labels)
    np.testing.assert_array_equal(parts.log_evidence(asked), once.log_evidence(asked))


def test_the_order_of_the_images_does_not_matter():
    images, labels = draw_shapes(3, seed=0)
    order = np.random.default_rng(0).permutation(len(labels))
    every = dataclasses.replace(FULL, background=1000)  # nothing is left to the draw of other characters
    shuffled = InkModel(every).learn(images[order], labels[order])
    plain = InkModel(every).learn(images, labels)
    asked = draw_shapes(1, seed=2)[0]
    np.testing.assert_allclose(shuffled.log_evidence(asked), plain.log_evidence(asked), atol=1e-3)


def test_labels_are_names_and_nothing_more(model):
    images, labels = draw_shapes(3, seed=0)
    renamed = np.array([30, -2, 11, 7])[labels]
    other = InkModel(FULL).learn(images, renamed)
    np.testing.assert_array_equal(other.classes, [-2, 7, 11, 30])
    asked = draw_shapes(1, seed=2)[0]
    np.testing.assert_allclose(
        other.log_evidence(asked)[:, [3, 0, 2, 1]], model.log_evidence(asked), atol=1e-4
    )


def test_every_image_is_answered_by_itself(model):
    asked = draw_shapes(2, seed=3)[0][:5]
    together = model.log_evidence(asked)
    alone = np.concatenate([model.log_evidence(image[None]) for image in asked])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(model.log_evidence(asked, chunk=2), together, atol=1e-4)


def test_polarity_does_not_matter(model):
    asked = draw_shapes(1, seed=3)[0]
    np.testing.assert_allclose(model.log_evidence(1 - asked), model.log_evidence(asked), atol=1e-4)


def test_pairs_carry_two_way_evidence_and_pose(model):
    """The pieces put together anew for one image and all templates, in both readings."""
    ink = to_ink(draw_shapes(1, seed=4)[0][:1])
    matched = model.match_images(ink)
    assert matched.evidence.shape == (1, 12)
    each = np.arange(12)
    ahead, back = np.stack([each, 0 * each], 1), np.stack([0 * each, each], 1)
    temperature, by_reading = FULL.background_temperature, []
    for reading, threshold in zip(model.readings, FULL.readings, strict=True):
        shape = describe(ink[0], model.prior, FULL.match.points, threshold=threshold)
        image, upright = shape_stack(shape, FULL.match), FULL.match.upright()
        to_image = match(reading.stack, image.seen, ahead, FULL.match)[1]
        to_template = match(image, reading.stack.seen, back, FULL.match)[1]
        first = match(reading.stack, image.seen, ahead, upright)[1]
        of_image = temperature * (logsumexp(first / temperature) - np.log(12))
        wanted = two_way_evidence(to_image, to_template, np.full(12, of_image), reading.background)
        by_reading.append(wanted + FULL.pose.log_prob(shape.pose, reading.poses))
    np.testing.assert_allclose(matched.evidence[0], np.mean(by_reading, axis=0), atol=1e-3)


def test_turned_starts_are_for_the_best_templates_only(model):
    asked = to_ink(draw_shapes(1, seed=4)[0])
    every = model.match_images(asked).evidence
    found = {}
    for most in (0, 2):
        other = InkModel(dataclasses.replace(FULL, second_look=most)).adopt(model.described, model.labels)
        found[most] = other.match_images(asked).evidence
    assert (every >= found[2] - 1e-3).all()
    assert (found[2] >= found[0] - 1e-3).all()
    best = np.argsort(-found[0], axis=1)[:, :1]
    np.testing.assert_allclose(
        np.take_along_axis(found[2], best, 1), np.take_along_axis(every, best, 1), atol=1e-3
    )


def test_images_without_grey_are_read_once():
    images, labels = draw_shapes(2, seed=0)
    binary = InkModel(FULL).learn((images > 0.5).float(), labels)
    assert len(binary.readings) == 1
    single = InkModel(dataclasses.replace(FULL, readings=FULL.readings[:1]))
    single.learn((images > 0.5).float(), labels)
    asked = draw_shapes(1, seed=2)[0]
    np.testing.assert_array_equal(binary.log_evidence(asked), single.log_evidence(asked))
    both = binary.learn(images, labels)
    assert len(both.readings) == 2
    assert np.isfinite(both.log_evidence(asked)).all()


def test_deformations_within_classes_sharpen_the_prior(model):
    start = FULL.prior
    assert model.prior != start
    # these drawings move and shear little
    assert model.prior.translation < start.translation
    unlearned = InkModel(dataclasses.replace(FULL, prior_weight=math.inf)).learn(*draw_shapes(3, seed=0))
    assert unlearned.prior == start
    alone = InkModel(FULL).learn(*draw_shapes(1, seed=0))
    assert alone.prior == start


def test_the_given_prior_counts_as_its_weight():
    images, labels = draw_shapes(3, seed=0)
    light, heavy = (
        InkModel(dataclasses.replace(FULL, prior_weight=weight)).learn(images, labels).prior
        for weight in (1.0, 1000.0)
    )
    assert abs(heavy.linear - FULL.prior.linear) < 0.2 * abs(light.linear - FULL.prior.linear)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"readings": ()}, "thresholds between 0 and 1"), ({"readings": (0.5, 1.0)}, "thresholds"),
     ({"prior_weight": -1.0}, "must not be negative"), ({"temperature": 0.0}, "temperature must be finite"),
     ({"confidence": -1.0}, "confidence must be finite"), ({"background_temperature": np.inf}, "must be finite"),
     ({"background": 0}, "background must be at least 1"), ({"second_look": -1}, "second_look")],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(OPTIONS, **changes)


def test_classes_with_more_templates_have_no_head_start(model):
    """Every template of a class twice says the same: the Or-rule weighs them equally."""
    ink = to_ink(draw_shapes(1, seed=4)[0])
    matched = model.match_images(ink)
    wanted = model.class_evidence(matched)
    twice = InkModel(FULL)
    twice.labels, twice.classes = np.concatenate([model.labels, np.zeros(3, int)]), model.classes
    more = dataclasses.replace(
        matched, evidence=np.concatenate([matched.evidence, matched.evidence[:, :3]], 1)
    )
    np.testing.assert_allclose(twice.class_evidence(more), wanted)
    best = np.stack([matched.evidence[:, model.members(c)].max(1) for c in model.classes], 1)
    assert (wanted.argmax(1) == best.argmax(1)).all()


def test_the_shortlist_keeps_the_answer_and_every_class(model):
    short = InkModel(dataclasses.replace(OPTIONS, shortlist=3, shortlist_a_class=1))
    short.adopt(model.described, model.labels)
    images, labels = draw_shapes(2, seed=5)
    kept = np.isfinite(short.match_images(to_ink(images)).evidence)
    for label in model.classes:
        assert (kept[:, model.members(label)].sum(1) >= 1).all()
    assert (kept.sum(1) >= 3).all()
    assert (kept.sum(1) <= 3 + 4).all()
    np.testing.assert_array_equal(short.log_evidence(images).argmax(1), model.log_evidence(images).argmax(1))
    np.testing.assert_array_equal(short.log_evidence(images).argmax(1), labels)


def test_the_shortlist_keeps_as_many_a_class_as_told(model):
    short = InkModel(dataclasses.replace(OPTIONS, shortlist=1, shortlist_a_class=2))
    short.adopt(model.described, model.labels)
    kept = np.isfinite(short.match_images(to_ink(draw_shapes(1, seed=5)[0])).evidence)
    for label in model.classes:
        assert (kept[:, model.members(label)].sum(1) == 2).all()


def test_the_grammar_holds_the_templates_in_order_of_members():
    images, labels = draw_shapes(2, seed=0)
    order = np.random.default_rng(1).permutation(len(labels))
    model = InkModel(FULL).learn(images[order], labels[order])
    grammar = model.grammar
    assert grammar.labels == ("0", "1", "2", "3")
    for place, label in enumerate(model.classes):
        templates = grammar.classes[place].templates
        assert [id(one) for one in templates] == [id(model.shapes[i].template) for i in model.members(label)]


def test_progress_counts_images():
    told, asked = [], []
    images, labels = draw_shapes(1, seed=0)
    model = InkModel(OPTIONS).learn(images, labels, progress=told.append)
    model.log_evidence(images, chunk=3, progress=asked.append)
    assert told == [1, 2, 3, 4]
    assert asked == [3, 4]


def test_posterior_is_softmax():
    evidence = np.array([[-1000.0, -1001.0], [3.0, 3.0]])
    np.testing.assert_allclose(posterior(evidence), [[1 / (1 + np.exp(-1)), 1 / (1 + np.e)], [0.5, 0.5]])
