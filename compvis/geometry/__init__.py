"""Axes, units and origins of compvis, stated once.

Images
    Public functions take ``(n, H, W)`` or ``(n, H, W, 3)``, uint8 or float in [0, 1]. Inside, an ink image is
    float32 ``(n, H, W)`` with 1 = ink and 0 = paper.
Image frame
    x to the right, y down, in pixels. The pixel in row i and column j has its centre at (j + 0.5, i + 0.5).
    A point is (x, y).
Canonical frame of ink
    Image frame minus the centre of the ink, divided by its size ``unit`` (a scalar, in pixels: the root mean
    square distance of the ink's skeleton from its centre). A character spans about [-2, 2]. The root pose of a
    parse tree maps this frame to the image frame. Widths are full pen widths in the same unit as positions.
Affine pose
    A ``(2, 3)`` tensor ``[A | t]`` with ``p_parent = A p + t``.
"""
