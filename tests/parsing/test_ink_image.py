import pytest
import torch

from compvis.parsing.ink_image import MINIMUM_UNIT, NoInkError, ink_frame, to_ink


def bars() -> torch.Tensor:
    images = torch.zeros(2, 20, 30)
    images[0, 5:15, 10:14] = 1
    images[1, 8:11, 2:28] = 1
    return images


def test_both_polarities_and_any_contrast_give_the_same_ink():
    ink = bars()
    torch.testing.assert_close(to_ink(ink), ink)
    torch.testing.assert_close(to_ink(1 - ink), ink)
    torch.testing.assert_close(to_ink(0.3 + 0.2 * ink), ink, atol=1e-5, rtol=0)
    torch.testing.assert_close(to_ink(0.8 - 0.5 * ink), ink, atol=1e-5, rtol=0)


def test_grey_values_keep_their_order():
    image = torch.zeros(1, 9, 9)
    image[0, 4, 2:7] = torch.tensor([0.2, 0.6, 0.8, 0.6, 0.2])
    ink = to_ink(image)[0, 4]
    assert ink[4] == 1
    assert 0 < ink[2] < ink[3] < 1


def test_one_image_does_not_depend_on_the_others():
    images = torch.stack([bars()[0], 1 - 0.4 * bars()[1]])
    torch.testing.assert_close(to_ink(images)[1:], to_ink(images[1:]))


def test_constant_image_is_named():
    images = torch.cat([bars(), torch.full((1, 20, 30), 0.5)])
    with pytest.raises(NoInkError, match="Image 2 shows no ink"):
        to_ink(images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.full((1, 5, 5), float("nan")), "NaN"),
        (torch.eye(5)[None] * 255, "outside"),
        (torch.eye(2)[None], "too small"),
    ],
)
def test_bad_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        to_ink(images)


def test_frame_is_centroid_and_rms_distance():
    centre, unit = ink_frame(torch.tensor([[10.0, 20.0], [30.0, 20.0]]))
    assert centre.tolist() == [20.0, 20.0]
    assert unit == pytest.approx(10.0)
    assert ink_frame(torch.tensor([[4.0, 4.0]]))[1] == MINIMUM_UNIT
    with pytest.raises(ValueError, match="at least one"):
        ink_frame(torch.zeros(0, 2))
