"""The whole comparison, piece by piece, then its report; what is finished is never run again.

    python experiments/study.py                      # smoke: minutes, scikit-learn's digits alone
    python experiments/study.py study=reduced jobs=2 # under an hour on two cores, needs MNIST and ETH-80
    python experiments/study.py study=full jobs=2    # days; stop and start it again as you like
    python experiments/study.py study=full only=[shifts,worst_case]
    python experiments/study.py study=full dry=true  # print the commands

Every piece is a sweep of another experiment with its own command, which can be run by hand as well. A piece that fails
does not stop the others; it is run again next time. The report shows what there is.
"""

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from compvis.running import resolve_config, start_run

_EXPERIMENTS = Path(__file__).parent


@hydra.main(version_base="1.3", config_path="../configs", config_name="study")
def main(cfg: DictConfig) -> None:
    """Run the pieces of ``cfg.study`` that are not finished, then write the report."""
    config = resolve_config(cfg)
    pieces = chosen_pieces(config)
    if cfg.dry:
        for piece in pieces:
            print(shlex.join(["python", *command(piece, config)]))
        return
    failed = []
    with start_run(config) as run:
        done = run.done("piece", "command")
        for piece in pieces:
            arguments = command(piece, config)
            shown = shlex.join(["python", *arguments])
            if (piece["name"], shown) in done:
                continue
            run.progress.say(f"{piece['name']}: {shown}")
            started = time.perf_counter()
            code = subprocess.run([sys.executable, *located(arguments)], check=False).returncode
            if code == 0:
                seconds = time.perf_counter() - started
                run.record.add_row({"piece": piece["name"], "command": shown, "seconds": seconds})
            else:
                failed.append(piece["name"])
        report(config)
        run.record.set_metrics({"pieces": len(run.record.rows)})
        if failed:
            raise ValueError(
                f"Some pieces failed, see above, and are run again next time: {', '.join(failed)}."
            )


def chosen_pieces(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The study's pieces, or those named in ``only``."""
    pieces = config["study"]["pieces"]
    known = [piece["name"] for piece in pieces]
    wanted = config["only"] or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(f"Unknown pieces {', '.join(unknown)}: choose of {', '.join(known)}.")
    return [piece for piece in pieces if piece["name"] in wanted]


def command(piece: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """Arguments of Python for one piece, from the repository's root."""
    parallel = (
        ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={config['jobs']}"] if config["jobs"] > 1 else []
    )
    folder = f"{config['out']}/{piece['name']}"
    common = [f"out={folder}", "threads=1", f"tracking.mode={config['tracking']['mode']}"]
    script = f"experiments/{piece['experiment']}.py"
    return [script, "-m", *config["study"]["common"], *piece["overrides"], *common, *parallel]


def located(arguments: list[str]) -> list[str]:
    """The same with the script where it is."""
    return [str(_EXPERIMENTS / Path(arguments[0]).name), *arguments[1:]]


def report(config: dict[str, Any]) -> None:
    """Write the report of what there is; without a single record there is none."""
    out = config["out"]
    if not any(Path(out).rglob("records/*.json")):
        return
    arguments = ["experiments/report.py", f"records={out}", f"into={out}/report"]
    subprocess.run([sys.executable, *located(arguments)], check=True)


if __name__ == "__main__":
    main()
