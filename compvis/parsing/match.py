"""Match a template on the ink of an image: where does its deformation prior let it go, and how well does it explain?

The ink of an image is summarised by n points spread evenly along its strokes, each with the orientation of the
stroke and the log of the ink's width there over the median width. Given a template with rest points ``x_i``, a point
of the image is drawn from

    p(b, phi, v | z) = (1 - e) sum_i w_i(z) N(b; x_i + Phi_i z, s^2) M(phi; theta_i) N(v; v_i, s_v^2)
                       + e / area / pi N(v; 0, S_v^2)

with ``Phi z`` the additive deformation of :mod:`compvis.grammar.deformation` (z standard normal), ``w`` the share of
the deformed stroke's length, M a von Mises density of twice the angle (on dots, which have no direction, its constant
alone, so that they weigh 1 / I0 of the sharpness) and e the share of ink that the template cannot explain. The width
tells a loop that ran together from a single stroke. z is found by expectation-maximisation with closed-form steps
while s is annealed (deterministic annealing as in Chui & Rangarajan, "A new point matching algorithm for non-rigid
registration", CVIU 89, 2003; closed-form M-step as in Myronenko & Song, "Point set registration: coherent point
drift", PAMI 2010); the assignment averages the two one-way posteriors, so that template ink that explains nothing
pulls too. Annealing may start from turned templates: the best end is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from scipy.special import i0e

from compvis.parsing.match_eager import match_eager
from compvis.parsing.match_kernel import SCORES, match_pairs


@dataclass(frozen=True)
class MatchSettings:
    """How matching is done; lengths in canonical units.

    points: points an image. modes: deformation modes kept of the prior (largest variance first).
    sharpness: concentration of the orientation (of twice the angle). outlier: share of ink left unexplained, e;
    area: where it may lie. noise: s at the end of the annealing; coarsest: s at its start; steps: in between,
    geometric. slack: affinity that a point keeps for no partner. width_noise: standard deviation of the log width;
    width_spread: of that of unexplained ink. turns: degrees that the template is turned by at the starts of the
    annealing.
    """

    points: int = 48
    modes: int = 24
    sharpness: float = 0.7
    outlier: float = 0.05
    area: float = 16.0
    noise: float = 0.12
    coarsest: float = 0.4
    steps: int = 10
    slack: float = 0.007
    width_noise: float = 0.5
    width_spread: float = 0.6
    turns: Sequence[float] = (0.0, -20.0, 20.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", tuple(float(turn) for turn in self.turns))
        if not self.turns or not all(math.isfinite(turn) for turn in self.turns):
            raise ValueError("MatchSettings.turns must hold at least one finite number of degrees.")
        for field in fields(self):
            if field.name == "turns":
                continue
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(
                    f"MatchSettings.{field.name} must be a finite number above 0, not {value!r}."
                )
        for name in ("points", "modes", "steps"):
            if getattr(self, name) != int(getattr(self, name)):
                raise ValueError(f"MatchSettings.{name} must be a whole number, not {getattr(self, name)!r}.")
        if self.outlier >= 1:
            raise ValueError(f"MatchSettings.outlier is a share and must be below 1, not {self.outlier}.")
        if self.coarsest < self.noise:
            raise ValueError(
                "MatchSettings.coarsest must not be below noise: annealing goes from coarse to fine."
            )

    def schedule(self) -> np.ndarray:
        """Standard deviations of the annealing, float32, coarse to fine."""
        return np.geomspace(self.coarsest, self.noise, int(self.steps)).astype(np.float32)

    def options(self) -> np.ndarray:
        """The scalars that the loops read, float32."""
        concentration = float(i0e(self.sharpness))
        values = [self.sharpness, self.slack, self.outlier, self.noise, self.area, concentration]
        return np.array([*values, self.width_noise, self.width_spread], dtype=np.float32)

    def starts(self) -> np.ndarray:
        """Rotations by ``turns``, (s, 2, 2) float32."""
        angle = np.deg2rad(self.turns)
        return np.stack(
            [np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1, dtype=np.float32
        ).reshape(-1, 2, 2)

    def upright(self) -> "MatchSettings":
        """The same without turned starts."""
        return replace(self, turns=(0.0,))


@dataclass(frozen=True)
class ShapeStack:
    """What the matcher needs of k images, each as a template and as an observation; float32 arrays.

    rest, tangent: (k, n, 2) points in the canonical frame and unit tangents (zero on dots).
    width: (k, n) log width over the median one.
    basis, slope: (k, n, r) deformation modes at the points, and their derivative along the tangent.
    seen: (k, 5, n) rows x, y, cos and sin of twice the orientation (zeros on dots), width.
    """

    rest: np.ndarray
    tangent: np.ndarray
    width: np.ndarray
    basis: np.ndarray
    slope: np.ndarray
    seen: np.ndarray

    def __len__(self) -> int:
        return len(self.rest)

    def __getitem__(self, rows: np.ndarray) -> "ShapeStack":
        return ShapeStack(*(np.ascontiguousarray(getattr(self, f.name)[rows]) for f in fields(self)))

    @classmethod
    def join(cls, stacks: "list[ShapeStack]") -> "ShapeStack":
        """The images of all stacks, one after the other."""
        return cls(*(np.concatenate([getattr(s, f.name) for s in stacks]) for f in fields(cls)))

    def coarse(self, every: int, modes: int) -> "ShapeStack":
        """Every ``every``-th point and the first ``modes`` modes only, for a cheap first look."""
        return ShapeStack(
            rest=np.ascontiguousarray(self.rest[:, ::every]),
            tangent=np.ascontiguousarray(self.tangent[:, ::every]),
            width=np.ascontiguousarray(self.width[:, ::every]),
            basis=np.ascontiguousarray(self.basis[:, ::every, :modes]),
            slope=np.ascontiguousarray(self.slope[:, ::every, :modes]),
            seen=np.ascontiguousarray(self.seen[:, :, ::every]),
        )

    def turned(self, matrix: np.ndarray) -> np.ndarray:
        """``seen`` of the images under an orthogonal map (2, 2) of the canonical frame, (k, 5, n)."""
        points = np.einsum("ab,kbn->kan", matrix, self.seen[:, :2])
        reflected = np.sign(np.linalg.det(matrix))
        angle = math.atan2(matrix[1, 0], matrix[0, 0])
        c, s = math.cos(2 * angle), math.sin(2 * angle)
        x, y = self.seen[:, 2], reflected * self.seen[:, 3]
        double = np.stack([c * x - s * y, s * x + c * y], axis=1)
        return np.concatenate([points, double, self.seen[:, 4:]], axis=1, dtype=np.float32)


def match(
    templates: ShapeStack,
    seen: np.ndarray,
    pairs: np.ndarray,
    settings: MatchSettings,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Match pairs (template, observation).

    Args:
        templates: the templates.
        seen: (k', 5, m) observations.
        pairs: (p, 2) int, row of ``templates`` and row of ``seen``.
        device: where; "cpu" runs the compiled loops (pairs in parallel), others plain torch.

    Returns:
        z (p, 2, r), the most probable deformation in standard coordinates, and the forward evidence (p,): the
        Laplace estimate of log p(ink points | template) in nats, z integrated out.
    """
    z = np.zeros((len(pairs), 2, templates.basis.shape[2]), np.float32)
    scores = np.zeros((len(pairs), SCORES), np.float32)
    if len(pairs):
        pairs = np.ascontiguousarray(pairs.T, dtype=np.int64)
        starts, schedule, options = settings.starts(), settings.schedule(), settings.options()
        arrays = (templates.rest, templates.tangent, templates.width, templates.basis, templates.slope)
        if torch.device(device).type == "cpu":
            match_pairs(*arrays, seen, pairs[0], pairs[1], starts, schedule, options, z, scores)
        else:
            rows = [torch.from_numpy(a).to(device) for a in (*(a[pairs[0]] for a in arrays), seen[pairs[1]])]
            turned, annealing, scalars = (torch.from_numpy(a).to(device) for a in (starts, schedule, options))
            found = [match_eager(*rows, start=start, schedule=annealing, options=scalars) for start in turned]
            all_z, all_scores = (torch.stack(parts) for parts in zip(*found, strict=True))
            evidence = all_scores[..., 0] - 0.5 * all_scores[..., 1] - all_scores[..., 2]
            best, each = evidence.argmax(0), torch.arange(evidence.shape[1], device=device)
            z, scores = all_z[best, each].cpu().numpy(), all_scores[best, each].cpu().numpy()
    return z, forward_evidence(scores, seen.shape[2])


