"""The public classifier: saving, loading, and what it refuses."""

import json

import numpy as np
import pytest
from api_shapes import build, draw_shapes

import compvis
from compvis.baselines.registry import BASELINES
from compvis.data.check import InputError


@pytest.mark.parametrize("kind", ["model", "named"])
def test_a_saved_model_answers_the_same(request, kind, tmp_path):
    fitted = request.getfixturevalue(kind)
    images = draw_shapes(2, seed=6)[0]
    fitted.save(tmp_path / "deep" / "model")
    wanted = fitted.log_evidence(images)
    for loaded in (type(fitted).load(tmp_path / "deep/model"), compvis.load(str(tmp_path / "deep/model"))):
        assert type(loaded) is compvis.GrammarClassifier
        assert loaded.options == fitted.options
        assert loaded.classes_.tolist() == fitted.classes_.tolist()
        np.testing.assert_array_equal(loaded.log_evidence(images), wanted)
        np.testing.assert_array_equal(loaded.predict(images), fitted.predict(images))
    assert sorted(p.name for p in (tmp_path / "deep/model").iterdir()) == [
        "model.json",
        "tensors.safetensors",
    ]


def test_a_model_made_on_cuda_is_read_for_the_cpu(model, tmp_path):
    model.save(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    assert "device" not in description["options"]
    description["options"]["device"] = "cuda"  # as earlier versions wrote it
    (tmp_path / "model.json").write_text(json.dumps(description))
    loaded = compvis.load(tmp_path)
    assert loaded.options.device == "cpu"
    images = draw_shapes(1, seed=6)[0]
    np.testing.assert_array_equal(loaded.predict(images), model.predict(images))


def test_a_model_of_mixed_order_saves_and_goes_on_learning(tmp_path):
    images, labels = draw_shapes(2, seed=0)
    order = np.random.default_rng(2).permutation(len(labels))
    few = build(temperature=5.0, shortlist=4).fit(images[order], labels[order])
    few.save(tmp_path)
    loaded = compvis.load(tmp_path)
    assert loaded.options == few.options
    np.testing.assert_array_equal(loaded.model.labels, few.model.labels)
    more, more_labels = draw_shapes(1, seed=1)
    np.testing.assert_array_equal(
        loaded.partial_fit(more, more_labels + 1).log_evidence(images),
        few.partial_fit(more, more_labels + 1).log_evidence(images),
    )


def test_load_reads_baselines_too(tmp_path):
    images, labels = draw_shapes(1, seed=0)
    BASELINES["pixel_nearest"](size=16).fit(images, labels).save(tmp_path)
    loaded = compvis.load(tmp_path)
    assert type(loaded) is BASELINES["pixel_nearest"]
    np.testing.assert_array_equal(loaded.predict(images), labels)


def rewrite(folder, change) -> None:
    description = json.loads((folder / "model.json").read_text())
    change(description)
    (folder / "model.json").write_text(json.dumps(description))


def cut(file, share: float = 0.5) -> None:
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


DAMAGE = {
    "no folder": (lambda f: [p.unlink() for p in f.iterdir()] and f.rmdir(), "no saved model"),
    "no description": (lambda f: (f / "model.json").unlink(), "no saved model"),
    "no tensors": (lambda f: (f / "tensors.safetensors").unlink(), "no saved model"),
    "cut description": (lambda f: cut(f / "model.json"), "damaged"),
    "cut tensors": (lambda f: cut(f / "tensors.safetensors"), "damaged"),
    "empty tensors": (lambda f: (f / "tensors.safetensors").write_bytes(b""), "damaged"),
    "binary description": (lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00\x81"), "damaged|no saved"),
    "another version": (lambda f: rewrite(f, lambda d: d.update(version=99)), "format 2"),
    "another format": (lambda f: rewrite(f, lambda d: d.update(format="other")), "format 2"),
    "a list": (lambda f: (f / "model.json").write_text("[1, 2]"), "format 2|damaged"),
    "no options": (lambda f: rewrite(f, lambda d: d.pop("options")), "incomplete"),
    "no sizes": (lambda f: rewrite(f, lambda d: d["model"]["readings"][0].update(sizes=[])), "incomplete"),
    "no reading": (lambda f: rewrite(f, lambda d: d["model"]["readings"].clear()), "incomplete"),
    "no classes of the grammar": (
        lambda f: rewrite(f, lambda d: d["model"]["readings"][0]["grammar"].pop("classes")),
        "incomplete",
    ),
    "options of another kind": (lambda f: rewrite(f, lambda d: d.update(options=3)), "incomplete"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_models_are_refused_in_one_sentence(named, name, tmp_path):
    folder = tmp_path / "model"
    named.save(folder)
    damage, message = DAMAGE[name]
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        compvis.GrammarClassifier.load(folder)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    with pytest.raises(InputError):
        compvis.load(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain": "clay"}, "no domain 'clay': use domain='ink'"),
        ({"prior": {"wrap": 0.2}}, "wrap"),
        ({"prior": {"warp": -1.0}}, "DeformationPrior.warp must be above 0"),
        ({"match": {"pionts": 20}}, "pionts"),
        ({"match": {"noise": 0.0}}, "MatchSettings.noise must be a finite number above 0"),
        ({"pose": {"centre": 0.0}}, "PosePrior.centre"),
        ({"pose": {"turns": [45.0, 0.0]}}, "PosePrior.turns must be different degrees"),
        ({"pose": {"turn_price": -1.0}}, "PosePrior.turn_price"),
        ({"other_ink": {"rounds": -1}}, "OtherInk.rounds"),
        ({"other_ink": {"pieces": 1}}, "pieces"),
        ({"recognition": {"steps": -1}}, "recognition.steps"),
        ({"recognition": {"step": 1}}, "step"),
        ({"short_list": 3}, "short_list"),
    ],
)
def test_unknown_domains_and_options_are_refused(options, message):
    with pytest.raises(InputError, match=message) as error:
        compvis.GrammarClassifier(**options)
    assert "\n" not in str(error.value)


def bad_inputs():
    """(name, images, labels, message) of what fit has to refuse."""
    images, labels = draw_shapes(1, seed=0)
    broken = images / 255.0
    broken[1, 0, 0] = np.nan
    blank = images.copy()
    blank[2] = 255
    return [
        ("NaN", broken, labels, "NaN"),
        ("out of range", images.astype(float), labels, "divide by 255"),
        ("integers", images.astype(int), labels, "uint8"),
        ("one image", images[0], labels, "first axis"),
        ("empty", images[:0], labels[:0], "empty"),
        ("list", list(images), labels, "numpy.stack"),
        ("no ink", blank, labels, "Image 2 shows no ink"),
        ("tiny", images[:, :2, :2], labels, "at least 3 x 3|too small"),
        ("label count", images, labels[:2], "exactly one label"),
        ("one class", images, labels * 0, "at least 2"),
        ("one name", images, ["same"] * 3, "at least 2"),
        ("real labels", images, labels + 0.5, "integers"),
        ("deep labels", images, labels[:, None], "one-dimensional"),
    ]


@pytest.mark.parametrize(
    ("images", "labels", "message"), [b[1:] for b in bad_inputs()], ids=[b[0] for b in bad_inputs()]
)
def test_bad_images_and_labels_are_refused_in_one_sentence(images, labels, message):
    with pytest.raises(InputError, match=message) as error:
        build().fit(images, labels)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("images", "message"),
    [(b[1], b[3]) for b in bad_inputs()[:8]],
    ids=[b[0] for b in bad_inputs()[:8]],
)
def test_bad_questions_are_refused(model, images, message):
    for ask in (model.predict, model.predict_proba, model.log_evidence):
        with pytest.raises(InputError, match=message):
            ask(images)


def test_images_that_cannot_be_parsed_are_refused(model):
    image = draw_shapes(1, seed=0)[0][0]
    for bad, message in ((image * 0, "shows no ink"), (image[0], "shape"), (image / 255 * np.nan, "NaN")):
        with pytest.raises(InputError, match=message):
            model.parse(bad)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, path: model.predict(draw_shapes(1, 0)[0]),
        lambda model, path: model.predict_proba(draw_shapes(1, 0)[0]),
        lambda model, path: model.log_evidence(draw_shapes(1, 0)[0]),
        lambda model, path: model.parse(draw_shapes(1, 0)[0][0]),
        lambda model, path: model.sample(0),
        lambda model, path: model.save(path),
    ],
    ids=["predict", "predict_proba", "log_evidence", "parse", "sample", "save"],
)
def test_an_unfitted_model_says_so(ask, tmp_path):
    with pytest.raises(InputError, match="call fit first"):
        ask(build(), tmp_path)


