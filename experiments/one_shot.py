"""One-shot classification in episodes: error with its interval, seconds a trial, every trial in the record.

    python experiments/one_shot.py                          # the grammar on the 20 official runs
    python experiments/one_shot.py data=omniglot_random     # on 100 random runs of background alphabets
    python experiments/one_shot.py experiment=one_shot_prototypical     # learns from the background first
    python experiments/one_shot.py -m model=hog_svm,pixel_nearest hydra/launcher=joblib

Leaves parses of a few test images as pages and trees. Needs Omniglot (downloaded on first use, or COMPVIS_DATA).
Interrupted runs go on where they stopped.
"""

from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.evaluation.protocols import build_factory, run_episodes, summarise_episodes
from compvis.inspection import leave_parses, parse_sheet, save_figure
from compvis.running import resolve_config, start_run


@hydra.main(version_base="1.3", config_path="../configs", config_name="one_shot")
def main(cfg: DictConfig) -> None:
    """Run the episodes of ``cfg.data`` with ``cfg.model``."""
    with start_run(resolve_config(cfg)) as run:
        record = run.record
        if not run.finished:
            if "episodes" not in cfg.data:
                raise ValueError(
                    f"data={cfg.data.name} has no episodes: choose data=omniglot_official or _random."
                )
            with record.time("prepare"):
                episodes = instantiate(cfg.data.episodes, _convert_="all")[: cfg.max_episodes]
                model: Any = build_factory(
                    instantiate(cfg.model, _partial_=True, _convert_="all"), cfg.seed, cfg.device
                )()
                background = instantiate(cfg.background.set)
                if background is not None:
                    model.pretrain(background.images, background.character_id, background.alphabet)
            done = run.done("episode", "trial")
            left = sum(len(episode.test_labels) for episode in episodes) - len(done)
            rows = run_episodes(lambda: model, episodes, done, cfg.batch)
            run.collect(rows, left, summarise_episodes, "trials")
            if left and hasattr(model, "parse"):  # the model of the last episode is at hand
                last = episodes[-1]
                parses = {
                    f"{last.name}-{i}": model.parse(image)
                    for i, image in enumerate(last.test_images[: cfg.parses])
                }
                truths = [str(label) for label in last.test_labels[: cfg.parses]]
                sheet = save_figure(parse_sheet(list(parses.values()), truths), run.folder / "parses.png")
                run.tracker.log_figure("parses", sheet)
                run.tracker.log_parses(f"{record.run_id}-parses", leave_parses(parses, run.folder))
        m = record.metrics
        run.progress.say(
            f"{record.run_id}: error {100 * m['error']:.2f}% (95% interval {100 * m['error_low']:.2f} to "
            f"{100 * m['error_high']:.2f}) over {m['trials']} trials, {m['failures']} failures, "
            f"{m['seconds_per_trial']:.3f} s a trial"
        )


if __name__ == "__main__":
    main()
