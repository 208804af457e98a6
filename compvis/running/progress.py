"""Progress that suits where it is shown: a bar on a terminal, a line now and then anywhere else."""

import io
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import IO, TypeVar, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")
MODES = ("auto", "bar", "plain", "quiet")


class ProgressReporter:
    """Shows how far loops are, on standard error.

    Args:
        mode: ``bar``, ``plain`` (a line at the start, at the end and every ``every`` seconds), ``quiet``, or
            ``auto``: a bar on a terminal outside CI, plain lines elsewhere.
        stream: where to write; standard error by default.
        every: seconds between plain lines.

    Raises:
        ValueError: unknown mode.
    """

    def __init__(self, mode: str = "auto", stream: io.TextIOBase | None = None, every: float = 15.0) -> None:
        if mode not in MODES:
            raise ValueError(f"progress must be one of {', '.join(MODES)}, not {mode!r}.")
        self.stream = cast(IO[str], sys.stderr if stream is None else stream)
        self.mode = _suited(self.stream.isatty()) if mode == "auto" else mode
        self.every = every

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yield ``items`` while showing how many of ``total`` (by default their length) are done."""
        if total is None and hasattr(items, "__len__"):
            total = len(items)  # type: ignore[arg-type]
        if self.mode == "bar":
            yield from self._bar(items, description, total)
        elif self.mode == "plain":
            yield from self._lines(items, description, total)
        else:
            yield from items

    def say(self, message: str) -> None:
        """One line to the reader, unless quiet."""
        if self.mode != "quiet":
            self._write(message)

    def _bar(self, items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=Console(file=self.stream)) as bar:
            task = bar.add_task(description, total=total)
            for item in items:
                yield item
                bar.advance(task)

    def _lines(self, items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
        started = said = time.monotonic()
        whole = "" if total is None else f"/{total}"
        done = 0
        for item in items:
            yield item
            done += 1
            now = time.monotonic()
            if now - said >= self.every:
                said = now
                left = "" if not total else f", {(now - started) / done * (total - done):.0f} s left"
                self._write(f"{description}: {done}{whole} in {now - started:.0f} s{left}")
        self._write(f"{description}: {done}{whole} in {time.monotonic() - started:.1f} s, done")

    def _write(self, message: str) -> None:
        print(message, file=self.stream, flush=True)


def _suited(terminal: bool) -> str:
    return "bar" if terminal and not os.environ.get("CI") else "plain"
