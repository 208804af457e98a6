"""Frames of other sizes and turns: where they lie in the picture, and how the best one is found."""

import pytest
import torch

from compvis.parsing.solid_frame import FrameSettings, reframe, settle
from compvis.parsing.solid_image import SIDE, SolidViews, to_image, view_photographs

PICTURE = 100


def arrow(zoom: float = 1.0, turn: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    """A mask of a long bar with a head at one end, turned by `turn` degrees from x towards y."""
    y, x = torch.meshgrid(*(2 * (torch.arange(PICTURE) + 0.5,)), indexing="ij")
    x, y = x - PICTURE / 2 - shift[0], y - PICTURE / 2 - shift[1]
    angle = torch.deg2rad(torch.tensor(turn))
    along, across = (angle.cos() * x + angle.sin() * y) / zoom, (angle.cos() * y - angle.sin() * x) / zoom
    bar = (along.abs() < 28) & (across.abs() < 6)
    head = (along > 12) & (along < 28) & (across.abs() < 15)
    return bar | head


def views(*masks: torch.Tensor) -> SolidViews:
    stacked = torch.stack(masks)
    return view_photographs(0.2 + 0.6 * stacked[:, None].float().expand(-1, 3, -1, -1), stacked)


def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a > 0.5, b > 0.5
    return float((a & b).sum() / (a | b).sum())


def test_the_usual_frame_stays():
    seen = views(arrow())
    same = reframe(seen, torch.ones(1), torch.zeros(1))
    for name in ("figure", "ground", "colour", "origin", "scale", "turn"):
        torch.testing.assert_close(getattr(same, name), getattr(seen, name), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("zoom", "turn"), [(0.6, 0.0), (1.3, 0.0), (1.0, 40.0), (0.7, -110.0)])
def test_a_frame_turned_and_scaled_like_the_object_shows_it_as_it_was(zoom, turn):
    usual = views(arrow())
    seen = views(arrow(zoom, turn, shift=(5.0, -3.0)))
    found = reframe(seen, torch.tensor([zoom]), torch.tensor([turn]))
    assert overlap(found.figure[0], usual.figure[0]) > 0.85
    assert overlap(seen.figure[0], usual.figure[0]) < 0.6
    # Half of the picture that is figure has another colour: it came along.
    shown = found.colour[0][found.figure[0] > 0.9].mean(0)
    torch.testing.assert_close(shown, usual.colour[0][usual.figure[0] > 0.9].mean(0), atol=0.02, rtol=0)


@pytest.mark.parametrize(("zoom", "turn"), [(0.6, 0.0), (1.0, 40.0), (0.7, -110.0)])
def test_what_is_drawn_in_a_frame_lies_on_the_object_in_the_picture(zoom, turn):
    mask = arrow(zoom, turn, shift=(8.0, -6.0))
    once = reframe(views(mask), torch.tensor([1.25 * zoom]), torch.tensor([turn - 20]))
    twice = reframe(once, torch.tensor([0.8]), torch.tensor([20.0]))
    for found in (once, twice):
        drawn = to_image((found.figure[0] > 0.5).numpy(), found, mask.shape, False)
        seen = to_image((found.figure[0] >= 0).numpy(), found, mask.shape, False)
        assert overlap(torch.from_numpy(drawn), mask & torch.from_numpy(seen)) > 0.8
    assert float(twice.turn) == pytest.approx(turn)
    assert float(twice.scale) == pytest.approx(zoom * PICTURE * 0.96 / SIDE, rel=1e-4)


def like(wanted: SolidViews):
    """Log likelihood that a Bernoulli template of what is wanted gives."""
    chance = 0.01 + 0.98 * wanted.figure[:1]

    def weigh(seen: SolidViews) -> torch.Tensor:
        return (seen.figure * chance.log() + seen.ground * (1 - chance).log()).sum((1, 2)) / 10

    return weigh


def test_every_photograph_gets_its_own_frame():
    truth = [(1.0, 0.0), (0.6, 0.0), (1.0, 40.0), (0.75, -110.0)]
    usual = views(arrow())
    seen = views(*(arrow(zoom, turn) for zoom, turn in truth))
    found = settle(seen, like(usual), FrameSettings())
    torch.testing.assert_close(found.turn, torch.tensor([t for _, t in truth]), atol=5.0, rtol=0)
    torch.testing.assert_close(
        found.scale, seen.scale * torch.tensor([z for z, _ in truth]), atol=0, rtol=0.07
    )
    assert torch.equal(found.figure[0], seen.figure[0])
    assert all(overlap(figure, usual.figure[0]) > 0.8 for figure in found.figure)


def test_what_nothing_speaks_for_is_not_framed_anew():
    usual, turned = views(arrow()), views(arrow(1.0, 40.0))
    assert settle(turned, like(usual), FrameSettings(zooms=0, rolls=0)) is turned
    assert settle(turned, lambda seen: torch.zeros(len(seen)), FrameSettings()) is turned
    guessed = view_photographs(0.2 + 0.6 * arrow(1.0, 40.0)[None, None].float().expand(1, 3, -1, -1))
    assert settle(guessed, like(usual), FrameSettings()) is guessed


@pytest.mark.parametrize(
    "wrong",
    [{"zoom": 1.0}, {"zoom": float("nan")}, {"roll": 0.0}, {"zooms": -1}, {"unusual": 1.0}, {"learned": 1.1}],
)
def test_settings_that_cannot_be_used(wrong):
    with pytest.raises(ValueError, match=f"FrameSettings.*{next(iter(wrong))}"):
        FrameSettings(**wrong)


def test_without_zooms_or_rolls_there_are_none_in_any_round():
    sizes, turns = (FrameSettings(**without).changes() for without in ({"rolls": 0}, {"zooms": 0}))
    assert all(roll == 0 for turn in sizes for _, roll in turn)
    assert all(zoom == 1 for turn in turns for zoom, _ in turn)
    assert [len(turn) for turn in sizes] == [8, 8, 2, 2]
    assert FrameSettings(zooms=0, rolls=0).changes() == [[], [], [], []]
