"""Warp kernels that draw solids, one thread a pixel of a hypothesis; the model is that of ``solids_eager``.

:func:`count_fragments` bounds how many leaves touch each pixel, exactly as many on every device: those whose box holds
it. A running sum over all pixels then gives where each pixel's part of the tape ends. :func:`draw` fills the parts from
their ends, in the order of the leaves, and blends them; :func:`draw_backward` reads them. On the tape, every number of
a fragment has a row of its own, so that threads next to each other read numbers next to each other.
"""

from typing import no_type_check

import warp as wp

from compvis.render.solids import Kind
from compvis.render.solids_kernel import (
    ALPHA,
    CERTAIN,
    COLOUR,
    DENSITY,
    DEPTH,
    DISTANCE,
    FRAGMENT,
    PIXELS,
    PLACE,
    RELIEF,
    SHADE,
)
from compvis.render.solids_warp_functions import (
    decided_by_line,
    ellipse_distance,
    leaf_pull,
    normal_cdf,
    polygon_distance,
    seen,
    sums_to_ends,
)

wp.set_module_options({"enable_backward": False})

WEIGHT = FRAGMENT  # one more row of the tape
TAPE = FRAGMENT + 1
# Rows of the scratch of the backward kernel: pulls on a fragment's weight, alpha and relief.
OF_WEIGHT, OF_ALPHA, OF_RELIEF, PULLS = 0, 1, 2, 3
_ELLIPSOID = int(Kind.ELLIPSOID)
_TINY = 1e-30
# A product without one of its factors is the product divided by it, unless the factor is below this.
_DIVISIBLE = 1e-2


@wp.func
@no_type_check
def in_box(box: wp.array2d(dtype=wp.int64), leaf: int, i: int, j: int):
    """Whether a leaf can touch the pixel of row i and column j."""
    return (
        j >= int(box[leaf, 0]) and j < int(box[leaf, 1]) and i >= int(box[leaf, 2]) and i < int(box[leaf, 3])
    )


@wp.kernel
@no_type_check
def count_fragments(leaves: int, box: wp.array2d(dtype=wp.int64), touching: wp.array3d(dtype=int)):
    """Count the leaves whose box holds each pixel; every hypothesis has ``leaves`` of them, one after the other."""
    h, i, j = wp.tid()
    n = int(0)
    for leaf in range(h * leaves, (h + 1) * leaves):
        if in_box(box, leaf, i, j):
            n += 1
    touching[h, i, j] = n


@wp.func
@no_type_check
def unhidden(fragments: wp.array2d(dtype=float), k: int, j: int, softness: float):
    """Share of fragment k that fragment j leaves unhidden."""
    return 1.0 - fragments[ALPHA, j] * normal_cdf((fragments[RELIEF, k] - fragments[RELIEF, j]) / softness)


