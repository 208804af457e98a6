import io

import pytest

from compvis.running import ProgressReporter


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "ci", "mode"),
    [(Terminal(), None, "bar"), (Terminal(), "true", "plain"), (io.StringIO(), None, "plain")],
)
def test_the_mode_suits_where_it_is_shown(monkeypatch, stream, ci, mode):
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    assert ProgressReporter("auto", stream).mode == mode


@pytest.mark.parametrize("mode", ["bar", "plain", "quiet"])
def test_items_pass_through_unchanged(mode):
    stream = io.StringIO()
    reporter = ProgressReporter(mode, stream)
    assert list(reporter.track(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    assert bool(stream.getvalue()) == (mode != "quiet")


def test_plain_lines_come_now_and_then():
    stream = io.StringIO()
    list(ProgressReporter("plain", stream, every=0.0).track(range(2), "trials"))
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("trials: 1/2 in 0 s, ")
    assert lines[-1].endswith("done")
    rare = io.StringIO()
    list(ProgressReporter("plain", rare, every=1e9).track(range(1000), "trials"))
    assert len(rare.getvalue().splitlines()) == 1


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="progress must be one of"):
        ProgressReporter("loud")
