"""Compiled loops that draw solids row by row; the model is that of :mod:`compvis.render.solids_eager`.

A row's fragments live in a small buffer: the leaves that touch each pixel, one slot each. Where a gradient is
wanted, they are kept on the tape of :func:`compvis.render.solids_fused._tape`, pixel after pixel.

Numba's cache of a compiled function watches that function's own file only. After a change here, in
``solids_kernel_shapes`` or in ``solids_kernel_pulls``, delete ``__pycache__``, or the other files go on with the
old code.
"""

from math import erf, exp, inf, log, pi, sqrt
from typing import no_type_check

import numpy as np

from compvis.render.solids import Kind
from compvis.render.solids_eager import NEARER, ROUND_TIP
from compvis.render.solids_kernel_shapes import compiled, enter, normal_at
from compvis.render.solids_outline import SHORTEST_EDGE

# Columns of the packed values of a leaf.
ELLIPSE, ORIGIN, DIRECTION, LIGHT, INVERSE, SHAPE, COLOUR, PIXELS, WIDTH = 0, 5, 14, 23, 26, 29, 31, 34, 35
# Columns of a fragment; PLACE is where along the deciding edge the nearest point lies.
ALPHA, DISTANCE, DEPTH, RELIEF, SHADE, PLACE = 0, 1, 2, 3, 4, 5
FRAGMENT = 6
_ELLIPSOID = int(Kind.ELLIPSOID)
DENSITY = 1 / sqrt(2 * pi)  # the normal density at zero
CERTAIN = 6.0  # standard deviations beyond which the normal distribution function is 0 or 1
_STEPS = 64  # of the table, a standard deviation
_FLAT = 1e-9  # a line that turns less than this from a row is parallel to it
_TINY = 1e-30
# The normal distribution function and its slope a step, at every step from -CERTAIN to beyond CERTAIN.
_CDF = np.array(
    [
        (0.5 * (1 + erf(v * sqrt(0.5))), exp(-0.5 * v * v) * DENSITY / _STEPS)
        for v in (k / _STEPS - CERTAIN for k in range(int(2 * CERTAIN * _STEPS) + 2))
    ]
)


@compiled
@no_type_check
def normal_cdf(value):
    """Cubic between the table's rows: within 1e-9, in a quarter of the time of erf."""
    if value >= CERTAIN:
        return 1.0
    # Written so that what is not a number ends here.
    if not value > -CERTAIN:
        return 0.0
    place = (value + CERTAIN) * _STEPS
    k = int(place)
    f = place - k
    rise, slope, slope_after = _CDF[k + 1, 0] - _CDF[k, 0], _CDF[k, 1], _CDF[k + 1, 1]
    curve = 3 * rise - 2 * slope - slope_after + f * (slope + slope_after - 2 * rise)
    return _CDF[k, 0] + f * (slope + f * curve)


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
def lines_of_leaf(edges, leaf, lines, count):
    """Edges of a leaf long enough to use, next to each other.

    A line is: start (2), step (2), 1 / length, number of the edge, and a, b, c of the signed distance
    ``a x + b y + c``.
    """
    n = int(0)
    for k in range(edges.shape[1]):
        x, y = edges[leaf, k, 0, 0], edges[leaf, k, 0, 1]
        dx, dy = edges[leaf, k, 1, 0] - x, edges[leaf, k, 1, 1] - y
        length = sqrt(dx * dx + dy * dy)
        if length > SHORTEST_EDGE:
            lines[leaf, n, 0] = x
            lines[leaf, n, 1] = y
            lines[leaf, n, 2] = dx
            lines[leaf, n, 3] = dy
            lines[leaf, n, 4] = 1.0 / length
            lines[leaf, n, 5] = float(k)
            lines[leaf, n, 6] = -dy / length
            lines[leaf, n, 7] = dx / length
            lines[leaf, n, 8] = (dy * x - dx * y) / length
            n += 1
    count[leaf] = n


@compiled
@no_type_check
def lines_of(edges, lines, count):
    """:func:`lines_of_leaf` of every leaf."""
    for leaf in range(edges.shape[0]):
        lines_of_leaf(edges, leaf, lines, count)


@compiled
@no_type_check
def ellipse_distance(u, v, a, b, d, x, y):
    """Signed distance to an ellipse, see :func:`compvis.render.solids_outline.outline_ellipse`."""
    right, down = x - u, y - v
    by_x, by_y = a * right + b * down, b * right + d * down
    radius = sqrt(right * by_x + down * by_y + ROUND_TIP)
    return (1.0 - radius) * radius / sqrt(by_x * by_x + by_y * by_y + ROUND_TIP * (a + d))


