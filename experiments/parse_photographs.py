"""From where is it seen? Parse photographs of new objects: plain, without masks, before photographs, occluded.

    python experiments/parse_photographs.py max_test=20          # validation objects, about ten minutes on one core
    python experiments/parse_photographs.py renderer=pytorch3d tag=-pytorch3d  # learned and parsed on PyTorch3D
    python experiments/parse_photographs.py experiment=eth80_viewpoint         # a claim, on the test objects

A grammar learned from some views of some objects parses photographs of others, freely and as their true category.
The record holds predicted category, viewpoint before and after refinement, its errors and spread
(`compvis.evaluation.viewpoints`) of every photograph; only those count that say from where they are seen (cars, cows,
dogs, horses, and cups whose handle shows). Beside the record lie, of a few photographs of every condition, a sheet,
pages and trees. Needs ETH-80 and, for shifts, photographs of scenes in COMPVIS_DATA.
"""

from typing import Any

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.views import ObjectViews
from compvis.evaluation.answering import fit_model
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.viewpoints import Condition, has_viewpoint, run_parses, summarise_parses
from compvis.evaluation.views import choose_views, thin_rows
from compvis.inspection import leave_parses, save_figure
from compvis.inspection.solid_page import solid_page
from compvis.inspection.solid_sheet import solid_sheet
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="parse_photographs")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` on some views of ``cfg.data`` and parse other objects under ``cfg.conditions``."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            with record.time("prepare"):
                data = instantiate(cfg.data.set)
                if not isinstance(data, ObjectViews):
                    raise ValueError(f"data={cfg.data.name} holds no views of objects: choose data=eth80.")
                learn = choose_views(
                    data, instantiate(cfg.data.learn_rows), cfg.objects, cfg.views, cfg.band, cfg.seed
                )
                test = instantiate(cfg.data.test_rows)
                test = thin_rows(test[has_viewpoint(data, test)], cfg.max_test)
                conditions = build_conditions(cfg)
            lesson = data.subset(learn)
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            model, seconds = fit_model(
                factory,
                lesson.images,
                lesson.labels,
                masks=lesson.masks,
                viewpoints=np.stack([lesson.azimuth, lesson.elevation], 1),
            )
            record.timings["fit"] = record.timings.get("fit", 0.0) + seconds
            shown = set(thin_rows(test, cfg.pages).tolist())
            kept: dict[str, dict[int, Any]] = {name: {} for name in conditions}

            def keep(name: str, row: int, parse: Any) -> None:
                if row in shown:
                    kept[name][row] = parse

            done = run.done("condition", "row")
            rows = run_parses(model, data, test, conditions, done, keep)
            run.collect(rows, len(test) * len(conditions) - len(done), summarise_parses, "parses")
            for name, parses in kept.items():
                leave(run, data, name, parses)
        for name, found in record.metrics["conditions"].items():
            (given, low, high), (within, *_) = found["given_median"], found["given_within_30"]
            run.progress.say(
                f"{record.run_id}, {name}: accuracy {100 * found['accuracy']:.0f}%; viewpoint as the true category: "
                f"median {given:.0f} [{low or given:.0f}, {high or given:.0f}] degrees, {100 * within:.0f}% within 30"
            )


def build_conditions(cfg: DictConfig) -> dict[str, Condition]:
    """The conditions by name, with their shifts."""
    levels = {name: instantiate(shift.levels, _convert_="all") for name, shift in cfg.shifts.items()}
    return {
        str(name): Condition(one.masks, None if one.shift is None else levels[one.shift][one.level])
        for name, one in cfg.conditions.items()
    }


def leave(run: Any, data: ObjectViews, name: str, parses: dict[int, Any]) -> None:
    """A sheet, pages and trees of one condition's parses beside the record, and in the tracker."""
    if not parses:
        return
    truth = {row: f"{data.class_names[data.labels[row]]}-{row}" for row in parses}
    titles = [
        f"{data.class_names[parse.label]} {parse.viewpoint[0] % 360:.0f}, {parse.viewpoint[1]:.0f} (is "
        f"{data.class_names[data.labels[row]]} {data.azimuth[row]:.0f}, {data.elevation[row]:.0f})"
        for row, parse in parses.items()
    ]
    sheet = save_figure(solid_sheet(list(parses.values()), titles), run.folder / f"{name}.png")
    run.tracker.log_figure(name, sheet)
    files = leave_parses({truth[row]: parse for row, parse in parses.items()}, run.folder / name, solid_page)
    run.tracker.log_parses(f"{run.record.run_id}-{name}", files)


if __name__ == "__main__":
    main()
