"""A small network in the manner of ConvNeXt, trained from scratch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from compvis.baselines.training import NetworkClassifier
from compvis.networks.warps import Deformation

# Chosen with the other defaults on MNIST's validation rows, the best of three searches of ten settings.
_DEFORMATION = Deformation(
    rotation=16.6, shear=0.284, scale=0.166, stretch=0.166, translation=0.083, elastic=0.047,
    thickness=0.71,
)  # fmt: skip

_SCALE = 0.1  # of the residual branches at the start; the source's 1e-6 is for networks many times deeper


@dataclass(kw_only=True, eq=False)
class ConvNeXtClassifier(NetworkClassifier):
    """Patches, then two stages of depthwise convolutions with inverted bottlenecks (Liu et al. 2022, section 2).

    A transformer's block with a convolution for its attention: layer normalisation, GELU, one activation a block.
    Other arguments are those of `NetworkClassifier`.

    Args:
        width: channels of the first stage; the second has twice as many.
        blocks: in each of the two stages.
        kernel: side of the depthwise convolutions.
    """

    width: int = 32
    learning_rate: float = 6.5e-3
    weight_decay: float = 1.0e-3
    dropout: float = 0.2
    augmentation: Deformation | None = _DEFORMATION
    blocks: int = 2
    kernel: int = 3

    patch: ClassVar[int] = 2  # side of the patches that the first layer reads

    def _build(self, classes: int) -> nn.Module:
        width, layers = self.width, nn.ModuleList()
        layers.append(nn.Conv2d(self._channels(), width, self.patch, self.patch))
        layers.append(_ChannelNorm(width))
        layers.extend(_Block(width, self.kernel) for _ in range(self.blocks))
        layers.append(_ChannelNorm(width))
        layers.append(nn.Conv2d(width, 2 * width, 2, 2))
        layers.extend(_Block(2 * width, self.kernel) for _ in range(self.blocks))
        head = (nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(8 * width), nn.Dropout(self.dropout))
        return nn.Sequential(*layers, *head, nn.Linear(8 * width, classes))


class _ChannelNorm(nn.Module):
    """Layer normalisation over the channels of every position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Block(nn.Module):
    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 4 * channels)
        self.reduce = nn.Linear(4 * channels, channels)
        self.activate = nn.GELU()
        self.scale = nn.Parameter(torch.full((channels,), _SCALE))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        mixed = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.reduce(self.activate(self.expand(mixed)))).permute(0, 3, 1, 2)
