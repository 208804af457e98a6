"""The derivatives of :mod:`compvis.render.solids_kernel`, written out: from pixels back to each leaf's values.

The fragments come from the tape of the forward loops. A distance to a line is linear in the pixel, so lines gather
their pulls' sums (over 1, x and y) first, which go to the lines' ends once a leaf.
"""

from math import exp, log
from typing import no_type_check

from compvis.render.solids import Kind
from compvis.render.solids_kernel import (
    ALPHA,
    CERTAIN,
    COLOUR,
    DENSITY,
    DEPTH,
    DISTANCE,
    PIXELS,
    PLACE,
    RELIEF,
    SHADE,
    blend,
    normal_cdf,
)
from compvis.render.solids_kernel_pulls import decided_by_line, leaf_pull, sums_to_ends
from compvis.render.solids_kernel_shapes import compiled

_ELLIPSOID = int(Kind.ELLIPSOID)


@compiled
@no_type_check
def _add_to_sums(sums, x, y, pull):
    sums[0] += pull
    sums[1] += pull * x
    sums[2] += pull * y


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
                hidden = rest * fragments[at + j, ALPHA] * DENSITY * exp(-0.5 * gap * gap) / softness
                pulls[k, 4] += hidden
                pulls[j, 4] -= hidden


@compiled
@no_type_check
def _pixel_pull(scene, tape, at, n, i, j, incoming, options, threshold, room, first, grads, edge_grads):
    """Pull of the pixel (i, j), whose ``n`` fragments lie on the tape from ``at`` on.

    ``first`` is the first leaf of the hypothesis; ``room`` is scratch, see
    :func:`compvis.render.solids_fused._room_backward`.
    """
    kinds, _, values_of, edges, lines, _ = scene
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
        z = fragments[at + k, DEPTH]
        if pulls[k, 4] != 0:
            relief, slope = (log(z), 1 / z) if perspective else (z, 1.0)
            grads[leaf, PIXELS] += pulls[k, 4] * relief
            pulls[k, 1] += pulls[k, 4] * values_of[leaf, PIXELS] * slope
        scaled = fragments[at + k, DISTANCE] / softness
        pulls[k, 0] = 0.0
        if abs(scaled) < CERTAIN:
            pulls[k, 0] = pulls[k, 3] * DENSITY * exp(-0.5 * scaled * scaled) / softness
        if pulls[k, 0] != 0 or pulls[k, 1] != 0 or pulls[k, 2] != 0:
            x, y, line, inside = j + 0.5, i + 0.5, line_of[at + k], fragments[at + k, DISTANCE] >= 0
            if decided_by_line(kinds[leaf], inside, fragments[at + k, PLACE]):
                _add_to_sums(sums[leaf - first, line], x, y, pulls[k, 0])
            leaf_pull(
                kinds[leaf],
                values_of,
                edges,
                leaf,
                0 if kinds[leaf] == _ELLIPSOID else int(lines[leaf, line, 5]),
                x,
                y,
                z,
                inside,
                fragments[at + k, PLACE],
                pulls[k, 0],
                pulls[k, 1],
                pulls[k, 2] * (1 - options[2]),
                perspective,
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
                sums_to_ends(edges, leaf, number, pull[0], pull[1], pull[2], edge_grads)
