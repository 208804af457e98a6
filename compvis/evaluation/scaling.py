"""Error against images or against operations: power laws, what an error costs, and who needs how much more.

A law is error = scale * x ** -exponent, fitted to the mean error at every size by least squares of the logarithms
(Hestness et al. 2017, arXiv:1712.00409; Thompson et al. 2020, arXiv:2007.05558, fit the same form to compute).
Intervals are percentile bootstraps over the runs (training subsets and initial weights) of every size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compvis.evaluation.statistics import Interval

RESAMPLES = 2000


@dataclass(frozen=True)
class LearningCurve:
    """One model's errors at several sizes.

    Attributes:
        name: the model.
        x: (k,) what was spent, positive and ascending: images a class, or operations.
        errors: for every x the error in [0, 1] of each run, by seed.
        floor: the smallest error that the test set can tell from zero; smaller ones are raised to it.

    Raises:
        ValueError: sizes that are not ascending and positive, or a size without a run.
    """

    name: str
    x: tuple[float, ...]
    errors: tuple[Mapping[int, float], ...]
    floor: float

    def __post_init__(self) -> None:
        ascending = all(a < b for a, b in zip(self.x, self.x[1:], strict=False))
        if not self.x or self.x[0] <= 0 or not ascending or len(self.x) != len(self.errors):
            raise ValueError(f"The curve of {self.name} needs ascending positive sizes, each with its runs.")
        if not all(self.errors) or not self.floor > 0:
            raise ValueError(f"The curve of {self.name} has a size without a run, or no positive floor.")

    def means(self) -> Float[ndarray, "k"]:
        """Mean error at every size."""
        values = [np.mean(list(runs.values())) for runs in self.errors]
        return np.maximum(np.array(values, dtype=float), self.floor)

    def resample(self, resamples: int, seed: int = 0) -> Float[ndarray, "resamples k"]:
        """Mean errors of resampled runs.

        Two curves with the same sizes and seeds get the same draws, so what is computed from both is paired.
        """
        columns = []
        for place, runs in enumerate(self.errors):
            values = np.array([runs[key] for key in sorted(runs)])
            drawn = np.random.default_rng([seed, place]).integers(len(values), size=(resamples, len(values)))
            columns.append(values[drawn].mean(1))
        return np.maximum(np.stack(columns, 1), self.floor)


@dataclass(frozen=True)
class PowerLaw:
    """error = scale * x ** -exponent.

    Attributes:
        scale: error at x = 1. exponent: positive where error falls.
    """

    scale: float
    exponent: float

    def error(self, x: float) -> float:
        """The error at `x`."""
        return self.scale * x**-self.exponent

    def needed(self, error: float) -> float:
        """The x at which the law reaches `error`; infinite where it never falls to it or is beyond numbers."""
        if self.exponent <= 0:
            return 0.0 if error >= self.scale else np.inf
        with np.errstate(over="ignore"):
            return float(np.exp((np.log(self.scale) - np.log(error)) / self.exponent))


@dataclass(frozen=True)
class LawFit:
    """A fitted law with 95% intervals.

    Attributes:
        law: of the means. exponent: its interval over resampled runs, without limits (nan) where a size has one run.
        draws: the laws of the resamples.
        residual: root mean square of the logarithms' residuals, natural logarithm.
    """

    law: PowerLaw
    exponent: Interval
    draws: tuple[PowerLaw, ...]
    residual: float

    def needed(self, error: float, level: float = 0.95) -> Interval:
        """The x that reaches `error`, by the law."""
        return _percentiles(
            self.law.needed(error), [d.needed(error) for d in self.draws], level, self.exponent.n
        )


def fit_law(curve: LearningCurve, resamples: int = RESAMPLES, level: float = 0.95) -> LawFit:
    """The power law through a curve.

    Raises:
        ValueError: fewer than two sizes.
    """
    if len(curve.x) < 2:
        raise ValueError(f"A power law of {curve.name} needs at least two sizes.")
    log_x = np.log(np.array(curve.x))
    law, residual = _fit(log_x, np.log(curve.means()))
    draws = tuple(_fit(log_x, row)[0] for row in np.log(curve.resample(resamples)))
    exponent = _percentiles(law.exponent, [draw.exponent for draw in draws], level, _least_runs(curve))
    return LawFit(law, exponent, draws, residual)


def images_needed(
    curve: LearningCurve, error: float, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[Interval, bool]:
    """How much x a model needs for an error, and whether that lies beyond what was measured.

    Between measured sizes the curve is straight in logarithms; beyond them the fitted power law is followed. The
    interval has no limits (nan) where a size has one run, as its spread is not known; of few runs it is too narrow.
    """
    estimate, beyond = _needed(curve.x, curve.means(), error)
    draws = [_needed(curve.x, row, error)[0] for row in curve.resample(resamples)]
    return _percentiles(estimate, draws, level, _least_runs(curve)), beyond


@dataclass(frozen=True)
class Efficiency:
    """How many times what `first` needs `second` needs, for the error that `first` has at `x`.

    Attributes:
        ratio: above 1 where the first needs less. beyond: whether the second's need is extrapolated.
    """

    first: str
    second: str
    x: float
    error: float
    ratio: Interval
    beyond: bool


def data_efficiency(
    first: LearningCurve, second: LearningCurve, x: float, resamples: int = RESAMPLES, level: float = 0.95
) -> Efficiency:
    """Compare two models at one of the first's sizes; resamples are paired where sizes and seeds agree.

    Raises:
        ValueError: `x` is not among the first's sizes.
    """
    if x not in first.x:
        raise ValueError(f"{first.name} was not measured at {x:g}: choose one of {first.x}.")
    place = first.x.index(x)
    error = float(first.means()[place])
    needed, beyond = _needed(second.x, second.means(), error)
    targets = first.resample(resamples)[:, place]
    others = second.resample(resamples)
    draws = [
        _needed(second.x, row, float(target))[0] / x for row, target in zip(others, targets, strict=True)
    ]
    ratio = _percentiles(needed / x, draws, level, min(_least_runs(first), _least_runs(second)))
    return Efficiency(first.name, second.name, x, error, ratio, bool(beyond))


def _least_runs(curve: LearningCurve) -> int:
    return min(len(runs) for runs in curve.errors)


def _fit(log_x: Float[ndarray, "k"], log_error: Float[ndarray, "k"]) -> tuple[PowerLaw, float]:
    centred = log_x - log_x.mean()
    slope = float(centred @ log_error / (centred @ centred))
    level = float(log_error.mean() - slope * log_x.mean())
    residual = log_error - level - slope * log_x
    return PowerLaw(float(np.exp(level)), -slope), float(np.sqrt(np.mean(residual**2)))


def _needed(x: Sequence[float], errors: Float[ndarray, "k"], target: float) -> tuple[float, bool]:
    """The x that reaches `target`, and whether it is outside of the measured range."""
    reached = np.flatnonzero(errors <= target)
    if len(reached) and (reached[0] > 0 or errors[0] == target):
        place = int(reached[0])
        if place == 0 or errors[place] == target:
            return float(x[place]), False
        span = np.log(errors[place - 1]) - np.log(errors[place])
        share = (np.log(errors[place - 1]) - np.log(target)) / span
        low, high = np.log(x[place - 1]), np.log(x[place])
        return float(np.exp(low + share * (high - low))), False
    if len(x) < 2:
        return float(x[0]) if len(reached) else np.inf, True
    law, _ = _fit(np.log(np.array(x)), np.log(errors))
    # The law need not pass through the end of the curve; the answer must lie beyond it all the same.
    outside = law.needed(target)
    return (min(outside, float(x[0])) if len(reached) else max(outside, float(x[-1]))), True


def _percentiles(estimate: float, draws: Sequence[float], level: float, runs: int) -> Interval:
    """The interval of resampled runs, of which every size has `runs` or more."""
    if runs < 2:
        return Interval(estimate, np.nan, np.nan, level, runs, "single run")
    values = np.sort(np.array(draws))
    tail = (1 - level) / 2
    # Infinite draws have no interpolation between them: take order statistics.
    low = float(values[int(np.floor(tail * (len(values) - 1)))])
    high = float(values[int(np.ceil((1 - tail) * (len(values) - 1)))])
    return Interval(estimate, low, high, level, runs, "bootstrap percentile")
