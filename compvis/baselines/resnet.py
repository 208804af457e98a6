"""A small pre-activation residual network, trained from scratch."""

from dataclasses import dataclass

from torch import nn

from compvis.baselines.training import NetworkClassifier
from compvis.networks.residual import residual_network


@dataclass(kw_only=True, eq=False)
class ResNetClassifier(NetworkClassifier):
    """:func:`compvis.networks.residual.residual_network`; arguments are those of `NetworkClassifier`, and

    Args:
        blocks: residual blocks per stage.
    """

    steps: int = 1200
    blocks: int = 1

    def _build(self, classes: int) -> nn.Module:
        return residual_network(self._channels(), classes, self.width, self.blocks, self.dropout)
