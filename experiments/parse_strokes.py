"""Do parses mean something? Decompositions into strokes against the drawers' own pen strokes.

    python experiments/parse_strokes.py drawings=400            # validation drawings, to choose by
    python experiments/parse_strokes.py split=test              # the 1,000 listed drawings, for the report

Adjusted Rand index of ink pixels, crossings excluded (`compvis.evaluation.segmentation`), of the best
decomposition and of three rules on the same skeletons; intervals by a bootstrap over characters. About a
minute for 1,000 drawings on one core. On 1,600 validation drawings: 0.81 on those of several strokes (good
continuation 0.82, no significant difference; split everywhere 0.64, one stroke 0.01), 0.81 on all (0.74, 0.59
and 0.28); the best of the five alternatives reaches 0.93 and 0.94. Drawers lift the pen at one corner in
eleven, which the ink does not tell.
Needs Omniglot's background images and strokes (downloaded on first use, or
COMPVIS_DATA).
"""

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.omniglot import load_omniglot_background
from compvis.data.strokes import load_strokes, stroke_drawings_split
from compvis.evaluation.segmentation import stroke_agreement
from compvis.evaluation.statistics import cluster_bootstrap_interval
from compvis.parsing.decompose import decompose
from compvis.parsing.skeleton import skeleton_graph
from compvis.running import numpy_generator, resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="parse_strokes")
def main(cfg: DictConfig) -> None:
    """Score every drawing of ``cfg.split`` under every method."""
    with start_run(resolve_config(cfg)) as run:
        if run.finished:
            return
        record = run.record
        background, strokes = load_omniglot_background(), load_strokes()
        chosen = getattr(stroke_drawings_split(), cfg.split)
        if cfg.drawings is not None:
            chosen = np.sort(numpy_generator(cfg.seed, "drawings").permutation(chosen)[: cfg.drawings])
        prior, baselines = instantiate(cfg.prior), instantiate(cfg.baselines)
        done = {key[0] for key in run.done("drawing")}
        for drawing in run.progress.track([d for d in chosen if d not in done], record.run_id):
            row = int(strokes.background_rows[drawing])
            ink = background.images[row] / 255.0
            with record.time("skeleton"):
                graph = skeleton_graph(ink)
            with record.time("decompose"):
                found = decompose(graph, cfg.alternatives, prior)
            truth = [stroke.points for stroke in strokes.drawings[drawing]]
            parses = [stroke_agreement(ink, truth, parse.strokes) for parse in found]
            rules = {name: stroke_agreement(ink, truth, rule(graph)) for name, rule in baselines.items()}
            record.add_row(
                {
                    "drawing": int(drawing),
                    "character": int(background.character_id[row]),
                    "strokes": len(truth),
                    "excluded": parses[0].excluded,
                    "parse": _scored(parses[0].ari),
                    "parse_count_error": parses[0].count_error,
                    "best_alternative": _scored(max(parse.ari for parse in parses)),
                    **{name: _scored(rule.ari) for name, rule in rules.items()},
                    **{f"{name}_count_error": rule.count_error for name, rule in rules.items()},
                }
            )
        record.set_metrics(summarise(record.rows, ["parse", "best_alternative", *baselines], cfg.seed))
        for name, value in record.metrics.items():
            run.progress.say(f"{name}: {value}")


def summarise(rows: list[dict], methods: list[str], seed: int) -> dict[str, float | list[float]]:
    """Mean index with its interval and mean absolute error of the number of strokes, by method and group.

    A group of fewer than two characters has no interval and is left out.
    """
    metrics: dict[str, float | list[float]] = {"unscored": sum(r["parse"] is None for r in rows)}
    groups = {"all": lambda n: True, "several": lambda n: n > 1, "single": lambda n: n == 1}
    for group, belongs in groups.items():
        scored = [r for r in rows if belongs(r["strokes"]) and r["parse"] is not None]
        characters = sorted({r["character"] for r in scored})
        metrics[f"{group}/drawings"] = len(scored)
        if len(characters) < 2:
            continue
        for method in methods:
            values = [np.array([r[method] for r in scored if r["character"] == c]) for c in characters]
            interval = cluster_bootstrap_interval(values, numpy_generator(seed, group, method))
            metrics[f"{group}/{method}/ari"] = [interval.estimate, interval.low, interval.high]
            if f"{method}_count_error" in scored[0]:
                errors = [abs(r[f"{method}_count_error"]) for r in scored]
                metrics[f"{group}/{method}/count_error"] = float(np.mean(errors))
    return metrics


def _scored(index: float) -> float | None:
    """None where no pixel could be counted."""
    return index if np.isfinite(index) else None


if __name__ == "__main__":
    main()
