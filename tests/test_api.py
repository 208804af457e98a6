"""The public classifier: scikit-learn's habits, explanations, drawing."""

import dataclasses

import numpy as np
import pytest
import torch
from api_shapes import NAMES, SIDE, build, draw_shapes
from scipy.ndimage import rotate

import compvis
from compvis.baselines.contract import Classifier
from compvis.data.check import InputError
from compvis.grammar.score import tree_log_prior
from compvis.inspection.contract import ParseLike
from compvis.parsing.parser import RefineSettings
from compvis.tree import ParseTree

QUICK = RefineSettings(steps=4)


@pytest.fixture(scope="module")
def parse(named):
    return named.parse(draw_shapes(1, seed=3)[0][0], settings=QUICK)


def test_predictions_have_the_promised_form_and_are_right(model):
    images, labels = draw_shapes(3, seed=1)
    assert isinstance(model, Classifier)
    evidence, probabilities = model.log_evidence(images), model.predict_proba(images)
    assert evidence.shape == probabilities.shape == (9, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-9)
    assert (probabilities >= 0).all()
    predicted = model.predict(images)
    np.testing.assert_array_equal(predicted, labels)
    assert predicted.dtype.kind == "i"
    np.testing.assert_array_equal(predicted, model.classes_[evidence.argmax(1)])
    np.testing.assert_array_equal(predicted, model.classes_[probabilities.argmax(1)])


def test_fit_returns_the_model_and_forgets(model):
    images, labels = draw_shapes(1, seed=0)
    again = build()
    assert again.fit(*draw_shapes(2, seed=7)) is again
    again.fit(images, labels + 5)
    np.testing.assert_array_equal(again.classes_, [5, 6, 7])
    fresh = build().fit(images, labels + 5)
    np.testing.assert_array_equal(again.log_evidence(images), fresh.log_evidence(images))


def test_string_labels_are_sorted_and_given_back(named):
    images, labels = draw_shapes(1, seed=1)
    assert named.classes_.tolist() == ["lying", "ring", "upright"]
    np.testing.assert_array_equal(named.predict(images), NAMES[labels])


@pytest.mark.parametrize("labels", [[7, -3, 40], (7, -3, 40), torch.tensor([7, -3, 40])], ids=type)
def test_integer_labels_need_not_be_consecutive(labels):
    images, _ = draw_shapes(1, seed=0)
    few = build().fit(images, labels)
    assert few.classes_.tolist() == [-3, 7, 40]
    np.testing.assert_array_equal(few.predict(images), [7, -3, 40])


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images / 255.0,
        lambda images: (images / 255.0).astype(np.float32),
        lambda images: 255 - images,
        lambda images: 1 - images / 255.0,
        lambda images: np.repeat(images[..., None], 3, axis=-1),
        lambda images: 255 - np.repeat(images[..., None], 3, axis=-1),
        torch.from_numpy,
    ],
    ids=["float64", "float32", "dark on light", "float dark on light", "colour", "dark colour", "torch"],
)
def test_kind_colour_and_polarity_of_images_do_not_matter(model, change):
    images, labels = draw_shapes(1, seed=2)
    wanted = model.log_evidence(images)
    np.testing.assert_allclose(model.log_evidence(change(images)), wanted, atol=0.02)
    np.testing.assert_array_equal(model.predict(change(images)), labels)


def test_images_may_be_larger_than_those_learned(model):
    images, labels = draw_shapes(1, seed=2)
    larger = images.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(model.predict(larger), labels)


def test_partial_fit_with_a_new_class_is_fit_on_all():
    images, labels = draw_shapes(2, seed=0)
    for given in (labels, NAMES[labels]):
        # the ring (sorted in the middle among the names) comes last
        parts = build().partial_fit(images[:4], given[:4]).partial_fit(images[4:], given[4:])
        once = build().fit(images, given)
        np.testing.assert_array_equal(parts.classes_, once.classes_)
        np.testing.assert_array_equal(parts.log_evidence(images), once.log_evidence(images))


