"""Drawings of parses and records: figures, sheets, tables, the tree viewer."""

from compvis.inspection.contract import AlternativeLike, ParseLike
from compvis.inspection.figures import Anchor, efficiency_figure, one_shot_figure, read_anchors, save_figure
from compvis.inspection.html import parse_page
from compvis.inspection.leaving import leave_parses
from compvis.inspection.sheets import generation_sheet, parse_sheet, scene_sheet
from compvis.inspection.table import compare_rows, markdown, markdown_table, terminal_table

__all__ = [
    "AlternativeLike",
    "Anchor",
    "ParseLike",
    "compare_rows",
    "efficiency_figure",
    "generation_sheet",
    "leave_parses",
    "markdown",
    "markdown_table",
    "one_shot_figure",
    "parse_page",
    "parse_sheet",
    "read_anchors",
    "save_figure",
    "scene_sheet",
    "terminal_table",
]
