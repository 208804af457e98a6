"""Claims are judged by the grammar that ran on the data, whichever domain it is of."""

from pathlib import Path

import pytest

from compvis.evaluation.records import Result
from compvis.inspection.study.claims import beats_baselines


def run(model: str, seed: int, accuracy: float, data: str = "eth80") -> Result:
    config = {"model_name": model, "data": {"name": data}, "size": {"per_class": 4}}
    metrics = {"accuracy": accuracy}
    return Result(
        "sample_efficiency", f"{model}-{seed}", "finished", seed, config, metrics, [], {}, Path("none")
    )


@pytest.mark.parametrize("grammar", ["grammar", "grammar_solids"])
def test_the_grammar_of_the_domain_is_compared_with_the_strongest_baseline(grammar):
    runs = [run(grammar, seed, 0.8 + 0.01 * seed) for seed in range(4)]
    runs += [run("cnn_photo", seed, 0.7 + 0.01 * seed) for seed in range(4)]
    runs += [run("nearest_photo", seed, 0.5) for seed in range(4)]
    (verdict,) = beats_baselines(runs, "grammar")
    assert verdict.measured.startswith(f"{grammar} - cnn_photo: ")
    assert verdict.met
    worse = [run(grammar, seed, 0.6) for seed in range(4)] + runs[4:]
    assert not beats_baselines(worse, "grammar")[0].met
    assert beats_baselines(runs[4:], "grammar") == []
