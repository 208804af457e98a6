"""An ink image as a template (its strokes at rest) and as an observation (points along them), ready to be matched."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from compvis.geometry.affine import rotation
from compvis.grammar.deformation import DeformationPrior, bernstein
from compvis.grammar.ink import CharacterTemplate, StrokeTemplate, deformation_basis
from compvis.parsing.bezier import fit_substrokes, sample_beziers
from compvis.parsing.decompose import Decomposition, decompose
from compvis.parsing.ink_image import MINIMUM_UNIT, ink_frame
from compvis.parsing.match import MatchSettings, ShapeStack
from compvis.parsing.skeleton import INK_THRESHOLD, SkeletonGraph, skeleton_graph

FIT_TOLERANCE = 0.35
"""Largest distance of a sub-stroke from the skeleton, in pen widths."""

LEAST_UNIT = 0.03
"""Least unit of a character's frame, as a share of the image's longer side: a dot has no extent of its own."""

DOT = 0.6
"""A stroke shorter than its pen's width times this is a dot; it counts as long as the pen is wide."""

LEAST_WIDTH = 0.5
"""Thinner ink, in pixels, counts as this wide."""

CURVE_SAMPLES = 33
SLOPE_STEP = 0.02
TANGENT_REACH = 0.75
"""A tangent is the chord between points this many pen widths (and half a pixel) before and behind."""


@dataclass(frozen=True, eq=False)
class InkShape:
    """One image of ink, described.

    template: its strokes at rest, canonical frame. centre (2,), unit: where they lie in the image, pixels.
    size: (H, W) of the image. points (n, 2): points spread evenly over the skeleton, canonical frame; tangents
    (n, 2): unit tangents there, zero on dots. widths (n,): log of the ink's width there over their median.
    on, t (n,): the nearest sub-stroke and its Bezier parameter.
    """

    template: CharacterTemplate
    centre: Float[Tensor, "2"]
    unit: float
    size: tuple[int, int]
    points: Float[Tensor, "n 2"]
    tangents: Float[Tensor, "n 2"]
    widths: Float[Tensor, " n"]
    on: Int[Tensor, " n"]
    t: Float[Tensor, " n"]

    @property
    def pose(self) -> np.ndarray:
        """Centre and log unit, in units of the image's longer side, (3,)."""
        side = max(self.size)
        return np.array([*(self.centre.numpy() / side), np.log(self.unit / side)])

    def turned(self, degrees: float) -> "InkShape":
        """The same ink on paper that was turned about the image's middle; from x (right) towards y (down)."""
        matrix = rotation(degrees)
        strokes = tuple(
            replace(stroke, control_points=stroke.control_points @ matrix.T)
            for stroke in self.template.strokes
        )
        middle = torch.tensor([self.size[1] / 2, self.size[0] / 2])
        return replace(
            self,
            template=replace(self.template, strokes=strokes),
            centre=middle + matrix @ (self.centre - middle),
            points=self.points @ matrix.T,
            tangents=self.tangents @ matrix.T,
        )


def describe(
    ink: Float[Tensor, "H W"],
    prior: DeformationPrior,
    points: int,
    decomposition: Decomposition | None = None,
    threshold: float = INK_THRESHOLD,
) -> InkShape:
    """Describe an ink image by its best decomposition into strokes, or by a given one.

    Args:
        ink: 1 = ink, 0 = paper.
        prior: how the template may deform.
        points: number of points spread over the ink.
        decomposition: strokes in the image frame.
        threshold: grey value from which a pixel is ink.

    Raises:
        ValueError: no pixel is ink.
    """
    graph = skeleton_graph(ink, threshold)
    chosen = decomposition or decompose(graph, k=1)[0]
    where, tangents, widths = spread_points(graph, points)
    centre, unit = ink_frame(torch.from_numpy(where))
    unit = max(unit, least_unit(tuple(ink.shape)))
    strokes = []
    for stroke, width in zip(chosen.strokes, chosen.widths, strict=True):
        control = (fit_substrokes(stroke, FIT_TOLERANCE * graph.pen_width) - centre) / unit
        strokes.append(StrokeTemplate(control, torch.full((len(control),), float(width.mean()) / unit)))
    template = CharacterTemplate(tuple(strokes), prior)
    canonical = (torch.from_numpy(where) - centre) / unit
    on, t = _nearest(template.control_points, canonical)
    height, width = ink.shape
    along = (torch.from_numpy(tangents), torch.from_numpy(widths))
    return InkShape(template, centre, unit, (height, width), canonical, *along, on, t)


def least_unit(size: tuple[int, ...]) -> float:
    """Least unit of a character's frame on an image of ``size`` = (H, W), pixels."""
    return max(MINIMUM_UNIT, LEAST_UNIT * max(size))


