"""Everything that can be drawn from a set of records, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compvis.evaluation.records import Result, compare_models, group_results
from compvis.inspection.figures import Anchor, efficiency_figure, one_shot_figure, save_figure
from compvis.inspection.table import ComparisonRow, compare_rows, markdown, markdown_table


@dataclass(frozen=True)
class Report:
    """What was drawn: the comparison's rows and the files written."""

    rows: tuple[ComparisonRow, ...]
    files: tuple[Path, ...]


def draw_report(
    results: Sequence[Result], into: Path, reference: str, anchors: Sequence[Anchor] = ()
) -> Report:
    """Write figures and Markdown tables of all classification results.

    Per data set of fixed rows: ``efficiency-DATA.png``; per set of episodes: ``one-shot-DATA.png`` (the
    published anchors stand only in that of ``omniglot_official``); for all: ``comparison.md``; and
    ``differences.md``, the reference model against each other one on the same seeds, where two or more seeds
    are common.

    Args:
        reference: the model that the others are compared with.

    Raises:
        ValueError: no record holds a classification result.
    """
    judged = [
        result for result in results if {"trials", "errors", "seconds_per_image"} <= result.metrics.keys()
    ]
    if not judged:
        raise ValueError(
            "None of the records holds a classification result: run one_shot or sample_efficiency."
        )
    files = []
    for (data,), runs in group_results(judged, ["data.name"]).items():
        sized = [run for run in runs if run.choice("size.per_class") is not None]
        episodes = [run for run in runs if run.choice("size.per_class") is None]
        if sized:
            figure = efficiency_figure(sized, f"{data}, {sized[0].metrics['trials']} test images")
            files.append(save_figure(figure, into / f"efficiency-{data}.png"))
        if episodes:
            beside = anchors if data == "omniglot_official" else ()
            figure = one_shot_figure(episodes, beside, f"{data}: 20-way one-shot")
            files.append(save_figure(figure, into / f"one-shot-{data}.png"))
    rows = compare_rows(judged)
    files.append(_write(into / "comparison.md", markdown_table(rows)))
    differences = _differences(judged, reference)
    if differences:
        columns = ("data", "images a class", "models", "accuracy difference, points", "95% interval", "pairs")
        files.append(_write(into / "differences.md", markdown(columns, differences)))
    return Report(tuple(rows), tuple(files))


def _differences(results: Sequence[Result], reference: str) -> list[tuple[str, ...]]:
    lines = []
    for (data, size), runs in group_results(results, ["data.name", "size.per_class"]).items():
        seeds = {
            model: {run.seed for run in own} for (model,), own in group_results(runs, ["model_name"]).items()
        }
        for model in seeds:
            if model == reference or len(seeds[model] & seeds.get(reference, set())) < 2:
                continue
            comparison = compare_models(runs, reference, model, "accuracy")
            difference = comparison.difference
            lines.append(
                (
                    data,
                    "" if size is None else str(size),
                    f"{reference} - {model}",
                    f"{100 * difference.estimate:+.2f}",
                    f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}",
                    str(comparison.pairs),
                )
            )
    return lines


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