@wp.kernel
@no_type_check
def draw(
    leaves: int,
    box: wp.array2d(dtype=wp.int64),
    kinds: wp.array(dtype=wp.int64),
    values: wp.array2d(dtype=float),
    edges: wp.array4d(dtype=float),
    lines: wp.array3d(dtype=float),
    line_count: wp.array(dtype=int),
    softness: float,
    reach: float,
    ambient: float,
    threshold: float,
    perspective: bool,
    ends: wp.array3d(dtype=wp.int64),
    touching: wp.array3d(dtype=int),
    who: wp.array(dtype=int),
    line_of: wp.array(dtype=int),
    fragments: wp.array2d(dtype=float),
    colour: wp.array4d(dtype=float),
    coverage: wp.array3d(dtype=float),
    depth: wp.array3d(dtype=float),
    owner: wp.array3d(dtype=wp.int64),
):
    """Fill the tape and the pictures, and put the leaves that do touch each pixel into ``touching``."""
    h, i, j = wp.tid()
    x, y = float(j) + 0.5, float(i) + 0.5
    end = int(ends[h, i, j])
    at = int(ends[h, i, j])
    for k in range(leaves):
        leaf = (h + 1) * leaves - 1 - k
        if in_box(box, leaf, i, j):
            kind = int(kinds[leaf])
            distance, line, place = 0.0, 0, 0.0
            if kind == _ELLIPSOID:
                distance = ellipse_distance(
                    values[leaf, 0], values[leaf, 1], values[leaf, 2], values[leaf, 3], values[leaf, 4], x, y
                )
            else:
                distance, line, place = polygon_distance(lines, leaf, line_count[leaf], x, y, reach)
            if distance > -reach:
                at -= 1
                t, shade = seen(
                    kind, values, edges, lines, leaf, line, place, distance >= 0.0, x, y, ambient, perspective
                )
                who[at] = leaf
                line_of[at] = line
                fragments[ALPHA, at] = normal_cdf(distance / softness)
                fragments[DISTANCE, at] = distance
                fragments[DEPTH, at] = t
                fragments[RELIEF, at] = values[leaf, PIXELS] * (wp.log(t) if perspective else t)
                fragments[SHADE, at] = shade
                fragments[PLACE, at] = place
    free, total, most = float(1.0), float(0.0), float(-1.0)
    best = int(0)
    for k in range(at, end):
        free *= 1.0 - fragments[ALPHA, k]
        weight = fragments[ALPHA, k]
        for other in range(at, end):
            if other != k:
                weight *= unhidden(fragments, k, other, softness)
        fragments[WEIGHT, k] = weight
        total += weight
        if weight > most:
            most = weight
            best = k
    covered = 1.0 - free
    red, green, blue, z = float(0.0), float(0.0), float(0.0), float(0.0)
    for k in range(at, end):
        leaf = who[k]
        share = fragments[WEIGHT, k] / wp.max(total, _TINY)
        lit = covered * share * fragments[SHADE, k]
        red += lit * values[leaf, COLOUR]
        green += lit * values[leaf, COLOUR + 1]
        blue += lit * values[leaf, COLOUR + 2]
        z += share * fragments[DEPTH, k]
    touching[h, i, j] = end - at
    colour[h, i, j, 0] = red
    colour[h, i, j, 1] = green
    colour[h, i, j, 2] = blue
    coverage[h, i, j] = covered
    if covered >= threshold:
        depth[h, i, j] = z
        owner[h, i, j] = wp.int64(who[best] % leaves)
    else:
        depth[h, i, j] = wp.inf
        owner[h, i, j] = wp.int64(-1)


@wp.func
@no_type_check
def blend_pull(
    fragments: wp.array2d(dtype=float),
    pulls: wp.array2d(dtype=float),
    at: int,
    end: int,
    softness: float,
    pull_covered: float,
    mean: float,
    total: float,
):
    """Add the pulls of coverage and weights to those on alpha and relief; those on the weights lack their mean."""
    for k in range(at, end):
        pull_weight = (pulls[OF_WEIGHT, k] - mean) / total
        others, clear = float(1.0), float(1.0)
        for j in range(at, end):
            if j != k:
                others *= 1.0 - fragments[ALPHA, j]
                clear *= unhidden(fragments, k, j, softness)
        pulls[OF_ALPHA, k] = pulls[OF_ALPHA, k] + pull_covered * others + pull_weight * clear
        pull = -pull_weight * fragments[ALPHA, k]
        if pull != 0.0:
            for j in range(at, end):
                gap = (fragments[RELIEF, k] - fragments[RELIEF, j]) / softness
                if j != k and gap > -CERTAIN:
                    before = normal_cdf(gap)
                    factor = 1.0 - fragments[ALPHA, j] * before
                    rest = float(pull)
                    if factor > _DIVISIBLE:
                        rest *= clear / factor
                    else:
                        for other in range(at, end):
                            if other != j and other != k:
                                rest *= unhidden(fragments, k, other, softness)
                    pulls[OF_ALPHA, j] = pulls[OF_ALPHA, j] + rest * before
                    if gap < CERTAIN:
                        hidden = rest * fragments[ALPHA, j] * DENSITY * wp.exp(-0.5 * gap * gap) / softness
                        pulls[OF_RELIEF, k] = pulls[OF_RELIEF, k] + hidden
                        pulls[OF_RELIEF, j] = pulls[OF_RELIEF, j] - hidden


