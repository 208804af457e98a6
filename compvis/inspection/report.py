"""Everything that can be drawn from a set of records, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compvis.evaluation.records import Result, asked_of, compare_models, draw_of, group_results
from compvis.inspection.figures import Anchor, efficiency_figure, one_shot_figure, save_figure
from compvis.inspection.parts import COLUMNS as PART_COLUMNS
from compvis.inspection.parts import parts_cells, parts_figure
from compvis.inspection.study.contract import grammar_among
from compvis.inspection.table import ComparisonRow, compare_rows, markdown, markdown_table
from compvis.inspection.viewpoints import VIEWPOINT_COLUMNS, viewpoint_cells
from compvis.inspection.views import COLUMNS, conditions_figure, view_cells, views_figure

# Whose answers to plain images these figures and tables are about; other experiments have the report of the study.
_JUDGED = ("quickstart", "one_shot", "sample_efficiency")
_APART = (
    "data.name",
    "max_test",
    "name",
)  # of the experiment; runs that differ in these were not asked the same


@dataclass(frozen=True)
class Report:
    """What was drawn: the comparison's rows and the files written."""

    rows: tuple[ComparisonRow, ...]
    files: tuple[Path, ...]


def draw_report(
    results: Sequence[Result], into: Path, reference: str, anchors: Sequence[Anchor] = ()
) -> Report:
    """Write figures and Markdown tables of all classification results; records of other experiments are left out.

    Of part maps: ``parts.md`` and ``parts-RUN.png``.

    Of views of objects: ``views.md``, ``views-SETTING.png`` where several numbers of views were learned, and
    ``shift-SETTING.png`` where there are several conditions. Of other images:

    Per data set of fixed rows: ``efficiency-DATA.png``; per set of episodes: ``one-shot-DATA.png`` (the
    published anchors stand only in that of ``omniglot_official``); for all: ``comparison.md``; and
    ``differences.md``, the reference model against each other one on the same seeds, where two or more seeds
    are common.

    Args:
        reference: the model that the others are compared with.

    Raises:
        ValueError: no record holds a classification result.
    """
    judged = [run for run in results if run.experiment in _JUDGED and "accuracy" in run.metrics]
    posed, viewed, parted = (
        [run for run in results if run.experiment == name]
        for name in ("parse_photographs", "viewpoint", "parts")
    )
    if not judged and not viewed and not parted and not posed:
        raise ValueError(
            "None of the records holds a result to draw: run one_shot, sample_efficiency, viewpoint, "
            "parse_photographs or parts. The comparison's other experiments are drawn by report.py."
        )
    files = _draw_views(viewed, into) + _draw_parts(parted, into)
    if posed:
        files.append(_write(into / "viewpoints.md", markdown(VIEWPOINT_COLUMNS, viewpoint_cells(posed))))
    if not judged:
        return Report((), tuple(files))
    for (data, most, experiment), runs in group_results(judged, list(_APART)).items():
        sized = [run for run in runs if run.choice("size.per_class") is not None]
        episodes = [run for run in runs if run.choice("size.per_class") is None]
        if sized:
            figure = efficiency_figure(sized, f"{data}, {sized[0].metrics['trials']} test images")
            ends = ("", f"-{most}", f"-{experiment}", f"-{experiment}-{most}")
            names = (into / f"efficiency-{data}{end}.png" for end in ends if end != "-None")
            files.append(save_figure(figure, next(name for name in names if name not in files)))
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


def _draw_views(results: Sequence[Result], into: Path) -> list[Path]:
    """The table and figures of runs on views of objects; folds and seeds are pooled."""
    if not results:
        return []
    files = [_write(into / "views.md", markdown(COLUMNS, view_cells(results)))]
    fixed = ["data.name", "band", "test_band", "masks", "viewpoints", "shift.name"]
    for (data, band, test_band, masks, viewpoints, shift), runs in group_results(results, fixed).items():
        setting = f"{data}-{band}-{test_band}-{masks}"
        if viewpoints not in (None, "always"):
            setting += f"-viewpoints-{viewpoints}"
        title = f"{data}: learned {band} views, tested on {test_band}, masks {masks}"
        if len({run.choice("views") for run in runs}) > 1:
            path = into / f"views-{setting}-{shift}.png"
            files.append(save_figure(views_figure(runs, title), path))
        for (objects, views), own in group_results(runs, ["objects", "views"]).items():
            if any(len(run.metrics["conditions"]) > 1 for run in own):
                path = into / f"shift-{setting}-{shift}-{objects}x{views}.png"
                files.append(save_figure(conditions_figure(own, f"{title}, {objects} x {views}"), path))
    return files


def _draw_parts(results: Sequence[Result], into: Path) -> list[Path]:
    """The table of runs on part maps, and a figure a run."""
    if not results:
        return []
    files = [_write(into / "parts.md", markdown(PART_COLUMNS, parts_cells(results)))]
    for result in results:
        title = f"{result.choice('data.name')}, {result.choice('split')} objects"
        files.append(save_figure(parts_figure(result, title), into / f"parts-{result.run_id}.png"))
    return files


def _differences(results: Sequence[Result], reference: str) -> list[tuple[str, ...]]:
    lines = []
    for (*_, size), runs in group_results(results, [*_APART, "size.per_class"]).items():
        data = asked_of(runs[0])
        draws = {
            str(model): {draw_of(run) for run in own}
            for (model,), own in group_results(runs, ["model_name"]).items()
        }
        grammar = grammar_among(draws, reference)
        for model in draws:
            if grammar is None or model == grammar or len(draws[model] & draws[grammar]) < 2:
                continue
            comparison = compare_models(runs, grammar, model, "accuracy")
            difference = comparison.difference
            lines.append(
                (
                    data,
                    "" if size is None else str(size),
                    f"{grammar} - {model}",
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
