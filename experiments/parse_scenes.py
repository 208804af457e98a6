"""What the grammar makes of characters in scenes: turned, resized, among other ink, in noise.

    python experiments/parse_scenes.py                                  # validation digits of MNIST
    python experiments/parse_scenes.py 'free=[clutter,rotation]' shown=24
    python experiments/parse_scenes.py data=digits model=grammar

The factors in ``free`` take random values within the ranges of the scene source. Leaves the sheet, and a page and the
tree of every parse, under outputs/parse_scenes/runs.
"""

from typing import Any

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.splits import few_shot
from compvis.evaluation.protocols import build_factory
from compvis.inspection import leave_parses, save_figure, scene_sheet
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="parse_scenes")
def main(cfg: DictConfig) -> None:
    """Learn from a subset of ``cfg.data`` and parse scenes of its test rows."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            data, test = instantiate(cfg.data.set), instantiate(cfg.data.test_rows)
            source = instantiate(cfg.scene_source.scenes, _convert_="all")(data=data)
            learn = few_shot(data.labels, cfg.size.per_class, cfg.seed, instantiate(cfg.data.learn_rows))
            model: Any = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )()
            if not hasattr(model, "parse"):
                raise ValueError(f"model={cfg.model_name} does not parse: choose grammar_scene or grammar.")
            with record.time("fit"):
                model.fit(data.images[learn], data.labels[learn])
            subjects = np.random.default_rng(cfg.seed).permutation(source.subjects(test))[: cfg.shown]
            images, _, labels = source.draw_set(subjects.tolist(), list(cfg.free), cfg.seed)
            record.rows = []  # pictures are drawn with all parses at hand: an interrupted run starts over
            parses, shown = {}, run.progress.track(subjects.tolist(), record.run_id)
            for subject, image, label in zip(shown, images, labels.tolist(), strict=True):
                with record.time("parse"):
                    parse = model.parse(image)
                parses[f"row-{subject}"] = parse
                ink = float(parse.image.sum())
                record.add_row({
                    "row": subject, "label": label, "answer": parse.label, "correct": str(parse.label) == str(label),
                    "turn": parse.turn, "left_out": float(parse.image[parse.left_out].sum()) / ink,
                })  # fmt: skip
            sheet = scene_sheet(list(parses.values()), [str(label) for label in labels.tolist()])
            path = save_figure(sheet, run.folder / "sheet.png")
            run.tracker.log_figure("sheet", path)
            run.tracker.log_parses(f"{record.run_id}-parses", leave_parses(parses, run.folder))
            right = [row["correct"] for row in record.rows]
            record.set_metrics({"accuracy": float(np.mean(right)), "trials": len(right)})
        m = record.metrics
        run.progress.say(
            f"{record.run_id}: {100 * m['accuracy']:.0f}% of {m['trials']} scenes right; {run.folder}"
        )


if __name__ == "__main__":
    main()
