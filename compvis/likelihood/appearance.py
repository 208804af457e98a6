"""log p(edges inside the figure given category and viewpoint): what an outline alone does not tell.

From opposite sides at the horizon an object has the same outline; a windscreen or a face tells them apart.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

_ORIENTATIONS = 8
_CELL = 6  # working pixels along a cell
_FLAT = 0.3  # energy of a cell without edges, so that noise is not blown up
_MOST = 0.4  # of one normalised bin (Dalal and Triggs, 2005, section 6.4: clipping)


@dataclass(frozen=True)
class AppearanceSettings:
    """How edges inside figures vary with the viewpoint and between objects.

    The standardised histograms of a category are a Gaussian process over the view sphere, with unit variance together
    with the noise of single pictures.

    Args:
        common: share of the variance that all viewpoints of a category have in common, in [0, 1).
        reach: length scale over viewpoints, degrees.
        noise: variance of single pictures about the process, relative to the process's.
        temperature: entries of a histogram for each independent observation, at least 1.
        known: share of the process's variance that pictures explain where viewpoints count as learned, in (0, 1].
    """

    common: float = 0.2
    reach: float = 14.0
    noise: float = 1.0
    temperature: float = 15.0
    known: float = 0.56

    def __post_init__(self) -> None:
        if not 0 <= self.common < 1:
            raise ValueError(f"common must lie in [0, 1), not {self.common}.")
        if not (0 < self.reach < math.inf and 0 < self.noise < math.inf and 1 <= self.temperature < math.inf):
            raise ValueError("reach and noise must be finite and above 0, temperature finite and at least 1.")
        if not 0 < self.known <= 1:
            raise ValueError(f"known must lie in (0, 1], not {self.known}.")


def edge_histograms(
    light: Float[Tensor, "n S S"], figure: Float[Tensor, "n S S"]
) -> Float[Tensor, "n o k k"]:
    """Histograms of the orientations of gradients in square cells, of the figure's lightness alone.

    What is not figure takes the figure's mean lightness. Orientations are unsigned; cells are normalised over their
    eight neighbours (Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005).
    """
    mean = (light * figure).sum((1, 2)) / figure.sum((1, 2)).clamp_min(1e-6)
    inside = (light * figure + (1 - figure) * mean[:, None, None])[:, None]
    smooth = F.avg_pool2d(F.pad(inside, (1, 1, 1, 1), mode="replicate"), 3, 1)
    rim = F.pad(smooth, (1, 1, 1, 1), mode="replicate")[:, 0]
    across = (rim[:, 1:-1, 2:] - rim[:, 1:-1, :-2]) / 2
    down = (rim[:, 2:, 1:-1] - rim[:, :-2, 1:-1]) / 2
    if across.requires_grad:  # a pixel on even ground has no orientation, and none has a derivative
        for slope in (across, down):
            slope.register_hook(lambda grad: grad.nan_to_num(0.0, 0.0, 0.0))
    strength = torch.hypot(across, down)
    place = (torch.atan2(down, across) % torch.pi) / torch.pi * _ORIENTATIONS
    low = place.floor().long() % _ORIENTATIONS
    share = place - place.floor()
    bins = strength.new_zeros(len(light), _ORIENTATIONS, *light.shape[1:])
    bins.scatter_(1, low[:, None], (strength * (1 - share))[:, None])
    bins.scatter_add_(1, ((low + 1) % _ORIENTATIONS)[:, None], (strength * share)[:, None])
    cells = F.avg_pool2d(bins, _CELL) * _CELL**2
    energy = F.avg_pool2d(F.pad(cells.square().sum(1, keepdim=True), (1, 1, 1, 1)), 3, 1) * 9
    return (cells / (energy + _FLAT**2).sqrt()).clamp(max=_MOST)


@dataclass(frozen=True, eq=False)
class AppearanceMaps:
    """What a field expects at v viewpoints.

    Attributes:
        mean: standardised histograms (c, v, d) of c categories. variance: (c, v), of each entry.
        explained: (c, v) share of the process's variance that the training pictures explain.
    """

    mean: Float[Tensor, "c v d"]
    variance: Float[Tensor, "c v"]
    explained: Float[Tensor, "c v"]


@dataclass(frozen=True, eq=False)
class AppearanceField:
    """Edges inside the figures of each category, a Gaussian process over viewpoints.

    Attributes:
        histograms: standardised, of the training pictures and of their mirror images (m, d).
        towards: unit vectors to their viewers (m, 3). labels: their categories (m,).
        middle, spread: mean (d,) and standard deviation () of training histograms.
    """

    histograms: Float[Tensor, "m d"]
    towards: Float[Tensor, "m 3"]
    labels: Int[Tensor, " m"]
    middle: Float[Tensor, " d"]
    spread: Float[Tensor, ""]

    @classmethod
    def learn(
        cls,
        light: Float[Tensor, "n S S"],
        figure: Float[Tensor, "n S S"],
        towards: Float[Tensor, "n 3"],
        labels: Int[Tensor, " n"],
    ) -> "AppearanceField":
        """Take in the pictures of all categories; ``towards`` points to their viewers.

        Objects are supposed to have two like halves on either side of the plane z = 0, as solids with parts in
        pairs have: a picture's mirror image is what is seen from the mirrored viewpoint.
        """
        seen = edge_histograms(light, figure).flatten(1)
        mirrored = edge_histograms(light.flip(2), figure.flip(2)).flatten(1)
        middle = seen.mean(0)
        spread = (seen - middle).square().mean().sqrt().clamp_min(1e-6)
        return cls(
            (torch.cat([seen, mirrored]) - middle) / spread,
            torch.cat([towards, towards * towards.new_tensor([1.0, 1.0, -1.0])]),
            torch.cat([labels, labels]),
            middle,
            spread,
        )

    def maps(self, towards: Float[Tensor, "v 3"], settings: AppearanceSettings) -> AppearanceMaps:
        """Posterior mean and variance of every category at the viewpoints ``towards`` (Rasmussen and Williams,
        "Gaussian Processes for Machine Learning", 2006, equations 2.25 and 2.26)."""
        signal = 1 / (1 + settings.noise)
        mean, explained = [], []
        for c in range(int(self.labels.max()) + 1):
            own = self.labels == c
            known = self.towards[own]
            single = torch.eye(len(known), dtype=known.dtype, device=known.device)
            noisy = signal * _kernel(known, known, settings) + (1 - signal) * single
            cross = signal * _kernel(known, towards, settings)
            weights = torch.linalg.solve(noisy, cross)
            mean.append(weights.T @ self.histograms[own])
            explained.append((weights * cross).sum(0) / signal)
        share = torch.stack(explained).clamp(0, 1)
        return AppearanceMaps(torch.stack(mean), 1 - signal * share, share)

    def log_prob(
        self,
        light: Float[Tensor, "n S S"],
        figure: Float[Tensor, "n S S"],
        told: Float[Tensor, "n S S"],
        maps: AppearanceMaps,
        settings: AppearanceSettings,
    ) -> Float[Tensor, "n c v"]:
        """log p of the edges inside each figure in every category and viewpoint, nats of independent observations.

        Up to the constant of the normal density, the same for all.

        Args:
            told: share of each pixel that is known to be figure or background; the rest, behind something else,
                says nothing, and a cell counts by its share.
        """
        seen = (edge_histograms(light, figure).flatten(1) - self.middle) / self.spread
        weight = F.avg_pool2d(told.clamp(0, 1)[:, None], _CELL).flatten(1).repeat(1, _ORIENTATIONS)
        mean, variance = maps.mean.flatten(0, 1), maps.variance.flatten()
        squared = (weight * seen.square()).sum(1, keepdim=True) - 2 * (weight * seen) @ mean.T
        squared = squared + weight @ mean.square().T
        score = -0.5 * (squared / variance + weight.sum(1, keepdim=True) * variance.log())
        return (score / settings.temperature).view(len(seen), *maps.variance.shape)


def trust(
    posterior: Float[Tensor, "n c v"], maps: AppearanceMaps, settings: AppearanceSettings
) -> Float[Tensor, " n"]:
    """How far edges count in each picture, in [0, 1].

    Of viewpoints that were not learned the field knows next to nothing, but hypotheses that *were* learned could
    still win by chance. So edges count as far as the viewpoints that the outline suggests were learned.

    Args:
        posterior: probability of every category and viewpoint by the outline, summing to one in each picture.
    """
    return _learned((posterior * maps.explained).sum((1, 2)), settings)


def learned_share(maps: AppearanceMaps, area: Float[Tensor, " v"], settings: AppearanceSettings) -> float:
    """Share of all viewpoints that were learned, mean over categories, in [0, 1].

    Args:
        area: share of the sphere of each viewpoint, summing to one.
    """
    return float((_learned(maps.explained, settings) * area).sum(1).mean())


def _learned(explained: Float[Tensor, "*b"], settings: AppearanceSettings) -> Float[Tensor, "*b"]:
    """How far a viewpoint counts as learned, by the share of the process's variance that is explained there."""
    return (explained / settings.known).clamp(0, 1) ** 4


def _kernel(
    first: Float[Tensor, "a 3"], second: Float[Tensor, "b 3"], settings: AppearanceSettings
) -> Float[Tensor, "a b"]:
    apart = (2 - 2 * (first @ second.T)).clamp_min(0)
    reach = math.radians(settings.reach)
    return settings.common + (1 - settings.common) * torch.exp(-apart / (2 * reach**2))
