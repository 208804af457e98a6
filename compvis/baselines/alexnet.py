"""A network in the manner of AlexNet, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from compvis.baselines.training import NetworkClassifier
from compvis.networks.warps import Deformation

# Chosen with the other defaults on MNIST's validation rows, the best of three searches of ten settings.
_DEFORMATION = Deformation(
    rotation=18.5, shear=0.32, scale=0.185, stretch=0.185, translation=0.092, elastic=0.062,
    elastic_cells=5, thickness=0.79,
)  # fmt: skip


@dataclass(kw_only=True, eq=False)
class AlexNetClassifier(NetworkClassifier):
    """Five convolutions and three fully connected layers, no normalisation (Krizhevsky et al. 2012).

    The proportions are the source's (channels 96, 256, 384, 384, 256 are 2, 5, 8, 8, 5 times a unit of 48), kernels and
    strides are smaller because the pictures are, and dropout, there a half, is an argument. Others are those of
    `NetworkClassifier`.

    Args:
        width: channels of the first convolution.
        hidden: units of each of the two hidden layers.
    """

    width: int = 24
    learning_rate: float = 2.8e-3
    weight_decay: float = 0.015
    label_smoothing: float = 0.1
    dropout: float = 0.0
    augmentation: Deformation | None = _DEFORMATION
    hidden: int = 256

    stem: ClassVar[tuple[int, int]] = (5, 1)  # kernel and stride of the first convolution

    def _build(self, classes: int) -> nn.Module:
        kernel, stride = self.stem
        unit = self.width / 2
        first, second, middle = self.width, round(5 * unit), round(8 * unit)
        side = -(-self.size // stride) // 2 // 2 // 2
        return nn.Sequential(
            *_convolve(self._channels(), first, kernel, stride),
            nn.MaxPool2d(2),
            *_convolve(first, second, 5),
            nn.MaxPool2d(2),
            *_convolve(second, middle),
            *_convolve(middle, middle),
            *_convolve(middle, second),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(second * side * side, self.hidden),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.hidden, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, classes),
        )


def _convolve(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return [convolution, nn.ReLU()]
