"""A parse as one self-contained HTML page: pictures, strokes, the scored tree, the alternatives.

The page loads nothing and works offline; style and behaviour are in ``viewer.css`` and ``viewer.js`` beside
this file. Pointing at a node of the tree lights up its strokes, and the other way round.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

import numpy as np
from torch import Tensor

from compvis.inspection.contract import AlternativeLike, ParseLike
from compvis.inspection.pictures import paper_picture, png_data_uri, residual_picture
from compvis.inspection.strokes import DrawnStroke, colours_by_parent, drawn_strokes
from compvis.tree import Node

Scores = Mapping[str, Sequence[tuple[str, float]]]


def parse_page(parse: ParseLike, title: str | None = None) -> str:
    """The page of a parse.

    Args:
        title: heading; "Parse as LABEL" by default.

    Raises:
        ValueError: the pictures differ in size, or a leaf of the tree was not placed.
    """
    _check_sizes(parse)
    title = f"Parse as {parse.label}" if title is None else title
    here = files("compvis.inspection")
    style = here.joinpath("viewer.css").read_text(encoding="utf-8")
    script = here.joinpath("viewer.js").read_text(encoding="utf-8")
    strokes = drawn_strokes(parse.tree)
    total = math.fsum(nats for _, _, nats in parse.scores)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<div><h1>{escape(title)}</h1>
<p>{_count(parse, strokes)}</p></div>
<dl><div><dt>log evidence</dt><dd>{_nats(parse.log_evidence)} nats</dd></div>
<div><dt>sum of the items below</dt><dd>{_nats(total)} nats</dd></div></dl>
<button id="theme" type="button">Dark or light</button>
</header>
<main>
<section class="pictures" aria-label="Pictures">
{_panels(parse, strokes)}
</section>
<div class="columns">
<section aria-labelledby="tree-title"><h2 id="tree-title">Tree</h2>
<p class="hint">Nats of each node with all below it. Point at a node to see its strokes, click to keep
them.</p> {_tree(parse)}
</section>
<section aria-labelledby="alternatives-title"><h2 id="alternatives-title">Alternatives</h2>
{_alternatives(parse)}
</section>
</div>
</main>
<script>
{script}</script>
</body>
</html>
"""


def _count(parse: ParseLike, strokes: Sequence[DrawnStroke]) -> str:
    parents = {stroke.address.rpartition("/")[0] for stroke in strokes}
    height, width = parse.image.shape
    words = (
        _plural(len(parents), "stroke"),
        _plural(len(strokes), "sub-stroke"),
        f"{width} &times; {height} pixels",
    )
    return ", ".join(words)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _panels(parse: ParseLike, strokes: Sequence[DrawnStroke]) -> str:
    image = png_data_uri(paper_picture(parse.image))
    rendering = png_data_uri(paper_picture(parse.rendering))
    residual = png_data_uri(residual_picture(parse.residual))
    curves = "\n".join(_curve(stroke, max(parse.image.shape)) for stroke in strokes)
    error = float(np.sqrt(np.mean(np.square(parse.residual))))
    legend = (
        f'root mean square {error:.3f}; <span class="missing">ink not drawn</span>, '
        '<span class="surplus">drawn without ink</span>'
    )
    return "\n".join(
        (
            _panel("Image", parse, image, ""),
            _panel("Strokes", parse, image, curves, "each begins at its dot", faded=True),
            _panel("Rendering", parse, rendering, "", "what the tree draws"),
            _panel("Residual", parse, residual, "", legend),
        )
    )


def _panel(
    name: str, parse: ParseLike, source: str, overlay: str, note: str = "", faded: bool = False
) -> str:
    height, width = parse.image.shape
    opacity = ' opacity="0.25"' if faded else ""
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(name)}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<image href="{source}" width="{width}" height="{height}"{opacity}/>{overlay}</svg>'
        f"<figcaption><b>{escape(name)}</b> {note}</figcaption></figure>"
    )


def _curve(stroke: DrawnStroke, side: int) -> str:
    (x, y), *rest = stroke.control_points.tolist()
    way = f"M{x:.2f} {y:.2f} C" + " ".join(f"{a:.2f} {b:.2f}" for a, b in rest)
    thin = min(max(0.5 * stroke.width, side / 80), side / 25)
    return (
        f'<g class="leaf" data-leaf="{escape(stroke.address)}" style="color:{stroke.colour}">'
        f"<title>{escape(stroke.address)}</title>"
        f'<path d="{way}" stroke-width="{thin:.2f}"/>'
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{0.9 * thin:.2f}"/></g>'
    )