def test_a_refused_fit_leaves_the_model_unfitted():
    images, labels = draw_shapes(1, seed=0)
    few = build()
    with pytest.raises(InputError, match="shows no ink"):
        few.fit(images * 0, labels)
    with pytest.raises(InputError, match="call fit first"):
        few.predict(images)


def test_turns_and_other_ink_are_saved(tmp_path):
    images, labels = draw_shapes(2, seed=0)
    model = build(pose={"turns": [45.0, -45.0]}, other_ink={"rounds": 1, "doubts": [0.4]}).fit(images, labels)
    model.save(tmp_path)
    back = compvis.load(tmp_path)
    assert back.options == model.options
    asked = np.roll(draw_shapes(1, seed=3)[0], 2, axis=1)
    asked[:, 15:, :2] = 255
    np.testing.assert_array_equal(back.log_evidence(asked), model.log_evidence(asked))


@pytest.mark.parametrize("frame", [{}, {"frame": "image", "other_ink": 0.5}])
def test_a_recognition_network_is_saved_and_taught_anew(tmp_path, frame):
    images, labels = draw_shapes(2, seed=0)
    small = {"steps": 20, "drawings": 20, "width": 4, "views": 2, **frame}
    model = build(recognition=small).fit(images, labels)
    model.save(tmp_path)
    back = compvis.load(tmp_path)
    assert back.options == model.options
    asked = draw_shapes(1, seed=3)[0]
    np.testing.assert_array_equal(back.log_evidence(asked), model.log_evidence(asked))
    assert np.abs(model.log_evidence(asked) - build().fit(images, labels).log_evidence(asked)).max() > 0.1
    half = build(recognition=small).fit(images[:3], labels[:3]).partial_fit(images[3:], labels[3:])
    np.testing.assert_array_equal(half.log_evidence(asked), model.log_evidence(asked))
