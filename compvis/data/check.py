"""Checks of what users hand in: images and labels, the same for the grammar and for every baseline.

Everything wrong raises `InputError` with one sentence that says what to do. An image without any ink (a
constant image) is *not* an error here: finding no ink is an answer, and the one who looks for ink gives it.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

# ITU-R BT.601 luma weights, the ones of Pillow's and scikit-image's grey conversions of display values.
LUMA = (0.299, 0.587, 0.114)
# Resizing and colour conversion in float32 overshoot [0, 1] by rounding; that much is clipped, not refused.
_ROUNDING = 1e-5
_LAYOUT = "give (n, H, W) grey or (n, H, W, 3) colour images"


class InputError(ValueError):
    """Images or labels that cannot be used; the message is one sentence saying what to do about it."""


def is_rooted_tree(parent: Int64[np.ndarray, "n"]) -> bool:
    """Whether node 0 is the root (its parent is -1) and every other node's parent comes before it."""
    root_first = len(parent) > 0 and parent[0] == -1 and not (parent[1:] < 0).any()
    return bool(root_first and (parent < np.arange(len(parent))).all())


def check_images(images: object) -> Float[Tensor, "n H W"]:
    """Return the images as grey float32 in [0, 1], on the device they came on.

    Args:
        images: numpy array or torch tensor, (n, H, W) grey or (n, H, W, 3) RGB; uint8 (0..255) or floating
            point in [0, 1]. Colour becomes luminance (ITU-R BT.601 weights).

    Returns:
        A new tensor (never a view of the input); polarity is kept as it came.

    Raises:
        InputError: not an array or tensor, another dtype, layout or range, an empty batch, images without
            pixels, NaN or infinity.
    """
    if isinstance(images, Tensor):
        tensor = images
    elif isinstance(images, np.ndarray):
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise _wrong_dtype(str(images.dtype))
        wide = (
            np.uint8 if images.dtype == np.uint8 else np.float32 if images.dtype.itemsize <= 4 else np.float64
        )
        tensor = torch.from_numpy(np.array(images, dtype=wide))  # a copy: may be read-only or byte-swapped
    else:
        raise InputError(
            f"Images must be one numpy array or torch tensor, not {type(images).__name__}: "
            "stack images of equal size, for example with numpy.stack."
        )
    if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
        raise _wrong_dtype(str(tensor.dtype).removeprefix("torch."))
    _check_layout(tuple(tensor.shape))
    if tensor.dtype == torch.uint8:
        grey = tensor.to(torch.float32) / 255.0
    else:
        _check_range(tensor.detach())
        grey = tensor.to(torch.float32).clamp(0.0, 1.0)
    if grey.ndim == 4:
        grey = (grey * grey.new_tensor(LUMA)).sum(-1).clamp(0.0, 1.0)
    return grey


def check_device(name: str) -> None:
    """Whether torch can work on a device.

    Raises:
        InputError: another kind of device than cpu and cuda, or a CUDA device that is not there.
    """
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise InputError(f"There is no device {name!r}: use cpu or cuda.")
    if kind == "cuda" and not int(number or 0) < torch.cuda.device_count():
        raise InputError(
            f"torch finds no device {name!r}: use cpu, or a torch built for CUDA where there is a GPU."
        )


def check_labels(labels: object, n: int, minimum_classes: int = 2) -> Int64[Tensor, "n"]:
    """Return class numbers as int64, on the device they came on (the CPU for arrays and lists).

    Args:
        labels: (n,) integers, one per image: numpy array, torch tensor, list or tuple. Any integers will do,
            they need not be consecutive.
        n: how many images the labels belong to.
        minimum_classes: how many different classes there must be at least.

    Raises:
        InputError: labels that are not integers, not one-dimensional, not as many as the images, or of fewer
            than `minimum_classes` classes.
    """
    if isinstance(labels, Tensor):
        tensor, dtype = labels, str(labels.dtype).removeprefix("torch.")
        whole = not (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool)
    elif isinstance(labels, np.ndarray | list | tuple):
        try:
            array = np.asarray(labels)
        except ValueError as error:
            raise InputError("Labels must be a flat list of integers, one per image.") from error
        whole, dtype = array.dtype.kind in "iu" or array.size == 0, str(array.dtype)
        tensor = torch.from_numpy(array.astype(np.int64)) if whole else torch.empty(array.shape)
    else:
        raise InputError(
            f"Labels must be a numpy array, a tensor or a list of integers, not {type(labels).__name__}."
        )
    if tensor.ndim != 1:
        raise InputError(
            f"Labels must be one-dimensional, one per image, but have shape {tuple(tensor.shape)}."
        )
    if len(tensor) != n:
        raise InputError(
            f"There are {n} images but {len(tensor)} labels: give exactly one label for every image."
        )
    if not whole:
        raise InputError(
            f"Labels must be integers, not {dtype}: number the classes, for example with "
            "numpy.unique(names, return_inverse=True)."
        )
    tensor = tensor.to(torch.int64)
    classes = len(torch.unique(tensor))
    if classes < minimum_classes:
        raise InputError(
            f"The labels name {classes} class(es) but at least {minimum_classes} are needed: "
            "add images of other classes."
        )
    return tensor


def _wrong_dtype(dtype: str) -> InputError:
    return InputError(
        f"Images must be uint8 (0 to 255) or floating point in [0, 1], not {dtype}: convert them."
    )


def _check_layout(shape: tuple[int, ...]) -> None:
    if len(shape) not in (3, 4):
        hint = "; a single image needs a first axis of length 1" if len(shape) == 2 else ""
        raise InputError(f"Images have shape {shape}: {_LAYOUT}{hint}.")
    if len(shape) == 4 and shape[-1] != 3:
        hint = "; move the colour axis to the end" if shape[1] == 3 else ""
        raise InputError(f"Images have shape {shape}: {_LAYOUT}{hint}.")
    if shape[0] == 0:
        raise InputError("The batch of images is empty: give at least one image.")
    if 0 in shape:
        raise InputError(
            f"Images have shape {shape}, so no pixels: give images at least one pixel high and wide."
        )
    if len(shape) == 3 and shape[2] == 3 and shape[1] > 3:
        raise InputError(
            f"Images of shape {shape} look like one colour image: {_LAYOUT}; a single image needs a first "
            "axis of length 1."
        )


def _check_range(tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise InputError("Images contain NaN or infinite values: replace them before calling.")
    low, high = float(tensor.min()), float(tensor.max())
    if low < -_ROUNDING or high > 1.0 + _ROUNDING:
        raise InputError(
            f"Floating-point images must lie in [0, 1] but range from {low:.4g} to {high:.4g}: rescale them "
            "(divide by 255 where they hold 0 to 255) or give uint8."
        )
