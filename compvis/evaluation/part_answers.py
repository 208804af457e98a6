"""Asking models for part maps: one row a picture and method, in the form that `compvis.evaluation.parts` reads."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray

from compvis.data.views import ObjectViews
from compvis.evaluation.parts import category_parts, fill_figure, overlap_table, true_maps

GRAMMAR, DRAWN = "grammar", "grammar, as drawn"


@runtime_checkable
class PartParser(Protocol):
    """A model that was fitted on class numbers and parses photographs into numbered parts."""

    def parse(
        self, image: UInt8[ndarray, "H W 3"], mask: Bool[ndarray, "H W"], alternatives: int, steps: int
    ) -> Any:
        """``label``, ``parts`` (H, W; -1 none) and ``alternatives``, parses as other categories."""
        ...


def parse_parts(
    make_model: Callable[[], PartParser],
    data: ObjectViews,
    uses: Mapping[int, str],
    done: Collection[tuple[Any, ...]],
    keep: Callable[[int, Int64[ndarray, "H W"]], None],
    steps: int = 30,
) -> Iterator[dict[str, Any]]:
    """Parse pictures with their masks: two rows each, the part map as drawn and brought to the mask.

    Args:
        make_model: gives the fitted model; called only where a picture is open.
        uses: ``match``, ``report`` or ``both`` by row number of `data`.
        done: (method, row) pairs that are recorded already.
        keep: is given every row number and the map that was brought to the mask.
        steps: of refinement.

    Yields:
        Rows as `summarise_parts` reads them, with ``row`` and ``seconds``. ``overlap`` is of the parse as the true
        category, ``predicted`` the category that the model would choose. A parse that fails is a failure.
    """
    open_rows = [row for row in uses if (GRAMMAR, row) not in done]
    if not open_rows:
        return
    model, shown = make_model(), category_parts(data)
    for row in open_rows:
        image, mask, label = data.images[row], data.masks[row], int(data.labels[row])
        started = time.perf_counter()
        try:
            parse = model.parse(image, mask, alternatives=len(data.class_names) - 1, steps=steps)
        except ValueError as problem:
            maps, predicted, failure = None, None, str(problem)
        else:
            own = next(one for one in (parse, *parse.alternatives) if one.label == label)
            maps, predicted, failure = own.parts, data.class_names[int(parse.label)], None
        seconds = time.perf_counter() - started
        filled = None if maps is None else fill_figure(maps, mask)
        if filled is not None:
            keep(row, filled)
        for method, found in ((DRAWN, maps), (GRAMMAR, filled)):
            if (method, row) not in done:
                answer = {"predicted": predicted, "failure": failure, "seconds": seconds, "named": False}
                yield _row(data, shown, row, method, uses[row], found) | answer


def map_parts(
    makers: Mapping[str, Callable[[], Any]],
    data: ObjectViews,
    uses: Mapping[int, str],
    done: Collection[tuple[Any, ...]],
) -> Iterator[dict[str, Any]]:
    """Copy true part maps of matching pictures of other objects to the report pictures' masks, category told.

    Args:
        makers: models with ``fit(masks, parts, count)`` and ``predict(mask)`` by name; parts are numbered by their
            place among the true parts of the category.

    Yields:
        Rows as `parse_parts`, of report pictures alone; their parts have the true names.
    """
    shown, instance = category_parts(data), data.instances()
    match = np.array([row for row, use in uses.items() if use != "report"])
    for name, make in makers.items():
        for row in [row for row, use in uses.items() if use != "match" and (name, row) not in done]:
            label = data.labels[row]
            own = match[(data.labels[match] == label) & (instance[match] != instance[row])]
            place = np.zeros(len(data.part_names), np.int64)
            place[shown[label]] = np.arange(len(shown[label])) + 1
            started = time.perf_counter()
            mapper = make().fit(data.masks[own], place[true_maps(data)[own]], len(shown[label]))
            found = mapper.predict(data.masks[row])
            answer = {
                "predicted": None,
                "failure": None,
                "seconds": time.perf_counter() - started,
                "named": True,
            }
            yield _row(data, shown, row, name, uses[row], found) | answer


def _row(
    data: ObjectViews,
    shown: list[list[int]],
    row: int,
    method: str,
    use: str,
    found: Int64[ndarray, "H W"] | None,
) -> dict[str, Any]:
    label = int(data.labels[row])
    overlap = [] if found is None else overlap_table(found, true_maps(data)[row], shown[label]).tolist()
    return {
        "method": method,
        "row": int(row),
        "uses": use,
        "object": int(data.objects[row]),
        "category": data.class_names[label],
        "names": [data.part_names[part] for part in shown[label]],
        "overlap": overlap,
        "figure": int(data.masks[row].sum()),
    }
