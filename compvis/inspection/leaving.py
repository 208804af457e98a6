"""Parses left as files: a page to open in a browser and the tree as JSON."""

from collections.abc import Mapping
from pathlib import Path

from compvis.inspection.contract import ParseLike
from compvis.inspection.html import parse_page
from compvis.tree import to_json


def leave_parses(parses: Mapping[str, ParseLike], folder: Path) -> list[Path]:
    """Write ``NAME.html`` and ``NAME.json`` of every parse into ``folder``, which is made; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, parse in parses.items():
        for suffix, text in ((".html", parse_page(parse)), (".json", to_json(parse.tree))):
            files.append(folder / f"{name}{suffix}")
            files[-1].write_text(text, encoding="utf-8")
    return files
