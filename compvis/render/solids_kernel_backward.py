"""The derivatives of :mod:`compvis.render.solids_kernel`, written out: from pixels back to each leaf's values."""

from math import exp, log, pi, sqrt
from typing import no_type_check

import numpy as np

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
    RELIEF,
    SHADE,
    SHAPE,
    blend,
    gather_row,
    look,
    new_row,
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
def _line_pull(edges, leaf, number, x, y, pull, grads):
    """Pull of the signed distance between (x, y) and an edge's line on the edge's ends."""
    dx, dy = (
        edges[leaf, number, 1, 0] - edges[leaf, number, 0, 0],
        edges[leaf, number, 1, 1] - edges[leaf, number, 0, 1],
    )
    off_x, off_y = x - edges[leaf, number, 0, 0], y - edges[leaf, number, 0, 1]
    length = sqrt(dx * dx + dy * dy)
    distance = (dx * off_y - dy * off_x) / length
    pull /= length
    step_x = pull * (off_y - distance * dx / length)
    step_y = pull * (-off_x - distance * dy / length)
    grads[leaf, number, 0, 0] += pull * dy - step_x
    grads[leaf, number, 0, 1] += -pull * dx - step_y
    grads[leaf, number, 1, 0] += step_x
    grads[leaf, number, 1, 1] += step_y


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
def _beside_pull(edges, leaf, number, x, y, place, pull, pull_linear, nx, ny, nz, grads):
    """Pull of what a pixel beside an edge shows on the edge's ends.

    ``pull`` is that on the distance, ``pull_linear`` on the third number of the nearest point, (nx, ny, nz) on the
    last three.
    """
    dx, dy = (
        edges[leaf, number, 1, 0] - edges[leaf, number, 0, 0],
        edges[leaf, number, 1, 1] - edges[leaf, number, 0, 1],
    )
    off_x, off_y = x - edges[leaf, number, 0, 0], y - edges[leaf, number, 0, 1]
    grads[leaf, number, 0, 2] += (1 - place) * pull_linear
    grads[leaf, number, 1, 2] += place * pull_linear
    for end in range(2):
        share = place if end else 1 - place
        grads[leaf, number, end, 3] += share * nx
        grads[leaf, number, end, 4] += share * ny
        grads[leaf, number, end, 5] += share * nz
    if 0 < place < 1:
        _line_pull(edges, leaf, number, x, y, pull, grads)
        along = (
            pull_linear * (edges[leaf, number, 1, 2] - edges[leaf, number, 0, 2])
            + nx * (edges[leaf, number, 1, 3] - edges[leaf, number, 0, 3])
            + ny * (edges[leaf, number, 1, 4] - edges[leaf, number, 0, 4])
            + nz * (edges[leaf, number, 1, 5] - edges[leaf, number, 0, 5])
        ) / (dx * dx + dy * dy)
        step_x, step_y = along * (off_x - 2 * place * dx), along * (off_y - 2 * place * dy)
        grads[leaf, number, 0, 0] -= along * dx + step_x
        grads[leaf, number, 0, 1] -= along * dy + step_y
        grads[leaf, number, 1, 0] += step_x
        grads[leaf, number, 1, 1] += step_y
        return
    end = 1 if place > 0 else 0
    off_x, off_y = x - edges[leaf, number, end, 0], y - edges[leaf, number, end, 1]
    length = sqrt(max(off_x * off_x + off_y * off_y, _TINY))
    grads[leaf, number, end, 0] += pull * off_x / length
    grads[leaf, number, end, 1] += pull * off_y / length


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
def _pull(kind, values, edges, leaf, number, x, y, place, t, distance, pulls, k, options, grads, edge_grads):
    """Pull of one fragment's distance, depth and shade on its leaf."""
    ambient, perspective = options[2], options[3]
    pull_distance, pull_depth, pull_shade = pulls[k, 0], pulls[k, 1], pulls[k, 2] * (1 - ambient)
    inside = distance >= 0
    if kind == _ELLIPSOID:
        _ellipse_pull(values, leaf, x, y, pull_distance, grads)
    elif not inside:
        nx, ny, nz = 0.0, 0.0, 0.0
        if pull_shade != 0:
            nx, ny, nz = _between(edges, leaf, number, place)
            nx, ny, nz = _shade_pull(values, leaf, nx, ny, nz, pull_shade, grads)
        linear = -pull_depth * t * t if perspective else pull_depth
        _beside_pull(edges, leaf, number, x, y, place, pull_distance, linear, nx, ny, nz, edge_grads)
        return
    elif pull_distance != 0:
        _line_pull(edges, leaf, number, x, y, pull_distance, edge_grads)
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
def _blend_pull(fragments, at, touching, softness, pull_covered, pull_weight, pulls):
    """Pull of coverage and weights on alpha (column 3 of ``pulls``) and relief (column 4)."""
    for k in range(touching):
        others = 1.0
        for j in range(touching):
            if j != k:
                others *= 1 - fragments[at, j, ALPHA]
        pulls[k, 3] += pull_covered * others
        if pull_weight[k] == 0:
            continue
        unhidden = 1.0
        for j in range(touching):
            if j == k:
                continue
            gap = (fragments[at, k, RELIEF] - fragments[at, j, RELIEF]) / softness
            if gap < -CERTAIN:
                continue
            before = normal_cdf(gap)
            unhidden *= 1 - fragments[at, j, ALPHA] * before
            rest = -pull_weight[k] * fragments[at, k, ALPHA]
            for other in range(touching):
                if other not in (j, k):
                    apart = (fragments[at, k, RELIEF] - fragments[at, other, RELIEF]) / softness
                    rest *= 1 - fragments[at, other, ALPHA] * normal_cdf(apart)
            pulls[j, 3] += rest * before
            pull = rest * fragments[at, j, ALPHA] * _DENSITY * exp(-0.5 * gap * gap) / softness
            pulls[k, 4] += pull
            pulls[j, 4] -= pull
        pulls[k, 3] += pull_weight[k] * unhidden


