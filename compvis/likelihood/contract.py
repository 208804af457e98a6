"""What every likelihood takes and returns."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from compvis.render.contract import Rendering


@runtime_checkable
class Likelihood(Protocol):
    """Log-density of an image given a rendering, in nats (or a tempered score, where its settings say so)."""

    def log_likelihood(
        self, image: Float[Tensor, "*one_or_h H W"], rendering: Rendering
    ) -> Float[Tensor, " h"]:
        """log p(image | rendering) of each hypothesis.

        ``image`` is (H, W), shared by all hypotheses, or (h, H, W), one for each.
        """
        ...

    def guide(self, image: Float[Tensor, "*one_or_h H W"], rendering: Rendering) -> Float[Tensor, " h"]:
        """The same form for equally blurred image and rendering: a heuristic to climb from afar."""
        ...

    def null_log_likelihood(self, image: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch"]:
        """log p(image | nothing drawn): the background hypothesis, from which gains are counted."""
        ...
