import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from compvis.inspection import ParseLike, parse_page
from compvis.tree import Node, ParseTree

VOID = {"meta", "rect", "image", "path", "circle", "br"}


class Page(HTMLParser):
    """Reads a page and fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def attribute(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def test_the_fake_is_a_parse(parse):
    assert isinstance(parse, ParseLike)


def test_every_node_and_leaf_is_on_the_page(parse):
    page = Page(parse_page(parse))
    assert page.attribute("data-node") == [address for address, _ in parse.tree.walk()]
    assert page.attribute("data-leaf") == [address for address, _ in parse.tree.leaves()]


def test_nodes_show_their_own_nats_and_the_sum_below(parse):
    text = parse_page(parse)
    stroke = text[text.index('data-node="character/stroke[0]"') :]
    total = re.search(r'<span class="nats">([^<]*)</span>', stroke)
    assert total is not None
    assert total[1] == f"{4.0 + 6.5 + 7.5 + 8.5:.2f}"
    assert "&minus;210.25" in text
    assert "outside the tree" in text


def test_nothing_is_loaded_from_elsewhere(parse):
    page = Page(parse_page(parse))
    for name in ("href", "src"):
        assert all(value.startswith("data:image/png;base64,") for value in page.attribute(name))
    assert len(page.attribute("href")) == 4
    assert not re.search(r"https?://|@import|url\(", parse_page(parse))


def test_labels_and_addresses_are_escaped(parse):
    evil = '"><script>alert(1)</script>'
    root = parse.tree.root
    parse.tree = ParseTree(
        replace(root, children={evil.replace("/", ""): Node(evil, children=root.children)})
    )
    parse.label = evil
    page = Page(parse_page(parse))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert any(evil in word for word in page.words)
    assert any("<b>&2" in word for word in page.words)


def test_alternatives_share_what_there_is(parse):
    text = parse_page(parse)
    share = 1 / (1 + math.exp(-2.7) + math.exp(-29.8))
    assert f"<i>{100 * share:.1f}%</i>" in text
    assert "<i>&lt; 0.1%</i>" in text
    parse.alternatives = []
    assert "None were kept" in parse_page(parse)


def test_an_impossible_alternative_is_shown_as_such(parse):
    parse.alternatives[2].log_evidence = -math.inf
    assert "&minus;&infin;" in parse_page(parse)


def test_pictures_of_different_sizes_are_refused(parse):
    parse.rendering = parse.rendering[1:]
    with pytest.raises(ValueError, match="one size"):
        parse_page(parse)


def test_a_tree_that_was_not_placed_is_refused(parse):
    parse.tree = ParseTree(parse.tree.root.undrawn())
    with pytest.raises(ValueError, match="place the tree"):
        parse_page(parse)
