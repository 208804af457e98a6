"""KanjiVG: characters as strokes and as trees of components, a hierarchy of parts made by people.

Source: Ulrich Apel and others, https://kanjivg.tagaini.net; CC BY-SA 3.0. Read from the compact file only.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from compvis.data.check import is_rooted_tree
from compvis.data.folder import compact_arrays, own_file, reading

BOX = 109.0  # side of the square that characters are drawn in
_ADDRESS = "https://github.com/KanjiVG/kanjivg"


@dataclass(frozen=True, eq=False)
class KanjiCharacter:
    """One character.

    Attributes:
        character: the character.
        strokes: (s, 24, 2) points along each stroke in writing order, x right and y down in [0, 109].
        parent: (n,) node number of the component that each component is a part of, -1 for the root.
        element: (n,) what each component is, as a character; empty where it is none.
        position: (n,) its place in its parent, like `left`, `top`; empty where not given.
        first, last: (n,) its strokes are `strokes[first:last]`.
    """

    character: str
    strokes: Float32[ndarray, "s 24 2"]
    parent: Int64[ndarray, "n"]
    element: tuple[str, ...]
    position: tuple[str, ...]
    first: Int64[ndarray, "n"]
    last: Int64[ndarray, "n"]

    def __post_init__(self) -> None:
        if not is_rooted_tree(self.parent):
            raise ValueError(f"The components of {self.character} are no tree with its root first.")
        if (self.first < 0).any() or (self.last < self.first).any() or (self.last > len(self.strokes)).any():
            raise ValueError(f"The components of {self.character} name strokes it does not have.")


def load_kanjivg(root: Path | str | None = None) -> tuple[KanjiCharacter, ...]:
    """All characters, by code point.

    Args:
        root: folder with `kanjivg.npz`; without it `COMPVIS_DATA` is looked into (`compvis.data.folder`).

    Raises:
        MissingDataError: not on this machine. DataError: damaged or truncated.
    """
    path = own_file(["kanjivg.npz"], root, "KanjiVG", _ADDRESS)
    with reading(path), compact_arrays(path) as arrays:
        points = arrays["stroke_points"].astype(np.float32) / 100
        strokes, nodes = arrays["char_stroke_offsets"].tolist(), arrays["char_node_offsets"].tolist()
        elements, positions = (arrays[f"{name}_names"].tolist() for name in ("element", "position"))
        field = {
            name: arrays[f"node_{name}"].astype(np.int64)
            for name in ("parent", "element", "position", "stroke_start", "stroke_end")
        }
        if strokes[-1] != len(points) or any(len(values) != nodes[-1] for values in field.values()):
            raise ValueError("the offsets do not fit the strokes and components")
        return tuple(
            _character(chr(code), points[strokes[i] : strokes[i + 1]], elements, positions,
                       {name: values[nodes[i] : nodes[i + 1]] for name, values in field.items()})
            for i, code in enumerate(arrays["codepoint"].tolist())
        )  # fmt: skip


def _character(
    character: str, strokes: ndarray, elements: list[str], positions: list[str], nodes: dict[str, ndarray]
) -> KanjiCharacter:
    return KanjiCharacter(
        character,
        strokes,
        nodes["parent"],
        tuple(elements[number] for number in nodes["element"]),
        tuple(positions[number] for number in nodes["position"]),
        nodes["stroke_start"],
        nodes["stroke_end"],
    )
