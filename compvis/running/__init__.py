"""Seeds, run records, progress, tracking: what a run needs and no vision.

with start_run(config) as run:
    if not run.finished:
        ...
        run.record.add_row({"trial": 0, "correct": True})
"""

from compvis.running.threads import set_threads  # isort: skip  sets the wait policy before torch is loaded
from compvis.running.config import resolve_config
from compvis.running.progress import ProgressReporter
from compvis.running.record import RecordError, RunRecord
from compvis.running.resume import ConfigMismatchError, open_record
from compvis.running.seeds import derive_seed, numpy_generator, seed_everything, torch_generator
from compvis.running.session import Run, start_run
from compvis.running.tracking import Tracker

__all__ = [
    "ConfigMismatchError",
    "ProgressReporter",
    "RecordError",
    "Run",
    "RunRecord",
    "Tracker",
    "derive_seed",
    "numpy_generator",
    "open_record",
    "resolve_config",
    "seed_everything",
    "set_threads",
    "start_run",
    "torch_generator",
]
