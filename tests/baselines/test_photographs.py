"""Photographs: framing by picture and by mask, random changes, pasting, and what the descriptions see."""

import numpy as np
import pytest
import torch

from compvis.baselines.hog import describe_hog
from compvis.baselines.photo_augmentation import PHOTO, PhotoDeformation, cut_backgrounds, paste_backgrounds
from compvis.baselines.photo_hog_svm import PhotoHOGSVMClassifier
from compvis.baselines.photo_networks import PhotoCNNClassifier, PhotoResNetClassifier
from compvis.baselines.photographs import frame_photographs
from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.check_photographs import check_photographs

NONE = PhotoDeformation(**{**vars(PHOTO.scaled(0.0)), "flip": 0.0})


def draw_box(n: int = 2, side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (n, 3, side, side) of a red box on blue, left of the middle, and their masks."""
    masks = torch.zeros(n, side, side, dtype=torch.bool)
    masks[:, 10:22, 4:12] = True
    images = torch.tensor([0.1, 0.2, 0.8])[:, None, None].repeat(n, 1, side, side)
    return torch.where(masks[:, None], torch.tensor([0.9, 0.2, 0.1])[:, None, None], images), masks


def test_bytes_floats_and_grey_give_the_same_colours():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 11, 3)).astype(np.uint8)
    checked = check_photographs(pixels)
    assert checked.shape == (2, 3, 9, 11)
    torch.testing.assert_close(checked[1, 2, 4, 5].item() * 255, float(pixels[1, 4, 5, 2]))
    torch.testing.assert_close(check_photographs(torch.from_numpy(pixels / 255.0)), checked)
    grey = check_photographs(pixels[..., 0])
    assert torch.equal(grey[:, 0], grey[:, 2])


def test_image_frame_averages_and_continues_the_edge():
    images, masks = draw_box()
    framed = frame_photographs(images[:, :, 8:24], masks[:, 8:24], 16)
    assert framed.shape == (2, 4, 16, 16)
    torch.testing.assert_close(framed[:, :3, 0], framed[:, :3, 4])  # above the picture its first row goes on
    assert 4 * float(framed[0, 3].sum()) == pytest.approx(12 * 8, rel=1e-4)
    assert float(framed[:, 3, :4].abs().max()) == 0.0
    unknown = frame_photographs(images[:, :, 8:24], None, 16)
    assert torch.equal(unknown[:, 3], torch.ones(2, 16, 16))


def test_object_frame_forgets_place_and_size():
    images, masks = draw_box()
    small = frame_photographs(images, masks, 24, "object")
    moved = frame_photographs(images.roll(13, 3), masks.roll(13, 2), 24, "object")
    large = frame_photographs(
        images.repeat_interleave(2, 2).repeat_interleave(2, 3),
        masks.repeat_interleave(2, 1).repeat_interleave(2, 2),
        24,
        "object",
    )
    torch.testing.assert_close(small[:, 3], moved[:, 3], atol=1e-4, rtol=0)
    assert float((small - large).abs().mean()) < 0.03
    assert 0.7 < float(small[:, 3].amax((0, 2)).mean()) < 0.95  # rows the box fills of the frame
    empty = frame_photographs(images, torch.zeros_like(masks), 24, "object")
    torch.testing.assert_close(empty[:, :3], frame_photographs(images, None, 24)[:, :3])


def test_no_change_is_none_and_the_generator_decides_the_rest():
    images = torch.cat([draw_box(4)[0], draw_box(4)[1][:, None].float()], 1)
    torch.testing.assert_close(NONE(images, torch.Generator().manual_seed(0)), images, atol=1e-5, rtol=0)
    first, again, other = (PHOTO(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    together = PHOTO(images, torch.Generator().manual_seed(1), together=True)
    assert torch.equal(together[0], together[3])


def test_mirroring_takes_the_mask_along():
    colour, masks = draw_box(1)
    mirror = PhotoDeformation(**{**vars(NONE), "flip": 1.0})
    mirrored = mirror(torch.cat([colour, masks[:, None].float()], 1), torch.Generator().manual_seed(0))
    torch.testing.assert_close(mirrored[:, :3], colour.flip(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored[:, 3], masks.flip(2).float(), atol=1e-5, rtol=0)


def test_unknown_masks_stay_unknown():
    images = torch.cat([draw_box(3)[0], torch.ones(3, 1, 32, 32)], 1)
    assert float(PHOTO(images, torch.Generator().manual_seed(0))[:, 3].min()) == 1.0


def test_pasting_keeps_the_object_and_replaces_what_is_behind():
    colour, masks = draw_box(200)
    images = torch.cat([colour, masks[:, None].float()], 1)
    white = cut_backgrounds(Photographs((np.full((50, 60, 3), 255, np.uint8),), "white"), 32, 3, seed=0)
    pasted = paste_backgrounds(images, white, 0.5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        pasted[masks[:, None].expand(-1, 4, -1, -1)], images[masks[:, None].expand(-1, 4, -1, -1)]
    )
    corner = pasted[:, 2, 0, 0]
    assert set(corner.unique().tolist()) == {corner.min().item(), 1.0}
    assert 0.35 < float((corner == 1).float().mean()) < 0.65
    assert torch.equal(pasted[:, 3], images[:, 3])


@pytest.mark.parametrize("masking", ["ignore", "apply", "channel"])
def test_networks_see_what_masking_says(masking):
    images, masks = (array.numpy() for array in draw_box(4))
    for kind in (PhotoCNNClassifier, PhotoResNetClassifier):
        model = kind(size=16, width=4, steps=1, batch=2, masking=masking)
        model.fit(images.transpose(0, 2, 3, 1), [0, 1, 0, 1], masks)
        seen = model._inputs(torch.cat([torch.rand(2, 3, 16, 16), torch.zeros(2, 1, 16, 16)], 1))
        assert seen.shape[1] == (4 if masking == "channel" else 3)
        assert (float(seen[:, :3].abs().max()) > 0) == (masking == "ignore")


def test_hog_joins_texture_outline_and_the_mean_colour_of_the_object():
    images, masks = draw_box(4)
    model = PhotoHOGSVMClassifier(size=32, copies=0, outline=3.0, colour=2.0, colour_cells=1)
    model.fit(images.permute(0, 2, 3, 1).numpy(), [0, 1, 0, 1], masks.numpy())
    cover = masks.float()
    features = model._describe(torch.cat([images, cover[:, None]], 1))
    wanted = torch.tensor([0.9, 0.2, 0.1]) - 0.5
    torch.testing.assert_close(features[:, -3:], 2.0 * wanted.repeat(4, 1), atol=1e-5, rtol=0)
    edges = describe_hog(cover, model.cells, model.bins, model.signed, model.blur)
    size = edges.shape[1]
    assert features.shape[1] == 2 * size + 3
    torch.testing.assert_close(features[:, size : 2 * size], 3.0 * edges)


def test_bad_frames_are_refused():
    images, _ = draw_box()
    with pytest.raises(InputError, match="Unknown frame"):
        frame_photographs(images, None, 16, "ink")
    with pytest.raises(InputError, match="too small"):
        frame_photographs(images, None, 7)
