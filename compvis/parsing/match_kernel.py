"""Compiled loops of the matcher: variational EM of one template on one observation, pairs in parallel.

The plain formulas are in :mod:`compvis.parsing.match_eager`, which a test holds equal to these loops.
"""

from typing import no_type_check

import numba
import numpy as np

SCORES = 3
"""Columns of a pair's scores: log-likelihood, squared norm of z, log det."""


@numba.njit(inline="always", fastmath=True)
@no_type_check
def _exp(x):
    """exp for x <= 0, as the 64th power of a Taylor polynomial of exp(x / 64); it vectorises, libm's does not."""
    y = max(x, np.float32(-40.0)) * np.float32(0.015625)
    p = np.float32(1.0) + y * (
        np.float32(1.0)
        + y
        * (
            np.float32(0.5)
            + y
            * (
                np.float32(1 / 6)
                + y * (np.float32(1 / 24) + y * (np.float32(1 / 120) + y * np.float32(1 / 720)))
            )
        )
    )
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _solve(gram, right):
    """Solve ``gram z = right`` in place by Cholesky (lower half of gram is used); returns log det gram."""
    r = gram.shape[0]
    log_det = 0.0
    for i in range(r):
        for j in range(i):
            s = gram[i, j]
            for k in range(j):
                s -= gram[i, k] * gram[j, k]
            gram[i, j] = s * gram[j, j]
        s = gram[i, i]
        for k in range(i):
            s -= gram[i, k] * gram[i, k]
        log_det += np.log(s)
        gram[i, i] = np.float32(1.0) / np.sqrt(s)
    for i in range(r):
        x, y = right[0, i], right[1, i]
        for k in range(i):
            x -= gram[i, k] * right[0, k]
            y -= gram[i, k] * right[1, k]
        right[0, i], right[1, i] = x * gram[i, i], y * gram[i, i]
    for i in range(r - 1, -1, -1):
        x, y = right[0, i], right[1, i]
        for k in range(i + 1, r):
            x -= gram[k, i] * right[0, k]
            y -= gram[k, i] * right[1, k]
        right[0, i], right[1, i] = x * gram[i, i], y * gram[i, i]
    return log_det


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _products(basis):
    """Products of every two modes at every point, (n, r (r + 1) / 2): the lower half of each point's outer product."""
    n, r = basis.shape
    products = np.empty((n, r * (r + 1) // 2), np.float32)
    for i in range(n):
        at = 0
        for k in range(r):
            for other in range(k + 1):
                products[i, at + other] = basis[i, k] * basis[i, other]
            at += k + 1
    return products


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _weigh(products, weight, gram, packed):
    """Fill the lower half of ``gram`` with the weighted sum of products over points; ``packed`` is scratch.

    Four points at a time: the sums go through memory a quarter as often, in one long loop that vectorises.
    """
    n, r = len(weight), len(gram)
    packed[:] = 0
    whole = n - n % 4
    for i in range(0, whole, 4):
        a, b, c, d = weight[i], weight[i + 1], weight[i + 2], weight[i + 3]
        for at in range(len(packed)):
            packed[at] += (
                a * products[i, at]
                + b * products[i + 1, at]
                + c * products[i + 2, at]
                + d * products[i + 3, at]
            )
    for i in range(whole, n):
        for at in range(len(packed)):
            packed[at] += weight[i] * products[i, at]
    at = 0
    for k in range(r):
        for other in range(k + 1):
            gram[k, other] = packed[at + other]
        at += k + 1


@numba.njit(fastmath=True, cache=True)
@no_type_check
def _match_one(rest, tangent, width, basis, slope, seen, start, schedule, options, z, scores):
    """One match. rest, tangent (n, 2); width (n,); basis, slope (n, r); seen (5, m) rows x, y, cos and sin of twice
    the angle, log width; start (2, 2): the linear map that the template is under when the annealing begins."""
    n, r = basis.shape
    m = seen.shape[1]
    sharpness, slack, outlier, noise, area = options[0], options[1], options[2], options[3], options[4]
    width_noise, width_spread = options[6], options[7]
    moved = np.empty_like(rest)
    for i in range(n):
        moved[i, 0] = start[0, 0] * rest[i, 0] + start[0, 1] * rest[i, 1]
        moved[i, 1] = start[1, 0] * rest[i, 0] + start[1, 1] * rest[i, 1]
    direction = np.empty((n, 2), np.float32)
    stretch = np.ones(n, np.float32)
    affinity = np.empty((n, m), np.float32)
    row = np.empty(n, np.float32)
    column = np.empty(m, np.float32)
    gram = np.empty((r, r), np.float32)
    weights = np.empty(n, np.float32)
    products = _products(basis)
    packed = np.empty(products.shape[1], np.float32)
    for i in range(n):
        length = tangent[i, 0] ** 2 + tangent[i, 1] ** 2
        direction[i, 0] = (tangent[i, 0] ** 2 - tangent[i, 1] ** 2) / max(length, np.float32(1e-12))
        direction[i, 1] = 2 * tangent[i, 0] * tangent[i, 1] / max(length, np.float32(1e-12))
    log_det = 0.0
    for step in range(schedule.shape[0]):
        variance = schedule[step] ** 2
        scale = np.float32(-0.5) / variance
        column[:] = 0
        for i in range(n):
            x, y = moved[i, 0], moved[i, 1]
            c, s = sharpness * direction[i, 0], sharpness * direction[i, 1]
            total = np.float32(0)
            for j in range(m):
                dx = seen[0, j] - x
                dy = seen[1, j] - y
                a = _exp((dx * dx + dy * dy) * scale + c * seen[2, j] + s * seen[3, j] - sharpness)
                affinity[i, j] = a
                total += a
                column[j] += a
            row[i] = np.float32(0.5) / (total + slack)
        for j in range(m):
            column[j] = np.float32(0.5) / (column[j] + slack)
        z[:] = 0
        for i in range(n):
            weight, x, y = np.float32(0), np.float32(0), np.float32(0)
            for j in range(m):
                a = affinity[i, j] * (row[i] + column[j])
                weight += a
                x += a * seen[0, j]
                y += a * seen[1, j]
            weights[i] = weight
            x -= weight * rest[i, 0]
            y -= weight * rest[i, 1]
            for k in range(r):
                z[0, k] += basis[i, k] * x
                z[1, k] += basis[i, k] * y
        _weigh(products, weights, gram, packed)
        for k in range(r):
            gram[k, k] += variance
        log_det = _solve(gram, z) - r * np.log(variance)
        for i in range(n):
            x, y = rest[i, 0], rest[i, 1]
            u, v = tangent[i, 0], tangent[i, 1]
            for k in range(r):
                x += basis[i, k] * z[0, k]
                y += basis[i, k] * z[1, k]
                u += slope[i, k] * z[0, k]
                v += slope[i, k] * z[1, k]
            moved[i, 0], moved[i, 1] = x, y
            if tangent[i, 0] != 0 or tangent[i, 1] != 0:
                stretch[i] = max(np.sqrt(u * u + v * v), np.float32(0.05))
    total = np.float32(0)
    for i in range(n):
        total += stretch[i]
    density = (1 - outlier) / (2 * np.pi * noise * noise * options[5] * width_noise)
    scale = np.float32(-0.5) / (noise * noise)
    column[:] = 0
    for i in range(n):
        x, y = moved[i, 0], moved[i, 1]
        share = stretch[i] / total
        c, s = sharpness * direction[i, 0], sharpness * direction[i, 1]
        for j in range(m):
            dx = seen[0, j] - x
            dy = seen[1, j] - y
            w = (seen[4, j] - width[i]) / width_noise
            column[j] += share * _exp(
                (dx * dx + dy * dy) * scale
                + c * seen[2, j]
                + s * seen[3, j]
                - sharpness
                - np.float32(0.5) * w * w
            )
    log_likelihood = 0.0
    for j in range(m):
        w = seen[4, j] / width_spread
        unexplained = outlier / (area * width_spread) * _exp(np.float32(-0.5) * w * w)
        log_likelihood += np.log(density * column[j] + unexplained)
    scores[0] = log_likelihood
    squared = 0.0
    for k in range(r):
        squared += z[0, k] ** 2 + z[1, k] ** 2
    scores[1] = squared
    scores[2] = log_det


@numba.njit(fastmath=True, cache=True, parallel=True)
@no_type_check
def match_pairs(
    rest, tangent, width, basis, slope, seen, template, observation, starts, schedule, options, z, scores
):
    """Match pair p: template ``template[p]`` on observation ``observation[p]``; fills z (p, 2, r), scores (p, 3).

    Of the annealings from ``starts`` (s, 2, 2) the one of largest evidence is kept.
    """
    for p in numba.prange(template.shape[0]):
        a, b = template[p], observation[p]
        best = np.float32(-np.inf)
        for start in starts:
            found = np.empty_like(z[p])
            score = np.empty_like(scores[p])
            _match_one(
                rest[a],
                tangent[a],
                width[a],
                basis[a],
                slope[a],
                seen[b],
                start,
                schedule,
                options,
                found,
                score,
            )
            evidence = score[0] - np.float32(0.5) * score[1] - score[2]
            if evidence > best:
                best = evidence
                z[p] = found
                scores[p] = score
