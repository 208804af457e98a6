"""Random search: reproducible, complete records, failures counted; search spaces fit their models."""

import dataclasses
import json
import math

import numpy as np
import pytest

from compvis.baselines.photo_augmentation import PHOTO
from compvis.baselines.registry import BASELINES, PHOTO_BASELINES
from compvis.baselines.search_spaces import SEARCH_SPACES
from compvis.baselines.tuning import Choice, LogUniform, Uniform, group_params, random_search, resolve_params
from compvis.networks.warps import HEAVY

SPACE = {"x": Uniform(-1.0, 2.0), "y": LogUniform(0.01, 100.0), "z": Choice(("a", "b", (1, 2)))}


def score(params) -> float:
    return -((params.get("x", 0.0) - 1) ** 2)


def test_same_seed_judges_the_same_settings_whatever_the_budget():
    short = random_search(SPACE, score, 5, seed=3)
    long = random_search(SPACE, score, 9, seed=3)
    other = random_search(SPACE, score, 5, seed=4)
    assert [t.params for t in long.trials[:5]] == [t.params for t in short.trials]
    assert [t.params for t in other.trials] != [t.params for t in short.trials]
    assert len(long.trials) == 9


def test_draws_cover_their_domains():
    trials = random_search(SPACE, score, 600, seed=0).trials
    x, y = (np.array([t.params[name] for t in trials]) for name in "xy")
    assert -1 <= x.min() < -0.9
    assert 1.9 < x.max() <= 2
    assert y.min() >= 0.01
    assert y.max() <= 100
    assert np.median(y) == pytest.approx(1.0, rel=0.6)
    assert {t.params["z"] for t in trials} == {"a", "b", (1, 2)}


def test_best_is_the_largest_score_and_failures_are_kept():
    values = iter([0.3, math.nan, 0.9, math.inf, 0.9])
    seen = []
    record = random_search(SPACE, lambda params: next(values), 5, seed=0, start=[{}], on_trial=seen.append)
    assert record.best is record.trials[2]
    assert record.failures == 2
    assert record.trials[0].params == {}
    assert seen == record.trials
    written = json.loads(json.dumps(record.to_json()))
    assert [t["score"] for t in written["trials"]] == [0.3, None, 0.9, None, 0.9]
    assert written["failures"] == 2


def test_impossible_searches_are_refused():
    with pytest.raises(ValueError, match="too small"):
        random_search(SPACE, score, 0, seed=0)
    with pytest.raises(ValueError, match="too small"):
        random_search(SPACE, score, 1, seed=0, start=[{}, {}])
    with pytest.raises(ValueError, match="finite"):
        _ = random_search(SPACE, lambda params: math.nan, 2, seed=0).best


def test_flat_settings_become_constructor_arguments():
    plain = resolve_params({"size": 20}, HEAVY)
    assert plain == {"size": 20}
    built = resolve_params({"size": 20, "augmentation.factor": 0.5, "augmentation.elastic": 0.09}, HEAVY)
    assert built["size"] == 20
    assert built["augmentation"].rotation == 0.5 * HEAVY.rotation
    assert built["augmentation"].elastic == 0.09


def test_every_baseline_has_a_space_of_its_own_parameters():
    baselines = BASELINES | PHOTO_BASELINES
    assert set(SEARCH_SPACES) == set(baselines)
    for name, space in SEARCH_SPACES.items():
        generator = np.random.default_rng(0)
        for _ in range(5):
            drawn = {key: domain.draw(generator) for key, domain in space.items()}
            augmentation = PHOTO if name in PHOTO_BASELINES else HEAVY
            model = baselines[name](**resolve_params(drawn, augmentation))
            assert dataclasses.is_dataclass(model)
            assert set(model.params()) >= {key.split(".")[0] for key in drawn}


def test_dotted_keys_are_gathered_into_their_groups():
    flat = {"match.noise": 0.1, "temperature": 6.0, "match.steps": 8}
    assert group_params(flat) == {"match": {"noise": 0.1, "steps": 8}, "temperature": 6.0}
