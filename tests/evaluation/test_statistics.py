import numpy as np
import pytest

from compvis.evaluation.statistics import (
    bootstrap_interval,
    clopper_pearson_interval,
    cluster_bootstrap_interval,
    mcnemar_test,
    paired_difference,
    t_interval,
    wilson_interval,
)


# Newcombe 1998, Statistics in Medicine 17, 857-872, table I: methods 3 (Wilson) and 5 (Clopper-Pearson)
@pytest.mark.parametrize(
    ("successes", "trials", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_intervals_of_a_proportion_match_the_published_ones(successes, trials, wilson, exact):
    interval = wilson_interval(successes, trials)
    assert (interval.low, interval.high) == pytest.approx(wilson, abs=6e-5)
    interval = clopper_pearson_interval(successes, trials)
    assert (interval.low, interval.high) == pytest.approx(exact, abs=6e-5)
    assert interval.estimate == successes / trials


def test_a_perfect_score_ends_at_one():
    assert wilson_interval(400, 400).high == 1.0
    assert clopper_pearson_interval(400, 400).high == 1.0
    assert wilson_interval(400, 400).low < 1.0


def test_t_interval_by_hand():
    # mean 3, standard deviation sqrt(2.5), t(0.975, 4) = 2.776
    interval = t_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert interval.estimate == 3.0
    assert interval.high - 3.0 == pytest.approx(2.776 * np.sqrt(2.5 / 5), abs=1e-3)
    assert interval.low == pytest.approx(6.0 - interval.high)


def test_bootstrap_covers_as_often_as_it_says():
    generator = np.random.default_rng(0)
    samples = generator.normal(2.0, 1.0, size=(200, 40))
    hits = sum(
        i.low <= 2.0 <= i.high
        for i in (bootstrap_interval(sample, generator, resamples=400) for sample in samples)
    )
    assert 0.88 <= hits / 200 <= 0.98


def test_bootstrap_takes_another_statistic():
    values = np.array([1.0, 2.0, 3.0, 100.0, 2.0, 1.0, 3.0])
    interval = bootstrap_interval(values, np.random.default_rng(0), lambda rows: np.median(rows, axis=1))
    assert interval.estimate == 2.0
    assert interval.high <= 100.0


def test_cluster_bootstrap_is_wider_when_groups_agree_within():
    generator = np.random.default_rng(1)
    alike = [np.full(20, float(i % 2)) for i in range(10)]
    mixed = [np.tile([0.0, 1.0], 10) for _ in range(10)]
    wide, narrow = (cluster_bootstrap_interval(groups, generator) for groups in (alike, mixed))
    assert wide.estimate == narrow.estimate == 0.5
    assert wide.high - wide.low > 0.4
    assert narrow.high - narrow.low == 0.0


def test_pairing_removes_what_both_share():
    generator = np.random.default_rng(2)
    hard = generator.normal(0, 1, 10)
    first, second = hard + 0.1 + generator.normal(0, 0.01, 10), hard
    difference = paired_difference(first, second)
    assert difference.low > 0
    assert difference.estimate == pytest.approx((first - second).mean())
    apart = t_interval(first)
    assert apart.high - apart.low > 10 * (difference.high - difference.low)


def test_mcnemar_exact_by_hand():
    assert mcnemar_test(0, 5) == pytest.approx(2 * 0.5**5)
    assert mcnemar_test(4, 4) == 1.0
    assert mcnemar_test(0, 0) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson_interval(5, 4), "successes"),
        (lambda: wilson_interval(0, 0), "trials"),
        (lambda: wilson_interval(1, 4, level=95.0), "level"),
        (lambda: t_interval(np.array([1.0])), "at least 2"),
        (lambda: t_interval(np.array([1.0, np.nan])), "finite"),
        (lambda: paired_difference(np.ones(3), np.ones(2)), "same subsets"),
        (lambda: cluster_bootstrap_interval([np.ones(3)], np.random.default_rng(0)), "two groups"),
        (lambda: mcnemar_test(-1, 2), "negative"),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
