"""Attacks of bounded size in every pixel (L-infinity), by gradients and without, all with the same bound.

Robustness is what survives the worst of all attacks, image by image: a model whose gradients are of no use is attacked
by its scores and by what fools another model (Athalye et al. 2018, "Obfuscated Gradients"; Croce & Hein 2020,
"AutoAttack", whose members' kinds are here: cross-entropy, margin, and random-search attacks).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from compvis.data.check import InputError

Logits = Callable[[Tensor, ndarray], Tensor]
"""From float images in [0, 1] and their places (n,) among all to logits (n, classes), differentiable."""
Margins = Callable[[ndarray, ndarray], ndarray]
"""From changed uint8 images (k, ...) and their places (k,) among all to margins (k,): below zero is a wrong answer."""

_STEPS = 20
_AT_ONCE = 32  # images: it bounds the memory of their gradients
_STEP_SHARE = 2.5  # of bound / steps: far enough to cross the ball


@dataclass(frozen=True)
class Bound:
    """How far every pixel may move.

    Attributes:
        levels: of 255. Whole levels, so that attacked images are uint8 like all others.
    """

    levels: int

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 255:
            raise InputError(f"An attack moves pixels by 1 to 255 levels, not {self.levels}.")

    @property
    def share(self) -> float:
        """The bound for pixels in [0, 1]."""
        return self.levels / 255.0


def attack_by_gradient(
    logits: Logits,
    images: UInt8[ndarray, "n H W *c"],
    targets: Int64[ndarray, "n"],
    bound: Bound,
    kind: str,
    seed: int = 0,
) -> UInt8[ndarray, "n H W *c"]:
    """Images that a differentiable model answers as badly as gradients can make it: of all steps that of least margin.

    An image that the model cannot read, for which it raises ValueError, is as bad as can be.

    Args:
        targets: columns of the right answers.
        kind: `fgsm` (Goodfellow et al. 2015: one step), `pgd` (Madry et al. 2018: 20 steps from a random start, on the
            cross-entropy) or `margin` (the same on the margin, Carlini & Wagner 2017: no vanishing gradient where a
            model is sure).

    Raises:
        InputError: an unknown kind.
    """
    if kind not in GRADIENT_ATTACKS:
        raise InputError(f"Unknown attack {kind!r}: choose one of {', '.join(GRADIENT_ATTACKS)}.")
    clean = torch.from_numpy(images).float() / 255.0
    right = torch.from_numpy(targets)
    generator = torch.Generator().manual_seed(seed)
    moved = torch.zeros_like(clean)
    steps, step = 1, bound.share
    if kind != "fgsm":
        steps, step = _STEPS, _STEP_SHARE * bound.share / _STEPS
        moved = (2 * torch.rand(clean.shape, generator=generator) - 1) * bound.share
    worst, found = np.full(len(images), -np.inf), images.copy()
    for _ in range(steps + 1):
        # What is asked about is what would be handed out.
        tried = _quantised(clean + moved, images, bound)
        parts = [
            _slopes(logits, torch.from_numpy(tried[rows]).float() / 255.0, rows, right[rows], kind)
            for rows in np.array_split(np.arange(len(images)), max(1, -(-len(images) // _AT_ONCE)))
        ]
        behind, slope = (torch.cat(list(column)) for column in zip(*parts, strict=True))
        worse = behind.numpy() > worst
        worst[worse], found[worse] = behind.numpy()[worse], tried[worse]
        moved = (moved + step * slope.sign()).clamp(-bound.share, bound.share)
    return found


GRADIENT_ATTACKS = ("fgsm", "pgd", "margin")


def attack_by_squares(
    margins: Margins, images: UInt8[ndarray, "n H W *c"], bound: Bound, queries: int, seed: int = 0
) -> tuple[UInt8[ndarray, "n H W *c"], Int64[ndarray, "n"]]:
    """Random squares at the bound's ends, kept where the margin falls (Andriushchenko et al. 2020, Square Attack).

    Needs answers alone, so it attacks models of any kind.

    Args:
        margins: called with the images that are still right, at most `queries` times.

    Returns:
        The images, and how many queries were spent on each.

    Raises:
        InputError: fewer than two queries.
    """
    if queries < 2:
        raise InputError(f"The square attack needs at least 2 queries, not {queries}.")
    generator = np.random.default_rng(seed)
    best = _stripes(images, bound, generator)
    worst = margins(best, np.arange(len(images)))
    spent = np.ones(len(images), dtype=np.int64)
    for query in range(1, queries):
        alive = np.flatnonzero(worst >= 0)
        if not len(alive):
            break
        side = _square_side(images.shape[1], query, queries)
        tried = best[alive].copy()
        for place, row in enumerate(alive.tolist()):
            _paint(tried[place], images[row], bound, side, generator)
        found = margins(tried, alive)
        spent[alive] += 1
        better = found < worst[alive]
        best[alive[better]], worst[alive[better]] = tried[better], found[better]
    return best, spent


def summarise_attacks(rows: Any) -> dict[str, Any]:
    """Clean accuracy, and by bound the accuracy that each attack and the worst of all leave.

    Args:
        rows: with ``row``, ``levels``, ``attack``, ``clean_correct`` and ``correct``.

    Returns:
        ``clean``, ``images`` and ``bounds``: by levels (as text) a mapping from attack to accuracy, with ``worst``.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("There are no attacked images to summarise: the test set is empty.")
    clean = {row["row"]: bool(row["clean_correct"]) for row in rows}
    bounds: dict[str, dict[str, float]] = {}
    for levels in sorted({row["levels"] for row in rows}):
        own = [row for row in rows if row["levels"] == levels]
        by_attack = {
            attack: [row["correct"] for row in own if row["attack"] == attack]
            for attack in dict.fromkeys(row["attack"] for row in own)
        }
        survived = dict(clean)
        for row in own:
            survived[row["row"]] = survived[row["row"]] and row["correct"]
        bounds[str(levels)] = {name: float(np.mean(values)) for name, values in by_attack.items()}
        bounds[str(levels)]["worst"] = float(np.mean(list(survived.values())))
    return {"clean": float(np.mean(list(clean.values()))), "images": len(clean), "bounds": bounds}


