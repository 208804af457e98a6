"""From a thinned binary image to pixel chains between its nodes (compiled)."""

from typing import no_type_check

import numpy as np
from numba import njit

NEIGHBOURS = np.array([[-1, 0], [0, 1], [1, 0], [0, -1], [-1, 1], [1, 1], [1, -1], [-1, -1]], dtype=np.int64)


@njit(cache=True)
@no_type_check
def _adjacent(skeleton, y, x, k):
    """Mixed adjacency: straight neighbours, and diagonal ones that share no straight neighbour."""
    dy, dx = NEIGHBOURS[k]
    if not skeleton[y + dy, x + dx]:
        return False
    if k < 4:
        return True
    return not (skeleton[y + dy, x] or skeleton[y, x + dx])


@njit(cache=True)
@no_type_check
def _walk(skeleton, degree, used, y, x, k, out, n):
    """Follow a chain from node (y, x) through neighbour k to the next node; append its pixels to ``out``."""
    out[n, 0], out[n, 1] = y, x
    n += 1
    from_k = k
    while True:
        used[y, x, from_k] = True
        ny, nx = y + NEIGHBOURS[from_k, 0], x + NEIGHBOURS[from_k, 1]
        back = -1
        for j in range(8):
            if ny + NEIGHBOURS[j, 0] == y and nx + NEIGHBOURS[j, 1] == x:
                back = j
        used[ny, nx, back] = True
        out[n, 0], out[n, 1] = ny, nx
        n += 1
        if degree[ny, nx] != 2:
            return n
        following = -1
        for j in range(8):
            if j != back and _adjacent(skeleton, ny, nx, j):
                following = j
        if used[ny, nx, following]:
            return n
        y, x, from_k = ny, nx, following


@njit(cache=True)
@no_type_check
def trace_chains(skeleton):
    """Chains of pixels of a skeleton whose outermost rows and columns are empty.

    A node is a pixel with other than two neighbours (mixed adjacency, so staircases make no node); a closed
    loop without node is cut at its first pixel; a lone pixel is a chain of one.

    Args:
        skeleton: (H, W) bool.

    Returns:
        pixels (m, 2) int64 as (row, column), both ends included, and offsets (c + 1,) of the chains.
    """
    height, width = skeleton.shape
    degree = np.zeros((height, width), np.int64)
    total = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if skeleton[y, x]:
                total += 1
                for k in range(8):
                    if _adjacent(skeleton, y, x, k):
                        degree[y, x] += 1
    out = np.empty((10 * total + 8, 2), np.int64)
    offsets = np.zeros(5 * total + 2, np.int64)
    used = np.zeros((height, width, 8), np.bool_)
    n, chains = 0, 0
    for loops in range(2):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                if not skeleton[y, x] or (loops == 0) == (degree[y, x] == 2):
                    continue
                if degree[y, x] == 0:
                    out[n, 0], out[n, 1] = y, x
                    n += 1
                    chains += 1
                    offsets[chains] = n
                for k in range(8):
                    if _adjacent(skeleton, y, x, k) and not used[y, x, k]:
                        n = _walk(skeleton, degree, used, y, x, k, out, n)
                        chains += 1
                        offsets[chains] = n
    return out[:n].copy(), offsets[: chains + 1].copy()
