"""The first thing to run: real digits that come with scikit-learn, in under five minutes on two cores.

    python experiments/quickstart.py

Learns grammars from one and from five images a class, parses held-out digits, trains the baselines on the
same images, prints the comparison, and leaves under outputs/quickstart: records (one JSON a model and size),
figures, and parse trees as pages to open in a browser. Run again, it reports what it has.
"""

from pathlib import Path
from typing import Any

import hydra
import numpy as np
import rich
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.splits import few_shot
from compvis.evaluation.protocols import build_factory, run_subset, summarise_trials
from compvis.evaluation.records import load_results
from compvis.inspection import generation_sheet, leave_parses, parse_sheet, save_figure, terminal_table
from compvis.inspection.report import draw_report
from compvis.running import derive_seed, resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="quickstart")
def main(cfg: DictConfig) -> None:
    """Compare ``cfg.models`` at every size of ``cfg.sizes``, then look at parses of the grammar."""
    for size in cfg.sizes:
        for name in cfg.models:
            compare(cfg, name, size)
    out = Path(cfg.out)
    results = [result for result in load_results(out) if result.choice("model_name") is not None]
    report = draw_report(results, out / "figures", reference="grammar")
    pages = look(cfg)
    rich.print(terminal_table(report.rows, "Digits of scikit-learn, learned from a few images a class"))
    print(f"figures: {out / 'figures'}\nrecords: {out / 'records'}\nparses, to open in a browser: {pages}")


def compare(cfg: DictConfig, name: str, size: int) -> None:
    """One model at one training size: a run with its own record, as `sample_efficiency` makes them."""
    config = resolve_config(cfg)
    config |= {"model": config.pop("models")[name], "model_name": name, "size": {"per_class": size}}
    config["run_id"] = f"{name}-{cfg.data.name}-n{size}-s{cfg.seed}{cfg.tag}"
    with start_run(config) as run:
        if run.finished:
            return
        data, test = instantiate(cfg.data.set), instantiate(cfg.data.test_rows)
        learn = few_shot(data.labels, size, cfg.seed, instantiate(cfg.data.learn_rows))
        factory = build_factory(
            instantiate(cfg.models[name], _partial_=True, _convert_="all"), cfg.seed, cfg.device
        )
        done = run.done("row")
        rows = run_subset(factory, data.subset(learn), data.subset(test), test, done)
        run.collect(rows, len(test) - len(done), summarise_trials, "images")


def look(cfg: DictConfig) -> Path:
    """Parse held-out digits and draw new ones with the grammar; returns the folder of the pages."""
    with start_run(resolve_config(cfg)) as run:
        pages = run.folder / "parses"
        if run.finished:
            return pages
        data, test = instantiate(cfg.data.set), instantiate(cfg.data.test_rows)[: cfg.parses]
        learn = few_shot(data.labels, max(cfg.sizes), cfg.seed, instantiate(cfg.data.learn_rows))
        model: Any = build_factory(
            instantiate(cfg.models.grammar, _partial_=True, _convert_="all"), cfg.seed, cfg.device
        )()
        model.fit(data.images[learn], data.labels[learn])
        parses, run.record.rows = {}, []  # the sheet shows all: an interrupted run starts over
        for row in run.progress.track(test, "parses"):
            parse = parses[f"digit-{row}"] = model.parse(data.images[row])
            run.record.add_row({"row": int(row), "label": int(data.labels[row]), "answer": str(parse.label)})
        leave_parses(parses, pages)
        truths = [str(label) for label in data.labels[test]]
        figures = Path(cfg.out) / "figures"
        save_figure(parse_sheet(list(parses.values()), truths), figures / "parses.png")
        ink = data.images[learn].reshape(max(cfg.sizes), -1, *data.images.shape[1:]) / 255.0
        classes = np.unique(data.labels).tolist()
        drawn = [model.sample(c, cfg.generated, derive_seed(cfg.seed, "sample", c))[0] for c in classes]
        generated = [[np.asarray(image) for image in images] for images in drawn]
        real = [list(ink[1:, place]) for place in range(len(classes))]
        sheet = generation_sheet(list(ink[0]), real, generated, ("learned", "from these", "generated"))
        save_figure(sheet, figures / "generated.png")
    return pages


if __name__ == "__main__":
    main()
