"""Make a set of rendered furniture: pictures, part maps and every factor, by an independent renderer.

    python experiments/make_scenes.py                            # scenes=furniture: 1,080 scenes, about 15 minutes
    python experiments/make_scenes.py scenes=furniture_plain     # or furniture_above, _recombined, _incomplete, ikea
    python experiments/make_scenes.py scenes.objects=2 scenes.views=3 tag=-small

Writes outputs/make_scenes/NAME, which `compvis.data.scenes.load_scenes` reads (data=furniture). Interrupted, it
goes on where it stopped; the same config gives the same files. Needs Mitsuba (pip install -e '.[render3d]'),
the furniture and the photographs (README, Data).
"""

from itertools import islice
from pathlib import Path

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from compvis.data.scenes import make_scenes, missing_scenes
from compvis.running import resolve_config
from compvis.running.progress import ProgressReporter


@hydra.main(version_base="1.3", config_path="../configs", config_name="make_scenes")
def main(cfg: DictConfig) -> None:
    """Make the scenes of ``cfg.scenes`` that ``cfg.folder`` lacks."""
    progress = ProgressReporter(resolve_config(cfg)["progress"])
    plan, folder = instantiate(cfg.scenes, _convert_="all"), Path(cfg.folder)
    before = len(missing_scenes(plan, folder))
    photographs = instantiate(cfg.photographs) if before else None
    made = make_scenes(plan, folder, photographs)
    total = before if cfg.only is None else min(before, cfg.only)
    for _ in progress.track(islice(made, total), plan.name, total):
        pass
    left = len(missing_scenes(plan, folder))
    progress.say(f"{folder}: {len(plan) - left} of {len(plan)} scenes are there")


if __name__ == "__main__":
    main()
