import numpy as np
import pytest

from compvis.evaluation.scaling import LearningCurve, PowerLaw, data_efficiency, fit_law, images_needed
from compvis.inspection.study.contract import shown_interval


def curve(name, scale, exponent, sizes=(1, 4, 10, 100), spread=0.0, seeds=6):
    generator = np.random.default_rng(0)
    errors = []
    for size in sizes:
        noise = np.exp(spread * generator.standard_normal(seeds))
        errors.append({seed: scale * size**-exponent * noise[seed] for seed in range(seeds)})
    return LearningCurve(name, tuple(float(s) for s in sizes), tuple(errors), 1e-6)


def test_a_law_is_recovered_with_an_interval_that_covers_it():
    exact = fit_law(curve("a", 0.4, 0.5))
    assert exact.law.exponent == pytest.approx(0.5)
    assert exact.law.scale == pytest.approx(0.4)
    assert exact.residual == pytest.approx(0, abs=1e-9)
    noisy = fit_law(curve("a", 0.4, 0.5, spread=0.2))
    assert noisy.exponent.low < 0.5 < noisy.exponent.high
    assert noisy.exponent.high - noisy.exponent.low > 0.01
    needed = noisy.needed(0.01)
    assert needed.low < needed.estimate < needed.high


def test_images_needed_follow_the_curve_inside_and_the_law_beyond():
    bent = LearningCurve("bent", (1.0, 10.0, 100.0), ({0: 0.4}, {0: 0.1}, {0: 0.05}), 1e-6)
    inside, beyond = images_needed(bent, 0.2)
    assert inside.estimate == pytest.approx(np.sqrt(10))
    assert not beyond
    outside, beyond = images_needed(bent, 0.01)
    assert outside.estimate == pytest.approx(PowerLaw(*_law(bent)).needed(0.01))
    assert beyond
    assert images_needed(bent, 0.4)[0].estimate == 1.0
    assert images_needed(bent, 0.6)[1]


def _law(one):
    fit = fit_law(one).law
    return fit.scale, fit.exponent


def test_the_ratio_is_that_of_the_laws_and_pairs_remove_common_noise():
    first, second = curve("a", 0.2, 0.5), curve("b", 0.4, 0.5)
    found = data_efficiency(first, second, 4.0)
    assert found.ratio.estimate == pytest.approx(4.0)
    assert not found.beyond
    assert data_efficiency(first, second, 100.0).beyond
    noisy = curve("a", 0.2, 0.5, spread=0.3)
    twice = LearningCurve("b", tuple(2 * x for x in noisy.x), noisy.errors, noisy.floor)
    paired = data_efficiency(noisy, twice, 4.0).ratio
    assert (paired.low, paired.high) == pytest.approx((2, 2))
    with pytest.raises(ValueError, match="not measured"):
        data_efficiency(first, second, 3.0)


def test_errors_of_zero_are_raised_to_what_the_test_set_can_tell():
    perfect = LearningCurve("p", (1.0, 2.0), ({0: 0.1}, {0: 0.0}), 0.001)
    assert perfect.means()[1] == 0.001
    assert np.isfinite(fit_law(perfect).law.exponent)


@pytest.mark.parametrize(
    ("x", "errors"), [((2.0, 1.0), ({0: 0.1}, {0: 0.1})), ((1.0,), ({},)), ((0.0,), ({0: 0.1},)), ((), ())]
)
def test_curves_that_are_none_are_refused(x, errors):
    with pytest.raises(ValueError, match="curve of"):
        LearningCurve("c", x, errors, 0.1)


def test_a_law_that_never_falls_needs_infinitely_much():
    assert PowerLaw(0.3, -0.1).needed(0.1) == np.inf
    assert PowerLaw(0.3, 1e-9).needed(1e-3) == np.inf
    with pytest.raises(ValueError, match="two sizes"):
        fit_law(LearningCurve("c", (1.0,), ({0: 0.1},), 0.1))


def test_one_run_a_size_has_no_interval_and_n_counts_runs():
    single, several = curve("one", 0.4, 0.5, seeds=1), curve("six", 0.4, 0.5, spread=0.1)
    fit = fit_law(single)
    for interval in (fit.exponent, fit.needed(0.01), images_needed(single, 0.1)[0],
                     data_efficiency(several, single, 4.0).ratio):  # fmt: skip
        assert np.isfinite(interval.estimate)
        assert np.isnan(interval.low)
        assert np.isnan(interval.high)
        assert interval.n == 1
    assert fit_law(several).exponent.n == 6
    assert shown_interval(fit.exponent) == "0.5 [–]"
