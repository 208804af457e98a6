"""The yaml of every baseline builds it, with the very defaults that the class has."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from compvis.baselines.registry import BASELINES, PHOTO_BASELINES

CONFIGS = Path(__file__).parents[2] / "configs" / "model"
ALL = BASELINES | PHOTO_BASELINES


@pytest.mark.parametrize("name", ALL)
def test_yaml_and_class_agree(name):
    config = OmegaConf.load(CONFIGS / f"{name}.yaml")
    model = instantiate(config, _convert_="all")
    assert type(model) is ALL[name]
    assert model.params() == ALL[name]().params()
    written = OmegaConf.to_container(config)
    assert isinstance(written, dict)
    assert set(written) - {"_target_"} == set(model.params())


def test_the_network_told_of_scenes_differs_in_its_lesson_alone():
    with initialize_config_dir(str(CONFIGS.parent), version_base="1.3"):
        told, plain = (
            compose("sample_efficiency", [f"model={name}"]).model for name in ("resnet_scene", "resnet")
        )
    model = instantiate(told, _convert_="all")
    assert model.augmentation.turned > 0
    assert model.augmentation.other_ink > 0
    assert {key for key in told if told[key] != plain[key]} == {"augmentation"}


def test_unknown_keys_are_refused():
    config = OmegaConf.load(CONFIGS / "cnn.yaml")
    config["learning_rat"] = 0.1
    with pytest.raises(InstantiationException, match="learning_rat"):
        instantiate(config)