@compiled
@no_type_check
def polygon_distance(lines, leaf, count, x, y, reach):
    """Signed distance, the deciding edge, and the place of the nearest point on it."""
    inmost, edge = float(inf), int(-1)
    for k in range(count):
        inside = lines[leaf, k, 6] * x + lines[leaf, k, 7] * y + lines[leaf, k, 8]
        if inside < inmost:
            inmost, edge = inside, k
    if inmost >= 0.0:
        return inmost, edge, 0.0
    if inmost <= -reach:
        return inmost, 0, 0.0
    nearest, at = float(inf), float(0.0)
    for k in range(count):
        # The nearest point of a convex outline lies on an edge that faces the pixel.
        if lines[leaf, k, 6] * x + lines[leaf, k, 7] * y + lines[leaf, k, 8] >= 0.0:
            continue
        off_x, off_y = x - lines[leaf, k, 0], y - lines[leaf, k, 1]
        along = (
            (off_x * lines[leaf, k, 2] + off_y * lines[leaf, k, 3]) * lines[leaf, k, 4] * lines[leaf, k, 4]
        )
        held = min(max(along, 0.0), 1.0)
        off_x, off_y = off_x - held * lines[leaf, k, 2], off_y - held * lines[leaf, k, 3]
        squared = off_x * off_x + off_y * off_y
        if squared < NEARER * nearest:
            nearest, edge, at = squared, k, held
    if 0.0 < at < 1.0:
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
def normal_between(edges, leaf, number, place):
    """The normal at a place of an edge."""
    rest = 1.0 - place
    return (
        rest * edges[leaf, number, 0, 3] + place * edges[leaf, number, 1, 3],
        rest * edges[leaf, number, 0, 4] + place * edges[leaf, number, 1, 4],
        rest * edges[leaf, number, 0, 5] + place * edges[leaf, number, 1, 5],
    )


@compiled
@no_type_check
def shade_of(values, leaf, nx, ny, nz, ambient):
    """Share of the leaf's colour that a surface of this normal shows."""
    x, y, z = nx * values[leaf, INVERSE], ny * values[leaf, INVERSE + 1], nz * values[leaf, INVERSE + 2]
    length = sqrt(max(x * x + y * y + z * z, _TINY))
    facing = (nx * values[leaf, LIGHT] + ny * values[leaf, LIGHT + 1] + nz * values[leaf, LIGHT + 2]) / length
    return ambient + (1.0 - ambient) * max(facing, 0.0)


@compiled
@no_type_check
def seen(kind, values, edges, lines, leaf, line, place, inside, x, y, ambient, perspective):
    """Depth of what a leaf shows at a pixel, and the share of the leaf's colour that it shows.

    Beside the leaf, that is what lies at ``place`` of the edge of its line number ``line``.
    """
    t, nx, ny, nz = 0.0, 0.0, 0.0, 0.0
    if inside or kind == _ELLIPSOID:
        ox, oy, oz = ray(values, leaf, ORIGIN, x, y)
        dx, dy, dz = ray(values, leaf, DIRECTION, x, y)
        if inside:
            shape_a, shape_b = values[leaf, SHAPE], values[leaf, SHAPE + 1]
            t = enter(kind, ox, oy, oz, dx, dy, dz, shape_a, shape_b)
            if ambient < 1.0:
                px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
                nx, ny, nz = normal_at(kind, px, py, pz, shape_a, shape_b)
        else:
            t = -(ox * dx + oy * dy + oz * dz) / (dx * dx + dy * dy + dz * dz)
            nx, ny, nz = ox + t * dx, oy + t * dy, oz + t * dz
    else:
        number = int(lines[leaf, line, 5])
        t = edges[leaf, number, 0, 2] + place * (edges[leaf, number, 1, 2] - edges[leaf, number, 0, 2])
        if perspective:
            t = 1.0 / t
        nx, ny, nz = normal_between(edges, leaf, number, place)
    shade = 1.0
    if ambient < 1.0:
        shade = shade_of(values, leaf, nx, ny, nz, ambient)
    return t, shade


@compiled
@no_type_check
def _gather_row(scene, first, last, i, options, row):
    """Collect the fragments of row ``i`` of one hypothesis, whose leaves are first ... last - 1.

    ``row`` is (touching, who, edge_of, fragments): how many leaves touch each column, and for every slot of a
    column (slots next to each other) the leaf, the edge of its outline that decides, and the fragment, of which
    alpha, distance and place are filled.
    """
    kinds, box, values_of, _, lines, count = scene
    touching, who, edge_of, fragments = row
    softness, reach = options[0], options[1]
    slots = len(who) // len(touching)
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
                distance = ellipse_distance(values[0], values[1], a, b, d, x, y)
            elif sure_left <= j < sure_right:
                distance = sure
            else:
                distance, edge, place = polygon_distance(lines, leaf, count[leaf], x, y, reach)
            if distance <= -reach:
                continue
            at = j * slots + touching[j]
            touching[j] += 1
            who[at] = leaf
            edge_of[at] = edge
            fragments[at, ALPHA] = normal_cdf(distance / softness)
            fragments[at, DISTANCE] = distance
            fragments[at, PLACE] = place


