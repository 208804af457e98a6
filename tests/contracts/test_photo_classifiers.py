"""What every baseline of photographs owes its users, one parametrised test per promise."""

import numpy as np
import pytest
import torch

from compvis.baselines.photo_contract import PhotoClassifier
from compvis.baselines.registry import PHOTO_BASELINES, load_baseline
from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError

SIDE = 24
TINY = {
    "cnn_photo": {"width": 6, "steps": 60, "batch": 12, "views": 2, "learning_rate": 0.01},
    "resnet_photo": {"width": 4, "steps": 60, "batch": 12, "views": 2, "learning_rate": 0.01},
    "alexnet_photo": {"width": 8, "steps": 80, "batch": 12, "hidden": 32, "views": 2, "dropout": 0.1},
    "convnext_photo": {"width": 8, "steps": 60, "batch": 12, "views": 2},
    "ensemble_photo": {"width": 6, "steps": 60, "batch": 12, "views": 2, "learning_rate": 0.01, "members": 2},
    "scattering_photo": {"copies": 2},
    "hog_svm_photo": {"copies": 2},
    "nearest_photo": {"size": 16},
}
LEARNING = ["cnn_photo", "resnet_photo", "hog_svm_photo"]


def draw_things(per_class: int, seed: int, noise: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photographs of three classes on blue, or on noise: red uprights, yellow lying bars, green discs."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    colours = np.array([[200, 40, 30], [210, 190, 40], [40, 160, 60]])
    images, labels, masks = [], [], []
    for label in range(3):
        for _ in range(per_class):
            cx, cy = 11.5 + generator.uniform(-1.5, 1.5, 2)
            shapes = (
                (abs(x - cx) < 2.5) & (abs(y - cy) < 9),
                (abs(y - cy) < 2.5) & (abs(x - cx) < 9),
                (x - cx) ** 2 + (y - cy) ** 2 < 40,
            )
            image = np.broadcast_to([40, 60, 150], (SIDE, SIDE, 3)).copy()
            if noise:
                image = generator.integers(0, 256, (SIDE, SIDE, 3))
            image[shapes[label]] = colours[label] + generator.integers(-25, 25)
            images.append(image)
            labels.append(label)
            masks.append(shapes[label])
    return np.array(images, dtype=np.uint8), np.array(labels), np.array(masks)


def build(name: str, **changes):
    return PHOTO_BASELINES[name](**({"size": 32} | TINY[name] | changes))


@pytest.fixture(scope="module")
def fitted():
    """Each baseline, fitted once on five masked photographs a class."""
    images, labels, masks = draw_things(5, seed=0)
    return {name: build(name).fit(images, labels, masks) for name in PHOTO_BASELINES}


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_predictions_have_the_promised_form_and_are_right(fitted, name):
    images, labels, masks = draw_things(5, seed=1)
    model = fitted[name]
    assert isinstance(model, PhotoClassifier)
    probabilities = model.predict_proba(images, masks)
    assert probabilities.shape == (15, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-9)
    predictions = model.predict(images, masks)
    np.testing.assert_array_equal(predictions, model.classes_[probabilities.argmax(1)])
    assert (predictions == labels).mean() >= 0.9


@pytest.mark.gpu
@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_on_cuda_it_is_right_too(name):
    images, labels, masks = draw_things(5, seed=1)
    model = build(name, device="cuda").fit(*draw_things(5, seed=0))
    assert (model.predict(images, masks) == labels).mean() >= 0.9


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_what_masks_hide_does_not_matter(fitted, name):
    images, _, masks = draw_things(4, seed=2)
    other = images.copy()
    other[:, :5, :5] = 255 - other[:, :5, :5]  # a corner: resampling mixes what lies beside an object with it
    wanted = fitted[name].predict_proba(images, masks)
    np.testing.assert_allclose(fitted[name].predict_proba(other, masks), wanted, atol=1e-5)


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_without_masks_the_whole_picture_is_learned_and_asked(name):
    images, labels, _ = draw_things(5, seed=0)
    asked, wanted, asked_masks = draw_things(4, seed=3)
    model = build(name).fit(images, labels, viewpoints=np.zeros((15, 2)))
    answers = model.predict(asked)
    assert (answers == wanted).mean() >= 0.9
    np.testing.assert_array_equal(model.predict(asked, asked_masks), answers)


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_a_model_that_looks_at_masks_asks_for_them(fitted, name):
    with pytest.raises(InputError, match="give masks"):
        fitted[name].predict(draw_things(1, seed=0)[0])


@pytest.mark.parametrize("name", LEARNING)
def test_pasting_prepares_for_other_backgrounds(name):
    images, labels, masks = draw_things(5, seed=0)
    noise = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3)).astype(np.uint8)
    more = {"copies": 8} if name == "hog_svm_photo" else {"steps": 90}
    model = build(name, masking="ignore", paste=0.8, backgrounds=Photographs(tuple(noise), "noise"), **more)
    asked, wanted, _ = draw_things(6, seed=4, noise=True)
    assert (model.fit(images, labels, masks).predict(asked) == wanted).mean() >= 0.8
    with pytest.raises(InputError, match="Pasting"):
        model.fit(images, labels)


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_same_seed_gives_the_same_model_and_saving_keeps_it(fitted, name, tmp_path):
    images, labels, masks = draw_things(5, seed=0)
    asked, _, asked_masks = draw_things(2, seed=5)
    wanted = fitted[name].predict_proba(asked, asked_masks)
    again = build(name).fit(images, labels, masks)
    np.testing.assert_array_equal(again.predict_proba(asked, asked_masks), wanted)
    again.save(tmp_path / "model")
    loaded = load_baseline(tmp_path / "model")
    assert type(loaded) is type(again)
    assert loaded.params() == again.params()
    np.testing.assert_allclose(loaded.predict_proba(asked, asked_masks), wanted, atol=1e-6)
    with pytest.raises(InputError, match="give masks"):
        loaded.predict(asked)


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_answer_does_not_depend_on_the_batch(fitted, name):
    images, _, masks = draw_things(2, seed=6)
    together = fitted[name].predict_proba(images, masks)
    alone = [fitted[name].predict_proba(images[i : i + 1], masks[i : i + 1]) for i in range(len(images))]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-4)


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_floats_tensors_and_grey_are_read(fitted, name):
    images, labels, masks = draw_things(2, seed=7)
    wanted = fitted[name].predict_proba(images, masks)
    tensors = torch.from_numpy(images / 255.0), torch.from_numpy(masks)
    np.testing.assert_allclose(fitted[name].predict_proba(*tensors), wanted, atol=1e-5)
    grey = build(name).fit(images[..., 0], list("abcabc"), masks)
    assert list(grey.classes_) == ["a", "b", "c"]
    assert grey.predict_proba(images[..., 0], masks).shape == (len(labels), 3)


@pytest.mark.parametrize("name", PHOTO_BASELINES)
def test_bad_input_is_refused(fitted, name):
    images, labels, masks = draw_things(2, seed=8)
    broken = images / 255.0
    broken[0, 0, 0] = np.nan
    for arguments in (
        (broken, labels, masks),
        (images, labels[:-1], masks),
        (images, np.zeros(6, dtype=int), masks),
        (images, labels, masks[:-1]),
        (images, labels, masks[:, :-1]),
        (images, labels, masks.astype(np.uint8)),
        (images, labels, masks, np.zeros((5, 2))),
        (images, labels, masks, np.full((6, 2), np.inf)),
        (images, labels, masks, np.tile([np.nan, 0.0], (6, 1))),
    ):
        with pytest.raises(InputError):
            build(name).fit(*arguments)
    with pytest.raises(InputError):
        fitted[name].predict(images, masks[1:])
    for settings in ({"masking": "sometimes"}, {"masking": "ignore", "frame": "object"}, {"frame": "ink"}):
        with pytest.raises(InputError):
            build(name, **settings).fit(images, labels, masks)
    with pytest.raises(InputError, match="call fit first"):
        build(name).predict(images, masks)
