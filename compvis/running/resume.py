"""Continue a run where it stopped, or refuse to mix two different ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compvis.running.machine import describe_git
from compvis.running.record import RecordError, RunRecord

# Sections of a config that say how a run is watched or where, not what is computed.
INCIDENTAL = frozenset({"tracking", "progress", "threads", "out", "resume", "jobs", "only", "dry"})


class ConfigMismatchError(RecordError):
    """A record of the same name was made with another config."""


def open_record(path: Path, experiment: str, run_id: str, config: dict[str, Any], seed: int,
                resume: bool = True) -> RunRecord:  # fmt: skip
    """The record to work on: a new one, or the earlier one with its finished trials.

    Args:
        path: where the record is or will be.
        config: resolved config of the run that is asked for.
        resume: False discards an earlier record of this name.

    Returns:
        A record whose ``status`` is ``finished`` when nothing is left to do. Nothing is written yet.

    Raises:
        ConfigMismatchError: an earlier record was made with a config that differs in a way that matters.
        RecordError: an earlier record cannot be read.
    """
    if not (resume and path.exists()):
        return RunRecord(path=path, experiment=experiment, run_id=run_id, config=config, seed=seed)
    record = RunRecord.read(path)
    changes = differences(record.config, config)
    if changes:
        shown = "; ".join(changes[:5]) + (f"; and {len(changes) - 5} more" if len(changes) > 5 else "")
        raise ConfigMismatchError(
            f"{path} was made with another config ({shown}): give the new run its own name with tag=NAME, "
            "or start over with resume=false."
        )
    record.config = config
    return record


def commits_differ(record: RunRecord) -> bool:
    """Whether the record's earlier sessions ran other code than the checkout holds now."""
    now = describe_git()
    return any((s.get("commit"), s.get("dirty")) != (now["commit"], now["dirty"]) for s in record.sessions)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two configs, one line a key, `INCIDENTAL` sections left out.

    Other devices draw other random numbers; configs from before there was a choice meant the CPU.
    """
    old, new = ({"device": "cpu", **one} for one in (old, new))
    before = {key: value for key, value in _flatten(old).items() if key.split(".")[0] not in INCIDENTAL}
    after = {key: value for key, value in _flatten(new).items() if key.split(".")[0] not in INCIDENTAL}
    return [
        f"{key}: {_shown(before, key)} -> {_shown(after, key)}"
        for key in sorted(before.keys() | after.keys())
        if _shown(before, key) != _shown(after, key)
    ]


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        flat: dict[str, Any] = {}
        for key, child in value.items():
            flat |= _flatten(child, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: value}


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"
