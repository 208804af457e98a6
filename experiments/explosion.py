"""The combinatorial explosion, controlled: images needed against the number of factors that are free to vary.

    python experiments/explosion.py model=cnn factors=2 size=n10 max_test=100
    python experiments/explosion.py model=cnn factors=0                         # the constrained control
    python experiments/explosion.py experiment=explosion_ink                    # a claim: factors, sizes, models, seeds
    python experiments/explosion.py experiment=explosion_rendered               # furniture by a path tracer
    python experiments/report.py                                                # images needed, from the records

The first ``factors`` of ``order`` vary at random in the learned and in the tested scenes; all others are at rest.
Tested subjects are never learned.
"""

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.views import ObjectViews
from compvis.evaluation.explosion import check_apart, choose_subjects, run_scenes, summarise_scenes
from compvis.evaluation.protocols import build_factory
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="explosion")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` on scenes with ``cfg.factors`` free factors and ask it about others."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            if not 0 <= cfg.factors <= len(cfg.order):
                raise ValueError(f"factors must be 0 to {len(cfg.order)}, not {cfg.factors}: see order.")
            data = instantiate(cfg.data.set)
            learn, test = (
                instantiate(one.scenes, _convert_="all")(data=data)
                for one in (cfg.learn_source, cfg.scene_source)
            )
            learn_rows, test_rows = instantiate(cfg.data.learn_rows), instantiate(cfg.data.test_rows)
            chosen = choose_subjects(learn, learn.subjects(learn_rows), cfg.size.per_class, cfg.seed)
            asked = test.subjects(test_rows)[: cfg.max_test]
            if cfg.factors:  # else all scenes of a subject are one picture
                asked = np.resize(asked, cfg.max_test)
            check_apart(learn, chosen.tolist(), test, asked.tolist())
            photographs = data is None or isinstance(data, ObjectViews)
            factory = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            record.rows = run_scenes(
                factory, learn, chosen.tolist(), test, asked.tolist(), list(cfg.order[: cfg.factors]), cfg.seed,
                photographs and cfg.masks == "always", cfg.batch,
            )  # fmt: skip
            record.set_metrics(summarise_scenes(record.rows))
        m = record.metrics
        run.progress.say(f"{record.run_id}: accuracy {100 * m['accuracy']:.1f}% over {m['trials']} scenes")


if __name__ == "__main__":
    main()
