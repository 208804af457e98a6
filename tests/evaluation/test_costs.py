import time

import pytest
import torch

from compvis.evaluation.costs import EnergyAssumptions, measure_cost, operation_rate, read_meter


def test_torch_products_are_counted_exactly_and_the_first_run_is_the_one_timed():
    calls = []

    def work():
        calls.append(1)
        return torch.ones(30, 40) @ torch.ones(40, 50)

    result, cost = measure_cost(work, EnergyAssumptions(), count=True)
    assert result.shape == (30, 50)
    assert cost.counted == 2 * 30 * 40 * 50
    assert len(calls) == 2
    assert measure_cost(work, EnergyAssumptions())[1].counted is None


def test_equivalent_operations_see_work_that_torch_does_not():
    def spin():
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass

    _, cost = measure_cost(spin, EnergyAssumptions(watts=36.0, grams_a_kwh=1000.0), count=True)
    assert cost.counted == 0
    assert cost.cpu_seconds >= 0.05
    assert cost.equivalent == pytest.approx(cost.cpu_seconds * operation_rate())
    if not cost.metered:
        assert cost.kwh == pytest.approx(cost.cpu_seconds * 1e-5)
        assert cost.grams == pytest.approx(cost.cpu_seconds * 1e-2)
    assert 1e8 < operation_rate() < 1e12


def test_meters_of_all_packages_are_added_and_others_are_none(tmp_path):
    assert read_meter(tmp_path) is None
    for name, joules in (("intel-rapl:0", 2_000_000), ("intel-rapl:1", 3_000_000), ("intel-rapl:0:0", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(str(joules))
    assert read_meter(tmp_path) == pytest.approx(5.0)
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("broken")
    assert read_meter(tmp_path) is None
