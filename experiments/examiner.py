"""The worst case instead of the average: an examiner chooses the scenes, a model answers them.

    python experiments/examiner.py model=cnn size=n10 subjects=20 budget=50
    python experiments/examiner.py model=grammar hazards=[[rotation,scale]]      # with a hazard map
    python experiments/examiner.py data=eth80 scene_source=views model=cnn_photo size=n12
    python experiments/examiner.py data=furniture scene_source=rendered model=cnn_photo size=n12
    python experiments/examiner.py experiment=worst_case_ink                     # a claim
    python experiments/report.py                                                 # tables and maps from the records

Random, grid and CMA-ES search have the same budget of renders; random search draws the same scenes for every model.
The worst scene of every subject is in the record (its values draw it again) and, for some, beside it as a picture.
The last two need ETH-80 or PartNet in COMPVIS_DATA; scene_source=rendered needs Mitsuba and the set of data=furniture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image

from compvis.evaluation.examiner import examine, hazard_map, judge_scenes, summarise_examinations
from compvis.evaluation.judging import judge_images
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.tasks import draw_task
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="examiner")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` on some of ``cfg.data`` and search ``cfg.scene_source`` for what it gets wrong."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            with record.time("prepare"):
                rows = (instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows))
                data = instantiate(cfg.data.set)
                task = draw_task(data, *rows, cfg.size.per_class, cfg.seed, cfg.masks)
                scenes = instantiate(cfg.scene_source.scenes, _convert_="all")(data=data)
                subjects = spread(scenes.subjects(task.test_rows), cfg.subjects)
            with record.time("fit"):
                model, _ = task.fit(
                    build_factory(
                        instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
                    )
                )
            uses_masks = task.shown_masks(data) is not None

            def judge(images: Any, labels: Any, masks: Any) -> Sequence[Mapping[str, Any]]:
                return list(judge_images(model, images, labels, masks if uses_masks else None))

            done = run.done("subject", "strategy")
            todo = [(s, w) for s in subjects.tolist() for w in cfg.strategies if (s, w) not in done]
            for subject, strategy in run.progress.track(todo, record.run_id):
                clean = judge_scenes(judge, scenes, [subject], [{}])[0]
                found = examine(
                    judge,
                    scenes,
                    subject,
                    strategy,
                    cfg.budget,
                    cfg.seed,
                    cfg.free,
                    stop=strategy != "random",
                )
                record.add_row({
                    "subject": subject,
                    "label": scenes.label(subject),
                    "strategy": strategy,
                    "clean_correct": bool(clean["correct"]),
                    **{name: value for name, value in asdict(found).items() if name != "misread"},
                })  # fmt: skip
            with record.time("hazards"):
                few = subjects[: cfg.hazard_subjects].tolist()
                maps = [hazard_map(judge, scenes, few, tuple(p), cfg.hazard_steps) for p in cfg.hazards]
            record.set_metrics({**summarise_examinations(record.rows), "hazards": maps})
            keep_failures(record.rows, scenes, run.folder / "failures", cfg.shown_failures)
        m = record.metrics
        shown = ", ".join(
            f"{name} {100 * one['survived']:.0f}% survive" for name, one in m["strategies"].items()
        )
        run.progress.say(f"{record.run_id}: clean {100 * m['clean_accuracy']:.0f}%; {shown}")


def spread(subjects: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the subjects, evenly spaced."""
    return subjects[
        np.unique(np.linspace(0, len(subjects) - 1, min(most, len(subjects))).round().astype(int))
    ]


def keep_failures(rows: Sequence[Mapping[str, Any]], scenes: Any, folder: Path, most: int) -> None:
    """Pictures of the worst scenes, the clearest failures first."""
    failed = sorted((row for row in rows if row["wrong"]), key=lambda row: row["worst_margin"])
    for row in failed[:most]:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{row['subject']}-{row['strategy']}-{row['label']}-as-{row['worst_predicted']}.png"
        Image.fromarray(scenes.render(row["subject"], row["worst_values"]).image).save(folder / name)


if __name__ == "__main__":
    main()
