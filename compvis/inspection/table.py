"""Models side by side, for the terminal and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from compvis.evaluation.records import Result, accuracy_interval, asked_of, group_results
from compvis.evaluation.statistics import Interval

COLUMNS = (
    "data",
    "per class",
    "model",
    "accuracy % [95% interval]",
    "over",
    "failures",
    "fit s",
    "ms/image",
)


@dataclass(frozen=True)
class ComparisonRow:
    """One model on one data set and training size.

    Attributes:
        data, model: their config names.
        per_class: training images a class; None where an episode says it.
        accuracy: with an interval over test images for one run, over runs (subsets, seeds) for several.
        runs: how many runs there are.
        failures: test images that the model refused, over all runs; they count as wrong.
        fit_seconds, image_seconds: means over runs.
    """

    data: str
    model: str
    per_class: int | None
    accuracy: Interval
    runs: int
    failures: int
    fit_seconds: float
    image_seconds: float

    def cells(self) -> tuple[str, ...]:
        """Text of each of `COLUMNS`."""
        over = f"{self.runs} runs" if self.runs > 1 else f"{self.accuracy.n} images"
        return (
            self.data,
            "" if self.per_class is None else str(self.per_class),
            self.model,
            self.accuracy.percent(2),
            over,
            str(self.failures),
            f"{self.fit_seconds:.2f}",
            f"{1000 * self.image_seconds:.1f}",
        )


def compare_rows(results: Sequence[Result]) -> list[ComparisonRow]:
    """A row per data set, training size and model; within a size the most accurate first."""
    rows = []
    keys = ["data.name", "max_test", "name", "size.per_class", "model_name"]
    for (*_, per_class, model), runs in group_results(results, keys).items():
        timed = [
            run for run in runs if run.choice("device") in (None, "cpu")
        ] or runs  # devices are not mixed
        rows.append(
            ComparisonRow(
                asked_of(runs[0]),
                model,
                per_class,
                accuracy_interval(runs),
                len(runs),
                sum(run.metrics["failures"] for run in runs),
                _mean(timed, "fit_seconds"),
                _mean(timed, "seconds_per_image"),
            )
        )
    return sorted(rows, key=lambda row: (row.data, row.per_class or 0, -row.accuracy.estimate))


def terminal_table(rows: Sequence[ComparisonRow], title: str) -> Table:
    """A table for `rich.print`; data set and "over" move to the caption where all rows share them."""
    cells = [row.cells() for row in rows]
    same = [len({line[place] for line in cells}) == 1 for place in range(len(COLUMNS))]
    dropped = {place for place, name in enumerate(COLUMNS) if same[place] and name in ("data", "over")}
    caption = ", ".join(cells[0][place] for place in sorted(dropped)) if rows else None
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown = [place for place in range(len(COLUMNS)) if place not in dropped]
    for place in shown:
        left = COLUMNS[place] in ("data", "model")
        width = max(len(line[place]) for line in cells) if cells else None
        table.add_column(escape(COLUMNS[place]), justify="left" if left else "right", min_width=width)
    for line, row, following in zip(cells, rows, [*rows[1:], None], strict=True):
        ends = following is not None and (row.data, row.per_class) != (following.data, following.per_class)
        table.add_row(*(escape(line[place]) for place in shown), end_section=ends)
    return table


def markdown_table(rows: Sequence[ComparisonRow]) -> str:
    """The same as Markdown, with a last line end."""
    return markdown(COLUMNS, [row.cells() for row in rows])


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Any table of texts as Markdown; pipes inside a cell are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _mean(runs: Sequence[Result], metric: str) -> float:
    return float(np.mean([run.metrics[metric] for run in runs]))
