"""log p(figure given coverage): which pixels are seen to be object, where some of it may be hidden."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class FigureLikelihood:
    """Independent Bernoulli pixels, robust and tempered.

    A pixel that the leaves cover by c is seen as figure with probability ``e + (1 - 2 e) (1 - hidden) c``: e is
    the share of pixels that the model gets wrong, ``hidden`` the share of the object behind occluders. Errors of
    neighbouring pixels go together, so ``temperature`` pixels count as one observation (a composite likelihood:
    Varin, Reid and Firth, Statistica Sinica 21, 2011).

    Args:
        outlier: e, in (0, 0.5).
        temperature: pixels for each independent observation, at least 1.
        hidden: shares of the object that may be hidden, each in [0, 1).
        hidden_weights: their probabilities.
    """

    outlier: float = 0.01
    temperature: float = 12.0
    hidden: tuple[float, ...] = (0.0, 0.4, 0.7)
    hidden_weights: tuple[float, ...] = (0.98, 0.01, 0.01)

    def __post_init__(self) -> None:
        if not 0 < self.outlier < 0.5:
            raise ValueError(f"outlier must lie in (0, 0.5), not {self.outlier}.")
        if not self.temperature >= 1:
            raise ValueError(f"temperature must be at least 1, not {self.temperature}.")
        if not self.hidden or any(not 0 <= share < 1 for share in self.hidden):
            raise ValueError(f"hidden must be shares in [0, 1), not {self.hidden}.")
        if len(self.hidden_weights) != len(self.hidden) or min(self.hidden_weights) <= 0:
            raise ValueError("Give one positive weight for each share in hidden.")

    def chance(self, coverage: Float[Tensor, "*s"], hidden: float) -> Float[Tensor, "*s"]:
        """Probability that each pixel is seen as figure."""
        return self.outlier + (1 - 2 * self.outlier) * (1 - hidden) * coverage.clamp(0, 1)

    def log_prob(
        self, figure: Float[Tensor, "h S S"], coverage: Float[Tensor, "h S S"], hidden: float = 0.0
    ) -> Float[Tensor, " h"]:
        """log p of each figure, nats of independent observations."""
        chance = self.chance(coverage, hidden)
        score = figure * chance.log() + (1 - figure) * (1 - chance).log()
        return score.sum((1, 2)) / self.temperature

    def log_prob_all(
        self, figure: Float[Tensor, "n p"], coverage: Float[Tensor, "v p"], hidden: float
    ) -> Float[Tensor, "n v"]:
        """log p of every figure given every coverage, both as rows of p pixels: one matrix product."""
        chance = self.chance(coverage, hidden)
        miss = (1 - chance).log()
        return (figure @ (chance.log() - miss).T + miss.sum(1)) / self.temperature

    def log_hidden(self) -> Float[Tensor, " k"]:
        """Log probabilities of the shares ``hidden``."""
        weights = torch.tensor(self.hidden_weights)
        return (weights / weights.sum()).log()
