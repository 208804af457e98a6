"""What all networks among the baselines have in common."""

import numpy as np

from compvis.baselines.cnn import CNNClassifier


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
