"""What each shift does to a picture, on made-up data where the answer is known."""

import numpy as np
import pytest
from made_up_views import make_ink, make_views

from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.eth80 import load_eth80
from compvis.data.folder import MissingDataError
from compvis.data.shifts import apply_shift, make_shift
from compvis.data.shifts.viewpoint import view_novelty

VIEWS, PARTED, INK = make_views(), make_views(parts=True), make_ink()
PHOTOGRAPHS = Photographs(
    tuple(np.random.default_rng(i).integers(0, 256, (40, 50, 3), dtype=np.uint8) for i in range(3)), "made up"
)


def test_viewpoint_selects_bands_and_changes_nothing():
    side = apply_shift(make_shift("viewpoint", low=-90.0, high=30.0), VIEWS)
    assert side.parent_rows.tolist() == np.flatnonzero(VIEWS.elevation <= 30).tolist()
    np.testing.assert_array_equal(side.images, VIEWS.images[side.parent_rows])
    behind = make_shift("viewpoint", low=0.0, high=90.0, azimuth_low=200.0, azimuth_high=60.0)
    chosen = VIEWS.azimuth[apply_shift(behind, VIEWS).parent_rows]
    assert set(chosen) == {0.0, 225.0, 270.0}


def test_novelty_is_the_angle_to_the_nearest_learned_direction_of_the_class():
    learned = np.flatnonzero((VIEWS.elevation == 0) & (VIEWS.azimuth == 0))
    rows = np.flatnonzero(VIEWS.objects == 2)
    novelty = view_novelty(VIEWS, rows, learned)
    by_view = dict(zip(zip(VIEWS.elevation[rows], VIEWS.azimuth[rows], strict=True), novelty, strict=True))
    assert by_view[0.0, 0.0] == pytest.approx(0, abs=1e-5)
    assert by_view[90.0, 0.0] == pytest.approx(90)
    assert by_view[0.0, 225.0] == pytest.approx(135)
    with pytest.raises(InputError, match="Nothing was learned of class class1"):
        view_novelty(VIEWS, rows, learned[VIEWS.labels[learned] == 0])


def test_background_keeps_the_object_and_nothing_else():
    shifted = apply_shift(make_shift("background", photographs=PHOTOGRAPHS), VIEWS, range(4))
    for image, mask, row in zip(shifted.images, shifted.masks, shifted.parent_rows, strict=True):
        inner = np.zeros_like(mask)
        inner[6:-8, 9:-8] = True
        assert np.abs(image.astype(int) - VIEWS.images[row])[inner & mask].max() <= 1
        assert (image[0] != VIEWS.images[row][0]).any()
    assert shifted.achieved.min() > 0.05


@pytest.mark.parametrize("occluder", ["patch", "cutout", "mixed"])
def test_occluders_hide_the_share_that_is_recorded(occluder: str):
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        shift = make_shift("occlusion", low=low, high=high, photographs=PHOTOGRAPHS, occluder=occluder)
        shifted = apply_shift(shift, PARTED, range(0, 112, 4))
        before = PARTED.masks[shifted.parent_rows].sum((1, 2))
        hidden = 1 - shifted.masks.sum((1, 2)) / before
        np.testing.assert_allclose(shifted.achieved, hidden, atol=1e-12)
        assert ((hidden >= low - 0.02) & (hidden <= high + 0.02)).mean() > 0.9
        assert shifted.parts is not None
        np.testing.assert_array_equal(shifted.parts > 0, shifted.masks)


def test_stronger_occlusion_lies_at_the_same_place():
    weak, strong = (
        apply_shift(
            make_shift("occlusion", low=low, high=low + 0.1, photographs=PHOTOGRAPHS), VIEWS, range(9)
        )
        for low in (0.3, 0.6)
    )
    hidden = [VIEWS.masks[:9] & ~shifted.masks for shifted in (weak, strong)]
    assert (hidden[0] & ~hidden[1]).sum() < 0.1 * hidden[0].sum()


def test_rotation_turns_counter_clockwise_and_scale_keeps_the_centre():
    turned = apply_shift(make_shift("rotation", degrees=90.0), INK)
    for image, angle, row in zip(turned.images, turned.achieved, turned.parent_rows, strict=True):
        np.testing.assert_array_equal(image, np.rot90(INK.images[row], 1 if angle > 0 else -1))
    assert set(turned.achieved) == {-90.0, 90.0}
    views = apply_shift(make_shift("rotation", degrees=90.0), PARTED, range(4))
    for mask, parts, angle, row in zip(views.masks, views.parts, views.achieved, range(4), strict=True):
        np.testing.assert_array_equal(mask, np.rot90(PARTED.masks[row], 1 if angle > 0 else -1))
        np.testing.assert_array_equal(parts > 0, mask)
    smaller = apply_shift(make_shift("scale", factor=0.5), VIEWS, range(8))
    np.testing.assert_allclose(smaller.achieved, 0.5, atol=0.06)
    assert not smaller.masks[:, :5].any()


