"""A run from start to end: threads, seeds, record, progress and tracker, in one context."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compvis.running.progress import ProgressReporter
from compvis.running.record import RunRecord
from compvis.running.resume import commits_differ, open_record
from compvis.running.seeds import seed_everything
from compvis.running.threads import set_threads
from compvis.running.tracking import Tracker


@dataclass(frozen=True)
class Run:
    """What an experiment works with.

    Attributes:
        record: the run's JSON record.
        tracker: wandb, or nothing.
        progress: shows how far loops are.
        folder: where the run may leave files (figures, parses, models); not made yet.
    """

    record: RunRecord
    tracker: Tracker
    progress: ProgressReporter
    folder: Path

    @property
    def finished(self) -> bool:
        """Whether an earlier session already did all the work."""
        return self.record.status == "finished"

    def done(self, *keys: str) -> set[tuple[Any, ...]]:
        """The finished trials, each as the values of its row's ``keys``."""
        return {tuple(row[key] for key in keys) for row in self.record.rows}

    def collect(
        self,
        rows: Iterable[dict[str, Any]],
        total: int,
        summarise: Callable[[Sequence[dict[str, Any]]], dict[str, Any]],
        table: str,
    ) -> None:
        """Record ``total`` new rows as they come, then the metrics of all rows, and track the rows as a table."""
        record = self.record
        for row in self.progress.track(rows, record.run_id, total):
            record.add_row(row)
        record.set_metrics(summarise(record.rows))
        self.tracker.log_table(table, list(record.rows[0]), [list(row.values()) for row in record.rows])


@contextmanager
def start_run(config: Mapping[str, Any], reopen: bool = False) -> Iterator[Run]:
    """Open the run that ``config`` describes; on leaving, its record says how it went.

    A finished run of the same config is handed out with ``finished`` set: report its metrics and do no work.
    An interrupted one keeps its finished trials.

    Args:
        config: resolved plain config with the keys of ``configs/run/default.yaml``: ``name``, ``run_id``,
            ``out``, ``seed``, ``threads``, ``resume``, ``progress``, ``tracking`` (``mode``, ``project``).
        reopen: a finished run goes on: its rows may not be all that is asked for now.

    Raises:
        ConfigMismatchError: a record of this name was made with another config.
    """
    out = Path(config["out"])
    name, run_id, seed = config["name"], config["run_id"], config["seed"]
    progress = ProgressReporter(config["progress"])
    set_threads(config["threads"])
    record = open_record(
        out / "records" / f"{run_id}.json", name, run_id, dict(config), seed, config["resume"]
    )
    folder = out / "runs" / run_id
    tracking = config["tracking"]
    if record.status == "finished" and not reopen:
        progress.say(f"{run_id}: finished earlier, see {record.path} (resume=false starts over)")
        yield Run(record, Tracker("disabled", tracking["project"], run_id, {}, folder), progress, folder)
        return
    if record.rows:
        progress.say(f"{run_id}: resumes after {len(record.rows)} finished trials")
        if commits_differ(record):
            progress.say(f"{run_id}: earlier trials ran other code; resume=false starts over")
    record.begin_session()
    seed_everything(seed)
    with ExitStack() as stack:
        stack.push(lambda _kind, problem, _trace: _end(record, problem))
        tracker = Tracker(tracking["mode"], tracking["project"], run_id, config, out)
        stack.push(lambda _kind, problem, _trace: tracker.finish(problem is None))
        yield Run(record, tracker, progress, folder)
        tracker.log_metrics(record.metrics)


def _end(record: RunRecord, problem: BaseException | None) -> None:
    if problem is None:
        record.end_session("finished")
    elif isinstance(problem, Exception):
        record.end_session("failed", f"{type(problem).__name__}: {problem}")
    else:  # interrupted from the keyboard or by the system
        record.end_session("interrupted")
