"""Models side by side, for the terminal and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from compvis.evaluation.records import Result, group_results, metric_interval
from compvis.evaluation.statistics import Interval, wilson_interval

COLUMNS = (
    "data",
    "images a class",
    "model",
    "accuracy %",
    "95% interval",
    "over",
    "failures",
    "fit s",
    "ms an image",
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
            f"{100 * self.accuracy.estimate:.2f}",
            f"{100 * self.accuracy.low:.2f} to {100 * self.accuracy.high:.2f}",
            over,
            str(self.failures),
            f"{self.fit_seconds:.2f}",
            f"{1000 * self.image_seconds:.1f}",
        )


def compare_rows(results: Sequence[Result]) -> list[ComparisonRow]:
    """A row per data set, training size and model; within a size the most accurate first."""
    rows = []
    for (data, per_class, model), runs in group_results(
        results, ["data.name", "size.per_class", "model_name"]
    ).items():
        if len(runs) == 1:
            trials, errors = runs[0].metrics["trials"], runs[0].metrics["errors"]
            accuracy = wilson_interval(trials - errors, trials)
        else:
            accuracy = metric_interval(runs, "accuracy")
        rows.append(
            ComparisonRow(
                data,
                model,
                per_class,
                accuracy,
                len(runs),
                sum(run.metrics["failures"] for run in runs),
                _mean(runs, "fit_seconds"),
                _mean(runs, "seconds_per_image"),
            )
        )
    return sorted(rows, key=lambda row: (row.data, row.per_class or 0, -row.accuracy.estimate))


def terminal_table(rows: Sequence[ComparisonRow], title: str) -> Table:
    """A table for `rich.print`; the first column is left out where there is one data set."""
    table = Table(title=title)
    skipped = 1 if len({row.data for row in rows}) == 1 else 0  # one data set: the title names it
    for name in COLUMNS[skipped:]:
        table.add_column(
            name, justify="left" if name in ("data", "model") else "right", no_wrap=name == "model"
        )
    previous: Any = None
    for row in rows:
        if previous is not None and (row.data, row.per_class) != previous:
            table.add_section()
        previous = (row.data, row.per_class)
        table.add_row(*row.cells()[skipped:])
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