@wp.kernel
@no_type_check
def draw_backward(
    kinds: wp.array(dtype=wp.int64),
    values: wp.array2d(dtype=float),
    edges: wp.array4d(dtype=float),
    lines: wp.array3d(dtype=float),
    softness: float,
    ambient: float,
    threshold: float,
    perspective: bool,
    ends: wp.array3d(dtype=wp.int64),
    touching: wp.array3d(dtype=int),
    who: wp.array(dtype=int),
    line_of: wp.array(dtype=int),
    fragments: wp.array2d(dtype=float),
    pulls: wp.array2d(dtype=float),
    of_colour: wp.array4d(dtype=float),
    of_coverage: wp.array3d(dtype=float),
    of_depth: wp.array3d(dtype=float),
    grads: wp.array2d(dtype=float),
    edge_grads: wp.array4d(dtype=float),
):
    """Add the pulls of the pictures (``of_*``) on the leaves' packed values and edges; ``pulls`` is scratch."""
    h, i, j = wp.tid()
    end = int(ends[h, i, j])
    at = end - touching[h, i, j]
    red = of_colour[h, i, j, 0]
    green = of_colour[h, i, j, 1]
    blue = of_colour[h, i, j, 2]
    pull_covered = of_coverage[h, i, j]
    pull_z = of_depth[h, i, j]
    if at == end or (red == 0.0 and green == 0.0 and blue == 0.0 and pull_covered == 0.0 and pull_z == 0.0):
        return
    free, total = float(1.0), float(0.0)
    for k in range(at, end):
        free *= 1.0 - fragments[ALPHA, k]
        total += fragments[WEIGHT, k]
    covered = 1.0 - free
    total = wp.max(total, _TINY)
    if covered < threshold:
        pull_z = 0.0
    mean = float(0.0)
    for k in range(at, end):
        leaf = who[k]
        share = fragments[WEIGHT, k] / total
        shade = fragments[SHADE, k]
        dot = (
            red * values[leaf, COLOUR] + green * values[leaf, COLOUR + 1] + blue * values[leaf, COLOUR + 2]
        ) * shade
        lit = covered * share * shade
        grads[leaf, COLOUR] += lit * red
        grads[leaf, COLOUR + 1] += lit * green
        grads[leaf, COLOUR + 2] += lit * blue
        pull_covered += share * dot
        pull_weight = covered * dot + pull_z * fragments[DEPTH, k]
        mean += share * pull_weight
        pulls[OF_WEIGHT, k] = pull_weight
        pulls[OF_ALPHA, k] = 0.0
        pulls[OF_RELIEF, k] = 0.0
    blend_pull(fragments, pulls, at, end, softness, pull_covered, mean, total)
    x, y = float(j) + 0.5, float(i) + 0.5
    for k in range(at, end):
        leaf = who[k]
        line = line_of[k]
        kind, share = int(kinds[leaf]), fragments[WEIGHT, k] / total
        t = fragments[DEPTH, k]
        distance = fragments[DISTANCE, k]
        place = fragments[PLACE, k]
        dot = red * values[leaf, COLOUR] + green * values[leaf, COLOUR + 1] + blue * values[leaf, COLOUR + 2]
        pull_shade = covered * share * dot * (1.0 - ambient)
        pull_depth = share * pull_z
        pull_relief = pulls[OF_RELIEF, k]
        if pull_relief != 0.0:
            grads[leaf, PIXELS] += pull_relief * (wp.log(t) if perspective else t)
            pull_depth += pull_relief * values[leaf, PIXELS] * (1.0 / t if perspective else 1.0)
        scaled = distance / softness
        pull_distance = 0.0
        if wp.abs(scaled) < CERTAIN:
            pull_distance = pulls[OF_ALPHA, k] * DENSITY * wp.exp(-0.5 * scaled * scaled) / softness
        if pull_distance != 0.0 or pull_depth != 0.0 or pull_shade != 0.0:
            number = 0
            if kind != _ELLIPSOID:
                number = int(lines[leaf, line, 5])
            if decided_by_line(kind, distance >= 0.0, place):
                sums_to_ends(
                    edges, leaf, number, pull_distance, pull_distance * x, pull_distance * y, edge_grads
                )
            leaf_pull(
                kind, values, edges, leaf, number, x, y, t, distance >= 0.0, place, pull_distance, pull_depth,
                pull_shade, perspective, grads, edge_grads,
            )  # fmt: skip
