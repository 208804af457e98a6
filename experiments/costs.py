"""What error costs: operations, processor seconds, energy and carbon dioxide of learning and of answering.

    python experiments/costs.py model=cnn size=n10 max_test=200
    python experiments/costs.py data=eth80 model=hog_svm_photo size=n12
    python experiments/costs.py experiment=costs_ink                # a claim: models, sizes, seeds
    python experiments/report.py                                    # laws of error against compute, extrapolated

Run it on a machine that does nothing else, with threads=1. Energy is read off the processor's meter where it has one
and reckoned from processor seconds otherwise (energy.watts, energy.grams_a_kwh).
"""

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.evaluation.costs import measure_cost, operation_rate
from compvis.evaluation.judging import judge_images
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.tasks import draw_task
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="costs")
def main(cfg: DictConfig) -> None:
    """Measure one fit of ``cfg.model`` and its answers."""
    if cfg.device != "cpu":
        raise ValueError("Costs are counted on the CPU, the same for every model: leave device=cpu.")
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            rows = (instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows))
            task = draw_task(
                instantiate(cfg.data.set), *rows, cfg.size.per_class, cfg.seed, cfg.masks, cfg.max_test
            )
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            shown = task.data.subset(task.test_rows)
            masks = task.shown_masks(shown)
            assumptions = instantiate(cfg.energy)
            if cfg.warm:  # compiled loops are compiled once, whatever is learned later
                first = shown.subset(np.arange(1))
                model, _ = task.fit(factory)
                list(judge_images(model, first.images, first.labels, None if masks is None else masks[:1]))
            (model, _), learning = measure_cost(lambda: task.fit(factory), assumptions, cfg.count)
            answers, answering = measure_cost(
                lambda: list(judge_images(model, shown.images, shown.labels, masks, cfg.batch)),
                assumptions,
                cfg.count,
            )
            record.rows = [
                {"row": row, **answer} for row, answer in zip(task.test_rows.tolist(), answers, strict=True)
            ]
            errors = sum(not answer["correct"] for answer in answers)
            record.set_metrics({
                "trials": len(answers), "errors": errors, "accuracy": 1 - errors / len(answers),
                "failures": sum(answer["failure"] is not None for answer in answers),
                "operations_a_second": operation_rate(),
                **learning.record("fit"), **answering.record("answer"),
            })  # fmt: skip
        m = record.metrics
        run.progress.say(
            f"{record.run_id}: error {100 * m['errors'] / m['trials']:.2f}%; "
            f"learning {m['fit_cpu_seconds']:.1f} CPU s, {m['fit_equivalent']:.2g} operations; "
            f"answering {m['trials']} images {m['answer_cpu_seconds']:.1f} CPU s"
        )


if __name__ == "__main__":
    main()
