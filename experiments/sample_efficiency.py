"""Accuracy against training images a class: fit on a few-shot subset, test on fixed rows.

    python experiments/sample_efficiency.py size=n10 seed=0                # the grammar on MNIST, one subset
    python experiments/sample_efficiency.py experiment=mnist_few    # 1 and 4 a class, all models, 10 subsets
    python experiments/sample_efficiency.py experiment=mnist_more   # 10 and 100 a class, 5 subsets
    python experiments/sample_efficiency.py -m data=digits size=n1,n4 seed=0,1 model=grammar,cnn
    python experiments/figures.py                                   # curves and tables from the records

The seed draws the subset and starts the model, so runs of one seed are paired across models. The record holds
every image's answer; parses of a few are left as pages and trees. Needs MNIST (downloaded on first use, or
COMPVIS_DATA); data=digits needs nothing.
"""

from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.splits import few_shot
from compvis.evaluation.protocols import build_factory, run_subset, summarise_trials
from compvis.inspection import leave_parses, parse_sheet, save_figure
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="sample_efficiency")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` on a subset of ``cfg.data`` and test it."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            if "learn_rows" not in cfg.data:
                raise ValueError(
                    f"data={cfg.data.name} has no rows to learn and test: choose data=mnist or digits."
                )
            with record.time("prepare"):
                data = instantiate(cfg.data.set)
                test = instantiate(cfg.data.test_rows)[: cfg.max_test]
                learn = few_shot(data.labels, cfg.size.per_class, cfg.seed, instantiate(cfg.data.learn_rows))
            model: Any = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )()
            done = run.done("row")
            rows = run_subset(lambda: model, data.subset(learn), data.subset(test), test, done, cfg.batch)
            run.collect(rows, len(test) - len(done), summarise_trials, "images")
            if cfg.parses and len(done) < len(test) and hasattr(model, "parse"):
                parses = {f"row-{row}": model.parse(data.images[row]) for row in test[: cfg.parses]}
                truths = [str(data.labels[row]) for row in test[: cfg.parses]]
                sheet = save_figure(parse_sheet(list(parses.values()), truths), run.folder / "parses.png")
                run.tracker.log_figure("parses", sheet)
                run.tracker.log_parses(f"{record.run_id}-parses", leave_parses(parses, run.folder))
        m = record.metrics
        run.progress.say(
            f"{record.run_id}: accuracy {100 * m['accuracy']:.2f}% over {m['trials']} images, "
            f"{m['failures']} failures, fit {m['fit_seconds']:.1f} s, "
            f"{1000 * m['seconds_per_image']:.1f} ms an image"
        )


if __name__ == "__main__":
    main()
