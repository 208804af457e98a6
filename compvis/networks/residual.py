"""A small pre-activation residual network."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def residual_network(inputs: int, classes: int, width: int, blocks: int, dropout: float) -> nn.Sequential:
    """Three stages of pre-activation blocks (He et al. 2016, "Identity mappings"), wide and shallow.

    The stem halves the picture; stages have width, 2 width and 4 width channels, as in wide residual networks
    (Zagoruyko & Komodakis 2016).

    Args:
        inputs: channels of a picture.
        classes: logits.
        width: channels of the first stage.
        blocks: residual blocks per stage.
        dropout: before the last layer.
    """
    channels = [width, width, 2 * width, 4 * width]
    layers: list[nn.Module] = [nn.Conv2d(inputs, width, 5, stride=2, padding=2, bias=False)]
    for stage in range(3):
        for block in range(blocks):
            first = block == 0
            before = channels[stage] if first else channels[stage + 1]
            layers.append(_Block(before, channels[stage + 1], 2 if first and stage > 0 else 1))
    layers += [nn.BatchNorm2d(channels[3]), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(4 * channels[3], classes))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = inputs == outputs and stride == 1
        # Averaging before a 1 x 1 convolution loses nothing, unlike a stride in it (He et al. 2019, "Bag of
        # tricks", model tweak D); and oneDNN corrupts memory in a strided channels-last 1 x 1 convolution.
        pool = nn.AvgPool2d(2, ceil_mode=True) if stride == 2 else nn.Identity()
        project = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.shortcut = None if same else nn.Sequential(pool, project)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i j"]:
        active = F.relu(self.norm1(x))
        skipped = x if self.shortcut is None else self.shortcut(active)
        return skipped + self.conv2(F.relu(self.norm2(self.conv1(active))))
