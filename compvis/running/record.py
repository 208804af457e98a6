"""One JSON a run: what was asked, on what, how long it took and every trial's outcome.

Figures, tables and comparisons are made from these files alone. The file is written before any work with the
resolved config in it, and replaced as a whole at every save, so a reader never meets half a record.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compvis.running.machine import (
    describe_command,
    describe_git,
    describe_machine,
    describe_versions,
)

FORMAT = 1
STATUSES = ("running", "finished", "interrupted", "failed")


class RecordError(ValueError):
    """A run record that cannot be read, written or continued."""


@dataclass
class RunRecord:
    """A run's record and where it is kept.

    Attributes:
        path: the JSON file.
        experiment: name of the experiment, e.g. ``one_shot``.
        run_id: name of this run among the experiment's.
        config: the resolved config, plain containers only.
        seed: the run's seed.
        status: one of `STATUSES`; a run that was killed outright stays ``running``.
        versions, machine: see `compvis.running.machine`.
        sessions: one entry per start: time, command, commit, dirty flag, seconds. More than one after a resume.
        timings: seconds by name, summed over sessions.
        metrics: results of the whole run by name.
        rows: one mapping per trial; rows of one record have the same keys.
        error: why the run failed, None otherwise.
    """

    path: Path
    experiment: str
    run_id: str
    config: dict[str, Any]
    seed: int
    status: str = "running"
    versions: dict[str, Any] = field(default_factory=describe_versions)
    machine: dict[str, Any] = field(default_factory=describe_machine)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    save_every: float = 5.0

    def __post_init__(self) -> None:
        self._saved_at = -math.inf
        self._session_started = time.perf_counter()

    @classmethod
    def read(cls, path: Path) -> "RunRecord":
        """Read a record back.

        Raises:
            RecordError: the file is not a whole record of this format.
        """
        content = read_json(path)
        return cls(path=path, **{key: value for key, value in content.items() if key != "format"})

    def begin_session(self) -> None:
        """Note that work starts now, and write the record before any of it is done."""
        self.status, self.error = "running", None
        self._session_started = time.perf_counter()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self.sessions.append({"started": started, "command": describe_command(), **describe_git()})
        self.save()

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Append one trial; written at once if `save_every` seconds have passed since the last save."""
        if self.rows and self.rows[0].keys() != row.keys():
            raise RecordError(
                f"A row has the keys {sorted(row)}, the others {sorted(self.rows[0])}: use the same."
            )
        self.rows.append(dict(row))
        if time.monotonic() - self._saved_at >= self.save_every:
            self.save()

    def set_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Add or replace results of the whole run, and save."""
        self.metrics.update(metrics)
        self.save()

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add the seconds that the block takes to ``timings[name]``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.perf_counter() - started

    def end_session(self, status: str, error: str | None = None) -> None:
        """Close the session with a final status and save."""
        if status not in STATUSES:
            raise RecordError(f"A run's status is one of {', '.join(STATUSES)}, not {status!r}.")
        self.status, self.error = status, error
        if self.sessions:
            self.sessions[-1]["seconds"] = time.perf_counter() - self._session_started
        self.save()

    def save(self) -> None:
        """Replace the file by the present state, atomically."""
        content = {key: value for key, value in asdict(self).items() if key not in ("path", "save_every")}
        write_json(self.path, {"format": FORMAT, **content})
        self._saved_at = time.monotonic()


def read_json(path: Path) -> dict[str, Any]:
    """Read a record file as plain containers.

    Raises:
        RecordError: missing, truncated, or of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"There is no run record {path}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} is not a whole run record ({error}): delete it and run again.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RecordError(f"{path} is not a run record of format {FORMAT}: move it away or delete it.")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` so that ``path`` holds either the old or the new text, never a part.

    Raises:
        RecordError: a number is not finite, or a value has no JSON form.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        text = json.dumps(content, indent=1, allow_nan=False, default=_plain)
    except ValueError as error:
        raise RecordError(
            f"{path.name} would hold a number that is not finite ({error}): record None."
        ) from None
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy and torch, scalars and arrays
        return value.tolist()
    raise RecordError(f"A run record holds plain values, not {type(value).__name__}: convert it first.")
