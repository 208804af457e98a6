"""Do parts mean something? Parts learned from masks and viewpoints against the true parts of other objects.

    python experiments/make_scenes.py -m scenes=ikea_roles,ikea_roles_tables     # the pictures, once
    python experiments/parts.py                                 # validation objects, to choose by
    python experiments/parts.py split=test                      # the test objects, for the report
    python experiments/parts.py experiment=parts_ikea           # the claim; parts_partnet: boxes
    python experiments/figures.py                               # tables and figures from the records

The model learns from some objects of each category, whose true parts it never sees, and parses pictures of others
with their masks. The numbers of its parts are matched to true names once, on validation objects; measured are the mean
intersection over union of named parts and the share of pixels whose name is right (`compvis.evaluation.parts`). With
split=validation the names of an object's parts come from the other validation objects. Beside it stand methods that
copy the true part maps of the same validation objects. Writes a picture of every parse (photograph, true parts, named
parts, numbered parts) to outputs/parts/runs/NAME.
"""

from pathlib import Path

import hydra
import numpy as np
from hydra.utils import instantiate
from numpy import ndarray
from omegaconf import DictConfig
from PIL import Image

from compvis.data.encoded import decode_numbers
from compvis.data.views import ObjectViews
from compvis.evaluation.answering import fit_model
from compvis.evaluation.part_answers import GRAMMAR, map_parts, parse_parts
from compvis.evaluation.parts import (
    category_parts,
    divide_objects,
    first_views,
    part_names,
    summarise_parts,
    true_maps,
)
from compvis.evaluation.protocols import build_factory
from compvis.inspection.parts import panel_sheet, part_panel
from compvis.running import Run, resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="parts")
def main(cfg: DictConfig) -> None:
    """Learn parts from ``cfg.data`` and judge them on the objects of ``cfg.split``."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            with record.time("prepare"):
                data = instantiate(cfg.data.set)
                if not isinstance(data, ObjectViews):
                    raise ValueError(
                        f"data={cfg.data.name} holds no views of objects: choose data=ikea_roles."
                    )
                rows = divide_objects(data, resolve_config(cfg.data.counts))
                learn = first_views(data, rows["learn"], cfg.views)
                uses = choose_uses(data, rows, cfg.split, cfg.test_views)
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )

            def fitted():
                seen = data.subset(learn)
                around = (seen.azimuth + cfg.turn) % 360
                viewpoints = np.stack([around, seen.elevation], 1)
                beside = {"masks": seen.masks, "viewpoints": viewpoints, "objects": seen.objects}
                model, record.timings["fit"] = fit_model(factory, seen.images, seen.labels, **beside)
                return model

            def keep(row: int, parts: ndarray) -> None:
                path = map_path(run.folder, row)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray((parts + 1).astype(np.uint8)).save(path)

            done = run.done("method", "row")
            parsed = parse_parts(fitted, data, uses, done, keep, cfg.steps)
            for row in run.progress.track(parsed, record.run_id, 2 * len(uses)):
                record.add_row(row)
            for row in map_parts(instantiate(cfg.baselines), data, uses, done):
                record.add_row(row)
            record.set_metrics(summarise_parts(record.rows))
            draw_parses(run, data, uses, cfg.pictures)
        for method, categories in record.metrics["parts"].items():
            m = categories["all"]
            run.progress.say(
                f"{method}: mean IoU {100 * m['iou'][0]:.1f}% [{100 * m['iou'][1]:.1f}, {100 * m['iou'][2]:.1f}], "
                f"consistency {100 * m['consistency'][0]:.1f}% "
                f"[{100 * m['consistency'][1]:.1f}, {100 * m['consistency'][2]:.1f}]"
            )
        run.progress.say(f"{record.metrics['failures']} failures; pictures in {run.folder}")


def choose_uses(data: ObjectViews, rows: dict[str, ndarray], split: str, views: int) -> dict[int, str]:
    """What each picture is for, by row: validation objects match names; the split's objects are reported on."""
    match = first_views(data, rows["validation"], views).tolist()
    if split == "validation":
        return dict.fromkeys(match, "both")
    if split != "test":
        raise ValueError(f"Unknown split {split!r}: choose validation or test.")
    report = first_views(data, rows["test"], views).tolist()
    return dict.fromkeys(match, "match") | dict.fromkeys(report, "report")


def map_path(folder: Path, row: int) -> Path:
    """Where the part map of a picture is kept: numbers of the parts, one more each, 0 for none."""
    return folder / "maps" / f"map-{row:05d}.png"


def draw_parses(run: Run, data: ObjectViews, uses: dict[int, str], pictures: int) -> None:
    """A picture of every reported parse, and a sheet of `pictures` of them, evenly spaced."""
    shown, names, panels = category_parts(data), part_names(run.record.rows), []
    failed = {
        row["row"] for row in run.record.rows if row["method"] == GRAMMAR and row["failure"] is not None
    }
    for row in [row for row, use in uses.items() if use != "match" and row not in failed]:
        label = int(data.labels[row])
        own = [data.part_names[part] for part in shown[label]]
        parts = decode_numbers(map_path(run.folder, row).read_bytes()).astype(np.int64) - 1
        # A part that no matching picture showed has no name; -1 stands for none.
        table = np.full(256, -1)
        found = [own.index(name) for name in names[data.class_names[label]]]
        table[: len(found)] = found
        place = np.full(len(data.part_names), -1)
        place[shown[label]] = np.arange(len(own))
        named = np.where(parts >= 0, table[np.clip(parts, 0, None)], -1)
        panels.append(part_panel(data.images[row], place[true_maps(data)[row]], named, parts))
        Image.fromarray(panels[-1]).save(run.folder / f"parts-{row:05d}.png")
    if panels:
        chosen = np.unique(np.linspace(0, len(panels) - 1, pictures).round().astype(int))
        Image.fromarray(panel_sheet([panels[k] for k in chosen])).save(run.folder / "sheet.png")


if __name__ == "__main__":
    main()
