"""Compiled loops that draw solids row by row; the model is that of :mod:`compvis.render.solids_eager`.

A row's fragments live in a small buffer: the leaves that touch each pixel, one slot each. Nothing else is kept;
the backward loops draw the row again.

Numba's cache of a compiled function watches that function's own file only. After a change here or in
``solids_kernel_shapes``, delete ``__pycache__``, or the other files go on with the old code.
"""

from math import erf, log, sqrt
from typing import no_type_check

import numpy as np

from compvis.render.solids import Kind
from compvis.render.solids_eager import NEARER, ROUND_TIP
from compvis.render.solids_kernel_shapes import compiled, enter, normal_at
from compvis.render.solids_outline import SHORTEST_EDGE

# Columns of the packed values of a leaf.
ELLIPSE, ORIGIN, DIRECTION, LIGHT, INVERSE, SHAPE, COLOUR, PIXELS, WIDTH = 0, 5, 14, 23, 26, 29, 31, 34, 35
# Columns of a fragment.
ALPHA, DISTANCE, DEPTH, RELIEF, SHADE = 0, 1, 2, 3, 4
FRAGMENT = 5
_ELLIPSOID = int(Kind.ELLIPSOID)
_SQRT_HALF = sqrt(0.5)
CERTAIN = 6.0  # standard deviations beyond which the normal distribution function is 0 or 1
_FLAT = 1e-9  # a line that turns less than this from a row is parallel to it
_TINY = 1e-30


@compiled
@no_type_check
def normal_cdf(value):
    if value > CERTAIN:
        return 1.0
    if value < -CERTAIN:
        return 0.0
    return 0.5 * (1.0 + erf(value * _SQRT_HALF))


@compiled
@no_type_check
def ray(values, leaf, column, x, y):
    """A row's product (3 numbers) of the 3 x 3 matrix at ``column`` with (x, y, 1)."""
    return (
        values[leaf, column] * x + values[leaf, column + 1] * y + values[leaf, column + 2],
        values[leaf, column + 3] * x + values[leaf, column + 4] * y + values[leaf, column + 5],
        values[leaf, column + 6] * x + values[leaf, column + 7] * y + values[leaf, column + 8],
    )


@compiled
@no_type_check
def lines_of(edges, lines, count):
    """Edges long enough to use, next to each other.

    A line is: start (2), step (2), 1 / length, number of the edge, and a, b, c of the signed distance
    ``a x + b y + c``.
    """
    for leaf in range(edges.shape[0]):
        for k in range(edges.shape[1]):
            x, y = edges[leaf, k, 0, 0], edges[leaf, k, 0, 1]
            dx, dy = edges[leaf, k, 1, 0] - x, edges[leaf, k, 1, 1] - y
            length = sqrt(dx * dx + dy * dy)
            if length > SHORTEST_EDGE:
                line = lines[leaf, count[leaf]]
                line[0], line[1], line[2], line[3], line[4], line[5] = x, y, dx, dy, 1 / length, k
                line[6], line[7] = -dy / length, dx / length
                line[8] = -(line[6] * x + line[7] * y)
                count[leaf] += 1


@compiled
@no_type_check
def _polygon_distance(lines, leaf, count, x, y, reach):
    """Signed distance, the deciding edge, and the place of the nearest point on it."""
    inmost, edge = np.inf, -1
    for k in range(count):
        inside = lines[leaf, k, 6] * x + lines[leaf, k, 7] * y + lines[leaf, k, 8]
        if inside < inmost:
            inmost, edge = inside, k
    if inmost >= 0:
        return inmost, edge, 0.0
    if inmost <= -reach:
        return inmost, 0, 0.0
    nearest, at = np.inf, 0.0
    for k in range(count):
        off_x, off_y = x - lines[leaf, k, 0], y - lines[leaf, k, 1]
        along = (
            (off_x * lines[leaf, k, 2] + off_y * lines[leaf, k, 3]) * lines[leaf, k, 4] * lines[leaf, k, 4]
        )
        held = min(max(along, 0.0), 1.0)
        off_x, off_y = off_x - held * lines[leaf, k, 2], off_y - held * lines[leaf, k, 3]
        squared = off_x * off_x + off_y * off_y
        if squared < NEARER * nearest:
            nearest, edge, at = squared, k, held
    if 0 < at < 1:
        return lines[leaf, edge, 6] * x + lines[leaf, edge, 7] * y + lines[leaf, edge, 8], edge, at
    return -sqrt(max(nearest, _TINY)), edge, at