def _slopes(
    logits: Logits,
    images: Float[Tensor, "n H W *c"],
    places: Int64[ndarray, "n"],
    right: Int64[Tensor, "n"],
    kind: str,
) -> tuple[Float64[Tensor, "n"], Float[Tensor, "n H W *c"]]:
    """How far the right class is behind the best other one, and the gradient of the attack's loss."""
    asked = images.clone().requires_grad_(True)
    try:
        scores = logits(asked, places).to(right.device).double()
    except ValueError:
        if len(images) == 1:
            return torch.full((1,), torch.inf, dtype=torch.float64), torch.zeros_like(images)
        ones = [
            _slopes(logits, images[i : i + 1], places[i : i + 1], right[i : i + 1], kind)
            for i in range(len(images))
        ]
        behind, slope = (torch.cat(list(column)) for column in zip(*ones, strict=True))
        return behind, slope
    own = scores.gather(1, right[:, None])[:, 0]
    behind = scores.scatter(1, right[:, None], -torch.inf).amax(1) - own
    loss = behind if kind == "margin" else F.cross_entropy(scores, right, reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), asked)
    return behind.detach(), slope


def _quantised(moved: Tensor, images: ndarray, bound: Bound) -> ndarray:
    """Whole levels inside the bound and the range."""
    levels = np.rint(255.0 * moved.detach().numpy()).astype(np.int64)
    return _bounded(levels, images, bound)


def _bounded(levels: ndarray, images: ndarray, bound: Bound) -> ndarray:
    original = images.astype(np.int64)
    inside = np.clip(levels, original - bound.levels, original + bound.levels)
    return np.clip(inside, 0, 255).astype(np.uint8)


def _stripes(images: ndarray, bound: Bound, generator: np.random.Generator) -> ndarray:
    """Vertical stripes of one pixel, the attack's start."""
    shape = (len(images), 1, *images.shape[2:])
    signs = generator.choice([-1, 1], size=shape)
    return _bounded(images.astype(np.int64) + bound.levels * signs, images, bound)


def _square_side(height: int, query: int, queries: int) -> int:
    """Smaller squares as time goes by: the source's schedule of shares, stretched over the budget."""
    share = 0.3 * 0.5 ** int(np.searchsorted([0.005, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8], query / queries))
    return max(1, round(float(np.sqrt(share)) * height))


def _paint(
    image: UInt8[ndarray, "H W *c"],
    original: UInt8[ndarray, "H W *c"],
    bound: Bound,
    side: int,
    generator: np.random.Generator,
) -> None:
    """One square of one sign a channel, in place."""
    top, left = (int(generator.integers(extent - min(side, extent) + 1)) for extent in image.shape[:2])
    window = (slice(top, top + side), slice(left, left + side))
    signs: Float64[ndarray, "*c"] = generator.choice([-1.0, 1.0], size=image.shape[2:])
    changed = original[window].astype(np.int64) + (bound.levels * signs).astype(np.int64)
    image[window] = np.clip(changed, 0, 255)
