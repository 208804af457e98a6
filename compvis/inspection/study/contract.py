"""What a section of the report is, and how numbers are written in it."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from compvis.evaluation.statistics import Interval


@dataclass(frozen=True)
class Table:
    """Cells of text under a caption."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One question and what the records say to it.

    Attributes:
        name: short, of file names and links. title: the question. text: what was measured, and how to read it.
        tables, figures: figures with their captions.
    """

    name: str
    title: str
    text: str
    tables: tuple[Table, ...] = ()
    figures: tuple[tuple[str, Figure], ...] = ()


def grammar_among(models: Collection[str], reference: str) -> str | None:
    """The reference, or that of another domain (``grammar_solids``) where the reference did not run."""
    return next(iter(grammars_among(models, reference)), None)


def grammars_among(models: Collection[str], reference: str) -> list[str]:
    """Every grammar: the reference first, then those whose names begin with it."""
    names = (f"{reference}_", f"{reference} (")
    return sorted((m for m in models if m == reference or m.startswith(names)), key=lambda m: (len(m), m))


def baselines_among(models: Collection[str], reference: str) -> list[str]:
    """Every model that is no grammar."""
    grammars = grammars_among(models, reference)
    return sorted(model for model in models if model not in grammars)


def rivals_among(models: Collection[str], grammar: str, reference: str) -> list[str]:
    """The baselines that a grammar is compared with: those without a tag, and those of its own."""
    tag = grammar[grammar.index(" (") :] if " (" in grammar else ""
    return [
        model
        for model in baselines_among(models, reference)
        if " (" not in model or (tag and model.endswith(tag))
    ]


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of whatever sequences of texts.

    Raises:
        ValueError: a row that has not as many cells as there are columns.
    """
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"The table {caption!r} has a row that does not fit its {len(columns)} columns.")
    return Table(caption, tuple(columns), tuple(tuple(row) for row in rows))


def shown_number(value: float | None, digits: int = 3) -> str:
    """A number as people write it: ``12.3``, ``4.5e+08``, ``∞``, or a dash for None."""
    if value is None:
        return "–"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}g}" if abs(value) < 10**5 else f"{value:.1e}"


def shown_interval(interval: Interval, digits: int = 3, scale: float = 1.0) -> str:
    """``estimate [low, high]``, all times `scale`; ``estimate [–]`` where the limits are not known."""
    values = (scale * value for value in (interval.estimate, interval.low, interval.high))
    estimate, low, high = (shown_number(value, digits) for value in values)
    return f"{estimate} [–]" if math.isnan(interval.low) else f"{estimate} [{low}, {high}]"
