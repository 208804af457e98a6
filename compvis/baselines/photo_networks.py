"""Networks trained from scratch on colour photographs, with or without masks."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.baselines.alexnet import AlexNetClassifier
from compvis.baselines.cnn import CNNClassifier
from compvis.baselines.convnext import ConvNeXtClassifier
from compvis.baselines.ensemble import CNNEnsembleClassifier
from compvis.baselines.photo_augmentation import PhotoDeformation
from compvis.baselines.photo_contract import AugmentedPhotoBaseline
from compvis.baselines.resnet import ResNetClassifier
from compvis.baselines.training import NetworkClassifier

# Chosen with the other defaults of each network on ETH-80's validation objects.
_CNN_DEFORMATION = PhotoDeformation(
    rotation=10.0, shear=0.067, scale=0.125, stretch=0.084, translation=0.05, elastic=0.0084,
    brightness=0.045, contrast=0.23, tint=0.4, saturation=0.23,
)  # fmt: skip
_RESNET_DEFORMATION = PhotoDeformation(
    rotation=9.0, shear=0.06, scale=0.11, stretch=0.074, translation=0.044, elastic=0.0074,
    brightness=0.26, contrast=0.03, tint=0.17, saturation=0.15,
)  # fmt: skip


@dataclass(kw_only=True, eq=False)
class PhotoNetwork(AugmentedPhotoBaseline):
    """What a network sees of a photograph: to be named before the network that it extends."""

    def logits(self, images: Any, masks: Any = None) -> Float[Tensor, "n C"]:
        """What `predict_proba` is the softmax of, with gradients to the images: (n, H, W, 3).

        Raises:
            InputError: as `predict_proba`.
        """
        assert isinstance(self, NetworkClassifier)
        return self._ask(self._framed(images, masks))

    def _channels(self) -> int:
        return 4 if self.masking == "channel" else 3

    def _inputs(self, images: Float[Tensor, "n 4 S S"]) -> Float[Tensor, "n d S S"]:
        """Colours about zero, zero outside the mask; as the last channel, where wanted, the mask."""
        seen = self._look(images)
        colour, cover = (seen[:, :3] - 0.5) / 0.25, seen[:, 3:]
        channels = [colour * cover, 2 * cover - 1] if self.masking == "channel" else [colour * cover]
        return torch.cat(channels, 1).contiguous(memory_format=torch.channels_last)


@dataclass(kw_only=True, eq=False)
class PhotoCNNClassifier(PhotoNetwork, CNNClassifier):
    """`CNNClassifier` on colour photographs; its first convolution halves the picture.

    Other arguments are those of `NetworkClassifier` and of `AugmentedPhotoBaseline`.

    Args:
        grid: the last stage is averaged to at most grid x grid positions.
    """

    steps: int = 800
    batch: int = 32
    width: int = 32
    learning_rate: float = 1.1e-3
    weight_decay: float = 0.0064
    label_smoothing: float = 0.2
    dropout: float = 0.0
    augmentation: PhotoDeformation | None = _CNN_DEFORMATION
    views: int = 4
    grid: int = 1

    stem: ClassVar[tuple[int, int]] = (5, 2)

    def _grid(self, side: int) -> int:
        return min(self.grid, side)


@dataclass(kw_only=True, eq=False)
class PhotoResNetClassifier(PhotoNetwork, ResNetClassifier):
    """`ResNetClassifier` on colour photographs.

    Arguments are those of `ResNetClassifier` and of `AugmentedPhotoBaseline`.
    """

    steps: int = 800
    batch: int = 32
    width: int = 24
    learning_rate: float = 2.8e-3
    weight_decay: float = 0.039
    label_smoothing: float = 0.2
    dropout: float = 0.0
    augmentation: PhotoDeformation | None = _RESNET_DEFORMATION
    views: int = 4


@dataclass(kw_only=True, eq=False)
class PhotoAlexNetClassifier(PhotoNetwork, AlexNetClassifier):
    """`AlexNetClassifier` on colour photographs; its first convolution halves the picture.

    Arguments are those of `AlexNetClassifier` and of `AugmentedPhotoBaseline`.
    """

    batch: int = 32
    learning_rate: float = 1.0e-3
    weight_decay: float = 1.0e-3
    label_smoothing: float = 0.2
    dropout: float = 0.5
    augmentation: PhotoDeformation | None = _CNN_DEFORMATION
    views: int = 4

    stem: ClassVar[tuple[int, int]] = (7, 2)


@dataclass(kw_only=True, eq=False)
class PhotoConvNeXtClassifier(PhotoNetwork, ConvNeXtClassifier):
    """`ConvNeXtClassifier` on colour photographs, in patches of 4 x 4 pixels.

    Arguments are those of `ConvNeXtClassifier` and of `AugmentedPhotoBaseline`.
    """

    batch: int = 32
    learning_rate: float = 4.0e-3
    weight_decay: float = 0.05
    dropout: float = 0.0
    augmentation: PhotoDeformation | None = _CNN_DEFORMATION
    views: int = 4
    kernel: int = 5

    patch: ClassVar[int] = 4


@dataclass(kw_only=True, eq=False)
class PhotoCNNEnsembleClassifier(PhotoCNNClassifier, CNNEnsembleClassifier):
    """`CNNEnsembleClassifier` on colour photographs; arguments are those of `PhotoCNNClassifier` and `Ensemble`."""
