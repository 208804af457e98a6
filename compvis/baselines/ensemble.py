"""Several networks that answer together."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from compvis.baselines.cnn import CNNClassifier
from compvis.baselines.training import NetworkClassifier
from compvis.data.check import InputError


@dataclass(kw_only=True, eq=False)
class Ensemble(NetworkClassifier):
    """The mean probability of networks from different initial weights (Lakshminarayanan et al. 2017, section 2.4).

    To be named before the network that it multiplies; its arguments are that network's.

    Args:
        members: how many networks; member k of seed s has the seed s * members + k, so no two seeds share one.
    """

    members: int = 5

    def _fit(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"]) -> None:
        if self.members < 1:
            raise InputError(f"An ensemble needs at least one member, not {self.members}.")
        seeds = (self.seed * self.members + place for place in range(self.members))
        self._networks = [self._train(images, targets, seed) for seed in seeds]

    def _ask(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        answers = [self._ask_network(network, images).log_softmax(1) for network in self._networks]
        return torch.stack(answers).logsumexp(0) - math.log(len(answers))

    def _state(self) -> dict[str, Tensor]:
        return {
            f"{place}.{name}": tensor
            for place, network in enumerate(self._networks)
            for name, tensor in network.state_dict().items()
        }

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._networks = [
            self._rebuild(
                {name.split(".", 1)[1]: t for name, t in state.items() if name.split(".", 1)[0] == str(place)}
            )
            for place in range(self.members)
        ]


@dataclass(kw_only=True, eq=False)
class CNNEnsembleClassifier(Ensemble, CNNClassifier):
    """`Ensemble` of `CNNClassifier`."""
