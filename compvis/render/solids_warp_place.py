"""Warp kernels that place leaves before their cameras: what ``solids_footprint`` does in torch.

No leaf is left out: those that are not drawn have edges without length and an empty box.
"""

from typing import no_type_check

import warp as wp

from compvis.render.solids import SKEW, Kind
from compvis.render.solids_kernel import COLOUR, DIRECTION, INVERSE, LIGHT, ORIGIN, PIXELS, SHAPE
from compvis.render.solids_outline import SHORTEST_EDGE
from compvis.render.solids_warp_functions import lines_of_leaf

# A bit of what look_over finds; those below it, from the first on, say which kinds there are.
UNSOUND = 1 << 8
_ELLIPSOID, _CONE, _KINDS = int(Kind.ELLIPSOID), int(Kind.CONE), len(Kind)


@wp.func
@no_type_check
def camera_of(cameras: int, leaves: int, leaf: int):
    """The number of the camera that sees a leaf: of ``cameras``, one for all or one a hypothesis of ``leaves``."""
    if cameras == 1:
        return 0
    return leaf // leaves


@wp.func
@no_type_check
def in_camera(
    rotation: wp.array(dtype=wp.mat33),
    centre: wp.array(dtype=wp.vec3),
    turn: wp.array(dtype=wp.mat33),
    shift: wp.array(dtype=wp.vec3),
    camera: int,
    leaf: int,
):
    """A leaf's axes and centre in the camera frame."""
    return turn[camera] @ rotation[leaf], turn[camera] @ centre[leaf] + shift[camera]


@wp.func
@no_type_check
def is_number(value: float):
    """Whether a value is finite."""
    return wp.abs(value) < wp.inf


@wp.kernel(enable_backward=False)
@no_type_check
def look_over(
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
    mask: wp.array(dtype=bool),
    lowest: float,
    highest: float,
    nearest: float,
    found: wp.array(dtype=int),
):
    """Say which leaves are drawn, which kinds there are, and whether a value needs a closer look."""
    leaf = wp.tid()
    drawn[leaf] = False
    if not mask[leaf]:
        return
    kind, axes, at, half = int(kinds[leaf]), rotation[leaf], centre[leaf], size[leaf]
    sound = kind >= 0 and kind < _KINDS
    skew = axes @ wp.transpose(axes) - wp.identity(n=3, dtype=float)
    # Written so that what is not a number is not sound.
    for i in range(3):
        for j in range(3):
            sound = sound and wp.abs(skew[i, j]) < SKEW
        sound = sound and is_number(at[i]) and half[i] > 0.0 and half[i] < wp.inf
        sound = sound and colour[leaf][i] >= 0.0 and colour[leaf][i] <= 1.0
    sound = sound and wp.determinant(axes) > 0.0
    first, second = shape[leaf][0], shape[leaf][1]
    if kind == _CONE:
        sound = sound and first >= 0.0 and first <= 1.0
    elif kind > _CONE:
        sound = sound and first >= lowest and first <= highest and second >= lowest and second <= highest
    if not sound:
        wp.atomic_or(found, 0, UNSOUND)
    if perspective:
        camera = camera_of(cameras, leaves, leaf)
        forward = wp.vec3(turn[camera][2, 0], turn[camera][2, 1], turn[camera][2, 2])
        across = wp.transpose(axes) @ forward
        depth = wp.dot(forward, at) + shift[camera][2]
        for i in range(3):
            depth -= wp.abs(across[i]) * half[i]
        if not depth > nearest:
            return
    if kind >= 0 and kind < _KINDS:
        drawn[leaf] = True
        wp.atomic_or(found, 0, 1 << kind)


@wp.func
@no_type_check
def to_leaf(axes: wp.mat33, half: wp.vec3, vector: wp.vec3):
    """A vector of the camera frame in the leaf's unit frame."""
    return wp.cw_div(wp.transpose(axes) @ vector, half)


