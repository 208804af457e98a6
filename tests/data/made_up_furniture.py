"""Small made-up furniture in the compact layouts: stools of four legs and a seat, and meshes of pyramids."""

from pathlib import Path

import numpy as np

_LEGS = [(x, z) for x in (-0.4, 0.4) for z in (-0.4, 0.4)]


def write_partnet(folder: Path, objects: int = 3) -> Path:
    """`partnet_boxes.npz` with `objects` stools a category; heights grow with the number."""
    boxes, parents, leaf, kind, source = [], [], [], [], []
    for number in range(objects):
        height = 1.0 + 0.2 * number
        own = [(0, 0, 0, 1, height, 1), (0, -0.1, 0, 1, height - 0.2, 1), (0, height / 2 - 0.1, 0, 1, 0.2, 1)]
        own += [(x, -0.1, z, 0.1, height - 0.2, 0.1) for x, z in _LEGS]
        boxes += [(*box, 1, 0, 0, 0, 1, 0, 0, 0, 1) for box in own]
        parents += [-1, 0, 0, 1, 1, 1, 1]
        leaf += [False, False, True, True, True, True, True]
        kind += [0, 0, 0, 0, 1, 0, 1]
        source += [-1, -1, -1, -1, 3, -1, 5]
    arrays = {
        "ids": np.arange(100, 100 + objects, dtype=np.int32),
        "node_offsets": np.arange(objects + 1) * 7,
        "parent": np.array(parents, np.int16),
        "box": np.array(boxes, np.float32),
        "is_leaf": np.array(leaf),
        "symkind": np.array(kind, np.int8),
        "symsrc": np.array(source, np.int16),
    }
    path = folder / "partnet_boxes.npz"
    np.savez(path, **{f"{c}_{name}": a for c in ("chair", "table", "storage") for name, a in arrays.items()})
    return path


def write_ikea(folder: Path) -> Path:
    """`ikea_parts.npz` with two chairs and a table of two pyramids each."""
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1], [0, 1, 0]], np.float16)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]], np.int32)
    path = folder / "ikea_parts.npz"
    np.savez(
        path,
        names=np.array(["Chair/a", "Chair/b", "Table/c"]),
        part_offsets=np.array([0, 2, 4, 6]),
        mesh_verts=np.concatenate([corners + np.float16(k % 2) for k in range(6)]),
        mesh_vert_offsets=np.arange(7) * 5,
        mesh_faces=np.tile(faces, (6, 1)),
        mesh_face_offsets=np.arange(7) * 6,
    )
    return path
