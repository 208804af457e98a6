"""New exemplars of characters learned from one image each, next to real ones by other hands.

    python experiments/generate.py                      # ten Omniglot characters
    python experiments/generate.py data=digits seed=3

Writes the sheet and every new tree as JSON under outputs/generate/runs. Needs Omniglot (downloaded on first
use, or COMPVIS_DATA); data=digits needs nothing.
"""

from typing import Any

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.splits import few_shot
from compvis.evaluation.protocols import build_factory
from compvis.inspection import generation_sheet, save_figure
from compvis.running import derive_seed, numpy_generator, resolve_config, start_run
from compvis.tree import to_json


@hydra.main(version_base="1.3", config_path="../configs", config_name="generate")
def main(cfg: DictConfig) -> None:
    """Learn each class from one image of ``cfg.data`` and draw new ones."""
    with start_run(resolve_config(cfg)) as run:
        if run.finished:
            return
        record = run.record
        data = instantiate(cfg.data.set)
        chosen = numpy_generator(cfg.seed, "classes").permutation(len(data.class_names))[: cfg.classes]
        rows = few_shot(data.labels, 1 + cfg.real, cfg.seed, np.flatnonzero(np.isin(data.labels, chosen)))
        rows = rows.reshape(1 + cfg.real, -1).T  # a line a class: the learned image, then real ones
        model: Any = build_factory(
            instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
        )()
        with record.time("fit"):
            model.fit(data.images[rows[:, 0]], data.labels[rows[:, 0]])
        record.rows = []  # the sheet shows all: an interrupted run starts over
        generated, files = [], []
        run.folder.mkdir(parents=True, exist_ok=True)
        for row in run.progress.track(rows[:, 0], record.run_id):
            label = int(data.labels[row])
            seed = derive_seed(cfg.seed, "sample", label)
            with record.time("sample"):
                images, trees = model.sample(label, cfg.generated, seed)
            generated.append([np.asarray(image) for image in images])
            for index, tree in enumerate(trees):
                files.append(run.folder / f"{label}-{index}.json")
                files[-1].write_text(to_json(tree))
            record.add_row(
                {"label": label, "class": data.class_names[label], "learned_row": int(row), "seed": seed}
            )
        ink = data.images / 255.0
        sheet = generation_sheet(list(ink[rows[:, 0]]), [list(ink[line[1:]]) for line in rows], generated)
        path = save_figure(sheet, run.folder / "sheet.png")
        run.tracker.log_figure("sheet", path)
        run.tracker.log_parses(f"{record.run_id}-trees", files)
        record.set_metrics({"classes": len(rows), "generated": len(files)})
        run.progress.say(f"{record.run_id}: {path}")


if __name__ == "__main__":
    main()
