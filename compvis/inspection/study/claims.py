"""What the study set out to show, and whether the records show it: met, missed or not measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compvis.evaluation.confidence import summarise_confidence
from compvis.evaluation.curves import comparable_runs, images_a_class, learning_curves
from compvis.evaluation.records import Result, asked_of, by_draw, group_results
from compvis.evaluation.statistics import Interval, paired_difference
from compvis.evaluation.views import object_difference
from compvis.inspection.study.contract import Section, grammars_among, rivals_among, shown_number, table
from compvis.inspection.study.shifts import SETTING as SHIFTED
from compvis.inspection.study.shifts import mean_losses
from compvis.inspection.study.worst_case import SETTING as EXAMINED
from compvis.inspection.study.worst_case import shown_setting, survival


@dataclass(frozen=True)
class Verdict:
    """One claim on one data set.

    Attributes:
        claim, data: what was to be shown, and on what. measured: the numbers. met: whether they show it.
    """

    claim: str
    data: str
    measured: str
    met: bool


def claims_section(
    results: Sequence[Result],
    reference: str,
    checks: Sequence[Callable[[Sequence[Result], str], list[Verdict]]] | None = None,
) -> Section:
    """All claims that the records can judge; what no record speaks of is not listed as shown.

    Args:
        reference: name of the grammar among the models; those whose names begin with it count as grammars too.
    """
    verdicts = [verdict for check in checks or CHECKS for verdict in check(results, reference)]
    ordered = sorted(verdicts, key=lambda verdict: verdict.met)
    rows = [(one.claim, one.data, one.measured, "met" if one.met else "missed") for one in ordered]
    return Section(
        "claims",
        "Claims: misses first",
        "Only what the records can judge is listed. The strongest baseline is the one with the smallest mean "
        "difference from the grammar over common draws; over shifts, the one that is right most often under them. "
        "Where there are folds, draws of one fold share tested objects: intervals over draws and over objects must "
        "both be above zero.",
        (table(f"{len(verdicts)} claims judged", ("claim", "data", "measured", "verdict"), rows),),
    )


def beats_baselines(results: Sequence[Result], reference: str) -> list[Verdict]:
    """Paired accuracy above the strongest baseline's at up to ten images a class, 95% interval above zero.

    Draws of one fold ask about the same objects: on photographs the interval over objects must be above zero too.
    """
    runs = _plain_runs(results)
    verdicts = []
    groups = comparable_runs(runs)
    for setting, curves in learning_curves(runs).items():
        for size in sorted({x for curve in curves for x in curve.x if x <= 10}):
            scores = {
                curve.name: {draw: 1 - error for draw, error in curve.errors[curve.x.index(size)].items()}
                for curve in curves
                if size in curve.x
            }
            for grammar in grammars_among(scores, reference):
                found = _hardest_rival(scores, grammar, reference)
                if found is None:
                    continue
                rival, difference, unjudged = found
                shown = f"{grammar} - {rival}: {difference.percent()} points, {difference.n} pairs"
                over_objects = _over_objects(groups[setting], size, grammar, rival)
                if over_objects is not None:
                    shown += f"; over objects {over_objects.percent()}"
                if unjudged:
                    shown += f"; too few common draws: {', '.join(unjudged)}"
                lows = [difference.low, *([] if over_objects is None else [over_objects.low])]
                claim = f"beats the strongest baseline at {size:g} images a class"
                verdicts.append(Verdict(claim, setting, shown, min(lows) > 0))
    return verdicts


def calibrated(results: Sequence[Result], reference: str) -> list[Verdict]:
    """Expected calibration error at most 0.05, and mean risk over coverages below every baseline's."""
    runs = [run for run in results if run.experiment == "confidence" and run.choice("held_out") == 0]
    verdicts = []
    keys = ["data.name", "max_test", "masks", "size.per_class"]
    for (*_, masks, size), own in group_results(runs, keys).items():
        errors = _by_model(own, lambda run: summarise_confidence(run.rows)["ece"])
        risks = _by_model(own, lambda run: summarise_confidence(run.rows)["aurc"])
        where = f"{asked_of(own[0])}, masks {masks}, {size} a class"
        for grammar in grammars_among(errors, reference):
            best = min(rivals_among(risks, grammar, reference), key=lambda m: _mean(risks[m]), default=None)
            ece = _mean(errors[grammar])
            shown = f"{grammar} {shown_number(ece)}"
            verdicts.append(Verdict("calibration error at most 0.05", where, shown, ece <= 0.05))
            if best is not None:
                mine, theirs = _mean(risks[grammar]), _mean(risks[best])
                shown = f"AURC of {grammar} {shown_number(mine)}, best baseline {best} {shown_number(theirs)}"
                verdicts.append(
                    Verdict("risk-coverage curve below the baselines'", where, shown, mine < theirs)
                )
    return verdicts


