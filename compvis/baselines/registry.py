"""All baselines by name; a new one is its own file, a line here and a yaml under configs/model."""

from pathlib import Path

from compvis.baselines.alexnet import AlexNetClassifier
from compvis.baselines.cnn import CNNClassifier
from compvis.baselines.contract import Baseline, read_description
from compvis.baselines.convnext import ConvNeXtClassifier
from compvis.baselines.distortion import DistortionNearestClassifier
from compvis.baselines.ensemble import CNNEnsembleClassifier
from compvis.baselines.hog_svm import HOGSVMClassifier
from compvis.baselines.nearest import PixelNearestClassifier
from compvis.baselines.photo_contract import PhotoBaseline
from compvis.baselines.photo_hog_svm import PhotoHOGSVMClassifier
from compvis.baselines.photo_nearest import PhotoNearestClassifier
from compvis.baselines.photo_networks import (
    PhotoAlexNetClassifier,
    PhotoCNNClassifier,
    PhotoCNNEnsembleClassifier,
    PhotoConvNeXtClassifier,
    PhotoResNetClassifier,
)
from compvis.baselines.prototypical import PrototypicalClassifier
from compvis.baselines.resnet import ResNetClassifier
from compvis.baselines.scattering_linear import PhotoScatteringClassifier, ScatteringClassifier
from compvis.baselines.tangent import TangentNearestClassifier
from compvis.data.check import InputError

# Of ink.
BASELINES: dict[str, type[Baseline]] = {
    "cnn": CNNClassifier,
    "resnet": ResNetClassifier,
    "alexnet": AlexNetClassifier,
    "convnext": ConvNeXtClassifier,
    "ensemble": CNNEnsembleClassifier,
    "hog_svm": HOGSVMClassifier,
    "scattering": ScatteringClassifier,
    "pixel_nearest": PixelNearestClassifier,
    "tangent_nearest": TangentNearestClassifier,
    "distortion_nearest": DistortionNearestClassifier,
    "prototypical": PrototypicalClassifier,
}
# Of colour photographs, with or without masks.
PHOTO_BASELINES: dict[str, type[PhotoBaseline]] = {
    "cnn_photo": PhotoCNNClassifier,
    "resnet_photo": PhotoResNetClassifier,
    "alexnet_photo": PhotoAlexNetClassifier,
    "convnext_photo": PhotoConvNeXtClassifier,
    "ensemble_photo": PhotoCNNEnsembleClassifier,
    "hog_svm_photo": PhotoHOGSVMClassifier,
    "scattering_photo": PhotoScatteringClassifier,
    "nearest_photo": PhotoNearestClassifier,
}


def load_baseline(path: str | Path) -> Baseline:
    """Read a saved baseline of whatever class.

    Raises:
        InputError: no saved baseline there, or one of a class that this version does not have.
    """
    name = read_description(path).get("class")
    baselines = [*BASELINES.values(), *PHOTO_BASELINES.values()]
    for baseline in baselines:
        if baseline.__name__ == name:
            return baseline.load(path)
    known = ", ".join(sorted(b.__name__ for b in baselines))
    raise InputError(f"{path} holds a {name!r}, which is none of the baselines {known}.")
