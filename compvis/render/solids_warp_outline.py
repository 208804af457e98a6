"""Warp kernels that lay leaves out, polygons around them included: what ``solids_outline`` does in torch.

:func:`choose` finds which edges of a cuboid are its outline and which way the planes around a curved leaf lean, without
a derivative; :func:`lay_out`, differentiated by Warp, fills packed values and edges.
"""

from math import pi
from typing import no_type_check

import warp as wp

from compvis.render.solids import Kind
from compvis.render.solids_outline import OFF_AXES, SUPPORT_STEPS, TINY
from compvis.render.solids_shapes import SMALLEST_OF_NORMAL
from compvis.render.solids_warp_place import camera_of, eye_of, fill_packed, in_camera, to_pixel

_ELLIPSOID, _CUBOID, _CONE = int(Kind.ELLIPSOID), int(Kind.CUBOID), int(Kind.CONE)
_TURN = 2 * pi


@wp.func
@no_type_check
def turned(first: float, second: float, third: float, axis: int):
    """Three numbers, moved on by ``axis`` places."""
    if axis == 0:
        return wp.vec3(first, second, third)
    if axis == 1:
        return wp.vec3(third, first, second)
    return wp.vec3(second, third, first)


@wp.func
@no_type_check
def sign_of(bit: int):
    """-1 for 0 and 1 for 1."""
    return 2.0 * float(bit) - 1.0


@wp.func
@no_type_check
def direction_of(axes: wp.mat33, half: wp.vec3, seen: wp.vec3, number: int, count: int, perspective: bool):
    """A direction of the image, one of ``count`` in which an ellipse of the leaf's shape has even furthest points.

    See ``_even_directions`` in :mod:`compvis.render.solids_outline`.
    """
    slope = wp.vec2(0.0, 0.0)
    if perspective:
        slope = wp.vec2(seen[0] / seen[2], seen[1] / seen[2])
    u = wp.vec3((axes[0, 0] - slope[0] * axes[2, 0]) * half[0], (axes[0, 1] - slope[0] * axes[2, 1]) * half[1],
                (axes[0, 2] - slope[0] * axes[2, 2]) * half[2])  # fmt: skip
    v = wp.vec3((axes[1, 0] - slope[1] * axes[2, 0]) * half[0], (axes[1, 1] - slope[1] * axes[2, 1]) * half[1],
                (axes[1, 2] - slope[1] * axes[2, 2]) * half[2])  # fmt: skip
    upper = wp.sqrt(wp.max(wp.dot(u, u), TINY * TINY))
    corner = wp.dot(u, v) / upper
    lower = wp.sqrt(wp.max(wp.dot(v, v) - corner * corner, TINY * TINY))
    angle = _TURN * (float(number) + OFF_AXES) / float(count)
    down = wp.sin(angle) / lower
    along = (wp.cos(angle) - corner * down) / upper
    return wp.normalize(wp.vec2(along, down))


@wp.func
@no_type_check
def norm(a: float, b: float, power: float):
    """The p-norm of (a, b), both not negative, and its derivatives by a and b."""
    largest = wp.max(wp.max(a, b), 1e-30)
    # No base may be zero: the derivative of a power of zero by its exponent would not be a number.
    total = wp.pow(wp.max(a / largest, 1e-30), power) + wp.pow(wp.max(b / largest, 1e-30), power)
    value = largest * wp.pow(total, 1.0 / power)
    by_a = wp.pow(wp.max(a / value, SMALLEST_OF_NORMAL), power - 1.0)
    by_b = wp.pow(wp.max(b / value, SMALLEST_OF_NORMAL), power - 1.0)
    return value, by_a, by_b


@wp.func
@no_type_check
def sign(value: float):
    """-1, 0 or 1; Warp's own knows no 0."""
    if value == 0.0:
        return 0.0
    return wp.sign(value)


