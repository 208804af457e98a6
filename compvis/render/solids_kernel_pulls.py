"""The derivatives of what one leaf shows at one pixel, written out: on the leaf's packed values and outline.

The pull of a number is the derivative of the loss by it. ``grads`` and ``edge_grads`` gather the pulls on the leaves'
packed values and edges.
"""

from math import sqrt
from typing import no_type_check

from compvis.render.solids import Kind
from compvis.render.solids_eager import ROUND_TIP, STEEPEST
from compvis.render.solids_kernel import DIRECTION, INVERSE, LIGHT, ORIGIN, SHAPE, normal_between, ray
from compvis.render.solids_kernel_shapes import compiled, normal_at, surface_pull

_ELLIPSOID = int(Kind.ELLIPSOID)
_TINY = 1e-30


@compiled
@no_type_check
def _ellipse_pull(values, leaf, x, y, pull, grads):
    """Pull of an ellipse's signed distance at (x, y) on the ellipse."""
    right, down = x - values[leaf, 0], y - values[leaf, 1]
    a, b, d = values[leaf, 2], values[leaf, 3], values[leaf, 4]
    by_x, by_y = a * right + b * down, b * right + d * down
    radius = sqrt(right * by_x + down * by_y + ROUND_TIP)
    slope_squared = by_x * by_x + by_y * by_y + ROUND_TIP * (a + d)
    slope = sqrt(slope_squared)
    of_square = pull * (1.0 - 2.0 * radius) / slope / (2.0 * radius)
    of_slope = -pull * (1.0 - radius) * radius / slope / (2.0 * slope_squared)
    of_x, of_y = of_square * right + 2.0 * of_slope * by_x, of_square * down + 2.0 * of_slope * by_y
    grads[leaf, 0] -= of_square * by_x + of_x * a + of_y * b
    grads[leaf, 1] -= of_square * by_y + of_x * b + of_y * d
    grads[leaf, 2] += of_x * right + of_slope * ROUND_TIP
    grads[leaf, 3] += of_x * down + of_y * right
    grads[leaf, 4] += of_y * down + of_slope * ROUND_TIP


@compiled
@no_type_check
def sums_to_ends(edges, leaf, number, total, total_x, total_y, grads):
    """Pull of the signed distances between pixels (x, y) and an edge's line on the edge's ends.

    The pulls come as their sum and their sums times x and times y.
    """
    x, y = edges[leaf, number, 0, 0], edges[leaf, number, 0, 1]
    dx, dy = edges[leaf, number, 1, 0] - x, edges[leaf, number, 1, 1] - y
    off_x, off_y = total_x - total * x, total_y - total * y
    length = sqrt(dx * dx + dy * dy)
    distance = (dx * off_y - dy * off_x) / length
    step_x = (off_y - distance * dx / length) / length
    step_y = (-off_x - distance * dy / length) / length
    grads[leaf, number, 0, 0] += total * dy / length - step_x
    grads[leaf, number, 0, 1] += -total * dx / length - step_y
    grads[leaf, number, 1, 0] += step_x
    grads[leaf, number, 1, 1] += step_y


