"""The derivatives of :mod:`compvis.render.solids_kernel`, written out: from pixels back to each leaf's values.

The fragments come from the tape of the forward loops. A distance to a line is linear in the pixel, so lines gather
their pulls' sums (over 1, x and y) first, which go to the lines' ends once a leaf.
"""

from math import exp, log, pi, sqrt
from typing import no_type_check

from compvis.render.solids import Kind
from compvis.render.solids_eager import ROUND_TIP, STEEPEST
from compvis.render.solids_kernel import (
    ALPHA,
    CERTAIN,
    COLOUR,
    DEPTH,
    DIRECTION,
    DISTANCE,
    INVERSE,
    LIGHT,
    ORIGIN,
    PIXELS,
    PLACE,
    RELIEF,
    SHADE,
    SHAPE,
    blend,
    normal_cdf,
    ray,
)
from compvis.render.solids_kernel_shapes import compiled, normal_at, surface_pull

_ELLIPSOID = int(Kind.ELLIPSOID)
_DENSITY = 1 / sqrt(2 * pi)
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
    of_square = pull * (1 - 2 * radius) / slope / (2 * radius)
    of_slope = -pull * (1 - radius) * radius / slope / (2 * slope_squared)
    of_x, of_y = of_square * right + 2 * of_slope * by_x, of_square * down + 2 * of_slope * by_y
    grads[leaf, 0] -= of_square * by_x + of_x * a + of_y * b
    grads[leaf, 1] -= of_square * by_y + of_x * b + of_y * d
    grads[leaf, 2] += of_x * right + of_slope * ROUND_TIP
    grads[leaf, 3] += of_x * down + of_y * right
    grads[leaf, 4] += of_y * down + of_slope * ROUND_TIP


@compiled
@no_type_check
def _sums_to_ends(edges, leaf, number, total, total_x, total_y, grads):
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
def _add_to_sums(sums, x, y, pull):
    sums[0] += pull
    sums[1] += pull * x
    sums[2] += pull * y


@compiled
@no_type_check
def _between(edges, leaf, number, place):
    """The normal at a place of an edge."""
    rest = 1 - place
    return (
        rest * edges[leaf, number, 0, 3] + place * edges[leaf, number, 1, 3],
        rest * edges[leaf, number, 0, 4] + place * edges[leaf, number, 1, 4],
        rest * edges[leaf, number, 0, 5] + place * edges[leaf, number, 1, 5],
    )