@compiled
@no_type_check
def _clip_row(lines, leaf, count, y, level, first, last):
    """First and one past the last of the columns first ... last - 1 inside all lines by at least ``level``."""
    low, high = first + 0.5, last - 0.5
    for k in range(count):
        a, rest = lines[leaf, k, 6], level - lines[leaf, k, 7] * y - lines[leaf, k, 8]
        if a > _FLAT:
            low = max(low, rest / a)
        elif a < -_FLAT:
            high = min(high, rest / a)
        elif rest > 0:
            return first, first
    if low > high:
        return first, first
    return int(np.ceil(low - 0.5)), int(np.floor(high - 0.5)) + 1


@compiled
@no_type_check
def shade_of(values, leaf, nx, ny, nz, ambient):
    """Share of the leaf's colour that a surface of this normal shows."""
    x, y, z = nx * values[leaf, INVERSE], ny * values[leaf, INVERSE + 1], nz * values[leaf, INVERSE + 2]
    length = sqrt(max(x * x + y * y + z * z, _TINY))
    facing = (nx * values[leaf, LIGHT] + ny * values[leaf, LIGHT + 1] + nz * values[leaf, LIGHT + 2]) / length
    return ambient + (1 - ambient) * max(facing, 0.0)


@compiled
@no_type_check
def gather_row(scene, first, last, i, options, row):
    """Collect the fragments of row ``i`` of one hypothesis, whose leaves are first ... last - 1.

    ``row`` is (who, touching, fragments, edge_of, place_of): which leaves touch a pixel (columns, slots), how many
    (columns), their fragments (columns, slots, FRAGMENT) of which alpha and distance are filled, the edge of the
    outline that decides and where along it the nearest point lies.
    """
    kinds, box, values_of, _, lines, count = scene
    who, touching, fragments, edge_of, place_of = row
    softness, reach = options[0], options[1]
    touching[:] = 0
    y = i + 0.5
    sure = CERTAIN * softness
    for leaf in range(first, last):
        if i < box[leaf, 2] or i >= box[leaf, 3]:
            continue
        values = values_of[leaf]
        is_round = kinds[leaf] == _ELLIPSOID
        a, b, d = values[2], values[3], values[4]
        left, right_end, sure_left, sure_right = box[leaf, 0], box[leaf, 1], 0, 0
        if not is_round:
            left, right_end = _clip_row(lines, leaf, count[leaf], y, -reach, left, right_end)
            sure_left, sure_right = _clip_row(lines, leaf, count[leaf], y, sure, left, right_end)
        for j in range(left, right_end):
            x = j + 0.5
            edge, place = 0, 0.0
            if is_round:
                right, down = x - values[0], y - values[1]
                by_x, by_y = a * right + b * down, b * right + d * down
                radius = sqrt(right * by_x + down * by_y + ROUND_TIP)
                distance = (1 - radius) * radius / sqrt(by_x * by_x + by_y * by_y + ROUND_TIP * (a + d))
            elif sure_left <= j < sure_right:
                distance = sure
            else:
                distance, edge, place = _polygon_distance(lines, leaf, count[leaf], x, y, reach)
            if distance <= -reach:
                continue
            slot = touching[j]
            touching[j] += 1
            who[j, slot], place_of[j, slot] = leaf, place
            edge_of[j, slot] = 0 if is_round else int(lines[leaf, edge, 5])
            fragments[j, slot, ALPHA] = normal_cdf(distance / softness)
            fragments[j, slot, DISTANCE] = distance