@compiled
@no_type_check
def draw_backward(first, last, bands, starts, scene, options, threshold, incoming, grads_of, edge_grads_of):
    """Add the gradients of the work units first ... last - 1, each band of rows into its own array."""
    kinds, values_of, edges = scene[0], scene[2], scene[3]
    grad_colour, grad_coverage, grad_depth = incoming
    softness, shaded, perspective = options[0], options[2] < 1, options[3]
    rows, columns = grad_coverage.shape[1:]
    row = new_row(columns, starts)
    who, touching, fragments, edge_of, place_of = row
    slots = who.shape[1]
    # Columns: distance, depth, shade, alpha, relief.
    pulls, weight, pull_weight = np.empty((slots, 5)), np.empty(slots), np.empty(slots)
    wanted = np.empty(columns, np.bool_)
    for unit in range(first, last):
        h, band = unit // bands, unit % bands
        grads, edge_grads = grads_of[band], edge_grads_of[band]
        for i in range(rows * band // bands, rows * (band + 1) // bands):
            gather_row(scene, starts[h], starts[h + 1], i, options, row)
            for j in range(columns):
                # A lone leaf of flat colour looks the same at any depth.
                wanted[j] = touching[j] > 1 or (touching[j] and (shaded or grad_depth[h, i, j] != 0))
                fragments[j, 0, SHADE], fragments[j, 0, DEPTH] = 1.0, 1.0
            look(scene, i, options, row, wanted)
            for j in range(columns):
                red, green, blue = grad_colour[h, i, j, 0], grad_colour[h, i, j, 1], grad_colour[h, i, j, 2]
                pull_covered, pull_z = grad_coverage[h, i, j], grad_depth[h, i, j]
                still = red == 0 and green == 0 and blue == 0 and pull_covered == 0 and pull_z == 0
                n = touching[j]
                if still or n == 0:
                    continue
                covered, total = blend(fragments, j, n, softness, weight)
                if covered < threshold:
                    pull_z = 0.0
                mean = 0.0
                for k in range(n):
                    leaf, share, shade = who[j, k], weight[k] / total, fragments[j, k, SHADE]
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
                        pull_weight[k] = covered * dot * shade + pull_z * fragments[j, k, DEPTH]
                        mean += share * pull_weight[k]
                if n > 1:
                    for k in range(n):
                        pull_weight[k] = (pull_weight[k] - mean) / total
                    _blend_pull(fragments, j, n, softness, pull_covered, pull_weight, pulls)
                else:
                    pulls[0, 3] = pull_covered
                for k in range(n):
                    leaf = who[j, k]
                    if pulls[k, 4] != 0:
                        z = fragments[j, k, DEPTH]
                        relief, slope = (log(z), 1 / z) if perspective else (z, 1.0)
                        grads[leaf, PIXELS] += pulls[k, 4] * relief
                        pulls[k, 1] += pulls[k, 4] * values_of[leaf, PIXELS] * slope
                    scaled = fragments[j, k, DISTANCE] / softness
                    pulls[k, 0] = 0.0
                    if abs(scaled) < CERTAIN:
                        pulls[k, 0] = pulls[k, 3] * _DENSITY * exp(-0.5 * scaled * scaled) / softness
                    if pulls[k, 0] == 0 and pulls[k, 1] == 0 and pulls[k, 2] == 0:
                        continue
                    _pull(
                        kinds[leaf],
                        values_of,
                        edges,
                        leaf,
                        edge_of[j, k],
                        j + 0.5,
                        i + 0.5,
                        place_of[j, k],
                        fragments[j, k, DEPTH],
                        fragments[j, k, DISTANCE],
                        pulls,
                        k,
                        options,
                        grads,
                        edge_grads,
                    )