@compiled
@no_type_check
def _beside_pull(edges, leaf, number, x, y, place, pull, pull_linear, nx, ny, nz, sums, grads):
    """Pull of what a pixel beside an edge shows on the edge's ends.

    ``pull`` is that on the distance, ``pull_linear`` on the third number of the nearest point, (nx, ny, nz) on the
    last three.
    """
    start, end = edges[leaf, number, 0], edges[leaf, number, 1]
    off_x, off_y = x - start[0], y - start[1]
    if not 0 < place < 1:
        corner = 1 if place > 0 else 0
        if corner:
            off_x, off_y = x - end[0], y - end[1]
        length = sqrt(max(off_x * off_x + off_y * off_y, _TINY))
        grads[leaf, number, corner, 0] += pull * off_x / length
        grads[leaf, number, corner, 1] += pull * off_y / length
    else:
        _add_to_sums(sums, x, y, pull)
    if pull_linear == 0 and nx == 0 and ny == 0 and nz == 0:
        return
    grads[leaf, number, 0, 2] += (1 - place) * pull_linear
    grads[leaf, number, 1, 2] += place * pull_linear
    for corner in range(2):
        share = place if corner else 1 - place
        grads[leaf, number, corner, 3] += share * nx
        grads[leaf, number, corner, 4] += share * ny
        grads[leaf, number, corner, 5] += share * nz
    if 0 < place < 1:
        dx, dy = end[0] - start[0], end[1] - start[1]
        along = (
            pull_linear * (end[2] - start[2])
            + nx * (end[3] - start[3])
            + ny * (end[4] - start[4])
            + nz * (end[5] - start[5])
        ) / (dx * dx + dy * dy)
        step_x, step_y = along * (off_x - 2 * place * dx), along * (off_y - 2 * place * dy)
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
    squared = max((nx * ix) ** 2 + (ny * iy) ** 2 + (nz * iz) ** 2, _TINY)
    length = sqrt(squared)
    facing = (nx * lx + ny * ly + nz * lz) / length
    if facing <= 0:
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
def _pull(scene, leaf, line, x, y, fragment, pulls, options, sums, grads, edge_grads):
    """Pull of one fragment's distance, depth and shade (``pulls``) on its leaf."""
    kinds, _, values, edges, lines, _ = scene
    kind, ambient, perspective = kinds[leaf], options[2], options[3]
    pull_distance, pull_depth, pull_shade = pulls[0], pulls[1], pulls[2] * (1 - ambient)
    t, inside = fragment[DEPTH], fragment[DISTANCE] >= 0
    if kind == _ELLIPSOID:
        _ellipse_pull(values, leaf, x, y, pull_distance, grads)
    elif not inside:
        nx, ny, nz = 0.0, 0.0, 0.0
        number, place = int(lines[leaf, line, 5]), fragment[PLACE]
        if pull_shade != 0:
            nx, ny, nz = _between(edges, leaf, number, place)
            nx, ny, nz = _shade_pull(values, leaf, nx, ny, nz, pull_shade, grads)
        linear = -pull_depth * t * t if perspective else pull_depth
        _beside_pull(
            edges, leaf, number, x, y, place, pull_distance, linear, nx, ny, nz, sums[line], edge_grads
        )
        return
    elif pull_distance != 0:
        _add_to_sums(sums[line], x, y, pull_distance)
    if pull_depth == 0 and pull_shade == 0:
        return
    ox, oy, oz = ray(values, leaf, ORIGIN, x, y)
    dx, dy, dz = ray(values, leaf, DIRECTION, x, y)
    px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
    shape_a, shape_b = values[leaf, SHAPE], values[leaf, SHAPE + 1]
    nx, ny, nz = px, py, pz
    if inside:
        nx, ny, nz = normal_at(kind, px, py, pz, shape_a, shape_b)
    vx, vy, vz = 0.0, 0.0, 0.0
    if pull_shade != 0:
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
        wx -= pull_depth * (ox + 2 * t * dx)
        wy -= pull_depth * (oy + 2 * t * dy)
        wz -= pull_depth * (oz + 2 * t * dz)
    _ray_pull(x, y, vx, vy, vz, wx, wy, wz, grads, leaf)


@compiled
@no_type_check
def _blend_pull(fragments, at, touching, softness, clear, pull_covered, pull_weight, pulls):
    """Pull of coverage and weights on alpha (column 3 of ``pulls``) and relief (column 4)."""
    for k in range(touching):
        alpha = fragments[at + k, ALPHA]
        others, unhidden = 1.0, 1.0
        for j in range(touching):
            if j != k:
                others *= 1 - fragments[at + j, ALPHA]
                unhidden *= clear[k, j]
        pulls[k, 3] += pull_covered * others + pull_weight[k] * unhidden
        pull = -pull_weight[k] * alpha
        if pull == 0:
            continue
        for j in range(touching):
            if j == k:
                continue
            gap = (fragments[at + k, RELIEF] - fragments[at + j, RELIEF]) / softness
            if gap <= -CERTAIN:
                continue
            rest = pull
            for other in range(touching):
                if other not in (j, k):
                    rest *= clear[k, other]
            pulls[j, 3] += rest * normal_cdf(gap)
            if gap < CERTAIN:
                hidden = rest * fragments[at + j, ALPHA] * _DENSITY * exp(-0.5 * gap * gap) / softness
                pulls[k, 4] += hidden
                pulls[j, 4] -= hidden