@wp.func
@no_type_check
def support(kind: int, normal: wp.vec3, form: wp.vec2):
    """The point of a cone or superquadric that is furthest along a normal, unit frame."""
    x, y, z = normal[0], normal[1], normal[2]
    if kind == _CONE:
        ring = wp.sqrt(wp.max(x * x + z * z, 1e-24))
        if y > form[0] / 2.0 * ring:
            radius = (1.0 - form[0]) / ring
            return wp.vec3(radius * x, 1.0, radius * z)
        return wp.vec3(x / ring, -1.0, z / ring)
    outer, inner = 2.0 / (2.0 - form[0]), 2.0 / (2.0 - form[1])
    across, by_x, by_z = norm(wp.abs(x), wp.abs(z), inner)
    _value, by_ring, by_y = norm(across, wp.abs(y), outer)
    return wp.vec3(by_ring * by_x * sign(x), by_y * sign(y), by_ring * by_z * sign(z))


@wp.func
@no_type_check
def plane_normal(direction: wp.vec2, lean: float, axes: wp.mat33, half: wp.vec3):
    """Normal, in the unit frame, of the plane (direction, lean) of the camera frame."""
    return wp.cw_mul(wp.transpose(axes) @ wp.vec3(direction[0], direction[1], lean), half)


@wp.func
@no_type_check
def leaning(direction: wp.vec2, point: wp.vec3, axes: wp.mat33, half: wp.vec3, seen: wp.vec3):
    """How the plane through the eye and a point's line of sight leans."""
    at = axes @ wp.cw_mul(point, half) + seen
    return -(direction[0] * at[0] + direction[1] * at[1]) / at[2]


