"""Named true parts of furniture, from its meshes alone: seat, back and legs of chairs, top and legs of tables.

IKEA's pieces and PartNet's boxes have no names here, and a piece may be several parts to the eye: a chair's side may
be a leg and a post of its back in one. So names are roles by geometry:

1. The *plate* of an object (a chair's seat, a table's top) is at the height with most nearly horizontal surface,
   within a tenth of the object's height; a table's lies in its upper half.
2. A flat piece (vertical extent up to a fifth of the object's height) that reaches the plate's height is plate.
3. Every other piece is *legs* below and, of a chair, *back* above that height (arms are counted as back); one that
   reaches through is cut there. Where pieces that are plate hold less than half of that surface (a moulded shell),
   what other pieces have within the tenth of the height about it is plate, too.

Objects are also turned by quarter turns, for sources do not agree on a front: a chair's back is at -z (it faces the
viewer at azimuth 0), a table's longer side lies along x.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.scene_objects import SceneObject, SolidPart

ROLES = {"chair": ("seat", "back", "legs"), "table": ("top", "legs")}
_HORIZONTAL = 0.7  # least vertical share of a nearly horizontal face's normal
_WINDOW = 0.1  # of the object's height
_FLAT = 0.2  # of the object's height


def with_roles(solid: SceneObject) -> SceneObject:
    """The object with its parts cut and named by role, turned to its front.

    Pieces keep their node, group and order; one that is cut becomes two or three neighbours.

    Raises:
        InputError: a category whose parts have no roles.
    """
    if solid.category not in ROLES:
        raise InputError(
            f"Parts of {solid.category} have no roles: choose categories of {', '.join(ROLES)}, or roles=false."
        )
    plate, legs = ROLES[solid.category][0], ROLES[solid.category][-1]
    above = ROLES[solid.category][1] if solid.category == "chair" else plate
    corners = np.concatenate([part.vertices for part in solid.parts])
    low, height = corners[:, 1].min(), np.ptp(corners[:, 1])
    level, surface = find_plate(solid)
    flat = [_is_plate(part, level, height) for part in solid.parts]
    margin = 0.0 if 2 * surface[flat].sum() >= surface.sum() else _WINDOW / 2 * height
    named: list[SolidPart] = []
    for part, whole in zip(solid.parts, flat, strict=True):
        if whole:
            named.append(replace(part, role=plate))
            continue
        zones = (
            (legs, low - 1, level - margin),
            (plate, level - margin, level + margin),
            (above, level + margin, np.inf),
        )
        for role, bottom, top in zones:
            piece = between(part, bottom, top) if top > bottom else None
            if piece is not None:
                named.append(replace(piece, role=role))
    return _turned(replace(solid, parts=tuple(named)))


def find_plate(solid: SceneObject) -> tuple[float, Float64[ndarray, "p"]]:
    """Height y of the object's plate (module docstring, 1), and how much of its surface each part holds."""
    heights, areas, owners = [], [], []
    for place, part in enumerate(solid.parts):
        corners = part.vertices[part.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normal, axis=1) / 2
        level = np.abs(normal[:, 1]) > 2 * _HORIZONTAL * area
        heights.append(corners[level, :, 1].mean(1))
        areas.append(area[level])
        owners.append(np.full(level.sum(), place))
    heights, areas, owners = np.concatenate(heights), np.concatenate(areas), np.concatenate(owners)
    everything = np.concatenate([part.vertices[:, 1] for part in solid.parts])
    low, height = everything.min(), np.ptp(everything)
    least = low + (0.5 if solid.category == "table" else 0.2) * height
    areas = np.where(heights >= least, areas, 0.0)
    if not areas.any():
        raise InputError(f"{solid.category} {solid.name} has no horizontal surface to be its plate.")
    places = np.linspace(least, low + height, 200)
    within = (np.abs(heights - places[:, None]) <= _WINDOW / 2 * height) * areas
    best = within[within.sum(1).argmax()]
    surface = np.bincount(owners, weights=best, minlength=len(solid.parts))
    return float(np.average(heights, weights=best)), surface


