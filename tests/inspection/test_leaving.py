from compvis.inspection import leave_parses
from compvis.tree import from_json


def test_parses_are_left_as_a_page_and_a_tree_each(parse, tmp_path):
    files = leave_parses({"first": parse, "second": parse}, tmp_path / "deep" / "parses")
    assert [path.name for path in files] == ["first.html", "first.json", "second.html", "second.json"]
    assert "<html" in files[0].read_text(encoding="utf-8")
    read = from_json(files[1].read_text(encoding="utf-8"))
    assert [address for address, _ in read.walk()] == [address for address, _ in parse.tree.walk()]
    assert read.label == parse.label
