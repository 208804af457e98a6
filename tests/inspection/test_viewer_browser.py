"""The viewer's behaviour, in a real browser without a window."""

import re
import shutil
import subprocess

import pytest

from compvis.inspection import parse_page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]

POINT = """<script>
document.querySelector('[data-node="%s"] > summary').dispatchEvent(new MouseEvent("mouseenter"));
</script></body>"""
CLICK = """<script>
document.querySelector('[data-leaf="%s"]').dispatchEvent(new MouseEvent("click"));
</script></body>"""


def page_after(parse, tmp_path, action):
    path = tmp_path / "page.html"
    path.write_text(parse_page(parse).replace("</body>", action), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [str(BROWSER), *flags, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def dimmed(page):
    return re.findall(r'class="leaf dim" data-leaf="([^"]*)"', page)


def test_pointing_at_a_stroke_dims_the_others(parse, tmp_path):
    page = page_after(parse, tmp_path, POINT % "character/stroke[0]")
    assert dimmed(page) == ["character/stroke[1]/substroke[0]"]
    assert re.findall(r'data-node="([^"]*)" class="lit"', page) == ["character/stroke[0]"]


def test_clicking_a_stroke_keeps_its_node_and_opens_the_way(parse, tmp_path):
    address = "character/stroke[1]/substroke[0]"
    page = page_after(parse, tmp_path, CLICK % address)
    assert len(dimmed(page)) == 3
    node = re.search(r"<details[^>]*" + re.escape(f'data-node="{address}"') + "[^>]*>", page)
    assert node is not None
    assert "kept" in node[0]
    assert "open" in node[0]
