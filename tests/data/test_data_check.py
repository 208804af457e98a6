"""The checks of images and labels: what is accepted, and one clear sentence for everything else."""

import numpy as np
import pytest
import torch

from compvis.data.check import InputError, check_device, check_images, check_labels


def test_uint8_and_float_mean_the_same():
    grey = np.array([[[0, 51], [102, 255]]], dtype=np.uint8)
    expected = torch.tensor([[[0.0, 0.2], [0.4, 1.0]]])
    for images in (grey, torch.from_numpy(grey), grey / 255.0, (grey / 255.0).astype(np.float32)):
        checked = check_images(images)
        assert checked.dtype == torch.float32
        torch.testing.assert_close(checked, expected)


def test_colour_becomes_luminance():
    red, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    red[..., 0] = 255
    checked = check_images(np.concatenate([red, white]))
    assert checked.shape == (2, 2, 2)
    torch.testing.assert_close(checked[:, 0, 0], torch.tensor([0.299, 1.0]))


def test_result_shares_no_memory_and_takes_read_only_input():
    images = np.full((1, 4, 4), 0.5, np.float32)
    images.flags.writeable = False
    check_images(images)[:] = 0
    tensor = torch.full((1, 4, 4), 0.5)
    check_images(tensor)[:] = 0
    assert images.min() == 0.5
    assert tensor.min() == 0.5


def test_byte_swapped_and_half_precision_are_read():
    assert check_images(np.full((1, 4, 4), 0.25, ">f4")).unique().tolist() == [0.25]
    assert check_images(torch.full((1, 4, 4), 0.25, dtype=torch.bfloat16)).unique().tolist() == [0.25]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[0.0]], "numpy.stack"),
        (np.zeros((1, 4, 4), np.int64), "int64: convert"),
        (np.zeros((1, 4, 4), bool), "bool: convert"),
        (torch.zeros(1, 4, 4, dtype=torch.int32), "int32: convert"),
        (np.zeros((4, 4)), "first axis of length 1"),
        (np.zeros((1, 1, 4, 4, 3)), "shape"),
        (np.zeros((2, 3, 8, 8)), "move the colour axis"),
        (np.zeros((2, 8, 8, 4)), "(n, H, W, 3)"),
        (np.zeros((28, 28, 3)), "one colour image"),
        (np.zeros((0, 4, 4)), "empty"),
        (np.zeros((2, 0, 4)), "no pixels"),
        (np.zeros((2, 4, 0)), "no pixels"),
        (np.full((1, 4, 4), np.nan), "NaN"),
        (np.full((1, 4, 4), np.inf), "NaN or infinite"),
        (np.full((1, 4, 4), 255.0), "divide by 255"),
        (np.full((1, 4, 4), -0.5), "[0, 1]"),
        (np.full((1, 4, 4), 1e60), "[0, 1]"),
    ],
)
def test_bad_images_are_refused_in_one_sentence(images: object, message: str):
    with pytest.raises(InputError) as caught:
        check_images(images)
    assert message in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "labels",
    [[3, 7, 3], (3, 7, 3), np.array([3, 7, 3], np.uint8), torch.tensor([3, 7, 3], dtype=torch.int32)],
)
def test_labels_become_int64(labels: object):
    checked = check_labels(labels, 3)
    assert checked.dtype == torch.int64
    assert checked.tolist() == [3, 7, 3]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("ab", "not str"),
        (["a", "b"], "numpy.unique"),
        (np.array([0.0, 1.0]), "float64"),
        (torch.tensor([True, False]), "bool"),
        ([[0], [1]], "one-dimensional"),
        ([[0], [1, 2]], "flat list"),
        ([0, 1, 1], "2 images but 3 labels"),
        ([], "0 labels"),
        ([4, 4], "at least 2"),
    ],
)
def test_bad_labels_are_refused(labels: object, message: str):
    with pytest.raises(InputError) as caught:
        check_labels(labels, 2)
    assert message in str(caught.value)


def test_one_class_is_enough_where_asked():
    assert check_labels([4, 4], 2, minimum_classes=1).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("device", "message"),
    [("tpu", "no device"), ("cuda", "finds no"), ("cuda:1", "finds no"), ("cuda:x", "no device")],
)
def test_devices_that_are_not_there_are_refused(device: str, message: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match=message):
        check_device(device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    check_device("cpu")
    check_device("cuda")
    with pytest.raises(InputError, match="finds no device 'cuda:1'"):
        check_device("cuda:1")
