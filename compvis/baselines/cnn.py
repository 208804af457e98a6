"""A plain convolutional network, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from compvis.baselines.training import NetworkClassifier


@dataclass(kw_only=True, eq=False)
class CNNClassifier(NetworkClassifier):
    """Three stages of 3 x 3 convolutions (width, 2 width, 4 width channels), pooled between, then one layer.

    The plain design that wins small-data comparisons once it is tuned (Brigato et al. 2021, section 5): batch
    normalisation, no branches. The last stage keeps its positions: digits are told apart by where parts are.
    Arguments are those of `NetworkClassifier`.
    """

    stem: ClassVar[tuple[int, int]] = (3, 1)  # kernel and stride of the first convolution

    def _build(self, classes: int) -> nn.Module:
        width, (kernel, stride) = self.width, self.stem
        side = -(-self.size // stride) // 2 // 2 // 2
        grid = self._grid(side)
        return nn.Sequential(
            *_convolve(self._channels(), width, kernel, stride),
            nn.MaxPool2d(2),
            *_convolve(width, 2 * width),
            *_convolve(2 * width, 2 * width),
            nn.MaxPool2d(2),
            *_convolve(2 * width, 4 * width),
            nn.MaxPool2d(2),
            *([nn.AdaptiveAvgPool2d(grid)] if grid < side else []),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(4 * width * grid * grid, classes),
        )

    def _grid(self, side: int) -> int:
        """How many positions a side the last layer tells apart, of `side`."""
        return side


def _convolve(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