@compiled
@no_type_check
def look(scene, i, options, row, wanted):
    """Fill depth, relief and shade of the fragments of row ``i``, in the ``wanted`` columns."""
    kinds, _, values_of, edges, _, _ = scene
    who, touching, fragments, edge_of, place_of = row
    ambient, perspective = options[2], options[3]
    y = i + 0.5
    for j in range(len(touching)):
        if not wanted[j]:
            continue
        x = j + 0.5
        for k in range(touching[j]):
            leaf, inside = who[j, k], fragments[j, k, DISTANCE] >= 0
            kind = kinds[leaf]
            nx, ny, nz = 0.0, 0.0, 0.0
            if inside or kind == _ELLIPSOID:
                ox, oy, oz = ray(values_of, leaf, ORIGIN, x, y)
                dx, dy, dz = ray(values_of, leaf, DIRECTION, x, y)
                if inside:
                    shape_a, shape_b = values_of[leaf, SHAPE], values_of[leaf, SHAPE + 1]
                    t = enter(kind, ox, oy, oz, dx, dy, dz, shape_a, shape_b)
                    if ambient < 1:
                        px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
                        nx, ny, nz = normal_at(kind, px, py, pz, shape_a, shape_b)
                else:
                    t = -(ox * dx + oy * dy + oz * dz) / (dx * dx + dy * dy + dz * dz)
                    nx, ny, nz = ox + t * dx, oy + t * dy, oz + t * dz
            else:
                edge = edge_of[j, k]
                place = place_of[j, k]
                t = edges[leaf, edge, 0, 2] + place * (edges[leaf, edge, 1, 2] - edges[leaf, edge, 0, 2])
                if perspective:
                    t = 1 / t
                nx = edges[leaf, edge, 0, 3] + place * (edges[leaf, edge, 1, 3] - edges[leaf, edge, 0, 3])
                ny = edges[leaf, edge, 0, 4] + place * (edges[leaf, edge, 1, 4] - edges[leaf, edge, 0, 4])
                nz = edges[leaf, edge, 0, 5] + place * (edges[leaf, edge, 1, 5] - edges[leaf, edge, 0, 5])
            fragments[j, k, DEPTH] = t
            fragments[j, k, RELIEF] = values_of[leaf, PIXELS] * (log(t) if perspective else t)
            fragments[j, k, SHADE] = shade_of(values_of, leaf, nx, ny, nz, ambient) if ambient < 1 else 1.0


@compiled
@no_type_check
def new_row(columns, starts):
    """Room for the fragments of a row, see :func:`gather_row`."""
    slots = 1
    for h in range(len(starts) - 1):
        slots = max(slots, starts[h + 1] - starts[h])
    return (
        np.empty((columns, slots), np.int64),
        np.empty(columns, np.int64),
        np.empty((columns, slots, FRAGMENT)),
        np.empty((columns, slots), np.int64),
        np.empty((columns, slots)),
    )


@compiled
@no_type_check
def blend(fragments, at, touching, softness, weight):
    """Fill the weights of the fragments of column ``at``; returns coverage and the weights' sum."""
    if touching == 1:
        weight[0] = fragments[at, 0, ALPHA]
        return weight[0], max(weight[0], _TINY)
    free, total = 1.0, 0.0
    for k in range(touching):
        free *= 1 - fragments[at, k, ALPHA]
        w = fragments[at, k, ALPHA]
        for j in range(touching):
            if j != k:
                before = normal_cdf((fragments[at, k, RELIEF] - fragments[at, j, RELIEF]) / softness)
                w *= 1 - fragments[at, j, ALPHA] * before
        weight[k] = w
        total += w
    return 1 - free, max(total, _TINY)


@compiled
@no_type_check
def draw(first, last, bands, starts, scene, options, threshold, leaf_of, out):
    """Draw the work units first ... last - 1; unit u is band ``u % bands`` of rows of hypothesis ``u // bands``."""
    colour, coverage, depth, owner = out
    values_of = scene[2]
    rows, columns = coverage.shape[1:]
    row = new_row(columns, starts)
    who, touching, fragments = row[:3]
    weight = np.empty(who.shape[1])
    for unit in range(first, last):
        h, band = unit // bands, unit % bands
        for i in range(rows * band // bands, rows * (band + 1) // bands):
            gather_row(scene, starts[h], starts[h + 1], i, options, row)
            look(scene, i, options, row, touching)
            for j in range(columns):
                if touching[j] == 0:
                    continue
                covered, total = blend(fragments, j, touching[j], options[0], weight)
                coverage[h, i, j] = covered
                red, green, blue, z, best = 0.0, 0.0, 0.0, 0.0, 0
                for k in range(touching[j]):
                    share = weight[k] / total
                    lit = share * fragments[j, k, SHADE]
                    red += lit * values_of[who[j, k], COLOUR]
                    green += lit * values_of[who[j, k], COLOUR + 1]
                    blue += lit * values_of[who[j, k], COLOUR + 2]
                    z += share * fragments[j, k, DEPTH]
                    if weight[k] > weight[best]:
                        best = k
                colour[h, i, j, 0] = covered * red
                colour[h, i, j, 1] = covered * green
                colour[h, i, j, 2] = covered * blue
                if covered >= threshold:
                    depth[h, i, j] = z
                    owner[h, i, j] = leaf_of[who[j, best]]
