"""Arrays to pictures: ink as dark on paper, residuals in two colours."""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

# Ends of the residual's colour scale: ink that the tree does not draw, and drawn ink that is not there.
MISSING = (0, 90, 181)
SURPLUS = (220, 50, 32)


def paper_picture(ink: Float[ndarray, "H W"]) -> UInt8[ndarray, "H W 3"]:
    """Ink in [0, 1] as dark on white."""
    grey = np.rint(255 * (1 - np.clip(ink, 0, 1))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def residual_picture(residual: Float[ndarray, "H W"]) -> UInt8[ndarray, "H W 3"]:
    """Image minus rendering: white where they agree, `MISSING` for undrawn ink, `SURPLUS` for drawn paper."""
    amount = np.clip(np.abs(residual), 0, 1)[..., None]
    colour = np.where((residual > 0)[..., None], np.array(MISSING, float), np.array(SURPLUS, float))
    return np.rint(255 * (1 - amount) + colour * amount).astype(np.uint8)


def png_data_uri(picture: UInt8[ndarray, "H W 3"]) -> str:
    """A picture as a ``data:`` address, so that a page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
