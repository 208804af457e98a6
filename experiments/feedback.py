"""Failures fed back: what an examiner finds joins the lesson; what a model gains an image, beside random scenes.

    python experiments/feedback.py model=grammar size=n4 rounds=2 pool=10 budget=30
    python experiments/feedback.py model=cnn feed=random                       # the control: as many random scenes
    python experiments/feedback.py experiment=feedback_ink                     # a claim
    python experiments/report.py                                               # tables from the records

A grammar adds an alternative for each failure (`partial_fit`), a network learns anew. Failures are searched on subjects
of the learning rows that were not learned; gains are measured on the test rows, as they are and in random scenes. An
interrupted run starts over.
"""

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.views import ObjectViews
from compvis.evaluation.explosion import check_apart, choose_subjects
from compvis.evaluation.feedback import draw_lesson, run_feedback, summarise_feedback
from compvis.evaluation.protocols import build_factory
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="feedback")
def main(cfg: DictConfig) -> None:
    """Let the examiner teach ``cfg.model`` for ``cfg.rounds``."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            data = instantiate(cfg.data.set)
            source = instantiate(cfg.scene_source.scenes, _convert_="all")(data=data)
            learn_rows, test_rows = instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows)
            available = source.subjects(learn_rows)
            chosen = choose_subjects(source, available, cfg.size.per_class, cfg.seed)
            left = np.setdiff1d(available, chosen)
            if len(left) < cfg.pool:
                raise ValueError(
                    f"Only {len(left)} subjects are left that were not learned: choose a pool of at most so many, or "
                    "learn fewer images (size)."
                )
            more = choose_subjects(source, left, cfg.pool, cfg.seed)
            free = list(cfg.free or source.space.names)
            asked = source.subjects(test_rows)[: cfg.max_test].tolist()
            check_apart(source, [*chosen.tolist(), *more.tolist()], source, asked)
            tests = {
                "plain": draw_lesson(source, asked, [], 0, "test"),
                "scenes": draw_lesson(source, asked, free, 0, "test"),
            }
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            rounds = run_feedback(
                factory, draw_lesson(source, chosen.tolist(), [], cfg.seed, "learn"), more[: cfg.pool].tolist(),
                source, tests, cfg.rounds, cfg.budget, cfg.feed, cfg.seed,
                isinstance(data, ObjectViews) and cfg.masks == "always", free,
            )  # fmt: skip
            record.rows = []
            for row in run.progress.track(rounds, record.run_id, cfg.rounds + 1):
                record.add_row(row)
            record.set_metrics(summarise_feedback(record.rows))
        m = record.metrics
        shown = ", ".join(f"{n} {100 * m['first'][n]:.1f} to {100 * m['last'][n]:.1f}%" for n in m["first"])
        run.progress.say(f"{record.run_id}: {shown} with {m['added']} images more")


if __name__ == "__main__":
    main()
