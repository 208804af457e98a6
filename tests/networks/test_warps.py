"""Deformations: nothing at zero, as large as asked, reproducible."""

import pytest
import torch

from compvis.networks.warps import HEAVY, Deformation

NONE = HEAVY.scaled(0.0)


def draw_blobs(n: int, side: int = 32) -> torch.Tensor:
    """Two Gaussian blobs, right of and above the centre."""
    place = torch.arange(side) + 0.5 - side / 2
    x, y = place[None, :], place[:, None]
    picture = torch.exp(-((x - 6) ** 2 + y**2) / 4) + torch.exp(-(x**2 + (y + 4) ** 2) / 4)
    return picture.clamp(max=1)[None].repeat(n, 1, 1)


def find_centres(images: torch.Tensor) -> torch.Tensor:
    place = torch.arange(images.shape[-1]) + 0.5
    total = images.sum((1, 2))
    return torch.stack([(images.sum(1) @ place) / total, (images.sum(2) @ place) / total], 1)


def test_zero_amounts_change_nothing():
    images = draw_blobs(3)
    torch.testing.assert_close(NONE(images, torch.Generator().manual_seed(0)), images, atol=1e-5, rtol=0)


def test_generator_decides_everything():
    images = draw_blobs(4)
    first, again, other = (HEAVY(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])


def test_one_draw_for_all_pictures():
    images = draw_blobs(4)
    together = HEAVY(images, torch.Generator().manual_seed(3), together=True)
    assert torch.equal(together[0], together[3])
    assert not torch.allclose(together, images)


def test_translation_has_the_asked_extent():
    moved = Deformation(**{**vars(NONE), "translation": 0.1})(
        draw_blobs(400), torch.Generator().manual_seed(0)
    )
    shifts = find_centres(moved) - find_centres(draw_blobs(1))
    assert float(shifts.abs().max()) <= 3.25
    assert float(shifts.std(0).mean()) == pytest.approx(3.2 / 3**0.5, rel=0.1)  # uniform in +-3.2 pixels


def test_rotation_turns_about_the_middle():
    turned = Deformation(**{**vars(NONE), "rotation": 30.0})(
        draw_blobs(300), torch.Generator().manual_seed(0)
    )
    arms = find_centres(turned) - 16
    radius = (find_centres(draw_blobs(1)) - 16).norm()
    torch.testing.assert_close(arms.norm(dim=1), radius.expand(300), atol=0.1, rtol=0)
    angles = torch.rad2deg(torch.atan2(arms[:, 1], arms[:, 0]))
    assert 50 < float(angles.max() - angles.min()) < 61


def test_thickness_changes_the_amount_of_ink_both_ways():
    changed = Deformation(**{**vars(NONE), "thickness": 1.0})(
        draw_blobs(100), torch.Generator().manual_seed(0)
    )
    ratio = changed.sum((1, 2)) / draw_blobs(1).sum()
    assert float(ratio.min()) < 0.8
    assert float(ratio.max()) > 1.2


def test_elastic_field_bends_and_stays_in_range():
    bent = Deformation(**{**vars(NONE), "elastic": 0.05})(draw_blobs(50), torch.Generator().manual_seed(0))
    assert float((bent - draw_blobs(50)).abs().mean()) > 0.005
    assert float(bent.min()) >= 0.0
    assert float(bent.max()) <= 1.0


def test_a_share_is_turned_far():
    generator = torch.Generator().manual_seed(0)
    turned = Deformation(**{**vars(NONE), "turned": 0.5})(draw_blobs(600), generator)
    far = (turned - draw_blobs(1)).abs().amax((1, 2)) > 0.5
    assert 0.4 < float(far.float().mean()) < 0.5  # some are turned by little
    radius = (find_centres(draw_blobs(1)) - 16).norm()
    torch.testing.assert_close((find_centres(turned) - 16).norm(dim=1), radius.expand(600), atol=0.1, rtol=0)


def test_with_one_draw_for_all_nothing_is_turned_or_added():
    both = Deformation(**{**vars(NONE), "turned": 1.0, "other_ink": 1.0})
    images = draw_blobs(20)
    assert (both(images, torch.Generator().manual_seed(0)) - images).abs().amax((1, 2)).min() > 0.1
    again = both(images, torch.Generator().manual_seed(0), together=True)
    torch.testing.assert_close(again, images, atol=1e-5, rtol=0)
    assert both.scaled(0.5).other_ink == 1.0  # shares are no amounts


@pytest.mark.parametrize("wrong", [{"turned": 1.5}, {"other_ink": -0.1}, {"pieces": 0}])
def test_wrong_shares_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|shares"):
        Deformation(**wrong)
