"""What is figure, what ground, what in front: bottom-up cues for photographs that come without a mask.

A small network proposes, the grammar disposes: it labels each pixel of the working frame as of the object, of the
background or of an occluder, and knows no category. It is learned by synthesis, from training objects laid before and
behind other things (:mod:`compvis.learning.figure_ground`). An encoder and decoder with skips, after Ronneberger,
Fischer and Brox, "U-Net" (MICCAI 2015).
"""

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = (16, 32, 64, 64)
_BATCH = 128


class FigureGroundNet(nn.Module):
    """Labels (figure, ground, in front) of every pixel of a square frame, whose side 8 divides."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = CHANNELS
        self.down = nn.ModuleList(
            [_convolve(5, a), _convolve(a, b, b), _convolve(b, c, c), _convolve(c, d, d)]
        )
        self.up = nn.ModuleList([_convolve(c + d, b), _convolve(b + b, a), _convolve(a + a, a)])
        self.out = nn.Conv2d(a, 3, 1)

    def forward(self, colour: Float[Tensor, "n 3 S S"]) -> Float[Tensor, "n 3 S S"]:
        """Logits of the labels, from colours in Lab / 100."""
        n, _, height, width = colour.shape
        y = torch.linspace(-1, 1, height, device=colour.device)[:, None].expand(n, 1, height, width)
        x = torch.linspace(-1, 1, width, device=colour.device).expand(n, 1, height, width)
        centred = colour - colour.new_tensor([0.5, 0.0, 0.0])[:, None, None]
        now = torch.cat([2 * centred, y, x], 1)
        kept = []
        for place, stage in enumerate(self.down):
            now = stage(now if place == 0 else F.max_pool2d(now, 2))
            kept.append(now)
        for stage, beside in zip(self.up, kept[-2::-1], strict=True):
            larger = F.interpolate(now, scale_factor=2.0, mode="bilinear", align_corners=False)
            now = stage(torch.cat([beside, larger], 1))
        return self.out(now)

    def label(
        self, colour: Float[Tensor, "n S S 3"]
    ) -> tuple[Float[Tensor, "n S S"], Float[Tensor, "n S S"]]:
        """Probabilities of figure and of ground of every pixel; the rest is something in front."""
        self.eval()
        with torch.no_grad():
            parts = colour.permute(0, 3, 1, 2).split(_BATCH)
            shares = torch.cat([self(part).softmax(1) for part in parts])
        return shares[:, 0], shares[:, 1]


def _convolve(*channels: int) -> nn.Sequential:
    """Convolutions of 3 x 3, each normalised and rectified."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)
