"""Folders of run records to rows, groups and comparisons. Reads the JSON files only; redoes nothing."""

import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from compvis.evaluation.statistics import Interval, paired_difference, t_interval, wilson_interval

_NEEDED = ("experiment", "run_id", "status", "seed", "config", "metrics", "rows", "timings")
_FOLD_TAG = re.compile(r"-f\d+")
_FOLD = 10_000  # seeds of fold f are counted from f times this
# What a key's absence means in records that are older than the key.
_BEFORE: dict[tuple[str, str], Any] = {("viewpoint", "viewpoints"): "always"}


@dataclass(frozen=True)
class Result:
    """One run as read back.

    Attributes:
        experiment, run_id, status, seed: see `compvis.running.record.RunRecord`.
        config: nested mapping as it was resolved.
        metrics: results of the whole run.
        rows: one mapping per trial.
        timings: seconds by name.
        path: the file.
        sessions, machine: when, by which command and on what; empty in records that do not say.
        error: why the run failed, None otherwise.
    """

    experiment: str
    run_id: str
    status: str
    seed: int
    config: dict[str, Any]
    metrics: dict[str, Any]
    rows: list[dict[str, Any]]
    timings: dict[str, Any]
    path: Path
    sessions: list[dict[str, Any]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def choice(self, key: str) -> Any:
        """A config value by dotted key, e.g. ``size.per_class``; None where there is none.

        ``model_name`` ends with the run's tag, ``grammar (narrow)``: runs that differ in something else are of another
        model. Tags of folds (``-f1``) do not count.
        """
        value: Any = self.config
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return _BEFORE.get((self.experiment, key))
            value = value[part]
        tag = str(self.config.get("tag") or "")
        return (
            f"{value} ({tag.strip('-')})"
            if key == "model_name" and tag and not _FOLD_TAG.fullmatch(tag)
            else value
        )


@dataclass(frozen=True)
class Comparison:
    """Two models on the same data and subsets: ``difference`` is first minus second, paired by seed."""

    first: str
    second: str
    difference: Interval
    pairs: int


def load_results(folder: Path, experiment: str | None = None, finished_only: bool = True) -> list[Result]:
    """Every run record under ``folder``, at any depth and gzipped or not, sorted by run id.

    Raises:
        ValueError: ``folder`` is missing, holds no matching record, or one of the files is damaged.
    """
    if not folder.is_dir():
        raise ValueError(
            f"There is no folder {folder}: run an experiment first, or name the folder of its output."
        )
    paths = [*folder.rglob("records/*.json"), *folder.rglob("records/*.json.gz")]
    results = [_read(path) for path in sorted(paths)]
    results = [result for result in results if experiment in (None, result.experiment)]
    unfinished = [result for result in results if result.status != "finished"]
    if finished_only:
        results = [result for result in results if result.status == "finished"]
    if not results:
        state = f" ({len(unfinished)} unfinished)" if unfinished else ""
        raise ValueError(f"{folder} holds no finished record of {experiment or 'any experiment'}{state}.")
    return sorted(results, key=lambda result: (result.experiment, result.run_id))


def group_results(results: Iterable[Result], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Result]]:
    """Results by the values of some config keys, lists as tuples, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        values = (result.choice(key) for key in keys)
        hashable = tuple(tuple(value) if isinstance(value, list) else value for value in values)
        groups.setdefault(hashable, []).append(result)
    return groups


def metric_interval(results: Sequence[Result], metric: str, level: float = 0.95) -> Interval:
    """Mean of a metric over runs with a t interval; one run gives limits equal to its value and n = 1."""
    values = np.array([float(result.metrics[metric]) for result in results])
    if len(values) == 1:
        return Interval(values[0].item(), values[0].item(), values[0].item(), level, 1, "single run")
    return t_interval(values, level)


def accuracy_interval(results: Sequence[Result]) -> Interval:
    """Accuracy with a 95% interval: over the test images (Wilson) for one run, over runs (t) for several."""
    if len(results) == 1:
        trials, errors = results[0].metrics["trials"], results[0].metrics["errors"]
        return wilson_interval(trials - errors, trials)
    interval = metric_interval(results, "accuracy")
    return replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 1.0))


def draw_of(run: Result) -> int:
    """Number of what a run learned from: of its seed, and of its fold where there are folds."""
    fold = run.choice("data.fold") if run.choice("fold") is None else run.choice("fold")
    return run.seed + (0 if fold is None else (int(fold) + 1) * _FOLD)


def by_draw(runs: Iterable[Result]) -> dict[int, Result]:
    """Runs of one model and setting by what they learned from; a run that was made twice counts once.

    Raises:
        ValueError: two runs of one draw with other accuracies; one of them would be dropped.
    """
    found: dict[int, Result] = {}
    for run in runs:
        other = found.setdefault(draw_of(run), run)
        if other.metrics.get("accuracy") != run.metrics.get("accuracy"):
            raise ValueError(
                f"{other.path} and {run.path} are two runs of one model, setting and draw: name a folder that holds "
                "one of them."
            )
    return found


def asked_of(run: Result) -> str:
    """The data set, and how much of it was asked about where that was limited."""
    most = run.choice("max_test")
    return f"{run.choice('data.name')}" + ("" if most is None else f", at most {most} asked")


def compare_models(results: Iterable[Result], first: str, second: str, metric: str) -> Comparison:
    """Paired difference of a metric between two models over the seeds that both have.

    Args:
        results: runs of one data set and training size; the model is the config's ``model_name``.

    Raises:
        ValueError: fewer than two common seeds, or two runs of one model and seed.
    """
    every = list(results)
    own = {
        name: by_draw(run for run in every if run.choice("model_name") == name) for name in (first, second)
    }
    values = {
        name: {draw: float(run.metrics[metric]) for draw, run in runs.items()} for name, runs in own.items()
    }
    common = sorted(values[first].keys() & values[second].keys())
    if len(common) < 2:
        raise ValueError(
            f"{first} and {second} share {len(common)} seeds: run both on at least two of the same seeds."
        )
    difference = paired_difference(
        np.array([values[first][seed] for seed in common]),
        np.array([values[second][seed] for seed in common]),
    )
    return Comparison(first, second, difference, len(common))


def _read(path: Path) -> Result:
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        chosen = {
            one.name: content[one.name]
            for one in fields(Result)
            if one.name in content or one.name in _NEEDED
        }
    except (
        json.JSONDecodeError,
        UnicodeDecodeError,
        EOFError,
        gzip.BadGzipFile,
        KeyError,
        TypeError,
    ) as error:
        raise ValueError(f"{path} is not a whole run record ({error}): delete it and run again.") from None
    return Result(path=path, **chosen)
