"""Prototypical networks: prototypes, episodes, quarter turns, and that pretraining helps."""

import numpy as np
import pytest
import torch

from compvis.baselines.preparation import frame_ink
from compvis.baselines.prototypical import PrototypicalClassifier, _Episodes, turn_quarters
from compvis.data.check import InputError


def draw_characters(count: int, drawings: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random patterns of four thick strokes, each drawn several times at shifted places."""
    generator = np.random.default_rng(seed)
    images, labels = [], []
    for label, ends in enumerate(generator.uniform(4, 20, (count, 4, 2, 2))):
        for _ in range(drawings):
            shaken = ends + generator.normal(0, 0.5, ends.shape) + generator.uniform(-1.5, 1.5, 2)
            t = np.linspace(0, 1, 30)[:, None]
            points = np.concatenate([a + (b - a) * t for a, b in shaken])
            y, x = np.mgrid[:24, :24] + 0.5
            nearest = np.min((x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2, -1)
            images.append(np.clip(1.8 - np.sqrt(nearest), 0, 1))
            labels.append(label)
    return np.array(images, dtype=np.float32), np.array(labels)


def build_tiny(**changes) -> PrototypicalClassifier:
    settings = {"size": 16, "width": 8, "steps": 1, "ways": 5, "pairs": 1}
    return PrototypicalClassifier(**(settings | changes))


def test_prototypes_are_class_means():
    images, labels = draw_characters(3, 4, 0)
    model = build_tiny().pretrain(images, labels).fit(images, labels)
    embedded = model._embed(frame_ink(torch.from_numpy(images), 16, "ink"))
    wanted = torch.stack([embedded[labels == number].mean(0) for number in range(3)])
    torch.testing.assert_close(model._prototypes, wanted)
    probabilities = model.predict_proba(images)
    squares = torch.cdist(embedded, wanted).square().double()
    np.testing.assert_allclose(probabilities, (-squares / model.temperature).softmax(1), atol=1e-3)


def test_pretraining_makes_one_shot_answers_better():
    background, names = draw_characters(30, 4, 1)
    images, labels = draw_characters(15, 5, 2)
    support, classes = images[::5], labels[::5]
    asked, truth = np.delete(images, np.s_[::5], 0), np.delete(labels, np.s_[::5])
    right = []
    for steps in (1, 120):
        losses = []
        model = build_tiny(steps=steps, ways=10, progress=lambda s, n, loss, kept=losses: kept.append(loss))
        model.pretrain(background, names)
        right.append((model.fit(support, classes).predict(asked) == truth).mean())
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
    assert right[1] > right[0]
    assert right[1] > 0.7


def test_fit_without_pretraining_and_poor_backgrounds_are_refused():
    images, labels = draw_characters(3, 2, 0)
    with pytest.raises(InputError, match="pretrain before fit"):
        build_tiny().fit(images, labels)
    with pytest.raises(InputError, match="two characters with two"):
        build_tiny().pretrain(images[::2], labels[::2])


def test_episodes_hold_different_drawings_of_different_characters():
    characters = torch.arange(12).repeat_interleave(5)
    alphabets = characters // 4
    episodes = _Episodes(characters, alphabets, ways=4, pairs=2, alphabet_share=1.0)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(20):
        rows, turns = episodes.draw(generator)
        assert rows.shape == (4, 2, 2)
        assert len(torch.unique(rows)) == 16
        assert bool((characters[rows] == characters[rows[:, :1, :1]]).all())
        assert len(torch.unique(characters[rows[:, 0, 0]])) == 4
        assert len(torch.unique(alphabets[rows])) == 1
        assert len(torch.unique(turns)) == 1
        seen.add(int(alphabets[rows[0, 0, 0]]))
    assert seen == {0, 1, 2}
    mixed = _Episodes(characters, alphabets, ways=4, pairs=2, alphabet_share=0.0)
    draws = [mixed.draw(generator) for _ in range(20)]
    assert any(len(torch.unique(alphabets[rows])) > 1 for rows, _ in draws)
    assert any(len(torch.unique(turns)) > 1 for _, turns in draws)


def test_each_picture_is_turned_by_its_own_quarters():
    images = torch.rand(4, 5, 5)
    turned = turn_quarters(images, torch.arange(4))
    for quarters in range(4):
        assert torch.equal(turned[quarters], torch.rot90(images[quarters], quarters, (0, 1)))


def test_another_network_needs_new_prototypes_and_a_failed_fit_leaves_nothing():
    images, labels = draw_characters(3, 2, 0)
    with pytest.raises(InputError, match="call pretrain"):
        (untaught := build_tiny()).fit(images, labels)
    with pytest.raises(InputError, match="learned nothing yet"):
        untaught.predict(images)
    model = build_tiny().pretrain(images, labels).fit(images, labels)
    assert len(model.predict(images)) == len(images)
    with pytest.raises(InputError, match="learned nothing yet"):
        model.pretrain(images, labels).predict(images)
