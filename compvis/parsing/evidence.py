"""Evidence in nats that compares templates of different size fairly: both directions, and what they cost by themselves.

The forward evidence log p(B | A) says how well the template learned from A explains the ink of B. The other direction
holds the same quantity by Bayes' rule, log p(B | A) = log p(A | B) + log p(B) - log p(A), and its estimate errs
differently: ink of A that B lacks costs little forward and much backward. The two-way evidence is their mean. (Both
directions are scored in Lake, Salakhutdinov and Tenenbaum, Science 350, 2015, supplement S6.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from compvis.parsing.match import MatchSettings, ShapeStack, match

SQUARE_SYMMETRIES = tuple(
    np.array(matrix, dtype=np.float64)
    for matrix in (
        [[1, 0], [0, 1]],
        [[0, -1], [1, 0]],
        [[-1, 0], [0, -1]],
        [[0, 1], [-1, 0]],
        [[-1, 0], [0, 1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [-1, 0]],
    )
)
"""The symmetries of the square. The deformation prior is invariant under them, so turned templates are templates."""

ENOUGH_OTHERS = 16


@dataclass(frozen=True)
class PosePrior:
    """How the place and size of a character vary on its image: Normal about those of the template.

    centre: standard deviation of each coordinate of the centre, as a share of the image's longer side.
    log_unit: standard deviation of the log size.
    turns: degrees that the paper may have been turned by, besides none. Small turns are deformations: 45 degrees apart
    is enough. turn_price: nats of evidence (of independent observations, see ``InkOptions.temperature``) that a right
    angle costs; other turns by their square.
    """

    centre: float = 0.2
    log_unit: float = 0.35
    turns: Sequence[float] = ()
    turn_price: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", tuple(float(turn) for turn in self.turns))
        if not (self.centre > 0 and self.log_unit > 0):
            raise ValueError("PosePrior.centre and PosePrior.log_unit must be above 0.")
        if not all(-180 < turn <= 180 and turn for turn in self.turns) or len(set(self.turns)) < len(
            self.turns
        ):
            raise ValueError(
                f"PosePrior.turns must be different degrees within 180, not 0; they are {self.turns}."
            )
        if not 0 <= self.turn_price < math.inf:
            raise ValueError(f"PosePrior.turn_price must be finite and not below 0, not {self.turn_price}.")

    def log_turn(self, degrees: float) -> float:
        """What a turn of the paper costs, nats; 0 for none."""
        return 0.0 - self.turn_price * (degrees / 90) ** 2

    def log_prob(self, poses: np.ndarray, template_poses: np.ndarray) -> np.ndarray:
        """Log density (..., ) of poses (..., 3) = centre x, centre y, log unit given those of templates, nats."""
        scale = np.array([self.centre, self.centre, self.log_unit])
        standard = (poses - template_poses) / scale
        return -0.5 * (standard**2).sum(-1) - np.log(scale).sum() - 1.5 * math.log(2 * math.pi)


def background_evidence(
    stack: ShapeStack, settings: MatchSettings, most: int, temperature: float, seed: int, device="cpu"
) -> np.ndarray:
    """Estimate log p(ink of A) of every image A without its class: how well other characters explain it.

    The others are the remaining images of the stack. When they are fewer than ``ENOUGH_OTHERS`` they are used under
    all symmetries of the square as well: characters of no alphabet, but made of the same strokes. Their evidences
    are averaged by :func:`power_mean`.

    Args:
        stack: the k >= 2 images.
        settings: of the matcher.
        most: largest number of other characters for each image (a random draw when there are more).
        temperature: of the power mean.
        seed: of the draw.
        device: of the matcher.

    Returns:
        (k,) nats.
    """
    k = len(stack)
    symmetries = 1 if k - 1 >= ENOUGH_OTHERS else len(SQUARE_SYMMETRIES)
    generator = np.random.default_rng(seed)
    others = (k - 1) * symmetries
    chosen = np.stack(
        [generator.permutation(others)[:most] if others > most else np.arange(others) for _ in range(k)]
    )
    image = np.repeat(np.arange(k), chosen.shape[1])
    template, symmetry = np.divmod(chosen.ravel(), symmetries)
    template += template >= image
    seen = np.concatenate([stack.turned(matrix) for matrix in SQUARE_SYMMETRIES[:symmetries]])
    pairs = np.stack([template, symmetry * k + image], axis=1)
    _, evidence = match(stack, seen, pairs, settings, device)
    return power_mean(evidence.reshape(chosen.shape), temperature)


def power_mean(log_values: np.ndarray, temperature: float) -> np.ndarray:
    """Log of the power mean over the last axis: ``T log mean exp(x / T)``.

    T = 1 is the log of the mean, which a handful of lucky comparisons dominates; as T grows it tends to the mean of the
    logs, a lower bound of it (Jensen) with far less variance.
    """
    count = log_values.shape[-1]
    log_sum = np.asarray(logsumexp(log_values / temperature, axis=-1))
    return np.asarray(temperature * (log_sum - math.log(count)))


def two_way_evidence(
    forward: np.ndarray, backward: np.ndarray, of_image: np.ndarray, of_template: np.ndarray
) -> np.ndarray:
    """Mean of log p(B | A) and log p(A | B) + log p(B) - log p(A), nats; shapes broadcast."""
    return 0.5 * (forward + backward + of_image - of_template)