@compiled
@no_type_check
def _look(scene, i, options, row):
    """Fill depth, relief and shade of the fragments of row ``i``; a lone fragment's relief is never asked for."""
    kinds, _, values_of, edges, lines, _ = scene
    touching, who, edge_of, fragments = row
    ambient, perspective = options[2], options[3]
    slots = len(who) // len(touching)
    y = i + 0.5
    for j in range(len(touching)):
        x = j + 0.5
        for at in range(j * slots, j * slots + touching[j]):
            leaf = who[at]
            t, shade = seen(
                kinds[leaf],
                values_of,
                edges,
                lines,
                leaf,
                edge_of[at],
                fragments[at, PLACE],
                fragments[at, DISTANCE] >= 0,
                x,
                y,
                ambient,
                perspective,
            )
            fragments[at, DEPTH], fragments[at, SHADE] = t, shade
            if touching[j] > 1:
                fragments[at, RELIEF] = values_of[leaf, PIXELS] * (log(t) if perspective else t)


@compiled
@no_type_check
def blend(fragments, at, touching, softness, weight, clear):
    """Fill the weights of the ``touching`` fragments from ``at`` on; returns coverage and the weights' sum.

    ``clear[k, j]`` is filled with the share of fragment k that j leaves unhidden.
    """
    if touching == 1:
        weight[0] = fragments[at, ALPHA]
        return weight[0], max(weight[0], _TINY)
    free, total = 1.0, 0.0
    for k in range(touching):
        alpha = fragments[at + k, ALPHA]
        free *= 1 - alpha
        for j in range(k):
            before = normal_cdf((fragments[at + k, RELIEF] - fragments[at + j, RELIEF]) / softness)
            clear[k, j] = 1 - fragments[at + j, ALPHA] * before
            clear[j, k] = 1 - alpha * (1 - before)
    for k in range(touching):
        w = fragments[at + k, ALPHA]
        for j in range(touching):
            if j != k:
                w *= clear[k, j]
        weight[k] = w
        total += w
    return 1 - free, max(total, _TINY)


@compiled
@no_type_check
def draw(first, last, bands, starts, scene, options, threshold, leaf_of, out, tape, room):
    """Draw the work units first ... last - 1; unit u is band ``u % bands`` of rows of hypothesis ``u // bands``.

    ``room`` is scratch, see :func:`compvis.render.solids_fused._room_forward`.
    """
    colour, coverage, depth, owner = out
    row_starts, touching_of, kept_who, kept_edge, kept = tape
    values_of = scene[2]
    rows, columns = coverage.shape[1:]
    row, weight, clear = room
    touching, who, edge_of, fragments = row
    slots = len(weight)
    keep = len(row_starts) > 0
    for unit in range(first, last):
        h, band = unit // bands, unit % bands
        for i in range(rows * band // bands, rows * (band + 1) // bands):
            _gather_row(scene, starts[h], starts[h + 1], i, options, row)
            _look(scene, i, options, row)
            taped = row_starts[h, i] if keep else 0
            for j in range(columns):
                if keep:
                    touching_of[h, i, j] = touching[j]
                if touching[j] == 0:
                    continue
                at = j * slots
                covered, total = blend(fragments, at, touching[j], options[0], weight, clear)
                coverage[h, i, j] = covered
                red, green, blue, z, best = 0.0, 0.0, 0.0, 0.0, 0
                for k in range(touching[j]):
                    leaf, share = who[at + k], weight[k] / total
                    lit = share * fragments[at + k, SHADE]
                    red += lit * values_of[leaf, COLOUR]
                    green += lit * values_of[leaf, COLOUR + 1]
                    blue += lit * values_of[leaf, COLOUR + 2]
                    z += share * fragments[at + k, DEPTH]
                    if weight[k] > weight[best]:
                        best = k
                    if keep:
                        kept_who[taped], kept_edge[taped] = leaf, edge_of[at + k]
                        for column in range(FRAGMENT):
                            kept[taped, column] = fragments[at + k, column]
                        taped += 1
                colour[h, i, j, 0] = covered * red
                colour[h, i, j, 1] = covered * green
                colour[h, i, j, 2] = covered * blue
                if covered >= threshold:
                    depth[h, i, j] = z
                    owner[h, i, j] = leaf_of[who[at + best]]
