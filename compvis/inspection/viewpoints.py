"""Tables of where photographs are seen from, from the records of `compvis.evaluation.viewpoints`."""

from collections.abc import Sequence

from compvis.evaluation.records import Result, group_results
from compvis.evaluation.viewpoints import summarise_viewpoints

VIEWPOINT_COLUMNS = (
    "data",
    "learned",
    "model",
    "condition",
    "category right %",
    "median degrees [95% over objects]",
    "category told",
    "within 30 degrees %, told",
    "parses",
    "objects",
)


def viewpoint_cells(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Text of each of `VIEWPOINT_COLUMNS`: a line a setting and condition, folds and seeds pooled."""
    lines = []
    setting = ["data.name", "objects", "views", "band", "model_name"]
    for (data, objects, views, band, model), runs in group_results(results, setting).items():
        rows = [row for run in runs for row in run.rows]
        for condition in dict.fromkeys(row["condition"] for row in rows):
            m = summarise_viewpoints([row for row in rows if row["condition"] == condition])
            lines.append((
                str(data),
                f"{objects} x {views}, {band}",
                str(model),
                str(condition),
                f"{100 * m['accuracy']:.0f}",
                _with_interval(m["median"]),
                _with_interval(m["given_median"]),
                f"{100 * m['given_within_30'][0]:.0f}",
                str(m["images"]),
                str(m["objects"]),
            ))  # fmt: skip
    return lines


def _with_interval(found: Sequence[float | None]) -> str:
    estimate, low, high = found
    return f"{estimate:.0f}" if low is None else f"{estimate:.0f} [{low:.0f}, {high:.0f}]"