def loses_less(results: Sequence[Result], reference: str) -> list[Verdict]:
    """Mean accuracy lost over the shifts, chance subtracted, at most half of what the strongest baseline loses.

    The strongest has the best accuracy under the shifts: one that is best on plain images may be far from that.
    """
    runs = [run for run in results if run.experiment == "shift_matrix"]
    verdicts = []
    for (data, masks, asked, size), own in group_results(runs, [*SHIFTED, "size.per_class"]).items():
        losses = {model: lost for model, lost in mean_losses(own).items() if "mean" in lost}
        clean = _by_model(own, lambda run: run.metrics["accuracy"] - run.metrics["chance"])
        shifted = {model: _mean(clean[model]) * (1 - lost["mean"]) for model, lost in losses.items()}
        for grammar in grammars_among(losses, reference):
            rivals = rivals_among(shifted, grammar, reference)
            strongest = max(rivals, key=lambda model: shifted[model], default=None)
            if strongest is None:
                continue
            mine, theirs = losses[grammar]["mean"], losses[strongest]["mean"]
            verdicts.append(
                Verdict(
                    "loses at most half of what the strongest baseline loses over the shifts",
                    f"{data}, masks {masks}, {size} a class, {asked} asked",
                    f"{grammar} {100 * mine:.1f}% against {100 * theirs:.1f}% ({strongest})",
                    mine <= theirs / 2,
                )
            )
    return verdicts


def survives(results: Sequence[Result], reference: str) -> list[Verdict]:
    """Of at least 100 subjects 20 points more survive CMA-ES than of the strongest baseline; search beats chance."""
    runs = [run for run in results if run.experiment == "examiner"]
    verdicts = []
    for setting, own in group_results(runs, list(EXAMINED)).items():
        where, found = shown_setting(setting), survival(own, "cmaes")
        shares = {model: float(np.mean(list(alive.values()))) for model, alive in found.items()}
        for grammar in grammars_among(found, reference):
            best = max(
                rivals_among(shares, grammar, reference), key=lambda model: shares[model], default=None
            )
            if best is None:
                continue
            common = sorted(found[grammar].keys() & found[best].keys())
            if (count := len(common)) >= 2:
                mine, theirs = (
                    float(np.mean([found[model][subject] for subject in common])) for model in (grammar, best)
                )
                verdicts.append(
                    Verdict(
                        "of at least 100 subjects 20 points more survive the examiner",
                        where,
                        f"{grammar} {100 * mine:.0f}% against {100 * theirs:.0f}% ({best}), {count} subjects",
                        count >= 100 and mine - theirs >= 0.2,
                    )
                )
        hard = [run.metrics["hard"]["median_renders"] for run in own]
        hard = [one for one in hard if {"random", "cmaes"} <= one.keys()]
        if hard:
            searched, chance = (float(np.median([one[s] for one in hard])) for s in ("cmaes", "random"))
            shown = f"median {searched:g} renders against {chance:g}, over {len(hard)} runs"
            claim = "where random search hardly fails, the examiner needs a fifth of its renders"
            verdicts.append(Verdict(claim, where, shown, searched <= chance / 5))
    return verdicts


CHECKS: tuple[Callable[[Sequence[Result], str], list[Verdict]], ...] = (
    beats_baselines,
    loses_less,
    survives,
    calibrated,
)


def _plain_runs(results: Sequence[Result]) -> list[Result]:
    """Runs on new pictures of the kind that was learned."""
    return [
        run
        for run in results
        if run.experiment in ("sample_efficiency", "viewpoint")
        and run.choice("band") == run.choice("test_band")
    ]


def _hardest_rival(
    scores: Mapping[str, Mapping[int, float]], grammar: str, reference: str
) -> tuple[str, Interval, list[str]] | None:
    """The baseline that leaves the grammar the smallest mean difference over common draws, and those without two."""
    differences, unjudged = {}, []
    for rival in rivals_among(scores, grammar, reference):
        common = sorted(scores[grammar].keys() & scores[rival].keys())
        if len(common) < 2:
            unjudged.append(rival)
            continue
        pairs = [np.array([scores[model][draw] for draw in common]) for model in (grammar, rival)]
        differences[rival] = paired_difference(pairs[0], pairs[1])
    rival = min(differences, key=lambda name: differences[name].estimate, default=None)
    return None if rival is None else (rival, differences[rival], unjudged)


def _over_objects(runs: Sequence[Result], size: float, grammar: str, rival: str) -> Interval | None:
    """The difference with an interval over tested objects; None of images that are of no object."""
    own = [run for run in runs if images_a_class(run) == size and run.rows and "object" in run.rows[0]]
    first, second = (
        by_draw(run for run in own if run.choice("model_name") == name) for name in (grammar, rival)
    )
    pairs = [(first[draw].rows, second[draw].rows) for draw in sorted(first.keys() & second.keys())]
    return object_difference(pairs) if pairs else None


def _by_model(runs: Sequence[Result], value: Callable[[Result], float]) -> Mapping[str, dict[str, float]]:
    """Of every model the value of each run; folds may share a seed."""
    return {
        str(model): {run.run_id: value(run) for run in own}
        for (model,), own in group_results(runs, ["model_name"]).items()
    }


def _mean(values: Mapping[Any, float]) -> float:
    return float(np.mean(list(values.values())))
