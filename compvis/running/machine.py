"""What a run ran on: command, commit, package versions, processor."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "compvis", "torch", "numpy", "scipy", "numba", "pyro-ppl", "scikit-image", "scikit-learn", "hydra-core",
    "wandb",
)  # fmt: skip


def describe_git(folder: Path | None = None) -> dict[str, str | bool | None]:
    """Commit and state of the checkout that holds ``folder`` (by default the one this package runs from).

    Returns:
        ``{"commit": hex or None, "dirty": bool or None}``; None outside a checkout or without git. Dirty
        means that tracked files differ from the commit.
    """
    folder = Path(__file__).parent if folder is None else folder
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def describe_command() -> str:
    """The command line as it would be typed in the repository's root; folders of the script are left off."""
    script, *arguments = sys.argv or ["python"]
    path = Path(script)
    return shlex.join(["python", "/".join(path.parts[-2:]) if path.is_absolute() else script, *arguments])


def describe_versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that can change a result; None where one is absent."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def describe_machine() -> dict[str, str | int | None]:
    """System, processor, cores this process may use, torch's threads and the CUDA device if one is there."""
    import torch

    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