def test_partial_fit_takes_every_kind_of_labels_that_fit_takes():
    images, labels = draw_shapes(1, seed=0)
    for first, unlike in ((labels, labels.astype(np.uint8)), (NAMES, NAMES.astype(object))):
        assert len(build().fit(images, first).partial_fit(images, unlike).model.labels) == 6


def test_partial_fit_refuses_labels_of_another_kind_and_stays_usable(named):
    images, labels = draw_shapes(1, seed=1)
    before = named.log_evidence(images)
    with pytest.raises(InputError, match="same kind as fit had"):
        named.partial_fit(images, labels)
    with pytest.raises(InputError, match="one label an image"):
        named.partial_fit(images, [["ring"], ["bar", "cross"], ["ring"]])
    np.testing.assert_array_equal(named.log_evidence(images), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images, labels: (images[:1] * 0, labels[:1]), "shows no ink"),
        (lambda images, labels: (images, labels[:2]), "exactly one label"),
    ],
    ids=["no ink", "label count"],
)
def test_a_refused_partial_fit_changes_nothing(change, message):
    images, labels = draw_shapes(1, seed=0)
    few = build().fit(images, labels)
    before = few.log_evidence(images)
    bad_images, bad_labels = change(images, labels - 1)  # a class that sorts before all others
    with pytest.raises(InputError, match=message):
        few.partial_fit(bad_images, bad_labels)
    assert few.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(few.log_evidence(images), before)


def test_progress_counts_images():
    told, asked = [], []
    images, labels = draw_shapes(1, seed=0)
    build().fit(images, labels, progress=told.append).log_evidence(images, progress=asked.append)
    assert told == [1, 2, 3]
    assert asked[-1] == 3


def test_a_parse_is_what_the_drawings_need(named, parse):
    image = draw_shapes(1, seed=3)[0][0]
    assert isinstance(parse, compvis.Parse)
    assert isinstance(parse, ParseLike)
    assert parse.label == "upright"
    assert type(parse.label) is str
    assert parse.image.shape == parse.rendering.shape == parse.residual.shape == (SIDE, SIDE)
    np.testing.assert_allclose(parse.image, image / 255, atol=1e-6)
    np.testing.assert_allclose(parse.residual, parse.image - parse.rendering)
    assert np.abs(parse.residual).mean() < 0.5 * parse.image.mean()
    place = named.classes_.tolist().index("upright")
    assert parse.log_evidence == pytest.approx(named.log_evidence(image[None])[0, place], abs=1e-4)


def test_scores_of_a_parse_name_its_nodes_and_add_up(named, parse):
    addresses = {address for address, _ in parse.tree.walk()}
    assert {address for address, _, _ in parse.scores} == addresses | {"image"}
    prior = sum(nats for address, _, nats in parse.scores if address in addresses)
    assert prior == pytest.approx(float(tree_log_prior(parse.tree, named.model.grammar)), abs=1e-2)


def test_alternatives_are_other_classes_best_first(named, parse):
    labels = [one.label for one in parse.alternatives]
    assert sorted([*labels, parse.label]) == sorted(named.classes_.tolist())
    evidence = [parse.log_evidence, *(one.log_evidence for one in parse.alternatives)]
    assert evidence == sorted(evidence, reverse=True)
    for one in parse.alternatives:
        assert isinstance(one.tree, ParseTree)
        assert one.alternatives == ()
        np.testing.assert_array_equal(one.image, parse.image)


def test_as_many_alternatives_as_asked_for(named):
    image = draw_shapes(1, seed=3)[0][1]
    assert named.parse(image, alternatives=0, settings=QUICK).alternatives == ()
    assert len(named.parse(image, alternatives=1, settings=QUICK).alternatives) == 1
    assert len(named.parse(image, alternatives=9, settings=QUICK).alternatives) == 2


