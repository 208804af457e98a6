"""Experiments as functions of overrides, run in this process."""

import pytest
from fakes import ROOT, load
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig


@pytest.fixture
def composed():
    """Composes the config of an experiment as its command line would."""

    def call(name, *overrides):
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            cfg = compose(name, list(overrides), return_hydra_config=True)
            HydraConfig.instance().set_config(cfg)
            return compose(name, list(overrides))

    yield call
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture
def experiment(composed, tmp_path):
    """Runs an experiment with its files under tmp_path and nothing tracked; returns where they are."""

    def call(name, *overrides):
        common = (
            ()
            if name in ("figures", "report")
            else (f"out={tmp_path / name}", "tracking.mode=disabled", "progress=quiet")
        )
        load(name).main(composed(name, *common, *overrides))
        return tmp_path / name

    return call
