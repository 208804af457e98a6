"""Claims are judged by the grammar that ran on the data, whichever domain it is of."""

from dataclasses import replace
from pathlib import Path

import pytest

from compvis.evaluation.curves import comparable_runs
from compvis.evaluation.records import Result
from compvis.inspection.study.claims import beats_baselines, calibrated, loses_less, survives
from compvis.inspection.study.runs import failures_section
from compvis.inspection.study.scaling import efficiency_section


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


def test_every_grammar_is_judged_and_none_is_a_baseline():
    runs = [run("grammar", seed, 0.8 + 0.01 * seed) for seed in range(4)]
    runs += [run("grammar_scene", seed, 0.9 + 0.01 * seed) for seed in range(4)]
    runs += [run("cnn", seed, 0.85 + 0.01 * seed) for seed in range(4)]
    verdicts = beats_baselines(runs, "grammar")
    assert [one.measured.split(":")[0] for one in verdicts] == ["grammar - cnn", "grammar_scene - cnn"]
    assert [one.met for one in verdicts] == [False, True]


def shifted(model: str, accuracy: float, lost: float) -> Result:
    config = {"model_name": model, "data": {"name": "mnist"}, "masks": "always", "size": {"per_class": 10}}
    metrics = {"accuracy": accuracy, "chance": 0.1, "groups": {"noise": lost, "clutter": lost}}
    return Result("shift_matrix", model, "finished", 0, config, metrics, [], {}, Path("none"))


def test_the_rival_over_shifts_is_who_is_right_most_often_under_them():
    grammar, plain, told = (
        shifted("grammar", 0.9, 0.1),
        shifted("cnn", 0.95, 0.4),
        shifted("cnn_scene", 0.93, 0.15),
    )
    guessing = shifted("nearest", 0.2, 0.0)  # who has little loses little
    (verdict,) = loses_less([grammar, plain, guessing], "grammar")
    assert verdict.measured == "grammar 10.0% against 40.0% (cnn)"
    assert verdict.met
    (verdict,) = loses_less([grammar, plain, told, guessing], "grammar")
    assert verdict.measured == "grammar 10.0% against 15.0% (cnn_scene)"
    assert not verdict.met
    # A shift that one model alone was asked about does not count for it.
    hard = replace(grammar, metrics=grammar.metrics | {"groups": {"noise": 0.1, "clutter": 0.1, "warp": 0.9}})
    (verdict,) = loses_less([hard, plain], "grammar")
    assert verdict.measured == "grammar 10.0% against 40.0% (cnn)"
    other = replace(plain, config=plain.config | {"max_test": 100})
    assert loses_less([grammar, other], "grammar") == []


def test_a_baseline_without_common_draws_hides_no_other():
    runs = [run("grammar", seed, 0.8 + 0.01 * seed) for seed in range(4)]
    runs += [run("cnn", seed, 0.7) for seed in range(4)]
    runs += [run("lucky", 0, 0.99)]
    (verdict,) = beats_baselines(runs, "grammar")
    assert verdict.met
    assert verdict.measured.endswith("4 pairs; too few common draws: lucky")
    with pytest.raises(ValueError, match="two runs of one model"):
        beats_baselines([*runs, run("cnn", 0, 0.5)], "grammar")


def test_variants_are_compared_with_plain_baselines_and_those_of_their_tag():
    def tagged(one: Result, tag: str) -> Result:
        return replace(one, config=one.config | {"tag": tag})

    runs = [run("grammar", seed, 0.8 + 0.01 * seed) for seed in range(4)]
    runs += [run("cnn", seed, 0.7) for seed in range(4)]
    runs += [tagged(run("cnn", seed, 0.99), "-told") for seed in range(4)]
    (verdict,) = beats_baselines(runs, "grammar")
    assert verdict.measured.startswith("grammar - cnn: ")
    runs += [tagged(one, "-told") for one in runs[:4]]
    verdicts = beats_baselines(runs, "grammar")
    assert [one.measured.split(":")[0] for one in verdicts] == [
        "grammar - cnn",
        "grammar (told) - cnn (told)",
    ]
    alone = [tagged(one, "-told") for one in runs[:8]]
    (verdict,) = beats_baselines(alone, "grammar")
    assert verdict.measured.startswith("grammar (told) - cnn (told): ")


def test_runs_on_shifted_images_answer_for_plain_ones_where_no_other_does():
    runs = [posed(model, fold, 0.8) for model in ("grammar_solids", "cnn_photo") for fold in range(3)]
    shifted = [
        replace(one, config=one.config | {"shift": {"name": "occlusion"}}, metrics={"accuracy": 0.5})
        for one in runs
    ]
    kept = comparable_runs([*shifted, *runs[:3]])
    assert [one.metrics["accuracy"] for own in kept.values() for one in own] == [0.8] * 3 + [0.5] * 3


def examined(model: str, seed: int, alive: list[bool]) -> Result:
    config = {"model_name": model, "data": {"name": "mnist"}, "scene_source": {"name": "ink"}}
    rows = [
        {"strategy": "cmaes", "subject": k, "clean_correct": True, "first_failure": None if one else 3}
        for k, one in enumerate(alive)
    ]
    metrics = {"hard": {"subjects": 0, "median_renders": {}}}
    return Result("examiner", f"{model}-{seed}", "finished", seed, config, metrics, rows, {}, Path("none"))