@wp.kernel(enable_backward=False)
@no_type_check
def choose(
    rotation: wp.array(dtype=wp.mat33),
    centre: wp.array(dtype=wp.vec3),
    size: wp.array(dtype=wp.vec3),
    shape: wp.array(dtype=wp.vec2),
    colour: wp.array(dtype=wp.vec3),
    turn: wp.array(dtype=wp.mat33),
    shift: wp.array(dtype=wp.vec3),
    pixels: wp.array(dtype=float),
    principal: wp.array(dtype=wp.vec2),
    drawn: wp.array(dtype=bool),
    kinds: wp.array(dtype=wp.int64),
    cameras: int,
    leaves: int,
    perspective: bool,
    segments: int,
    edge_of: wp.array2d(dtype=int),
    lean_of: wp.array2d(dtype=float),
):
    """Find which of its twelve edges is each of a cuboid's outline (-1: none), and how curved outlines' planes lean."""
    leaf, number = wp.tid()
    edge_of[leaf, number] = -1
    if not drawn[leaf] or int(kinds[leaf]) == _ELLIPSOID:
        return
    camera = camera_of(cameras, leaves, leaf)
    half, kind = size[leaf], int(kinds[leaf])
    axes, seen = in_camera(rotation, centre, turn, shift, camera, leaf)
    if kind == _CUBOID:
        eye = eye_of(axes, half, seen, perspective)
        level = 1.0 if perspective else 0.0
        passed = int(0)
        for edge in range(12):
            first = wp.dot(eye, turned(0.0, sign_of((edge // 2) % 2), 0.0, edge // 4)) > level
            second = wp.dot(eye, turned(0.0, 0.0, sign_of(edge % 2), edge // 4)) > level
            if first != second:
                if passed == number:
                    edge_of[leaf, number] = edge
                passed += 1
    else:
        edge_of[leaf, number] = number
        direction = direction_of(axes, half, seen, number, segments, perspective)
        lean = float(0.0)
        if perspective:
            for _step in range(SUPPORT_STEPS - 1):
                point = support(kind, plane_normal(direction, lean, axes, half), shape[leaf])
                lean = leaning(direction, point, axes, half, seen)
        lean_of[leaf, number] = lean


@wp.func
@no_type_check
def curved_corner(
    kind: int,
    number: int,
    segments: int,
    lean_before: float,
    axes: wp.mat33,
    half: wp.vec3,
    form: wp.vec2,
    seen: wp.vec3,
    perspective: bool,
):
    """A point of a curved outline and the leaf's normal there, both in the unit frame."""
    direction = direction_of(axes, half, seen, number, segments, perspective)
    lean = float(0.0)
    if perspective:
        before = support(kind, plane_normal(direction, lean_before, axes, half), form)
        lean = leaning(direction, before, axes, half, seen)
    normal = plane_normal(direction, lean, axes, half)
    point = support(kind, normal, form)
    normal = normal / wp.max(wp.abs(wp.dot(normal, point)), TINY)
    if kind == _CONE:
        eye = eye_of(axes, half, seen, perspective)
        level = 1.0 if perspective else 0.0
        side = sign(point[1])
        if side * eye[1] > level:
            normal = wp.vec3(0.0, side, 0.0)
    return point, normal


@wp.func
@no_type_check
def outline(
    leaf: int,
    number: int,
    edge: int,
    kind: int,
    axes: wp.mat33,
    seen: wp.vec3,
    half: wp.vec3,
    shape: wp.vec2,
    scale: float,
    middle: wp.vec2,
    perspective: bool,
    segments: int,
    lean_of: wp.array2d(dtype=float),
    edges: wp.array4d(dtype=float),
):
    """Fill one edge of the polygon around a leaf."""
    a, b = wp.vec3(), wp.vec3()
    normal_a, normal_b = wp.vec3(), wp.vec3()
    if kind == _CUBOID:
        one, other = sign_of((edge // 2) % 2), sign_of(edge % 2)
        eye = eye_of(axes, half, seen, perspective)
        level = 1.0 if perspective else 0.0
        a = turned(-1.0, one, other, edge // 4)
        b = turned(1.0, one, other, edge // 4)
        normal_a = turned(0.0, 0.0, other, edge // 4)
        if wp.dot(eye, turned(0.0, one, 0.0, edge // 4)) > level:
            normal_a = turned(0.0, one, 0.0, edge // 4)
        normal_b = normal_a
    else:
        after = (number + 1) % segments
        a, normal_a = curved_corner(
            kind, number, segments, lean_of[leaf, number], axes, half, shape, seen, perspective
        )
        b, normal_b = curved_corner(
            kind, after, segments, lean_of[leaf, after], axes, half, shape, seen, perspective
        )
    start = to_pixel(axes @ wp.cw_mul(a, half) + seen, scale, middle, perspective)
    end = to_pixel(axes @ wp.cw_mul(b, half) + seen, scale, middle, perspective)
    inside = to_pixel(seen, scale, middle, perspective)
    # The leaf lies on the side of positive step x (point - start).
    first = int(0)
    if (end[0] - start[0]) * (inside[1] - start[1]) - (end[1] - start[1]) * (inside[0] - start[0]) < 0.0:
        first = 1
    for i in range(3):
        edges[leaf, number, first, i] = start[i]
        edges[leaf, number, 1 - first, i] = end[i]
        edges[leaf, number, first, 3 + i] = normal_a[i]
        edges[leaf, number, 1 - first, 3 + i] = normal_b[i]


@wp.kernel
@no_type_check
def lay_out(
    rotation: wp.array(dtype=wp.mat33),
    centre: wp.array(dtype=wp.vec3),
    size: wp.array(dtype=wp.vec3),
    shape: wp.array(dtype=wp.vec2),
    colour: wp.array(dtype=wp.vec3),
    turn: wp.array(dtype=wp.mat33),
    shift: wp.array(dtype=wp.vec3),
    pixels: wp.array(dtype=float),
    principal: wp.array(dtype=wp.vec2),
    drawn: wp.array(dtype=bool),
    kinds: wp.array(dtype=wp.int64),
    cameras: int,
    leaves: int,
    perspective: bool,
    segments: int,
    edge_of: wp.array2d(dtype=int),
    lean_of: wp.array2d(dtype=float),
    light: wp.vec3,
    edges: wp.array4d(dtype=float),
    packed: wp.array2d(dtype=float),
):
    """Fill packed values and edges of every drawn leaf; one thread an edge, and one more for the packed values."""
    leaf, number = wp.tid()
    if not drawn[leaf]:
        return
    camera = camera_of(cameras, leaves, leaf)
    axes, seen = in_camera(rotation, centre, turn, shift, camera, leaf)
    if number == edges.shape[1]:
        lit = wp.transpose(rotation[leaf]) @ light
        fill_packed(leaf, int(kinds[leaf]), axes, seen, size[leaf], shape[leaf], colour[leaf], lit, pixels[camera],
              principal[camera], perspective, packed)  # fmt: skip
    elif edge_of[leaf, number] >= 0:
        outline(leaf, number, edge_of[leaf, number], int(kinds[leaf]), axes, seen, size[leaf], shape[leaf],
                pixels[camera], principal[camera], perspective, segments, lean_of, edges)  # fmt: skip
