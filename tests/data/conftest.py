"""Tests of the loaders never use the network: they serve small files they make themselves."""

from pathlib import Path

import pytest

from compvis.data import folder


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data folder is named and the cache, which is returned, is empty."""
    monkeypatch.delenv("COMPVIS_DATA", raising=False)
    monkeypatch.setenv("COMPVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has; the test is skipped where a file would have to be downloaded."""
    monkeypatch.setattr(
        folder, "urlopen", lambda *_, **__: pytest.skip("the data set is not on this machine")
    )
