"""The only importer of wandb. Offline unless told otherwise; nothing here is needed to redo a figure.

The run record is the source of truth. wandb holds a copy that is pleasant to browse: metrics, tables,
figures, and parse trees as artifacts.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODES = ("offline", "online", "disabled")


class Tracker:
    """A wandb run, or nothing at all when ``mode`` is ``disabled`` (wandb is then never imported).

    Args:
        mode: ``offline`` writes under ``folder`` with no connection, ``online`` needs a key, ``disabled``.
        project, name: as wandb shows them.
        config: resolved config of the run.
        folder: wandb makes its own folder, ``wandb``, in it.

    Raises:
        ValueError: unknown mode, or ``online`` without a key.
    """

    def __init__(self, mode: str, project: str, name: str, config: Mapping[str, Any], folder: Path) -> None:
        if mode not in MODES:
            raise ValueError(
                f"tracking.mode must be one of {', '.join(MODES)}, not {mode!r}: set it or WANDB_MODE."
            )
        self.mode = mode
        self._run: Any = None
        if mode == "disabled":
            return
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        if mode == "online" and not wandb.api.api_key:
            raise ValueError("tracking.mode=online needs a wandb key: run `wandb login`, or use offline.")
        self._run = wandb.init(
            project=project,
            name=name,
            config=dict(config),
            dir=str(folder),
            mode=mode,
            reinit="finish_previous",
        )

    @property
    def folder(self) -> Path | None:
        """Where this run's wandb files are; None when disabled."""
        return None if self._run is None else Path(self._run.dir).parent

    def log_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Numbers by name; what is not a number is left out."""
        numbers = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
        if self._run is not None and numbers:
            self._run.log(numbers)

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table under ``name``."""
        if self._run is not None:
            import wandb

            self._run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

    def log_figure(self, name: str, path: Path) -> None:
        """A picture file (PNG) under ``name``."""
        if self._run is not None:
            import wandb

            self._run.log({name: wandb.Image(str(path))})

    def log_parses(self, name: str, paths: Sequence[Path]) -> None:
        """Files of parse trees (JSON, HTML) as one artifact of type ``parse``."""
        if self._run is not None and paths:
            import wandb

            artifact = wandb.Artifact(name, type="parse")
            for path in paths:
                artifact.add_file(str(path))
            self._run.log_artifact(artifact)

    def finish(self, succeeded: bool = True) -> None:
        """Close the wandb run."""
        if self._run is not None:
            self._run.finish(exit_code=0 if succeeded else 1)
            self._run = None
