"""Intervals and paired comparisons; each says what varies and whose method it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """An estimate with a confidence interval.

    Attributes:
        estimate, low, high: in the unit of the values; proportions lie in [0, 1].
        level: nominal coverage.
        n: how many trials, subsets or pairs it rests on.
        method: name of the method.
    """

    estimate: float
    low: float
    high: float
    level: float
    n: int
    method: str

    def percent(self, digits: int = 1) -> str:
        """``"96.2 [95.1, 97.0]"``: estimate and limits times 100."""
        return f"{100 * self.estimate:.{digits}f} [{100 * self.low:.{digits}f}, {100 * self.high:.{digits}f}]"


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Score interval of a proportion over independent trials.

    Source: Wilson 1927, JASA 22, 209-212; recommended for small n by Brown, Cai & DasGupta 2001, Statist.
    Sci. 16.
    """
    _check_counts(successes, trials)
    z = float(stats.norm.ppf(0.5 + _checked(level) / 2))
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    low = 0.0 if successes == 0 else centre - half  # exact at the ends, where rounding would leave 1e-17
    high = 1.0 if successes == trials else centre + half
    return Interval(p, low, high, level, trials, "Wilson")


def clopper_pearson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Interval of a proportion whose coverage is never below ``level`` (so it is wide).

    Source: Clopper & Pearson 1934, Biometrika 26, 404-413.
    """
    _check_counts(successes, trials)
    tail = (1 - _checked(level)) / 2
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
    return Interval(successes / trials, low, high, level, trials, "Clopper-Pearson")


def t_interval(values: Float[ndarray, " n"], level: float = 0.95) -> Interval:
    """Interval of a mean over independent subsets or seeds (Student 1908, Biometrika 6).

    Raises:
        ValueError: fewer than two values: no spread can be read off one.
    """
    values = _check_values(values, least=2)
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf(0.5 + _checked(level) / 2, len(values) - 1)) * error
    return Interval(mean, mean - half, mean + half, level, len(values), "Student t")


def bootstrap_interval(
    values: Float[ndarray, " n"],
    generator: np.random.Generator,
    statistic: Callable[[Float[ndarray, "resamples n"]], Float[ndarray, " resamples"]] | None = None,
    level: float = 0.95,
    resamples: int = 9999,
) -> Interval:
    """Percentile interval of a statistic of independent values.

    Args:
        statistic: maps resampled rows to one value each; the mean by default.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    values = _check_values(values, least=2)
    statistic = _row_means if statistic is None else statistic
    tail = (1 - _checked(level)) / 2
    draws = []
    for start in range(0, resamples, 500):  # in blocks, so that memory stays at 500 rows
        rows = generator.integers(len(values), size=(min(500, resamples - start), len(values)))
        draws.append(statistic(values[rows]))
    low, high = np.quantile(np.concatenate(draws), [tail, 1 - tail])
    estimate = float(statistic(values[None])[0])
    return Interval(estimate, float(low), float(high), level, len(values), "bootstrap percentile")


def cluster_bootstrap_interval(
    groups: list[Float[ndarray, " _"]],
    generator: np.random.Generator,
    level: float = 0.95,
    resamples: int = 9999,
) -> Interval:
    """Interval of the mean of all values when values of one group (run, alphabet) are not independent.

    Whole groups are drawn with replacement.

    Source: Davison & Hinkley 1997, Bootstrap Methods and their Application, section 3.8.
    """
    groups = [_check_values(group, least=1) for group in groups]
    if len(groups) < 2:
        raise ValueError(
            "A cluster bootstrap needs at least two groups: use wilson_interval over the trials."
        )
    tail = (1 - _checked(level)) / 2
    sums = np.array([group.sum() for group in groups])
    sizes = np.array([len(group) for group in groups])
    drawn = generator.integers(len(groups), size=(resamples, len(groups)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(
        float(sums.sum() / sizes.sum()), float(low), float(high), level, int(sizes.sum()), "cluster bootstrap"
    )


def cluster_bootstrap(
    groups: list[Float[ndarray, " _"]],
    statistic: Callable[[Float[ndarray, " _"]], float],
    generator: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1999,
) -> Interval:
    """Interval of any statistic of all values when values of one group are not independent.

    Whole groups are drawn with replacement; of a mean, :func:`cluster_bootstrap_interval` is faster.

    Raises:
        ValueError: fewer than two groups.
    """
    groups = [_check_values(group, least=1) for group in groups]
    if len(groups) < 2:
        raise ValueError("A cluster bootstrap needs at least two groups.")
    tail = (1 - _checked(level)) / 2
    drawn = generator.integers(len(groups), size=(resamples, len(groups)))
    values = [statistic(np.concatenate([groups[k] for k in picks])) for picks in drawn.tolist()]
    low, high = np.quantile(values, [tail, 1 - tail])
    everything = np.concatenate(groups)
    return Interval(
        float(statistic(everything)), float(low), float(high), level, len(everything), "cluster bootstrap"
    )


def paired_difference(
    first: Float[ndarray, " n"], second: Float[ndarray, " m"], level: float = 0.95
) -> Interval:
    """Interval of the mean of ``first - second``, the two measured on the same subsets (paired t).

    Raises:
        ValueError: the two have different lengths, or fewer than two pairs.
    """
    if len(first) != len(second):
        raise ValueError(
            f"A paired difference needs the same subsets on both sides, not {len(first)} and {len(second)}."
        )
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    interval = t_interval(difference, level)
    return Interval(interval.estimate, interval.low, interval.high, level, len(difference), "paired t")


def mcnemar_test(only_first: int, only_second: int) -> float:
    """Two-sided exact p value that two classifiers err equally often on the same images.

    Args:
        only_first: images that only the first gets right; ``only_second`` the other way round.

    Source: McNemar 1947, Psychometrika 12; exact form, Dietterich 1998, Neural Computation 10, section 3.1.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError("Counts of images cannot be negative.")
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def _row_means(rows: Float[ndarray, "resamples n"]) -> Float[ndarray, " resamples"]:
    return rows.mean(axis=1)


def _check_counts(successes: int, trials: int) -> None:
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} successes of {trials} trials make no proportion: give 0 <= successes <= trials."
        )


def _check_values(values: Float[ndarray, " n"], least: int) -> Float[ndarray, " n"]:
    values = np.asarray(values, dtype=float)
    if len(values) < least:
        raise ValueError(
            f"An interval needs at least {least} values, not {len(values)}: run more seeds or trials."
        )
    if not np.isfinite(values).all():
        raise ValueError("An interval needs finite values: leave failed runs out and report their number.")
    return values


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}.")
    return level
