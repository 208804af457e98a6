"""Random search with a fixed budget and a record of every trial, the same for grammar and baselines."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from compvis.networks.warps import Warp


@runtime_checkable
class Domain(Protocol):
    """The values that one parameter may take."""

    def draw(self, generator: np.random.Generator) -> Any:
        """One value, JSON-able."""
        ...


@dataclass(frozen=True)
class Choice:
    """One of the listed values, all equally likely."""

    options: Sequence[Any]

    def draw(self, generator: np.random.Generator) -> Any:
        return self.options[int(generator.integers(len(self.options)))]


@dataclass(frozen=True)
class Uniform:
    """A number between low and high."""

    low: float
    high: float

    def draw(self, generator: np.random.Generator) -> float:
        return float(generator.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform:
    """A positive number whose logarithm is uniform between those of low and high."""

    low: float
    high: float

    def draw(self, generator: np.random.Generator) -> float:
        return float(math.exp(generator.uniform(math.log(self.low), math.log(self.high))))


@dataclass(frozen=True)
class Trial:
    """One judged setting. `score` is None where it was not a finite number; `seconds` is wall-clock time."""

    params: dict[str, Any]
    score: float | None
    seconds: float


@dataclass(frozen=True)
class SearchRecord:
    """All trials in the order they were judged, and how many of them failed to give a finite score."""

    seed: int
    budget: int
    trials: list[Trial] = field(default_factory=list)

    @property
    def best(self) -> Trial:
        """The trial with the largest score, the earliest of equals.

        Raises:
            ValueError: no trial has a score.
        """
        scored = [trial for trial in self.trials if trial.score is not None]
        if not scored:
            raise ValueError(
                "None of the trials gave a finite score: look at what fit_score returns for them."
            )
        return max(scored, key=lambda trial: trial.score if trial.score is not None else -math.inf)

    @property
    def failures(self) -> int:
        """Trials without a finite score."""
        return sum(trial.score is None for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self) | {"failures": self.failures}


def random_search(
    space: Mapping[str, Domain],
    fit_score: Callable[[dict[str, Any]], float],
    budget: int,
    seed: int,
    start: Sequence[Mapping[str, Any]] = (),
    on_trial: Callable[[Trial], None] | None = None,
) -> SearchRecord:
    """Judge `budget` settings and keep them all (Bergstra & Bengio 2012).

    Args:
        space: a domain for each parameter's name.
        fit_score: from a setting to its score, larger is better, judged on validation data.
        budget: number of trials, the starting ones included.
        seed: of the draws; the first draws do not depend on the budget.
        start: settings to judge before any draw, for example the defaults `{}`.
        on_trial: called after every trial.

    Raises:
        ValueError: a budget that is not positive or smaller than the number of starting settings.
    """
    if budget < max(1, len(start)):
        raise ValueError(f"A budget of {budget} trials is too small for {len(start)} starting settings.")
    generator = np.random.default_rng(seed)
    record = SearchRecord(seed=seed, budget=budget)
    for number in range(budget):
        if number < len(start):
            params = dict(start[number])
        else:
            params = {name: domain.draw(generator) for name, domain in space.items()}
        began = time.perf_counter()
        score = float(fit_score(params))
        trial = Trial(params, score if math.isfinite(score) else None, time.perf_counter() - began)
        record.trials.append(trial)
        if on_trial is not None:
            on_trial(trial)
    return record


def resolve_params(params: Mapping[str, Any], augmentation: Warp) -> dict[str, Any]:
    """Turn a flat setting into constructor arguments.

    Keys `augmentation.x` change the field x of `augmentation`; `augmentation.factor` multiplies all amounts
    first. Other keys are passed on.
    """
    own = {key: value for key, value in params.items() if not key.startswith("augmentation.")}
    inner = {key.removeprefix("augmentation."): v for key, v in params.items() if key not in own}
    if not inner:
        return own
    scaled = augmentation.scaled(inner.pop("factor", 1.0))
    return own | {"augmentation": replace(scaled, **inner)}


def group_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Gather dotted keys of a flat setting: `{"match.noise": 0.1}` becomes `{"match": {"noise": 0.1}}`."""
    grouped: dict[str, Any] = {}
    for key, value in params.items():
        group, dot, name = key.partition(".")
        if dot:
            grouped.setdefault(group, {})[name] = value
        else:
            grouped[key] = value
    return grouped