@compiled
@no_type_check
def _beside_pull(edges, leaf, number, x, y, place, pull, pull_linear, nx, ny, nz, grads):
    """Pull of what a pixel beside an edge shows on the edge's ends, but for that of the distance to its line.

    ``pull`` is that on the distance, ``pull_linear`` on the third number of the nearest point, (nx, ny, nz) on the
    last three.
    """
    off_x, off_y = x - edges[leaf, number, 0, 0], y - edges[leaf, number, 0, 1]
    if place <= 0.0:
        length = sqrt(max(off_x * off_x + off_y * off_y, _TINY))
        grads[leaf, number, 0, 0] += pull * off_x / length
        grads[leaf, number, 0, 1] += pull * off_y / length
    elif place >= 1.0:
        off_x, off_y = x - edges[leaf, number, 1, 0], y - edges[leaf, number, 1, 1]
        length = sqrt(max(off_x * off_x + off_y * off_y, _TINY))
        grads[leaf, number, 1, 0] += pull * off_x / length
        grads[leaf, number, 1, 1] += pull * off_y / length
    if pull_linear == 0.0 and nx == 0.0 and ny == 0.0 and nz == 0.0:
        return
    for corner in range(2):
        share = place if corner == 1 else 1.0 - place
        grads[leaf, number, corner, 2] += share * pull_linear
        grads[leaf, number, corner, 3] += share * nx
        grads[leaf, number, corner, 4] += share * ny
        grads[leaf, number, corner, 5] += share * nz
    if 0.0 < place < 1.0:
        dx = edges[leaf, number, 1, 0] - edges[leaf, number, 0, 0]
        dy = edges[leaf, number, 1, 1] - edges[leaf, number, 0, 1]
        along = (
            pull_linear * (edges[leaf, number, 1, 2] - edges[leaf, number, 0, 2])
            + nx * (edges[leaf, number, 1, 3] - edges[leaf, number, 0, 3])
            + ny * (edges[leaf, number, 1, 4] - edges[leaf, number, 0, 4])
            + nz * (edges[leaf, number, 1, 5] - edges[leaf, number, 0, 5])
        ) / (dx * dx + dy * dy)
        step_x, step_y = along * (off_x - 2.0 * place * dx), along * (off_y - 2.0 * place * dy)
        grads[leaf, number, 0, 0] -= along * dx + step_x
        grads[leaf, number, 0, 1] -= along * dy + step_y
        grads[leaf, number, 1, 0] += step_x
        grads[leaf, number, 1, 1] += step_y


@compiled
@no_type_check
def _shade_pull(values, leaf, nx, ny, nz, pull, grads):
    """Pull of the cosine between normal and light on leaf and normal; returns the latter."""
    ix, iy, iz = values[leaf, INVERSE], values[leaf, INVERSE + 1], values[leaf, INVERSE + 2]
    lx, ly, lz = values[leaf, LIGHT], values[leaf, LIGHT + 1], values[leaf, LIGHT + 2]
    squared = max(nx * ix * nx * ix + ny * iy * ny * iy + nz * iz * nz * iz, _TINY)
    length = sqrt(squared)
    facing = (nx * lx + ny * ly + nz * lz) / length
    if facing <= 0.0:
        return 0.0, 0.0, 0.0
    grads[leaf, LIGHT] += pull * nx / length
    grads[leaf, LIGHT + 1] += pull * ny / length
    grads[leaf, LIGHT + 2] += pull * nz / length
    pull_length = -pull * facing / squared
    grads[leaf, INVERSE] += pull_length * nx * nx * ix
    grads[leaf, INVERSE + 1] += pull_length * ny * ny * iy
    grads[leaf, INVERSE + 2] += pull_length * nz * nz * iz
    return (
        pull * lx / length + pull_length * nx * ix * ix,
        pull * ly / length + pull_length * ny * iy * iy,
        pull * lz / length + pull_length * nz * iz * iz,
    )


@compiled
@no_type_check
def _ray_pull(x, y, vx, vy, vz, wx, wy, wz, grads, leaf):
    """Pull of a ray's origin (v) and direction (w), at pixel (x, y), on their matrices."""
    grads[leaf, ORIGIN] += vx * x
    grads[leaf, ORIGIN + 1] += vx * y
    grads[leaf, ORIGIN + 2] += vx
    grads[leaf, ORIGIN + 3] += vy * x
    grads[leaf, ORIGIN + 4] += vy * y
    grads[leaf, ORIGIN + 5] += vy
    grads[leaf, ORIGIN + 6] += vz * x
    grads[leaf, ORIGIN + 7] += vz * y
    grads[leaf, ORIGIN + 8] += vz
    grads[leaf, DIRECTION] += wx * x
    grads[leaf, DIRECTION + 1] += wx * y
    grads[leaf, DIRECTION + 2] += wx
    grads[leaf, DIRECTION + 3] += wy * x
    grads[leaf, DIRECTION + 4] += wy * y
    grads[leaf, DIRECTION + 5] += wy
    grads[leaf, DIRECTION + 6] += wz * x
    grads[leaf, DIRECTION + 7] += wz * y
    grads[leaf, DIRECTION + 8] += wz


