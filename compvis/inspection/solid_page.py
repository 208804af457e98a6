"""A parse of a photograph as one self-contained HTML page: pictures, the part map, scores, alternatives."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy import ndarray

from compvis.inspection.pictures import png_data_uri

# One colour a part, told apart on dark and light alike and from the greyed photograph; parts beyond these start again.
PALETTE = np.array(
    [
        [0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [213, 94, 0], [86, 180, 233],
        [240, 228, 66], [120, 94, 240], [254, 97, 0], [100, 143, 255], [220, 38, 127], [128, 64, 16],
    ],
    dtype=np.uint8,
)  # fmt: skip


@runtime_checkable
class SolidParseLike(Protocol):
    """What the page reads of a parse."""

    @property
    def image(self) -> UInt8[ndarray, "H W 3"]: ...
    @property
    def rendering(self) -> UInt8[ndarray, "H W 3"]: ...
    @property
    def parts(self) -> Int64[ndarray, "H W"]: ...
    @property
    def label(self) -> Any: ...
    @property
    def log_evidence(self) -> float: ...
    @property
    def viewpoint(self) -> tuple[float, float, float]: ...
    @property
    def viewpoint_spread(self) -> float: ...
    @property
    def scores(self) -> Sequence[tuple[str, str, float]]: ...
    @property
    def alternatives(self) -> Sequence["SolidParseLike"]: ...


@runtime_checkable
class HiddenLike(SolidParseLike, Protocol):
    """What a sheet reads of a parse."""

    @property
    def hidden(self) -> Bool[ndarray, "H W"]: ...


def part_picture(image: UInt8[ndarray, "H W 3"], parts: Int64[ndarray, "H W"]) -> UInt8[ndarray, "H W 3"]:
    """A photograph with every part in a colour of its own over it; -1 leaves the photograph, greyed."""
    grey = image.mean(-1, keepdims=True).repeat(3, -1)
    tint = PALETTE[np.clip(parts, 0, None) % len(PALETTE)]
    mixed = np.where((parts >= 0)[..., None], 0.35 * grey + 0.65 * tint, 0.5 * grey + 100)
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def solid_page(parse: SolidParseLike) -> str:
    """The page of a parse; it loads nothing and works offline."""
    style = files("compvis.inspection").joinpath("viewer.css").read_text(encoding="utf-8")
    azimuth, elevation, roll = parse.viewpoint
    rows = "".join(
        f"<tr><td>{escape(address)}</td><td>{escape(name)}</td><td>{nats:.2f}</td></tr>"
        for address, name, nats in parse.scores
    )
    others = "".join(
        f"<li>{escape(str(other.label))}: {other.log_evidence:.2f} nats</li>" for other in parse.alternatives
    )
    pictures = "".join(
        f'<figure><img width="256" alt="{name}" src="{png_data_uri(picture)}"><figcaption>{name}</figcaption></figure>'
        for name, picture in (
            ("Photograph", parse.image),
            ("Parts", part_picture(parse.image, parse.parts)),
            ("Rendering", parse.rendering),
        )
    )
    title = f"Parse as {parse.label}"
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)}</title>
<style>
{style}</style></head>
<body>
<header><div><h1>{escape(title)}</h1>
<p>seen from azimuth {azimuth:.0f}&deg;, elevation {elevation:.0f}&deg;, roll {roll:.0f}&deg;;
uncertain by {parse.viewpoint_spread:.0f}&deg;</p></div>
<dl><div><dt>log evidence</dt><dd>{parse.log_evidence:.2f} nats</dd></div></dl></header>
<main><section class="pictures">{pictures}</section>
<section><h2>Scores</h2><table><tr><th>node</th><th>value</th><th>nats</th></tr>{rows}</table></section>
<section><h2>Alternatives</h2><ul>{others}</ul></section></main>
</body></html>
"""
