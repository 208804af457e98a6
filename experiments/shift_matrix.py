"""Every model against every distribution shift: one run fits one model and answers all conditions.

    python experiments/shift_matrix.py model=cnn size=n10 max_test=200          # handwriting, all shifts of ink
    python experiments/shift_matrix.py data=digits cross=mnist model=hog_svm    # digits to MNIST
    python experiments/shift_matrix.py data=eth80 shifts=photographs cross=none model=cnn_photo size=n12
    python experiments/shift_matrix.py experiment=matrix_ink                    # a claim: models, sizes and seeds
    python experiments/report.py                                                # tables and figures from the records

Severities are those of configs/shift, fixed before any model was compared on them. Shifts have the same stream for
every model, so all models see the same images. The seed draws the training images and starts the model.
"""

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.evaluation.matrix import list_conditions, run_matrix, summarise_matrix
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.tasks import draw_task
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="shift_matrix")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` on some of ``cfg.data`` and ask it under all of ``cfg.shifts`` and ``cfg.cross``."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            with record.time("prepare"):
                rows = (instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows))
                task = draw_task(
                    instantiate(cfg.data.set), *rows, cfg.size.per_class, cfg.seed, cfg.masks, cfg.max_test
                )
                shifts = {
                    name: instantiate(shift.levels, _convert_="all")
                    for name, shift in (cfg.shifts or {}).items()
                }
                others = {
                    name: (instantiate(other.set), instantiate(other.test_rows)[: cfg.max_test])
                    for name, other in (cfg.cross or {}).items()
                }
                conditions = list_conditions(task, shifts, others)
            done = run.done("condition", "row")
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            total = sum(len(condition.rows) for condition in conditions) - len(done)
            for row in run.progress.track(
                run_matrix(factory, task, conditions, done, cfg.batch), record.run_id, total
            ):
                record.add_row(row)
            record.set_metrics(summarise_matrix(record.rows, task.chance))
        m = record.metrics
        lost = ", ".join(f"{name} {100 * value:.0f}" for name, value in m["groups"].items())
        mean = "" if m["mean_lost"] is None else f" (mean {100 * m['mean_lost']:.1f}%)"
        run.progress.say(
            f"{record.run_id}: accuracy {100 * m['accuracy']:.1f}%; lost above chance, %: {lost}{mean}; "
            f"{m['failures']} failures"
        )


if __name__ == "__main__":
    main()
