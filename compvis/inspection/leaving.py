"""Parses left as files: a page to open in a browser and the tree as JSON."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from compvis.inspection.html import parse_page
from compvis.tree import to_json


def leave_parses(
    parses: Mapping[str, Any], folder: Path, page: Callable[[Any], str] = parse_page
) -> list[Path]:
    """Write ``NAME.html`` and ``NAME.json`` of every parse into ``folder``, which is made; returns the files.

    Args:
        parses: what ``page`` draws, each with a ``tree``.
        page: makes the page of a parse; of photographs, :func:`compvis.inspection.solid_page.solid_page`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, parse in parses.items():
        for suffix, text in ((".html", page(parse)), (".json", to_json(parse.tree))):
            files.append(folder / f"{name}{suffix}")
            files[-1].write_text(text, encoding="utf-8")
    return files
