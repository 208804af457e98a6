"""Furniture ready to be put into a scene: boxes or meshes, one a part, scaled to one size."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from compvis.data.check import InputError
from compvis.data.ikea import load_ikea_parts
from compvis.data.partnet import CATEGORIES, BoxHierarchy, load_partnet_boxes

SOURCES = ("partnet", "ikea")
_IKEA_CATEGORIES = ("bench", "chair", "desk", "misc", "shelf", "table")
# The corners of a unit box about the origin, and its faces with outward normals (counter-clockwise).
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


@dataclass(frozen=True, eq=False)
class SolidPart:
    """One part as triangles with texture coordinates.

    Attributes:
        vertices: (v, 3); texture: (v, 2) in the units of the vertices; faces: (f, 3).
        node: the part's number in its source (node of the hierarchy, or place among the meshes).
        group: parts of one group may share a material.
        role: name of the part (`compvis.data.part_roles`), or an empty string.
    """

    vertices: Float64[ndarray, "v 3"]
    texture: Float64[ndarray, "v 2"]
    faces: Int64[ndarray, "f 3"]
    node: int
    group: int
    role: str = ""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """An object in the frame of `compvis.data.views`: the ball about its bounding box has radius 1, centre 0.

    Attributes:
        source: `partnet` or `ikea`; category, name: as the source has them.
        donor: the object that a part was taken from, or an empty string.
    """

    source: str
    category: str
    name: str
    parts: tuple[SolidPart, ...]
    donor: str = ""

    @property
    def floor(self) -> float:
        """The lowest y."""
        return float(min(part.vertices[:, 1].min() for part in self.parts))


def load_scene_objects(
    source: str, category: str, count: int, seed: int, recombine: bool = False, root: Path | str | None = None
) -> tuple[SceneObject, ...]:
    """`count` objects of one category, drawn by the seed; fewer are a prefix of more.

    Args:
        source: `partnet` or `ikea`.
        recombine: exchange one large part of each (a child of the whole and all below it) for the most similarly
            placed one of another object of the category; PartNet only.

    Raises:
        InputError: an unknown source or category, more objects than there are, or IKEA recombined.
        MissingDataError, DataError: as the loaders of the sources.
    """
    if source not in SOURCES:
        raise InputError(f"Unknown source {source!r} of objects: choose {', '.join(SOURCES)}.")
    known = CATEGORIES if source == "partnet" else _IKEA_CATEGORIES
    if category not in known:
        raise InputError(f"The source {source} has no category {category!r}: choose {', '.join(known)}.")
    if source == "ikea":
        if recombine:
            raise InputError("Only objects of partnet, which are hierarchies, can be recombined.")
        meshes = [mesh for mesh in load_ikea_parts(root) if mesh.category.lower() == category]
        chosen = _drawn(len(meshes), count, seed, category)
        made = []
        for mesh in (meshes[place] for place in chosen):
            parts = tuple(
                SolidPart(
                    p.vertices.astype(np.float64), _draped(p.vertices.astype(np.float64)), p.faces, i, i
                )
                for i, p in enumerate(mesh.parts)
            )
            made.append(_normalised(SceneObject("ikea", category, mesh.name, parts)))
        return tuple(made)
    boxes = load_partnet_boxes(category, root)
    chosen = _drawn(len(boxes), count, seed, category)
    if not recombine:
        return tuple(from_boxes(boxes[place]) for place in chosen)
    mixed = []
    for turn, place in enumerate(chosen):
        generator = np.random.default_rng([seed, 1, turn])
        donor = boxes[int(generator.choice(np.delete(np.arange(len(boxes)), place)))]
        mixed.append(recombined(boxes[place], donor, generator))
    return tuple(mixed)


def from_boxes(boxes: BoxHierarchy) -> SceneObject:
    """The leaves of a hierarchy as solid boxes; those below one child of the whole form a group."""
    parts = []
    for group, child in enumerate(boxes.children(0) if len(boxes) > 1 else [0]):
        for leaf in boxes.leaves(int(child)):
            parts.append(_box(boxes.centre[leaf], boxes.size[leaf], boxes.rotation[leaf], int(leaf), group))
    return _normalised(SceneObject("partnet", boxes.category, boxes.name, tuple(parts)))


def recombined(boxes: BoxHierarchy, donor: BoxHierarchy, generator: np.random.Generator) -> SceneObject:
    """One random large part exchanged for the donor's most similarly placed one, fitted to its box.

    The fitted part keeps its inner proportions along each axis of the object's frame.
    """
    own = from_boxes(boxes)
    child = int(generator.choice(boxes.children(0))) if len(boxes) > 1 else 0
    group = int(np.flatnonzero(boxes.children(0) == child)[0]) if len(boxes) > 1 else 0
    place = _placing(boxes, child)
    others = donor.children(0) if len(donor) > 1 else np.zeros(1, np.int64)
    nearest = min(others, key=lambda other: float(np.abs(_placing(donor, int(other)) - place).sum()))
    kept = [_box(boxes.centre[i], boxes.size[i], boxes.rotation[i], int(i), _group_of(own, int(i)))
            for i in boxes.leaves() if i not in boxes.leaves(child)]  # fmt: skip
    taken = [
        _box(donor.centre[i], donor.size[i], donor.rotation[i], int(i), group)
        for i in donor.leaves(int(nearest))
    ]
    target = np.concatenate([
        _box(boxes.centre[i], boxes.size[i], boxes.rotation[i], int(i), group).vertices
        for i in boxes.leaves(child)
    ])  # fmt: skip
    source = np.concatenate([part.vertices for part in taken])
    low, high = source.min(0), source.max(0)
    factor = np.ptp(target, axis=0) / np.maximum(high - low, 1e-6)
    moved = [
        replace(part, vertices=(part.vertices - low) * factor + target.min(0), node=part.node)
        for part in taken
    ]
    mixed = SceneObject("partnet", boxes.category, boxes.name, tuple(kept + moved), donor=donor.name)
    return _normalised(mixed)


def without_parts(solid: SceneObject, count: int, generator: np.random.Generator) -> SceneObject:
    """The object less `count` parts drawn at random, at its place and size; at least one part stays.

    Raises:
        InputError: nothing would be left.
    """
    if not 0 <= count < len(solid.parts):
        raise InputError(f"{solid.category} {solid.name} has {len(solid.parts)} parts: take fewer than that.")
    gone = set(generator.permutation(len(solid.parts))[:count].tolist())
    return replace(solid, parts=tuple(part for i, part in enumerate(solid.parts) if i not in gone))


def _drawn(available: int, count: int, seed: int, category: str) -> list[int]:
    if not 1 <= count <= available:
        raise InputError(f"There are {available} objects of {category}: ask for 1 to that many, not {count}.")
    return np.random.default_rng([seed, 0]).permutation(available)[:count].tolist()


def _box(centre: ndarray, size: ndarray, rotation: ndarray, node: int, group: int) -> SolidPart:
    """A box whose faces have corners, normals and texture coordinates of their own."""
    corners = np.concatenate([_CORNERS[list(quad)] for quad in _QUADS]) * size
    flat = [np.delete(corners[4 * i : 4 * i + 4], i // 2, axis=1) for i in range(6)]
    faces = np.concatenate([[[4 * i, 4 * i + 1, 4 * i + 2], [4 * i, 4 * i + 2, 4 * i + 3]] for i in range(6)])
    vertices = corners @ rotation.T + centre
    return SolidPart(vertices, np.concatenate(flat), faces.astype(np.int64), node, group)


def _draped(vertices: Float64[ndarray, "v 3"]) -> Float64[ndarray, "v 2"]:
    """Texture coordinates of a mesh without any: a slanted projection, which no face of a box escapes."""
    x, y, z = vertices.T
    return np.stack([x + 0.5 * z, y + 0.5 * z], axis=1)


def _group_of(solid: SceneObject, node: int) -> int:
    return next(part.group for part in solid.parts if part.node == node)


def _placing(boxes: BoxHierarchy, node: int) -> Float64[ndarray, "6"]:
    """Centre and extent of a node relative to the whole object's box."""
    return np.concatenate(
        [(boxes.centre[node] - boxes.centre[0]) / boxes.size[0], boxes.size[node] / boxes.size[0]]
    )


def _normalised(solid: SceneObject) -> SceneObject:
    everything = np.concatenate([part.vertices for part in solid.parts])
    low, high = everything.min(0), everything.max(0)
    unit = float(np.linalg.norm(high - low) / 2)
    parts = tuple(
        replace(part, vertices=(part.vertices - (low + high) / 2) / unit, texture=part.texture / unit)
        for part in solid.parts
    )
    return replace(solid, parts=parts)
