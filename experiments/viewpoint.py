"""Objects seen from few directions: learn some views of some objects, answer all views of other objects.

    python experiments/viewpoint.py model=hog_svm_photo objects=1 views=4       # one fold, one draw, validation
    python experiments/viewpoint.py -m fold=0,1,2 views=1,4,12 model=cnn_photo,hog_svm_photo
    python experiments/viewpoint.py band=side test_band=above model=nearest_photo   # unseen elevations
    python experiments/viewpoint.py shift=occlusion masks=never                 # every severity, one fit
    python experiments/viewpoint.py model=grammar_solids viewpoints=some        # one in four known; never: none
    python experiments/viewpoint.py experiment=eth80_sample                     # a claim, on the test objects
    python experiments/figures.py                                               # curves and tables from the records

The seed draws objects and views and starts the model, so runs of one seed are paired across models. The record
holds every image's answer under every condition; its intervals are over objects. Needs ETH-80 in COMPVIS_DATA.
"""

from collections.abc import Callable
from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.view_splits import in_band
from compvis.data.views import ObjectViews
from compvis.evaluation.protocols import build_factory
from compvis.evaluation.views import choose_views, run_views, summarise_views, thin_rows
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="viewpoint")
def main(cfg: DictConfig) -> None:
    """Fit ``cfg.model`` on some views of ``cfg.data`` and test it, plain and under ``cfg.shift``."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            with record.time("prepare"):
                data = instantiate(cfg.data.set)
                if not isinstance(data, ObjectViews):
                    raise ValueError(f"data={cfg.data.name} holds no views of objects: choose data=eth80.")
                learn = instantiate(cfg.data.learn_rows)
                learn = choose_views(data, learn, cfg.objects, cfg.views, cfg.band, cfg.seed)
                test = instantiate(cfg.data.test_rows)
                test = thin_rows(test[in_band(data.elevation[test], cfg.test_band)], cfg.max_test)
                shifts = instantiate(cfg.shift.levels, _convert_="all")
            factory: Callable[..., Any] = build_factory(
                instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
            )
            done = run.done("condition", "row")
            rows = run_views(factory, data, learn, test, shifts, cfg.masks, done, cfg.batch, cfg.viewpoints)
            total = len(test) * (1 + len(shifts)) - len(done)
            run.collect(rows, total, summarise_views, "images")
        m = record.metrics
        shown = ", ".join(
            f"{name} {100 * c['accuracy']:.1f}% [{100 * c['accuracy_low']:.1f}, {100 * c['accuracy_high']:.1f}]"
            for name, c in m["conditions"].items()
        )
        run.progress.say(
            f"{record.run_id}: {shown}, {m['failures']} failures, fit {m['fit_seconds']:.1f} s, "
            f"{1000 * m['seconds_per_image']:.1f} ms an image"
        )


if __name__ == "__main__":
    main()