def between(part: SolidPart, bottom: float, top: float) -> SolidPart | None:
    """What of a part lies at heights from bottom to top; None where nothing does."""
    kept = _side(_side(part, bottom, 1.0), top, -1.0)
    return kept if len(kept.faces) else None


def _is_plate(part: SolidPart, level: float, height: float) -> bool:
    lowest, highest = part.vertices[:, 1].min(), part.vertices[:, 1].max()
    reach = _WINDOW / 2 * height
    return bool(highest - lowest <= _FLAT * height and lowest <= level + reach and highest >= level - reach)


def _side(part: SolidPart, level: float, sign: float) -> SolidPart:
    """The part's triangles on one side of a height, those that cross it cut."""
    if not np.isfinite(level):
        return part
    away = sign * (part.vertices[:, 1] - level)
    inside = away[part.faces] > 0
    count = inside.sum(1)
    if (count == 3).all():
        return part
    points = np.concatenate([part.vertices, part.texture], 1)
    pieces = [points[part.faces[count == 3]]]
    for alone, keep in ((1, True), (2, False)):
        faces, own = part.faces[count == alone], inside[count == alone]
        # Turned so that the corner which is alone on its side comes first; the winding stays.
        first = (own if keep else ~own).argmax(1)
        turned = np.take_along_axis(faces, (first[:, None] + np.arange(3)) % 3, 1)
        a, b, c = (points[turned[:, k]] for k in range(3))
        near, right, left = (away[turned[:, k]][:, None] for k in range(3))
        on_b, on_c = a + (b - a) * near / (near - right), a + (c - a) * near / (near - left)
        made = [(a, on_b, on_c)] if keep else [(on_b, b, c), (on_b, c, on_c)]
        pieces += [np.stack(triangle, 1) for triangle in made]
    corners = np.concatenate(pieces).reshape(-1, 5)
    merged, number = np.unique(corners, axis=0, return_inverse=True)
    return replace(
        part,
        vertices=np.ascontiguousarray(merged[:, :3]),
        texture=np.ascontiguousarray(merged[:, 3:]),
        faces=number.reshape(-1, 3).astype(np.int64),
    )


def _turned(solid: SceneObject) -> SceneObject:
    """Quarter turns about the vertical axis: a chair's back to -z, a table's longer side along x."""
    everything = np.concatenate([part.vertices for part in solid.parts])
    middle = (everything.min(0) + everything.max(0)) / 2
    turns = 0
    if solid.category == "table":
        extent = np.ptp(everything, axis=0)
        turns = int(extent[2] > extent[0])
    else:
        centres, areas = _surface([part for part in solid.parts if part.role == "back"])
        # Arms reach forward, but seldom as high as the back.
        if areas.sum() > 0:
            high = centres[:, 1] >= (centres[:, 1].min() + centres[:, 1].max()) / 2
            away = np.average(centres[high], axis=0, weights=areas[high]) - middle
            turns = [-away[2], away[0], away[2], -away[0]].index(max(abs(away[0]), abs(away[2])))
    matrix = np.linalg.matrix_power(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]), turns)
    parts = tuple(replace(part, vertices=_about(part.vertices, middle, matrix)) for part in solid.parts)
    return replace(solid, parts=parts)


def _surface(parts: list[SolidPart]) -> tuple[Float64[ndarray, "f 3"], Float64[ndarray, "f"]]:
    """Middles and areas of all triangles."""
    corners = np.concatenate([np.zeros((0, 3, 3)), *(part.vertices[part.faces] for part in parts)])
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return corners.mean(1), np.linalg.norm(normal, axis=1) / 2


def _about(
    vertices: Float64[ndarray, "v 3"], middle: Float64[ndarray, "3"], matrix: Float64[ndarray, "3 3"]
) -> Float64[ndarray, "v 3"]:
    return (vertices - middle) @ matrix.T + middle
