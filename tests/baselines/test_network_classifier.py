"""What all networks among the baselines have in common."""

import numpy as np

from compvis.baselines.cnn import CNNClassifier
from compvis.networks.warps import Deformation


def test_other_seeds_give_other_networks():
    images = np.random.default_rng(0).random((6, 16, 16)).astype(np.float32)
    answers = [
        CNNClassifier(size=16, width=4, steps=3, batch=4, seed=seed)
        .fit(images, [0, 1] * 3)
        .predict_proba(images)
        for seed in (0, 1)
    ]
    assert not np.allclose(answers[0], answers[1])


def test_views_are_averaged():
    images = np.random.default_rng(0).random((6, 16, 16)).astype(np.float32)
    model = CNNClassifier(size=16, width=4, steps=3, batch=4, views=1).fit(images, [0, 1] * 3)
    single = model.predict_proba(images)
    model.views = 4
    assert not np.allclose(single, model.predict_proba(images), atol=1e-4)
    model.view_strength = 0.0
    np.testing.assert_allclose(single, model.predict_proba(images), atol=1e-4)


def test_what_the_lesson_turns_and_adds_is_not_done_to_what_is_asked(tmp_path):
    images = np.random.default_rng(0).random((6, 16, 16)).astype(np.float32)
    told = Deformation(turned=1.0, other_ink=1.0)
    model = CNNClassifier(size=16, width=4, steps=3, batch=4, augmentation=told).fit(images, [0, 1] * 3)
    plain = CNNClassifier(size=16, width=4, steps=3, batch=4).fit(images, [0, 1] * 3)
    together = model.predict_proba(images)
    assert not np.allclose(together, plain.predict_proba(images), atol=1e-3)
    np.testing.assert_allclose(together[:1], model.predict_proba(images[:1]), atol=1e-5)
    model.save(tmp_path)
    back = CNNClassifier.load(tmp_path)
    assert back.augmentation == told
    np.testing.assert_array_equal(back.predict_proba(images), together)