@compiled
@no_type_check
def decided_by_line(kind, inside, place):
    """Whether a fragment's distance is that to the line of an edge, neither to an ellipse nor to a corner."""
    return kind != _ELLIPSOID and (inside or 0.0 < place < 1.0)


@compiled
@no_type_check
def leaf_pull(
    kind,
    values,
    edges,
    leaf,
    number,
    x,
    y,
    t,
    inside,
    place,
    pull_distance,
    pull_depth,
    pull_shade,
    perspective,
    grads,
    edge_grads,
):
    """Pull of one fragment's distance, depth ``t`` and cosine to the light on its leaf.

    The pull of a distance to a line (see :func:`decided_by_line`) is left to the caller.
    """
    if kind == _ELLIPSOID:
        _ellipse_pull(values, leaf, x, y, pull_distance, grads)
    elif not inside:
        nx, ny, nz = 0.0, 0.0, 0.0
        if pull_shade != 0.0:
            nx, ny, nz = normal_between(edges, leaf, number, place)
            nx, ny, nz = _shade_pull(values, leaf, nx, ny, nz, pull_shade, grads)
        linear = -pull_depth * t * t if perspective else pull_depth
        _beside_pull(edges, leaf, number, x, y, place, pull_distance, linear, nx, ny, nz, edge_grads)
        return
    if pull_depth == 0.0 and pull_shade == 0.0:
        return
    ox, oy, oz = ray(values, leaf, ORIGIN, x, y)
    dx, dy, dz = ray(values, leaf, DIRECTION, x, y)
    px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
    shape_a, shape_b = values[leaf, SHAPE], values[leaf, SHAPE + 1]
    nx, ny, nz = px, py, pz
    if inside:
        nx, ny, nz = normal_at(kind, px, py, pz, shape_a, shape_b)
    vx, vy, vz = 0.0, 0.0, 0.0
    if pull_shade != 0.0:
        gx, gy, gz = _shade_pull(values, leaf, nx, ny, nz, pull_shade, grads)
        vx, vy, vz, pull_a, pull_b = surface_pull(
            kind if inside else _ELLIPSOID, px, py, pz, shape_a, shape_b, 0.0, gx, gy, gz
        )
        grads[leaf, SHAPE] += pull_a
        grads[leaf, SHAPE + 1] += pull_b
        pull_depth += vx * dx + vy * dy + vz * dz
    wx, wy, wz = t * vx, t * vy, t * vz
    if inside:
        steep = STEEPEST * sqrt((nx * nx + ny * ny + nz * nz) * (dx * dx + dy * dy + dz * dz))
        pull_level = -pull_depth / min(nx * dx + ny * dy + nz * dz, -steep)
        _, _, _, pull_a, pull_b = surface_pull(kind, px, py, pz, shape_a, shape_b, pull_level, 0.0, 0.0, 0.0)
        grads[leaf, SHAPE] += pull_a
        grads[leaf, SHAPE + 1] += pull_b
        vx, vy, vz = vx + pull_level * nx, vy + pull_level * ny, vz + pull_level * nz
        wx, wy, wz = wx + t * pull_level * nx, wy + t * pull_level * ny, wz + t * pull_level * nz
    else:
        pull_depth /= dx * dx + dy * dy + dz * dz
        vx, vy, vz = vx - pull_depth * dx, vy - pull_depth * dy, vz - pull_depth * dz
        wx -= pull_depth * (ox + 2.0 * t * dx)
        wy -= pull_depth * (oy + 2.0 * t * dy)
        wz -= pull_depth * (oz + 2.0 * t * dz)
    _ray_pull(x, y, vx, vy, vz, wx, wy, wz, grads, leaf)
