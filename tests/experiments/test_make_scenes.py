"""The command that makes sets of scenes, in small."""

import importlib.util
import sys

import pytest
from fakes import ROOT
from hydra.utils import instantiate

from compvis.data.check import InputError
from compvis.data.scenes import ScenePlan, load_scenes

sys.path.append(str(ROOT / "tests" / "data"))
from made_up_furniture import write_partnet

PLANS = sorted(path.stem for path in (ROOT / "configs" / "scenes").glob("*.yaml"))


@pytest.mark.parametrize("name", PLANS)
def test_every_plan_is_one(name, composed):
    plan = instantiate(composed("make_scenes", f"scenes={name}").scenes, _convert_="all")
    assert isinstance(plan, ScenePlan)
    assert plan.name == name


def test_the_command_goes_on_where_it_stopped(experiment, tmp_path, monkeypatch):
    if importlib.util.find_spec("mitsuba") is None:
        pytest.skip("Mitsuba is not installed")
    write_partnet(tmp_path)
    monkeypatch.setenv("COMPVIS_DATA", str(tmp_path))
    small = (
        "scenes=furniture_plain",
        "scenes.objects=1",
        "scenes.views=2",
        "scenes.settings.side=24",
        "scenes.settings.samples=1",
        "photographs=null",
    )
    out = experiment("make_scenes", *small, "only=2")
    assert len(list((out / "furniture_plain").glob("scene-*.json"))) == 2
    experiment("make_scenes", *small)
    data = load_scenes(out / "furniture_plain")
    with pytest.raises(InputError, match="another plan"):
        experiment("make_scenes", *small, "scenes.seed=5")
    assert len(data) == 6
    assert data.class_names == ("chair", "table", "storage")
