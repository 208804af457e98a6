"""The report as one HTML file with everything in it, and as a PDF."""

import base64
import html
import io
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from compvis.inspection.study.contract import Section, Table

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_LINES = 46  # table rows on a page of the PDF that is drawn without a browser
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.7rem } h2 { margin-top: 2.4rem; border-top: 1px solid #ccc; padding-top: 1rem }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; font-size: .86rem; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .6rem; text-align: left; vertical-align: top }
th { background: #f4f4f4 } caption, figcaption { text-align: left; font-weight: 600; padding: .3rem 0 }
figure { margin: 1rem 0 } img { max-width: 100% } nav a { margin-right: 1rem } code { white-space: pre-wrap }
@media print { h2 { break-before: auto } table, figure { break-inside: avoid } }
"""


def report_page(title: str, sections: Sequence[Section]) -> str:
    """One self-contained HTML document; figures are embedded."""
    links = "".join(f'<a href="#{part.name}">{html.escape(part.name)}</a>' for part in sections)
    body = "".join(_section(part) for part in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1><nav>{links}</nav>{body}"
        "</body></html>\n"
    )


def write_pdf(page: Path, sections: Sequence[Section], path: Path) -> str:
    """Write the report as a PDF: printed by a headless browser where there is one, else drawn page by page.

    Returns:
        Who made it: the browser's name, or ``matplotlib``.
    """
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is not None:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        command = [browser, *arguments, f"--print-to-pdf={path}", page.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        if done.returncode == 0 and path.is_file():
            return Path(browser).name
    with PdfPages(path) as pages:
        for figure in _drawn_pages(sections):
            pages.savefig(figure, bbox_inches="tight")
    return "matplotlib"


def _section(section: Section) -> str:
    tables = "".join(_table(one) for one in section.tables)
    figures = "".join(_figure(caption, figure) for caption, figure in section.figures)
    return (
        f'<section id="{html.escape(section.name)}"><h2>{html.escape(section.title)}</h2>'
        f"<p>{html.escape(section.text)}</p>{tables}{figures}</section>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows
    )
    return f"<table><caption>{html.escape(table.caption)}</caption><tr>{head}</tr>\n{rows}</table>"


def _figure(caption: str, figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    code = base64.b64encode(buffer.getvalue()).decode()
    shown = html.escape(caption)
    return (
        f'<figure><figcaption>{shown}</figcaption><img alt="{shown}" src="data:image/png;base64,{code}">'
        "</figure>"
    )


def _drawn_pages(sections: Sequence[Section]) -> Iterable[Figure]:
    for section in sections:
        yield _text_page(section.title, section.text)
        for table in section.tables:
            for start in range(0, max(len(table.rows), 1), _LINES):
                yield _table_page(table, start)
        for _, figure in section.figures:
            yield figure


def _text_page(title: str, text: str) -> Figure:
    figure = Figure(figsize=(11.7, 2.6))
    figure.text(0.05, 0.85, title, fontsize=15, weight="bold")
    figure.text(0.05, 0.72, text, fontsize=9, va="top", wrap=True)
    return figure


def _table_page(table: Table, start: int) -> Figure:
    rows = table.rows[start : start + _LINES]
    figure = Figure(figsize=(11.7, 1.2 + 0.24 * (len(rows) + 1)))
    axes = figure.subplots()
    axes.axis("off")
    axes.set_title(table.caption, fontsize=10, loc="left")
    if rows:
        drawn = axes.table([list(row) for row in rows], colLabels=list(table.columns), loc="upper left")
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(6)
        drawn.auto_set_column_width(list(range(len(table.columns))))
    return figure