def shape_stack(shape: InkShape, settings: MatchSettings) -> ShapeStack:
    """The matcher's arrays of one image (k = 1)."""
    control = shape.template.control_points
    ahead, behind = (shape.t + SLOPE_STEP).clamp(max=1), (shape.t - SLOPE_STEP).clamp(min=0)
    chord = torch.einsum("nk,nkd->nd", bernstein(ahead) - bernstein(behind), control[shape.on])
    along = (chord * shape.tangents).sum(1)
    per_length = along.sign() * shape.tangents.norm(dim=1) / chord.norm(dim=1).clamp(min=1e-6)
    full = deformation_basis(shape.template, shape.on, shape.t)
    change = deformation_basis(shape.template, shape.on, ahead) - deformation_basis(
        shape.template, shape.on, behind
    )
    rotation = principal_modes(full, settings.modes)
    x, y = shape.tangents.T
    arrays = (
        shape.points,
        shape.tangents,
        shape.widths,
        full @ rotation,
        change @ rotation * per_length[:, None],
        torch.stack([*shape.points.T, x**2 - y**2, 2 * x * y, shape.widths]),
    )
    return ShapeStack(*(np.ascontiguousarray(a.numpy(), dtype=np.float32)[None] for a in arrays))


def principal_modes(basis: Float[Tensor, "n r"], modes: int) -> Float[Tensor, "r m"]:
    """The directions of z, orthonormal columns, that move the points most; m = ``modes``, padded with zeros.

    ``z = rotation @ z_modes`` takes the matcher's coordinates back to those of the sites of the parse tree.
    """
    wide = basis.to(torch.float64)
    variances, left = torch.linalg.eigh(wide @ wide.T)
    variances, left = variances.flip(0)[:modes], left.flip(1)[:, :modes]
    used = variances > 1e-8 * variances[0]
    scale = torch.where(used, variances.clamp(min=1e-30).rsqrt(), torch.zeros_like(variances))
    rotation = (wide.T @ left * scale).to(basis.dtype)
    return torch.nn.functional.pad(rotation, (0, modes - rotation.shape[1]))


def spread_points(graph: SkeletonGraph, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spread points evenly over a skeleton; a dot counts as a stroke as long as the pen is wide.

    Returns:
        Points (count, 2), image frame, pixels; unit tangents (count, 2), zero on dots; log widths (count,) of the
        ink there over their median; float32.
    """
    is_dot, (_, counts) = _dots(graph), point_counts(graph, count)
    reach = TANGENT_REACH * graph.pen_width + 0.5
    points, tangents, widths = [], [], []
    for edge, dot, n in zip(graph.edges, is_dot, counts, strict=True):
        if dot:
            points.append(np.repeat(edge.points.mean(0)[None], n, axis=0))
            tangents.append(np.zeros((n, 2)))
            widths.append(np.full(n, edge.width.mean()))
            continue
        arc = np.concatenate([[0.0], np.linalg.norm(np.diff(edge.points, axis=0), axis=1).cumsum()])
        at = (np.arange(n) + 0.5) / max(n, 1) * arc[-1]
        chord = _along(edge.points, arc, at + reach) - _along(edge.points, arc, at - reach)
        points.append(_along(edge.points, arc, at))
        widths.append(np.interp(at, arc, edge.width))
        tangents.append(chord / np.maximum(np.linalg.norm(chord, axis=1, keepdims=True), 1e-9))
    log_width = np.log(np.maximum(np.concatenate(widths), LEAST_WIDTH))
    found = (np.concatenate(points), np.concatenate(tangents), log_width - np.median(log_width))
    return tuple(array.astype(np.float32) for array in found)  # pyright: ignore[reportReturnType]


def point_counts(graph: SkeletonGraph, count: int) -> tuple[np.ndarray, np.ndarray]:
    """How :func:`spread_points` shares out ``count`` points: the edges' shares of the ink, and points, (edges,)."""
    lengths = np.array([edge.length for edge in graph.edges])
    share = np.where(_dots(graph), graph.pen_width, np.maximum(lengths, 0.5))
    share = share / share.sum()
    quota = share * count
    counts = np.floor(quota).astype(int)
    counts[np.argsort(counts - quota, kind="stable")[: count - counts.sum()]] += 1
    return share, counts


def _dots(graph: SkeletonGraph) -> np.ndarray:
    """Which edges are dots, (edges,) bool."""
    return np.array(
        [edge.length < DOT * edge.width.mean() and edge.start == edge.end for edge in graph.edges]
    )


def _along(polyline: np.ndarray, arc: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(at, arc, polyline[:, i]) for i in range(2)], axis=1)


def _nearest(control: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest sub-stroke (n,) and Bezier parameter (n,) of points (n, 2), over samples of control (q, 4, 2)."""
    t = torch.linspace(0, 1, CURVE_SAMPLES)
    curves = sample_beziers(control, t).flatten(0, 1)
    found = torch.cdist(points, curves).argmin(1)
    return found // CURVE_SAMPLES, t[found % CURVE_SAMPLES]
