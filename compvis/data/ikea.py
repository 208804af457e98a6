"""IKEA furniture as assembled meshes, one mesh a part.

Source: IKEA Manuals at Work (Liu et al., NeurIPS 2024), https://github.com/yunongLiu1/IKEA-Manuals-at-Work;
CC BY 4.0. Read from the compact file only.

Frame: the object's, as `compvis.data.views` (y up), origin about its centre, units as published (an object spans
about two). The front is not normalised: most seats face +z, some another side.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from compvis.data.folder import compact_arrays, own_file, reading

_ADDRESS = "https://github.com/yunongLiu1/IKEA-Manuals-at-Work"


@dataclass(frozen=True, eq=False)
class PartMesh:
    """Triangles of one part.

    Attributes:
        vertices: (v, 3) in the object's frame.
        faces: (f, 3) numbers of vertices.
    """

    vertices: Float32[ndarray, "v 3"]
    faces: Int64[ndarray, "f 3"]

    def __post_init__(self) -> None:
        if not len(self.faces) or self.faces.min() < 0 or self.faces.max() >= len(self.vertices):
            raise ValueError("A mesh must have faces, and faces must name its vertices.")
        if not np.isfinite(self.vertices).all():
            raise ValueError("A mesh has vertices without a place.")


@dataclass(frozen=True, eq=False)
class PartedMesh:
    """One object as its parts.

    Attributes:
        name: as published, without the category.
        category: as published, like `Chair`.
        parts: in the published order.
    """

    name: str
    category: str
    parts: tuple[PartMesh, ...]


def load_ikea_parts(root: Path | str | None = None) -> tuple[PartedMesh, ...]:
    """All 66 objects, in the file's order.

    Args:
        root: folder with `ikea_parts.npz`; without it `COMPVIS_DATA` is looked into (`compvis.data.folder`).

    Raises:
        MissingDataError: not on this machine. DataError: damaged or truncated.
    """
    path = own_file(["ikea_parts.npz"], root, "The set of IKEA parts", _ADDRESS)
    with reading(path), compact_arrays(path) as arrays:
        names = [str(name) for name in arrays["names"]]
        of_part = arrays["part_offsets"].tolist()
        vertices, faces = arrays["mesh_verts"].astype(np.float32), arrays["mesh_faces"].astype(np.int64)
        of_vertex, of_face = arrays["mesh_vert_offsets"].tolist(), arrays["mesh_face_offsets"].tolist()
        if len(of_part) != len(names) + 1 or of_vertex[-1] != len(vertices) or of_face[-1] != len(faces):
            raise ValueError("the offsets do not fit the meshes")
        parts = [
            PartMesh(vertices[of_vertex[i] : of_vertex[i + 1]], faces[of_face[i] : of_face[i + 1]])
            for i in range(of_part[-1])
        ]
    objects = []
    for place, name in enumerate(names):
        category, _, own = name.partition("/")
        objects.append(PartedMesh(own, category, tuple(parts[of_part[place] : of_part[place + 1]])))
    return tuple(objects)
