"""Small changes of every pixel: gradients where a model has them, transfer and scores for any model, the same bounds.

    python experiments/attacks.py model=cnn size=n10 max_test=50
    python experiments/attacks.py model=grammar max_test=50 queries=50         # through its renderer, too
    python experiments/attacks.py data=eth80 model=hog_svm_photo model@surrogate=cnn_photo size=n12 levels=[4,8]
    python experiments/attacks.py experiment=attacks_ink                        # a claim
    python experiments/report.py                                                # tables from the records

Bounds are in grey levels of 255. A model with `logits` is attacked by its own gradients, which pass a grammar's
renderer (`compvis/api_gradient.py`); every model by what fools the surrogate network (learned from the same images) and
by random squares that only ask for its answers. What counts is the worst of all.
"""

from typing import Any

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.evaluation.attacks import (
    GRADIENT_ATTACKS,
    Bound,
    attack_by_gradient,
    attack_by_squares,
    summarise_attacks,
)
from compvis.evaluation.judging import judge_images
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.tasks import Task, draw_task
from compvis.running import derive_seed, resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="attacks")
def main(cfg: DictConfig) -> None:
    """Attack ``cfg.model`` on test images, with ``cfg.surrogate`` to transfer from."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            rows = (instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows))
            task = draw_task(
                instantiate(cfg.data.set), *rows, cfg.size.per_class, cfg.seed, cfg.masks, cfg.max_test
            )
            # A surrogate with the victim's seed could be the victim itself.
            seeds = (cfg.seed, derive_seed(cfg.seed, "surrogate"))
            victim, surrogate = (
                task.fit(build_factory(instantiate(one, _partial_=True, _convert_="all"), seed, cfg.device))[
                    0
                ]
                for one, seed in zip((cfg.model, cfg.surrogate), seeds, strict=True)
            )
            done = run.done("row", "levels", "attack")
            todo = [
                (levels, attack)
                for levels in cfg.levels
                for attack in attacks_on(victim)
                if any((row, levels, attack) not in done for row in task.test_rows.tolist())
            ]
            clean = answers(victim, task, task.data.images[task.test_rows])
            for levels, attack in run.progress.track(todo, record.run_id):
                images, queries = attacked(
                    attack, victim, surrogate, task, Bound(levels), cfg.queries, cfg.seed
                )
                for place, answer in enumerate(answers(victim, task, images)):
                    row = int(task.test_rows[place])
                    if (row, levels, attack) not in done:
                        record.add_row({
                            "row": row, "levels": levels, "attack": attack, "label": answer["label"],
                            "clean_correct": clean[place]["correct"], "predicted": answer["predicted"],
                            "correct": answer["correct"], "failure": answer["failure"],
                            "queries": int(queries[place]),
                        })  # fmt: skip
            record.set_metrics(summarise_attacks(record.rows))
        m = record.metrics
        shown = "; ".join(
            f"{levels}/255: " + ", ".join(f"{name} {100 * value:.0f}%" for name, value in found.items())
            for levels, found in m["bounds"].items()
        )
        run.progress.say(f"{record.run_id}: clean {100 * m['clean']:.0f}%; {shown}")


def attacks_on(victim: Any) -> list[str]:
    """Names of the attacks that a model can be put to."""
    own = list(GRADIENT_ATTACKS) if hasattr(victim, "logits") else []
    return [*own, "transfer", "squares"]


def attacked(
    attack: str, victim: Any, surrogate: Any, task: Task, bound: Bound, queries: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The test images under one attack, and the answers of the victim that were asked for on the way."""
    shown = task.data.subset(task.test_rows)
    masks = task.shown_masks(shown)
    if attack == "squares":

        def margins(images: np.ndarray, places: np.ndarray) -> np.ndarray:
            found = answers(victim, task, images, places)
            return np.array([-1.0 if row["margin"] is None else row["margin"] for row in found])

        return attack_by_squares(margins, shown.images, bound, queries, seed)
    source = surrogate if attack == "transfer" else victim
    targets = np.searchsorted(source.classes_, shown.labels)
    beside = {} if masks is None else {"masks": masks}
    kind = "margin" if attack == "transfer" else attack
    moved = attack_by_gradient(
        lambda images, places: source.logits(images, **{name: v[places] for name, v in beside.items()}),
        shown.images,
        targets,
        bound,
        kind,
        seed,
    )
    return moved, np.zeros(len(shown), dtype=np.int64)


def answers(
    victim: Any, task: Task, images: np.ndarray, rows: np.ndarray | None = None
) -> list[dict[str, Any]]:
    """The victim's answers to changed test images (all of them, or those at ``rows``)."""
    shown = task.data.subset(task.test_rows if rows is None else task.test_rows[rows])
    return list(judge_images(victim, images, shown.labels, task.shown_masks(shown)))


if __name__ == "__main__":
    main()
