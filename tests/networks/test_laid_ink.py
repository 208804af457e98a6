"""Ink of other things: in the share asked for, cut from the batch, on top of the pictures."""

import torch

from compvis.networks.other_ink import lay_other_ink


def draw_strokes(n: int, side: int = 28) -> torch.Tensor:
    """Lines through the middle, each at its own angle."""
    place = (torch.arange(side) + 0.5) / side * 2 - 1
    angle = torch.arange(n)[:, None, None] * torch.pi / n
    away = (angle.cos() * place[None, None, :] + angle.sin() * place[None, :, None]).abs()
    return (away < 0.1).float() * (place[None, :].square() + place[:, None].square() < 0.5)


def test_a_share_of_the_pictures_has_more_ink():
    images = draw_strokes(200)
    laid = lay_other_ink(images, 0.5, 3, torch.Generator().manual_seed(0))
    assert laid.shape == images.shape
    assert float((laid - images).min()) >= 0  # nothing is covered
    assert float(laid.max()) <= 1 + 1e-5
    same = (laid - images).amax((1, 2)) < 1e-4
    assert 0.45 < float(same.float().mean()) < 0.7  # some pieces are of paper
    assert float((laid - images)[~same].sum((1, 2)).median()) > 1
    torch.testing.assert_close(lay_other_ink(images, 0.0, 3, torch.Generator()), images)


def test_more_pieces_are_more_ink():
    images, added = draw_strokes(200), []
    for pieces in (1, 4):
        laid = lay_other_ink(images, 1.0, pieces, torch.Generator().manual_seed(1))
        added.append(float((laid - images).sum()))
    assert 1.5 * added[0] < added[1] < 4 * added[0]


def test_what_is_laid_is_of_the_batch():
    blank = torch.zeros(6, 28, 28)
    assert float(lay_other_ink(blank, 1.0, 3, torch.Generator().manual_seed(0)).max()) == 0
