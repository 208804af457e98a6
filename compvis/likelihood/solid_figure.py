"""log p(figure, ground given coverage): which pixels are seen to be object, which background."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class FigureLikelihood:
    """Independent Bernoulli pixels, robust and tempered.

    A pixel that the leaves cover by c shows the object with probability ``e + (1 - 2 e) c`` and the background
    otherwise: e is the share of pixels that the model gets wrong. Pixels that show something in front are neither
    figure nor ground and say nothing: they are missing at random. Errors of neighbouring pixels go together, so
    ``temperature`` pixels count as one observation (a composite likelihood: Varin, Reid and Firth, Statistica
    Sinica 21, 2011).

    Args:
        outlier: e, in (0, 0.5).
        temperature: pixels for each independent observation, at least 1.
    """

    outlier: float = 0.01
    temperature: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.outlier < 0.5:
            raise ValueError(f"outlier must lie in (0, 0.5), not {self.outlier}.")
        if not self.temperature >= 1:
            raise ValueError(f"temperature must be at least 1, not {self.temperature}.")

    def chance(self, coverage: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
        """Probability that each pixel, where nothing is in front, shows the object."""
        return self.outlier + (1 - 2 * self.outlier) * coverage.clamp(0, 1)

    def log_prob(
        self,
        figure: Float[Tensor, "#h S S"],
        ground: Float[Tensor, "#h S S"],
        coverage: Float[Tensor, "h S S"],
    ) -> Float[Tensor, " h"]:
        """log p of each figure and ground (shares of each pixel), nats of independent observations."""
        log_object, log_background = self.logs(coverage)
        return (figure * log_object + ground * log_background).sum((1, 2)) / self.temperature

    def logs(self, coverage: Float[Tensor, "*s"]) -> tuple[Float[Tensor, "*s"], Float[Tensor, "*s"]]:
        """Log probabilities of object and of background at each pixel, what :meth:`log_prob_all` takes."""
        chance = self.chance(coverage)
        return chance.log(), (1 - chance).log()

    def log_prob_all(
        self,
        figure: Float[Tensor, "n p"],
        ground: Float[Tensor, "n p"],
        log_object: Float[Tensor, "v p"],
        log_background: Float[Tensor, "v p"],
    ) -> Float[Tensor, "n v"]:
        """log p of every figure and ground given every coverage, all as rows of p pixels: two matrix products."""
        return (figure @ log_object.T + ground @ log_background.T) / self.temperature
