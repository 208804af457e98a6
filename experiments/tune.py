"""Random search with a fixed number of settings, the same for the grammar and for every baseline.

    python experiments/tune.py model=cnn                              # MNIST rows 40,000-49,999 judge
    python experiments/tune.py data=omniglot_random model=hog_svm     # random background runs judge
    python experiments/tune.py space=grammar                          # the grammar, a space of its own
    python experiments/tune.py experiment=tune_photographs model=hog_svm_photo   # views of objects
    python experiments/tune.py experiment=tune_optuna                 # Optuna's sampler, one setting a run

The first setting judged is the default one. A setting's score is the mean accuracy over sizes and subsets, over
objects' views and subsets, or over episodes. The record keeps every setting in order; interrupted searches go on
where they stopped.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.baselines.search_spaces import SEARCH_SPACES
from compvis.baselines.tuning import group_params, random_search, resolve_params
from compvis.data.splits import few_shot
from compvis.data.views import ObjectViews
from compvis.evaluation.protocols import build_factory, score_episodes, score_subsets
from compvis.evaluation.views import choose_views, score_views, thin_rows
from compvis.running import Run, resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="tune")
def main(cfg: DictConfig) -> float:
    """Judge ``cfg.budget`` settings of ``cfg.model`` on ``cfg.data``; the best score is for a sweeper."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            if cfg.budget > 1 and cfg.space.registered and cfg.model_name not in SEARCH_SPACES:
                raise ValueError(f"model={cfg.model_name} has no registered space: pass space=NAME.")
            space = (
                SEARCH_SPACES.get(cfg.model_name, {})
                if cfg.space.registered
                else instantiate(cfg.space.domains, _convert_="all")
            )
            search = random_search(dict(space), judge(cfg, run), cfg.budget, cfg.seed, start=[{}])
            best = search.best
            scores = {"score": best.score, "default_score": search.trials[0].score}
            record.set_metrics({"best": best.params, "failures": search.failures, **scores})
        m = record.metrics
        run.progress.say(
            f"{record.run_id}: {m['score']:.4f} (default {m['default_score']:.4f}) with {m['best']}"
        )
        return float(m["score"])


def judge(cfg: DictConfig, run: Run) -> Callable[[dict[str, Any]], float]:
    """The score of a setting on validation data; settings that are recorded already are not judged again."""
    factory: Callable[..., Any] = build_factory(
        instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
    )
    augmentation = getattr(factory(), "augmentation", None)
    if "episodes" in cfg.data:
        score = partial(
            score_episodes, episodes=instantiate(cfg.data.episodes, _convert_="all")[: cfg.max_episodes]
        )
    else:
        data, learn = instantiate(cfg.data.set), instantiate(cfg.data.learn_rows)
        rows = instantiate(cfg.data.test_rows)
        if isinstance(data, ObjectViews):
            test_rows = thin_rows(rows, cfg.max_test)
            draws = [
                choose_views(data, learn, cfg.objects, views, cfg.band, seed)
                for views in cfg.views
                for seed in cfg.subsets
            ]
            score = partial(score_views, data=data, draws=draws, test_rows=test_rows, masks=cfg.masks)
        else:
            draws = [few_shot(data.labels, size, seed, learn) for size in cfg.sizes for seed in cfg.subsets]
            test = data.subset(rows[: cfg.max_test])
            score = partial(score_subsets, trains=[data.subset(draw) for draw in draws], test=test)
    earlier = iter(list(run.record.rows))
    shown = run.progress.track(range(cfg.budget), run.record.run_id)

    def fit_score(params: dict[str, Any]) -> float:
        next(shown)
        known = next(earlier, None)
        if known is not None:
            return known["score"]
        resolved = group_params(params) if augmentation is None else resolve_params(params, augmentation)
        with run.record.time("judge"):
            accuracy = score(lambda: factory(**resolved))
        run.record.add_row({"setting": len(run.record.rows), "params": params, "score": accuracy})
        run.record.save()
        return accuracy

    return fit_score


if __name__ == "__main__":
    main()