@wp.func
@no_type_check
def eye_of(axes: wp.mat33, half: wp.vec3, centre: wp.vec3, perspective: bool):
    """The camera in the leaf's unit frame: its centre in perspective, else the direction towards it."""
    if perspective:
        return to_leaf(axes, half, -centre)
    return to_leaf(axes, half, wp.vec3(0.0, 0.0, -1.0))


@wp.func
@no_type_check
def to_pixel(point: wp.vec3, pixels: float, middle: wp.vec2, perspective: bool):
    """A point of the camera frame as (u, v, what is linear in the image of the depth)."""
    if perspective:
        inverse = 1.0 / point[2]
        return wp.vec3(
            pixels * point[0] * inverse + middle[0], pixels * point[1] * inverse + middle[1], inverse
        )
    return wp.vec3(pixels * point[0] + middle[0], pixels * point[1] + middle[1], point[2])


@wp.func
@no_type_check
def ellipse(
    right: wp.vec3,
    down: wp.vec3,
    eye: wp.vec3,
    seen: wp.vec3,
    scale: float,
    middle: wp.vec2,
    perspective: bool,
    leaf: int,
    packed: wp.array2d(dtype=float),
):
    """Fill an ellipsoid's outline; see :func:`compvis.render.solids_outline.outline_ellipse`."""
    start = to_pixel(seen, scale, middle, perspective)
    tangent_u, tangent_v = wp.dot(right, eye), wp.dot(down, eye)
    squared = wp.dot(eye, eye)
    uu, uv, vv = wp.dot(right, right), wp.dot(right, down), wp.dot(down, down)
    if perspective:
        a = (squared - 1.0) * uu - tangent_u * tangent_u
        b = (squared - 1.0) * uv - tangent_u * tangent_v
        d = (squared - 1.0) * vv - tangent_v * tangent_v
        linear_u, linear_v = tangent_u / seen[2], tangent_v / seen[2]
        determinant = a * d - b * b
        offset_u = -(d * linear_u - b * linear_v) / determinant
        offset_v = -(a * linear_v - b * linear_u) / determinant
        height = squared / (seen[2] * seen[2]) - (offset_u * linear_u + offset_v * linear_v)
        packed[leaf, 0] = start[0] + offset_u
        packed[leaf, 1] = start[1] + offset_v
        packed[leaf, 2] = a / height
        packed[leaf, 3] = b / height
        packed[leaf, 4] = d / height
    else:
        packed[leaf, 0] = start[0]
        packed[leaf, 1] = start[1]
        packed[leaf, 2] = uu - tangent_u * tangent_u / squared
        packed[leaf, 3] = uv - tangent_u * tangent_v / squared
        packed[leaf, 4] = vv - tangent_v * tangent_v / squared