def _tree(parse: ParseLike) -> str:
    own: dict[str, list[tuple[str, float]]] = {}
    for address, name, nats in parse.scores:
        own.setdefault(address, []).append((name, nats))
    known = {address for address, _ in parse.tree.walk()}
    apart = [(f"{address} {name}", nats) for address, name, nats in parse.scores if address not in known]
    colours = colours_by_parent(parse.tree)
    picture = ""
    if apart:
        total = math.fsum(nats for _, nats in apart)
        picture = (
            '<li><details open><summary><span class="name">picture</span> '
            '<span class="symbol">outside the tree</span>'
            f'<span class="nats">{_nats(total)}</span></summary>{_items(apart)}</details></li>'
        )
    root = _node(parse.tree.name, parse.tree.name, parse.tree.root, own, colours, depth=0)
    return f'<ul class="tree">{root}{picture}</ul>'


def _node(address: str, name: str, node: Node, own: Scores, colours: Mapping[str, str], depth: int) -> str:
    total = math.fsum(nats for where, items in own.items() if _within(where, address) for _, nats in items)
    colour = colours.get(address)
    chip = "" if colour is None else f'<span class="chip" style="background:{colour}"></span>'
    choice = "" if node.choice is None else f' <span class="choice">choice {node.choice}</span>'
    values = [(key, _value(value)) for key, value in node.values.items()]
    children = "".join(
        _node(f"{address}/{key}", key, child, own, colours, depth + 1) for key, child in node.children.items()
    )
    below = f"<ul>{children}</ul>" if children else ""
    return (
        f'<li><details{" open" if depth < 2 else ""} data-node="{escape(address)}"><summary>{chip}'
        f'<span class="name">{escape(name)}</span> <span class="symbol">{escape(node.symbol)}</span>{choice}'
        f'<span class="nats">{_nats(total)}</span></summary>'
        f"{_items(own.get(address, ()), values)}{below}</details></li>"
    )


def _items(items: Sequence[tuple[str, float]], values: Sequence[tuple[str, str]] = ()) -> str:
    shown = dict(values)
    rows = [(name, shown.pop(name, ""), _nats(nats)) for name, nats in items]
    rows += [(name, value, "") for name, value in shown.items()]
    if not rows:
        return ""
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="value">{escape(value)}</td>'
        f'<td class="nats">{nats}</td></tr>'
        for name, value, nats in rows
    )
    return f"<table>{cells}</table>"


def _value(value: Tensor) -> str:
    if value.numel() > 6:
        rms = value.detach().double().square().mean().sqrt().item()
        return f"{' x '.join(map(str, value.shape))}, rms {rms:.3g}"
    numbers = value.detach().flatten().tolist()
    return ", ".join(f"{number:.3g}" if isinstance(number, float) else str(number) for number in numbers)


def _alternatives(parse: ParseLike) -> str:
    if not parse.alternatives:
        return '<p class="hint">None were kept.</p>'
    own = [] if any(other.label == parse.label for other in parse.alternatives) else [parse]
    listed = [*own, *parse.alternatives]
    best = max(other.log_evidence for other in listed)
    shares = _shares(listed)
    rows = "".join(
        f'<tr><th scope="row">{escape(str(other.label))}</th>'
        f'<td class="nats">{_nats(other.log_evidence)}</td>'
        f'<td class="nats">{_nats(other.log_evidence - best)}</td>'
        f'<td class="bar"><span style="width:{100 * share:.1f}%"></span><i>{_percent(share)}</i></td></tr>'
        for other, share in zip(listed, shares, strict=True)
    )
    return (
        '<table class="alternatives"><thead><tr><th scope="col">label</th><th scope="col">log evidence</th>'
        '<th scope="col">to the best</th><th scope="col">share</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        '<p class="hint">Nats. Share: posterior among the listed, all equally likely beforehand.</p>'
    )


def _shares(alternatives: Sequence[AlternativeLike]) -> list[float]:
    values = [other.log_evidence for other in alternatives]
    top = max(values)
    if not math.isfinite(top):
        return [1 / len(values)] * len(values)
    weights = [math.exp(value - top) for value in values]
    return [weight / sum(weights) for weight in weights]


def _percent(share: float) -> str:
    return "&lt; 0.1%" if 0 < share < 0.001 else f"{100 * share:.1f}%"


def _nats(value: float | int) -> str:
    if math.isinf(value):
        return "&infin;" if value > 0 else "&minus;&infin;"
    text = f"{abs(value):,.2f}"
    return f"&minus;{text}" if value < 0 and float(text.replace(",", "")) else text


def _within(address: str, parent: str) -> bool:
    return address == parent or address.startswith(parent + "/")


def _check_sizes(parse: ParseLike) -> None:
    shapes = {parse.image.shape, parse.rendering.shape, parse.residual.shape}
    if len(shapes) != 1:
        raise ValueError(f"Image, rendering and residual must have one size, not {sorted(shapes)}.")