def unexplained(
    templates: ShapeStack, seen: np.ndarray, pairs: np.ndarray, z: np.ndarray, settings: MatchSettings
) -> np.ndarray:
    """Posterior probability that a template does not explain a point of the ink, (p, m).

    Args:
        templates, seen, pairs, settings: as :func:`match`.
        z: (p, 2, r) deformations, of :func:`match`.
    """
    sharpness, _, outlier, noise, area, concentration, width_noise, width_spread = settings.options()
    one, image = templates[pairs[:, 0]], seen[pairs[:, 1]]
    moved = one.rest + np.einsum("pnr,pcr->pnc", one.basis, z)
    along = one.tangent + np.einsum("pnr,pcr->pnc", one.slope, z)
    length = np.square(one.tangent).sum(-1)
    stretch = np.where(length > 0, np.maximum(np.linalg.norm(along, axis=-1), 0.05), 1.0)
    x, y = np.moveaxis(one.tangent / np.sqrt(np.maximum(length, 1e-12))[..., None], -1, 0)
    double = np.stack([x**2 - y**2, 2 * x * y], -1)
    agreement = sharpness * (np.einsum("pnc,pcm->pnm", double, image[:, 2:4]) - 1)
    squared = np.square(image[:, None, :2] - moved[..., None]).sum(2)
    off = (image[:, 4][:, None] - one.width[..., None]) / width_noise
    kernel = np.exp(agreement - 0.5 * squared / noise**2 - 0.5 * off**2)
    share = stretch / stretch.sum(1, keepdims=True)
    density = (1 - outlier) / (2 * math.pi * noise**2 * concentration * width_noise)
    explained = density * (share[..., None] * kernel).sum(1)
    other = outlier / (area * width_spread) * np.exp(-0.5 * np.square(image[:, 4] / width_spread))
    return other / (explained + other)


def forward_evidence(scores: np.ndarray, points: int) -> np.ndarray:
    """Laplace estimate of log p(ink | template) from the matcher's scores (p, 3), nats.

    The prior is standard normal in both coordinates, which share the matrix of the log determinant: the estimate is
    log p(ink | z) - |z|^2 / 2 - 2 log det / 2 (MacKay, Information Theory, 2003, section 27). The density is over
    position (canonical units), orientation (radians) and log width of ``points`` ink points.
    """
    scores = scores.astype(np.float64)
    constants = points * (math.log(math.pi) + 0.5 * math.log(2 * math.pi))
    return scores[:, 0] - constants - 0.5 * scores[:, 1] - scores[:, 2]