@wp.func
@no_type_check
def fill_packed(
    leaf: int,
    kind: int,
    axes: wp.mat33,
    seen: wp.vec3,
    half: wp.vec3,
    shape: wp.vec2,
    colour: wp.vec3,
    lit: wp.vec3,
    scale: float,
    middle: wp.vec2,
    perspective: bool,
    packed: wp.array2d(dtype=float),
):
    """Fill a leaf's packed values; ``lit`` is the light's direction in the leaf's axes."""
    # The frame's columns in the leaf's unit frame; a ray is origin + depth direction, both linear in (u, v, 1).
    right = to_leaf(axes, half, wp.vec3(1.0, 0.0, 0.0)) / scale
    down = to_leaf(axes, half, wp.vec3(0.0, 1.0, 0.0)) / scale
    forward = to_leaf(axes, half, wp.vec3(0.0, 0.0, 1.0))
    towards = to_leaf(axes, half, seen)
    corner = -right * middle[0] - down * middle[1]
    for i in range(3):
        if perspective:
            packed[leaf, ORIGIN + 3 * i] = 0.0
            packed[leaf, ORIGIN + 3 * i + 1] = 0.0
            packed[leaf, ORIGIN + 3 * i + 2] = -towards[i]
            packed[leaf, DIRECTION + 3 * i] = right[i]
            packed[leaf, DIRECTION + 3 * i + 1] = down[i]
            packed[leaf, DIRECTION + 3 * i + 2] = corner[i] + forward[i]
        else:
            packed[leaf, ORIGIN + 3 * i] = right[i]
            packed[leaf, ORIGIN + 3 * i + 1] = down[i]
            packed[leaf, ORIGIN + 3 * i + 2] = corner[i] - towards[i]
            packed[leaf, DIRECTION + 3 * i] = 0.0
            packed[leaf, DIRECTION + 3 * i + 1] = 0.0
            packed[leaf, DIRECTION + 3 * i + 2] = forward[i]
    for i in range(3):
        packed[leaf, LIGHT + i] = lit[i] / half[i]
        packed[leaf, INVERSE + i] = 1.0 / half[i]
        packed[leaf, COLOUR + i] = colour[i]
    packed[leaf, SHAPE] = shape[0]
    packed[leaf, SHAPE + 1] = shape[1]
    packed[leaf, PIXELS] = scale
    if kind == _ELLIPSOID:
        ellipse(right, down, eye_of(axes, half, seen, perspective), seen, scale, middle, perspective,
                leaf, packed)  # fmt: skip


@wp.kernel(enable_backward=False)
@no_type_check
def bound(
    drawn: wp.array(dtype=bool),
    kinds: wp.array(dtype=wp.int64),
    packed: wp.array2d(dtype=float),
    edges: wp.array4d(dtype=float),
    rows: int,
    columns: int,
    reach: float,
    box: wp.array2d(dtype=wp.int64),
    lines: wp.array3d(dtype=float),
    line_count: wp.array(dtype=int),
):
    """Find the lines of each leaf's outline, and the columns and rows that it can touch.

    Those are none if it is not drawn, or its outline not finite.
    """
    leaf = wp.tid()
    lines_of_leaf(edges, leaf, lines, line_count)
    low, high = wp.vec2(wp.inf, wp.inf), wp.vec2(-wp.inf, -wp.inf)
    is_round = int(kinds[leaf]) == _ELLIPSOID
    finite = drawn[leaf] and (is_round or line_count[leaf] > 0)
    if finite and is_round:
        a, b, d = packed[leaf, 2], packed[leaf, 3], packed[leaf, 4]
        half = wp.vec2(wp.sqrt(wp.max(d / (a * d - b * b), 0.0)), wp.sqrt(wp.max(a / (a * d - b * b), 0.0)))
        middle = wp.vec2(packed[leaf, 0], packed[leaf, 1])
        finite = is_number(a) and is_number(b) and is_number(d) and is_number(half[0]) and is_number(half[1])
        low, high = middle - half, middle + half
    elif finite:
        for number in range(edges.shape[1]):
            step_u = edges[leaf, number, 1, 0] - edges[leaf, number, 0, 0]
            step_v = edges[leaf, number, 1, 1] - edges[leaf, number, 0, 1]
            if not step_u * step_u + step_v * step_v <= SHORTEST_EDGE * SHORTEST_EDGE:
                for side in range(2):
                    corner = wp.vec2(edges[leaf, number, side, 0], edges[leaf, number, side, 1])
                    finite = finite and is_number(corner[0]) and is_number(corner[1])
                    low, high = wp.min(low, corner), wp.max(high, corner)
    for i in range(2):
        limit = float(columns) if i == 0 else float(rows)
        first, last = float(0.0), float(0.0)
        if finite and is_number(low[i]) and is_number(high[i]):
            first = wp.clamp(wp.ceil(low[i] - reach - 0.5), 0.0, limit)
            last = wp.clamp(wp.floor(high[i] + reach - 0.5) + 1.0, first, limit)
        box[leaf, 2 * i] = wp.int64(first)
        box[leaf, 2 * i + 1] = wp.int64(last)
