"""What every baseline owes its users, one parametrised test per promise."""

import json

import numpy as np
import pytest
import torch

from compvis.baselines.contract import Classifier
from compvis.baselines.registry import BASELINES, load_baseline
from compvis.data.check import InputError

SIDE = 16
TINY = {
    "cnn": {"width": 4, "steps": 40, "batch": 12, "views": 2},
    "resnet": {"width": 4, "steps": 40, "batch": 12},
    "alexnet": {
        "width": 8,
        "steps": 100,
        "batch": 12,
        "hidden": 32,
        "views": 2,
        "dropout": 0.1,
        "learning_rate": 0.003,
    },
    "convnext": {"width": 8, "steps": 40, "batch": 12, "views": 2},
    "ensemble": {"width": 4, "steps": 40, "batch": 12, "views": 2, "members": 2},
    "scattering": {"copies": 2},
    "hog_svm": {"copies": 2},
    "pixel_nearest": {},
    "tangent_nearest": {},
    "distortion_nearest": {"size": 12, "shortlist": 5},
    "prototypical": {"width": 4, "steps": 3, "ways": 4, "pairs": 1},
}


def draw_bars(per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes no method may confuse: a vertical bar, a horizontal bar, a filled disc."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    images, labels = [], []
    for label in range(3):
        for _ in range(per_class):
            cx, cy = 7.5 + generator.uniform(-1, 1, 2)
            shapes = (
                (abs(x - cx) < 1.2) & (abs(y - cy) < 6),
                (abs(y - cy) < 1.2) & (abs(x - cx) < 6),
                (x - cx) ** 2 + (y - cy) ** 2 < 16,
            )
            images.append(shapes[label] * 255)
            labels.append(label)
    return np.array(images, dtype=np.uint8), np.array(labels)


def build(name: str, **changes):
    model = BASELINES[name](**({"size": 16} | TINY[name] | changes))
    if name == "prototypical":
        model.pretrain(*draw_bars(4, seed=9))
    return model


@pytest.fixture(scope="module")
def fitted():
    """Each baseline, fitted once on four pictures a class."""
    images, labels = draw_bars(4, seed=0)
    return {name: build(name).fit(images, labels) for name in BASELINES}


@pytest.mark.parametrize("name", BASELINES)
def test_predictions_have_the_promised_form_and_are_right(fitted, name):
    images, labels = draw_bars(5, seed=1)
    model = fitted[name]
    assert isinstance(model, Classifier)
    probabilities = model.predict_proba(images)
    assert probabilities.shape == (15, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-9)
    assert (probabilities >= 0).all()
    predictions = model.predict(images)
    np.testing.assert_array_equal(predictions, model.classes_[probabilities.argmax(1)])
    wanted = 0.6 if name == "prototypical" else 0.9  # three episodes teach little
    assert (predictions == labels).mean() >= wanted


@pytest.mark.parametrize("name", BASELINES)
def test_same_seed_gives_the_same_model(fitted, name):
    images, labels = draw_bars(4, seed=0)
    again = build(name).fit(images, labels)
    asked = draw_bars(3, seed=2)[0]
    np.testing.assert_array_equal(again.predict_proba(asked), fitted[name].predict_proba(asked))


@pytest.mark.gpu
@pytest.mark.parametrize("name", BASELINES)
def test_on_cuda_it_is_right_too_and_can_be_asked_on_the_cpu(name, tmp_path):
    images, labels = draw_bars(5, seed=1)
    model = build(name, device="cuda").fit(*draw_bars(4, seed=0))
    wanted = 0.6 if name == "prototypical" else 0.9
    assert (model.predict(images) == labels).mean() >= wanted
    model.save(tmp_path)
    on_cpu = load_baseline(tmp_path).predict_proba(images)
    np.testing.assert_allclose(on_cpu, model.predict_proba(images), atol=0.1)  # views differ by their draws


@pytest.mark.parametrize("name", BASELINES)
def test_saved_model_answers_the_same(fitted, name, tmp_path):
    asked = draw_bars(3, seed=2)[0]
    fitted[name].save(tmp_path / "model")
    wanted = fitted[name].predict_proba(asked)
    for loaded in (type(fitted[name]).load(tmp_path / "model"), load_baseline(tmp_path / "model")):
        assert type(loaded) is type(fitted[name])
        assert loaded.params() == fitted[name].params()
        np.testing.assert_allclose(loaded.predict_proba(asked), wanted, atol=1e-6)
        np.testing.assert_array_equal(loaded.predict(asked), fitted[name].predict(asked))
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.json", "tensors.safetensors"]


@pytest.mark.parametrize("name", BASELINES)
def test_answer_does_not_depend_on_the_batch(fitted, name):
    images = draw_bars(3, seed=3)[0]
    together = fitted[name].predict_proba(images)
    alone = np.concatenate([fitted[name].predict_proba(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_other_sizes_colour_and_polarity_are_read_alike(fitted, name):
    images = draw_bars(2, seed=4)[0]
    wanted = fitted[name].predict(images)
    inverted_colour = np.repeat(1.0 - images[..., None] / 255.0, 3, axis=-1)
    np.testing.assert_array_equal(fitted[name].predict(inverted_colour), wanted)
    larger = images.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(fitted[name].predict(torch.from_numpy(larger)), wanted)


@pytest.mark.parametrize("name", BASELINES)
def test_string_labels_and_one_picture_a_class(name, tmp_path):
    images, labels = draw_bars(1, seed=5)
    names = np.array(["upright", "lying", "disc"])[labels]
    model = build(name).fit(images, list(names))
    assert list(model.classes_) == ["disc", "lying", "upright"]
    assert model.predict_proba(images).shape == (3, 3)
    if name != "prototypical":  # its three episodes teach nothing that one picture could be recognised by
        np.testing.assert_array_equal(model.predict(images), names)
    model.save(tmp_path)
    np.testing.assert_array_equal(load_baseline(tmp_path).predict(images), model.predict(images))


@pytest.mark.parametrize("name", BASELINES)
def test_bad_input_is_refused(fitted, name):
    images, labels = draw_bars(2, seed=6)
    broken = images / 255.0
    broken[0, 0, 0] = np.nan
    model = build(name) if name != "prototypical" else fitted[name]
    for bad_images, bad_labels in (
        (broken, labels),
        (images[0], labels),
        (images[:0], labels[:0]),
        (images.astype(int), labels),
        (images, labels[:-1]),
        (images, np.zeros(6, dtype=int)),
        (images, ["same"] * 6),
        (images, labels + 0.5),
        (images, np.array(3)),
    ):
        with pytest.raises(InputError):
            model.fit(bad_images, bad_labels)
    for bad_images in (broken, images[0], images[:0]):
        with pytest.raises(InputError):
            fitted[name].predict(bad_images)


@pytest.mark.parametrize("name", BASELINES)
def test_unfitted_model_says_so(name, tmp_path):
    model = BASELINES[name](**TINY[name])
    for ask in (lambda: model.predict(draw_bars(1, 0)[0]), lambda: model.save(tmp_path)):
        with pytest.raises(InputError, match="call fit first"):
            ask()


def test_damaged_or_foreign_folders_are_refused(fitted, tmp_path):
    with pytest.raises(InputError, match="no saved model"):
        load_baseline(tmp_path)
    fitted["cnn"].save(tmp_path)
    with pytest.raises(InputError, match="own class"):
        BASELINES["resnet"].load(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(description | {"class": "Oracle"}))
    with pytest.raises(InputError, match="none of the baselines"):
        load_baseline(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        load_baseline(tmp_path)
    broken = (("params", {"size": 28, "no such": 1}), ("params", None), ("classes", None))
    for key, value in broken:
        changed = {k: v for k, v in (description | {key: value}).items() if v is not None}
        (tmp_path / "model.json").write_text(json.dumps(changed))
        with pytest.raises(InputError, match="incomplete"):
            load_baseline(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"format": description["format"]}))
    with pytest.raises(InputError, match="not a baseline of format"):
        load_baseline(tmp_path)
    fitted["hog_svm"].save(tmp_path / "other")
    (tmp_path / "other" / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="incomplete"):
        load_baseline(tmp_path / "other")
    (tmp_path / "model.json").write_text(json.dumps(description))
    tensors = tmp_path / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged"):
        load_baseline(tmp_path)