def test_colour_and_tensors_are_parsed_alike(named, parse):
    image = draw_shapes(1, seed=3)[0][0]
    colour = torch.from_numpy(np.repeat(1 - image[..., None] / 255, 3, axis=-1))
    again = named.parse(colour, alternatives=0, settings=QUICK)
    assert again.label == parse.label
    np.testing.assert_allclose(again.rendering, parse.rendering, atol=1e-2)


def test_integer_labels_come_back_from_parse_as_plain_integers(model):
    found = model.parse(draw_shapes(1, seed=3)[0][2], alternatives=0, settings=QUICK)
    assert found.label == 2
    assert type(found.label) is int


def test_a_page_names_the_label_and_the_alternatives(parse):
    page = parse.to_html()
    assert "<html" in page
    assert "Parse as upright" in page
    assert all(one.label in page for one in parse.alternatives)


def test_samples_are_drawn_by_their_seed(named):
    images, trees = named.sample("ring", 3, seed=4)
    assert images.shape == (3, SIDE, SIDE)
    assert len(trees) == 3
    assert images.min() >= 0
    assert images.max() <= 1
    assert (images.max((1, 2)) > 0.5).all()
    assert all(isinstance(tree, ParseTree) and tree.root.symbol.startswith("1/") for tree in trees)
    np.testing.assert_array_equal(named.sample("ring", 3, seed=4)[0], images)
    assert (named.sample("ring", 3, seed=5)[0] != images).any()
    np.testing.assert_array_equal(named.predict(images), ["ring"] * 3)


def test_spread_scales_how_far_samples_stray(model):
    def strays(spread: float) -> float:
        images = model.sample(0, 6, seed=0, spread=spread)[0]
        return float(np.abs(images - model.sample(0, 6, seed=0, spread=1e-4)[0]).mean())

    assert strays(0.1) < strays(1.0)


def test_samples_that_cannot_be_drawn_are_refused(named):
    with pytest.raises(InputError, match=r"There is no class 'square'; the classes are \['lying', "):
        named.sample("square")
    with pytest.raises(InputError, match="spread must be above 0, not 0"):
        named.sample("lying", spread=0.0)
    with pytest.raises(InputError, match="at least one exemplar, not n=0"):
        named.sample("ring", 0)


def test_changed_fields_reach_the_options():
    few = compvis.GrammarClassifier(prior={"warp": 0.31}, pose={"centre": 0.4}, match={"noise": 0.2}, seed=5)
    default = compvis.GrammarClassifier().options
    assert few.options.prior == dataclasses.replace(default.prior, warp=0.31)
    assert few.options.pose == dataclasses.replace(default.pose, centre=0.4)
    assert few.options.match == dataclasses.replace(default.match, noise=0.2)
    assert few.options.seed == 5


def test_the_package_names_what_users_import():
    assert set(compvis.__all__) == {"GrammarClassifier", "Parse", "load", "parse_strokes"}
    assert compvis.load is compvis.api.load
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        compvis.nonsense  # noqa: B018


def test_a_background_sharpens_the_prior_that_fit_starts_from():
    images, labels = draw_shapes(4, seed=3)
    plain = build()
    start = plain.options.prior
    model = plain.pretrain(images, labels)
    assert model is plain
    assert model.options.prior != start
    assert model.options.prior.translation < start.translation
    few, few_labels = draw_shapes(1, seed=0)
    model.fit(few, few_labels)
    assert model.model.prior == model.options.prior
    np.testing.assert_array_equal(model.predict(few), few_labels)