def test_survival_is_the_mean_over_runs_on_common_subjects():
    runs = [examined("grammar", 0, [True] * 100), examined("grammar", 1, [False] * 100)]
    (verdict,) = survives([*runs, examined("cnn", 0, [True] * 20 + [False] * 80)], "grammar")
    assert "grammar 50% against 20% (cnn), 100 subjects" in verdict.measured
    assert verdict.met
    (verdict,) = survives([*runs, examined("cnn", 0, [True] * 20)], "grammar")
    assert "grammar 50% against 100% (cnn), 20 subjects" in verdict.measured


def test_the_study_that_reports_is_not_among_what_failed():
    running = replace(run("grammar", 0, 0.5), experiment="study", status="running")
    assert failures_section([running]) is None
    assert failures_section([replace(running, experiment="examiner")]) is not None
    assert failures_section([replace(running, status="failed", error="no data")]) is not None


def posed(model: str, fold: int, accuracy: float, views: int = 1, test_band: str = "all") -> Result:
    config = {
        "model_name": model, "data": {"name": "eth80"}, "fold": fold, "objects": 1, "views": views, "band": "all",
        "test_band": test_band, "masks": "always",
    }  # fmt: skip
    metrics = {"accuracy": accuracy, "trials": 100}
    name = f"{model}-{fold}-{views}-{test_band}"
    return Result("viewpoint", name, "finished", 0, config, metrics, [], {}, Path("none"))


def test_runs_on_photographs_are_judged_with_their_folds_as_draws():
    runs = [posed("grammar_solids", fold, 0.8 + 0.01 * fold) for fold in range(3)]
    runs += [posed("cnn_photo", fold, 0.7) for fold in range(3)]
    runs += [posed("cnn_photo", fold, 0.99, test_band="above") for fold in range(3)]
    runs += [posed(model, 0, 0.9, views=12) for model in ("grammar_solids", "cnn_photo")]
    (verdict,) = beats_baselines(runs, "grammar")
    assert verdict.claim == "beats the strongest baseline at 1 images a class"
    assert verdict.measured.endswith("3 pairs")
    assert verdict.met


def test_on_photographs_the_interval_over_objects_must_be_above_zero_too():
    def answered(one: Result, right: list[bool]) -> Result:
        rows = [
            {"condition": "plain", "row": k, "object": k // 4, "correct": correct}
            for k, correct in enumerate(right)
        ]
        return replace(one, rows=rows)

    grammars = [posed("grammar_solids", fold, 0.8 + 0.01 * fold) for fold in range(3)]
    networks = [posed("cnn_photo", fold, 0.7) for fold in range(3)]
    runs = [answered(one, [True] * 40) for one in grammars]
    few = [answered(one, [False] * 4 + [True] * 36) for one in networks]
    many = [answered(one, [False, True] * 20) for one in networks]
    (one,), (every,) = (beats_baselines(runs + others, "grammar") for others in (few, many))
    assert "; over objects 10.0 [0.0, " in one.measured
    assert not one.met
    assert every.measured.endswith("; over objects 50.0 [50.0, 50.0]")
    assert every.met


def test_data_efficiency_is_that_of_the_grammar_of_the_domain():
    runs = [
        posed("grammar_solids", fold, 0.6 + 0.02 * views, views) for fold in range(3) for views in (1, 4, 12)
    ]
    runs += [posed("cnn_photo", fold, 0.5 + 0.02 * views, views) for fold in range(3) for views in (1, 4, 12)]
    section = efficiency_section(runs, "grammar")
    (ratios,) = [one for one in section.tables if "how many times" in one.caption]
    assert ratios.columns == ("images of grammar_solids", "its error %", "cnn_photo")
    # The network reaches 0.62 between its 4 and its 12 images.
    assert 4 < float(ratios.rows[0][2].split()[0]) < 12


def confident(model: str, fold: int, confidence: float) -> Result:
    """Four images, three of them right, all answered with one confidence."""
    config = {"model_name": model, "data": {"name": "eth80"}, "size": {"per_class": 36}, "held_out": 0}
    rows = [
        {
            "known": True,
            "failure": None,
            "confidence": confidence,
            "correct": k > 0,
            "evidence": None,
            "seconds": 0.1,
        }
        for k in range(4)
    ]
    return Result("confidence", f"{model}-f{fold}", "finished", 0, config, {}, rows, {}, Path("none"))


def test_folds_of_one_seed_all_count_in_calibration():
    runs = [
        confident("grammar_solids", fold, confidence) for fold, confidence in enumerate((0.55, 0.75, 0.77))
    ]
    verdict = next(one for one in calibrated(runs, "grammar") if "calibration" in one.claim)
    assert float(verdict.measured.removeprefix("grammar_solids ")) == pytest.approx(
        (0.2 + 0.0 + 0.02) / 3, abs=1e-3
    )
    assert not verdict.met
