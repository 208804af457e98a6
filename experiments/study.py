"""The whole comparison, piece by piece, then its report; what is finished is never run again.

    python experiments/study.py                      # smoke: minutes, scikit-learn's digits alone
    python experiments/study.py study=reduced jobs=2 # 40 minutes on two cores, needs MNIST and ETH-80
    python experiments/study.py study=full jobs=2    # days; stop and start it again as you like
    python experiments/study.py study=full only=[shifts,worst_case]
    python experiments/study.py study=full dry=true  # print the commands

Every piece is a sweep of another experiment with its own command, which can be run by hand as well; ``jobs`` of them
run at a time, on one thread each. A piece that fails does not stop the others; it is run again next time. The report
shows what there is.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    if config["seed"]:
        raise ValueError(
            "A study's pieces have seeds of their own: change configs/study, or run a piece by itself."
        )
    pieces = chosen_pieces(config)
    if cfg.dry:
        for piece in pieces:
            print(shown(piece, config))
        return
    failed = []
    with start_run(config, reopen=True) as run:  # other pieces may have been asked for before
        done = run.done("piece")  # a record of other overrides is refused
        left = [piece for piece in pieces if (piece["name"],) not in done]
        for piece, code, seconds in finished_pieces(left, config, run.progress.say):
            if code == 0:
                row = {"piece": piece["name"], "command": shown(piece, config), "seconds": seconds}
                run.record.add_row(row)
                run.progress.say(f"{piece['name']}: done in {seconds:.0f} s")
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


def finished_pieces(
    pieces: list[dict[str, Any]], config: dict[str, Any], say: Callable[[str], None]
) -> Iterator[tuple[dict[str, Any], int, float]]:
    """Run the pieces, ``config["jobs"]`` at a time; yields each, its exit code and its seconds as they finish."""

    def work(piece: dict[str, Any]) -> tuple[dict[str, Any], int, float]:
        say(f"{piece['name']}: {shown(piece, config)}")
        started = time.perf_counter()
        process = subprocess.run([sys.executable, *located(command(piece, config))], check=False)
        return piece, process.returncode, time.perf_counter() - started

    pool = ThreadPoolExecutor(config["jobs"])
    try:
        for future in as_completed([pool.submit(work, piece) for piece in pieces]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def command(piece: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """Arguments of Python for one piece, from the repository's root."""
    folder = f"{config['out']}/{piece['name']}"
    common = [f"out={folder}", "threads=1", f"tracking.mode={config['tracking']['mode']}"]
    if not config["resume"]:
        common.append("resume=false")
    if config["device"] != "cpu" and piece["experiment"] != "costs":  # costs are counted on the CPU
        common.append(f"device={config['device']}")
    script = f"experiments/{piece['experiment']}.py"
    return [script, "-m", *config["study"]["common"], *piece["overrides"], *common]


def shown(piece: dict[str, Any], config: dict[str, Any]) -> str:
    """The piece's command as one types it."""
    return shlex.join(["python", *command(piece, config)])


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
