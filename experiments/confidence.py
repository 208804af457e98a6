"""Confidence against correctness: calibration, risk against coverage, classes that were never learned.

    python experiments/confidence.py model=cnn size=n10                  # all classes are learned
    python experiments/confidence.py model=grammar held_out=3            # three classes are not, but are asked
    python experiments/confidence.py data=eth80_validation model=cnn_photo size=n12
    python experiments/confidence.py -m held_out=0,3 seed=0,1,2 model=grammar,cnn
    python experiments/report.py                                         # tables and figures from the records

The seed draws the training images, the classes left out, and starts the model. The record holds every answer with
its confidence and, of a model that has it, its evidence.
"""

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.evaluation.confidence import summarise_confidence
from compvis.evaluation.judging import judge_images
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.tasks import draw_task
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="confidence")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` without ``cfg.held_out`` classes and ask it about all of them."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            with record.time("prepare"):
                rows = (instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows))
                task = draw_task(
                    instantiate(cfg.data.set), *rows, cfg.size.per_class, cfg.seed, cfg.masks, cfg.max_test
                ).without_classes(cfg.held_out, cfg.seed)
            done = run.done("row")
            asked = np.array([row for row in task.test_rows.tolist() if (row,) not in done], dtype=np.int64)
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            with record.time("fit"):
                model, _ = task.fit(factory)
            shown = task.data.subset(asked)
            judged = judge_images(
                model, shown.images, shown.labels, task.shown_masks(shown), cfg.batch, cfg.evidence
            )
            learned = set(np.unique(task.data.labels[task.learn_rows]).tolist())
            for row, answer in zip(
                asked.tolist(), run.progress.track(judged, record.run_id, len(asked)), strict=True
            ):
                record.add_row({"row": row, "known": answer["label"] in learned, **answer})
            record.set_metrics(summarise_confidence(record.rows))
        m = record.metrics
        unknown = "" if m["auroc_confidence"] is None else f", unknown AUROC {m['auroc_confidence']:.3f}"
        evidence = "" if m["auroc_evidence"] is None else f" ({m['auroc_evidence']:.3f} by evidence)"
        run.progress.say(
            f"{record.run_id}: accuracy {100 * m['accuracy']:.2f}%, ECE {m['ece']:.3f}, "
            f"AURC {m['aurc']:.4f}{unknown}{evidence}, {m['failures']} failures"
        )


if __name__ == "__main__":
    main()
