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
Camera frame
    x to the right, y down, z forward into the scene, so that x and y agree with the image frame. Right-handed.
    Depth is z in this frame, not the distance along the ray.
World frame of solids (and the frame of an object at rest)
    x to the right, y up, z towards the viewer at azimuth 0. Right-handed. The unit of length is the caller's.
Viewpoint
    (azimuth, elevation, roll) in degrees. The viewer at azimuth 0 looks along -z; growing azimuth moves the
    viewer towards +x, growing elevation lifts it above the horizon (towards +y), growing roll turns the picture
    clockwise (from the image's x towards its y).
Camera pose
    ``p_camera = rotation p_world + translation``. Focal lengths, scales and principal points are in pixels of
    the image frame.
Rotations
    ``(..., 3, 3)`` matrices R with ``p_parent = R p_child``: columns are the child's axes in the parent's frame.
    Quaternions are (w, x, y, z). Axis-angle vectors are in radians.
"""