def test_strokes_are_parsed_without_learning():
    ring = draw_shapes(1, seed=0)[0][2]
    parses = compvis.parse_strokes(ring)
    assert 1 <= len(parses) <= 5
    tree = parses[0][0]
    points = torch.cat([leaf.primitive["control_points"] for _, leaf in tree.leaves()])
    assert float((points - 10).norm(dim=1).min()) > 3
    assert float((points - 10).norm(dim=1).max()) < 11
    again = compvis.parse_strokes(np.repeat(1 - ring[..., None] / 255, 3, axis=-1), alternatives=1)
    assert len(again) == 1
    assert [a for a, _ in again[0][0].walk()] == [a for a, _ in tree.walk()]
    with pytest.raises(InputError, match="shows no ink"):
        compvis.parse_strokes(ring * 0)


def test_a_turned_character_is_parsed_turned():
    images, labels = draw_shapes(3, seed=0)
    turning = build(pose={"turns": [45.0, -45.0]}).fit(images[labels != 1], labels[labels != 1])
    upright = draw_shapes(1, seed=6)[0][0]
    leaning = np.clip(rotate(upright.astype(float), 45, reshape=False, order=1), 0, 255).astype(np.uint8)
    assert turning.parse(upright).turn == 0
    parse = turning.parse(leaning, settings=RefineSettings(steps=30))
    assert (parse.label, parse.turn) == (0, -45)  # scipy turns from y towards x
    assert np.square(parse.residual).mean() < 0.3 * np.square(parse.image).mean()
    assert sum(name == "paper turned by -45 degrees" for _, name, _ in parse.scores) == 1
    assert "paper turned by -45 degrees" in parse.to_html()


def test_ink_of_something_else_is_left_out_of_a_parse():
    images, labels = draw_shapes(3, seed=0)
    leaving = build(other_ink={"rounds": 1, "price": 5.0}).fit(images, labels)
    ring = draw_shapes(1, seed=6)[0][2]
    among = ring.copy()
    beside = np.s_[12:, :2]
    among[beside] = 255
    plain, parse = (leaving.parse(one, settings=RefineSettings(steps=30)) for one in (ring, among))
    assert not plain.left_out.any()
    assert parse.label == 2
    assert parse.left_out[beside].all()
    assert parse.left_out.sum() < 20
    assert (parse.residual[beside] > 0.9).all()  # it is not drawn, and so stays in the residual
    assert any(name.endswith("of the ink left out") for _, name, _ in parse.scores)


def test_a_parse_says_what_the_recognition_network_says():
    images, labels = draw_shapes(2, seed=0)
    small = {"steps": 30, "drawings": 30, "width": 4, "views": 2, "weight": 0.25}
    taught = build(recognition=small, temperature=4.0).fit(images, labels)
    parse = taught.parse(draw_shapes(1, seed=6)[0][2], settings=RefineSettings(steps=5))
    glances = [
        [nats for _, name, nats in one.scores if name == "recognition network"]
        for one in (parse, *parse.alternatives)
    ]
    assert [len(one) for one in glances] == [1, 1, 1]
    assert np.exp(np.array(glances) / (4.0 * 0.25)).sum() == pytest.approx(1)
    assert "recognition network" in parse.to_html()
    plain = build().fit(images, labels).parse(images[0], settings=RefineSettings(steps=5))
    assert not any(name == "recognition network" for _, name, _ in plain.scores)


@pytest.mark.gpu
def test_on_cuda_the_grammar_and_its_network_answer_as_on_the_cpu():
    images, labels = draw_shapes(3, seed=1)
    small = {"steps": 60, "drawings": 30, "width": 4, "views": 2, "frame": "image"}
    other = {"rounds": 1, "price": 5.0}
    alone, taught = (
        [
            build(other_ink=other, device=device, **more).fit(*draw_shapes(3, seed=0))
            for device in ("cpu", "cuda")
        ]
        for more in ({}, {"recognition": small})
    )
    np.testing.assert_allclose(
        alone[1].log_evidence(images), alone[0].log_evidence(images), rtol=1e-3, atol=0.3
    )
    for one in taught:  # lessons differ by their draws
        assert (one.predict(images) == labels).mean() >= 0.9