def test_material_changes_the_object_only():
    for name, settings in (("recolour", {}), ("texture", {"photographs": PHOTOGRAPHS})):
        shifted = apply_shift(make_shift(name, strength=1.0, **settings), VIEWS, range(0, 112, 9))
        before = VIEWS.images[shifted.parent_rows]
        np.testing.assert_array_equal(shifted.images[~shifted.masks], before[~shifted.masks])
        change = np.abs(shifted.images.astype(float) - before) / 255
        expected = [c[m].mean() for c, m in zip(change, shifted.masks, strict=True)]
        np.testing.assert_allclose(shifted.achieved, expected, atol=0.003)
        assert shifted.achieved.min() > 0.02


def test_removed_parts_show_background():
    shifted = apply_shift(make_shift("part_removal", count=1), PARTED, range(6))
    assert len(shifted) == 6
    assert shifted.parts is not None
    for image, mask, parts, share, row in zip(
        shifted.images, shifted.masks, shifted.parts, shifted.achieved, shifted.parent_rows, strict=True
    ):
        gone = PARTED.masks[row] & ~mask
        assert share == pytest.approx(gone.sum() / PARTED.masks[row].sum())
        assert len(np.unique(PARTED.parts[row][gone])) == 1
        np.testing.assert_array_equal(parts > 0, mask)
        assert np.abs(image.astype(int)[gone] - [30, 50, 120]).mean() < 40  # mostly the blue background
    none = apply_shift(make_shift("part_removal", count=3), PARTED, range(6))
    assert len(none) == 0
    assert none.skipped.tolist() == list(range(6))


def test_recombined_parts_come_from_another_object():
    shifted = apply_shift(make_shift("part_recombination", count=1), PARTED, range(6))
    assert len(shifted) == 6
    assert shifted.parts is not None
    for image, parts, row in zip(shifted.images, shifted.parts, shifted.parent_rows, strict=True):
        new = (image != PARTED.images[row]).any(-1) & PARTED.masks[row]
        counts = [new[parts == part].mean() for part in (1, 2, 3)]
        assert max(counts) > 0.9
        assert min(counts) < 0.5
    alone = PARTED.subset(PARTED.objects == 0)
    assert len(apply_shift(make_shift("part_recombination", count=1), alone)) == 0


def test_corruptions_measure_what_they_do():
    for name, settings in (
        ("noise", {"sigma": 0.1}),
        ("blur", {"sigma": 0.05}),
        ("contrast", {"factor": 0.3}),
        ("jpeg", {"quality": 5}),
    ):
        for data in (VIEWS, INK):
            shifted = apply_shift(make_shift(name, **settings), data, range(4))
            change = (shifted.images.astype(float) - data.images[:4]) / 255
            expected = np.sqrt((change**2).reshape(4, -1).mean(1))
            np.testing.assert_allclose(shifted.achieved, expected)
    assert apply_shift(make_shift("noise", sigma=0.1), VIEWS).achieved == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 1.5, 2.0])
def test_pen_width_scales_the_stroke_of_known_width(factor: float):
    shifted = apply_shift(make_shift("pen_width", factor=factor), INK, range(0, 14, 2))
    across = shifted.images[:, 16].astype(float).sum(1) / 255  # a line across the upright strokes, 3 wide
    np.testing.assert_allclose(across, 3 * factor, atol=0.8)
    np.testing.assert_allclose(shifted.achieved, factor, atol=0.25)


def test_clutter_only_adds_ink():
    few, many = (apply_shift(make_shift("clutter", pieces=k), INK) for k in (1, 6))
    assert (few.images >= INK.images).all()
    assert (many.images >= few.images).all()  # the same pieces, then more
    np.testing.assert_array_equal(few.masks, INK.images > 127)
    assert many.achieved.mean() > 2 * few.achieved.mean()


def test_real_photographs_are_hidden_as_much_as_asked():
    try:
        data = load_eth80()
    except MissingDataError as missing:
        pytest.skip(str(missing))
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        shift = make_shift("occlusion", low=low, high=high, photographs=PHOTOGRAPHS)
        shifted = apply_shift(shift, data, range(0, len(data), 60))
        inside = (shifted.achieved >= low) & (shifted.achieved <= high)
        assert inside.mean() > 0.95
