"""Every config composes, says what it is for, and builds what it names."""

import inspect
from pathlib import Path

import pytest
import yaml
from fakes import ROOT
from hydra.errors import ConfigCompositionException
from hydra.utils import get_object

CONFIGS = ROOT / "configs"
EXPERIMENTS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
CLAIMS = sorted((CONFIGS / "experiment").glob("*.yaml"))


def command(claim: Path) -> tuple[str, str]:
    """(experiment, overrides) of the command in a claim's header."""
    line = next(line for line in claim.read_text().splitlines() if "python experiments/" in line)
    script, overrides = line.split("experiments/")[1].split(maxsplit=1)
    return script.removesuffix(".py"), overrides


def targets(value):
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"], value.keys() - {"_target_", "_partial_"}
        for child in value.values():
            yield from targets(child)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_a_config_and_the_other_way_round(name, composed):
    assert (ROOT / "experiments" / f"{name}.py").exists()
    assert composed(name)
    header = (ROOT / "experiments" / f"{name}.py").read_text()
    assert f"python experiments/{name}.py" in header


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.stem)
def test_every_claim_composes_with_the_command_in_its_header(claim, composed):
    script, overrides = command(claim)
    assert overrides == f"experiment={claim.stem}"
    cfg = composed(script, overrides)
    assert cfg.run_id.endswith(f"-s{cfg.seed}")


@pytest.mark.parametrize(
    "path", sorted(CONFIGS.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_target_exists_and_takes_its_keys(path):
    for target, keys in targets(yaml.safe_load(path.read_text())):
        built = get_object(target)
        if isinstance(built, type) or inspect.isfunction(built):
            parameters = inspect.signature(built).parameters
            takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
            assert takes_all or keys <= parameters.keys(), (
                f"{target} does not take {keys - parameters.keys()}"
            )


@pytest.mark.parametrize("override", ["modle=grammar", "size.per_clas=3", "bacth=2"])
def test_an_unknown_key_gets_hydras_clear_error(composed, override):
    with pytest.raises(ConfigCompositionException, match=override.split("=")[0].split(".")[0]):
        composed("sample_efficiency", override)


def test_an_unknown_choice_lists_the_known_ones(composed):
    with pytest.raises(Exception, match="mnist_validation") as problem:
        composed("sample_efficiency", "data=minst")
    assert "minst" in str(problem.value)


def test_the_tracking_mode_follows_the_environment(composed, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert composed("one_shot").tracking.mode == "offline"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert composed("one_shot").tracking.mode == "disabled"