@compiled
@no_type_check
def _pixel_pull(scene, tape, at, n, i, j, incoming, options, threshold, room, first, grads, edge_grads):
    """Pull of the pixel (i, j), whose ``n`` fragments lie on the tape from ``at`` on.

    ``first`` is the first leaf of the hypothesis; ``room`` is scratch, see
    :func:`compvis.render.solids_fused._room_backward`.
    """
    values_of = scene[2]
    _, _, who, line_of, fragments = tape
    red, green, blue, pull_covered, pull_z = incoming
    softness, shaded, perspective = options[0], options[2] < 1, options[3]
    pulls, weight, pull_weight, clear, sums = room
    covered, total = blend(fragments, at, n, softness, weight, clear)
    if covered < threshold:
        pull_z = 0.0
    mean = 0.0
    for k in range(n):
        leaf, share, shade = who[at + k], weight[k] / total, fragments[at + k, SHADE]
        dot = (
            red * values_of[leaf, COLOUR]
            + green * values_of[leaf, COLOUR + 1]
            + blue * values_of[leaf, COLOUR + 2]
        )
        lit = covered * share * shade
        grads[leaf, COLOUR] += lit * red
        grads[leaf, COLOUR + 1] += lit * green
        grads[leaf, COLOUR + 2] += lit * blue
        pulls[k, 1] = share * pull_z
        pulls[k, 2] = covered * share * dot if shaded else 0.0
        pulls[k, 3], pulls[k, 4] = 0.0, 0.0
        pull_covered += share * dot * shade
        if n > 1:
            pull_weight[k] = covered * dot * shade + pull_z * fragments[at + k, DEPTH]
            mean += share * pull_weight[k]
    if n > 1:
        for k in range(n):
            pull_weight[k] = (pull_weight[k] - mean) / total
        _blend_pull(fragments, at, n, softness, clear, pull_covered, pull_weight, pulls)
    else:
        pulls[0, 3] = pull_covered
    for k in range(n):
        leaf = who[at + k]
        if pulls[k, 4] != 0:
            z = fragments[at + k, DEPTH]
            relief, slope = (log(z), 1 / z) if perspective else (z, 1.0)
            grads[leaf, PIXELS] += pulls[k, 4] * relief
            pulls[k, 1] += pulls[k, 4] * values_of[leaf, PIXELS] * slope
        scaled = fragments[at + k, DISTANCE] / softness
        pulls[k, 0] = 0.0
        if abs(scaled) < CERTAIN:
            pulls[k, 0] = pulls[k, 3] * _DENSITY * exp(-0.5 * scaled * scaled) / softness
        if pulls[k, 0] != 0 or pulls[k, 1] != 0 or pulls[k, 2] != 0:
            _pull(
                scene,
                leaf,
                line_of[at + k],
                j + 0.5,
                i + 0.5,
                fragments[at + k],
                pulls[k],
                options,
                sums[leaf - first],
                grads,
                edge_grads,
            )


@compiled
@no_type_check
def draw_backward(
    first, last, bands, starts, scene, options, threshold, incoming, tape, room, grads_of, edge_grads_of
):
    """Add the gradients of the work units first ... last - 1, each band of rows into its own array."""
    edges, lines, count = scene[3], scene[4], scene[5]
    row_starts, touching = tape[0], tape[1]
    colour, coverage, depth = incoming
    rows, columns = coverage.shape[1:]
    sums = room[-1]
    for unit in range(first, last):
        h, band = unit // bands, unit % bands
        grads, edge_grads = grads_of[band], edge_grads_of[band]
        sums[:] = 0
        for i in range(rows * band // bands, rows * (band + 1) // bands):
            at = row_starts[h, i]
            for j in range(columns):
                n = touching[h, i, j]
                if n == 0:
                    continue
                pull = (
                    colour[h, i, j, 0],
                    colour[h, i, j, 1],
                    colour[h, i, j, 2],
                    coverage[h, i, j],
                    depth[h, i, j],
                )
                if pull != (0, 0, 0, 0, 0):
                    _pixel_pull(
                        scene, tape, at, n, i, j, pull, options, threshold, room, starts[h], grads, edge_grads
                    )
                at += n
        for leaf in range(starts[h], starts[h + 1]):
            for k in range(count[leaf]):
                pull = sums[leaf - starts[h], k]
                number = int(lines[leaf, k, 5])
                _sums_to_ends(edges, leaf, number, pull[0], pull[1], pull[2], edge_grads)
