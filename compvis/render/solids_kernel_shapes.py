"""The primitives of :mod:`compvis.render.solids_shapes` in compiled scalar loops, with derivatives written out.

:mod:`compvis.render.solids_warp_functions` compiles these functions for CUDA as well. Warp mixes no integers with
floats (write ``2.0 * x``), takes ``max`` of two numbers only, and wants a variable that a loop changes to start as
``float(0.0)``.
"""

from math import copysign, inf, log, sqrt
from typing import no_type_check

import numba

from compvis.render.solids import Kind
from compvis.render.solids_shapes import SMALLEST_RATIO

_ELLIPSOID, _CUBOID, _CONE = int(Kind.ELLIPSOID), int(Kind.CUBOID), int(Kind.CONE)
_NEWTON_STEPS = 12
_CONVERGED = 1e-9
_TINY = 1e-12
# The loops only look into arrays that their caller holds: counting references to these, and passing them from
# function to function, took most of the time.
compiled = numba.njit(nogil=True, cache=True, error_model="numpy", forceinline=True, _nrt=False)  # pyright: ignore[reportCallIssue]


@compiled
@no_type_check
def _enter_slab(origin, direction):
    """Ray parameter where the ray enters the slab between -1 and 1 of one axis."""
    if abs(direction) < _TINY:
        direction = _TINY
    return (-copysign(1.0, direction) - origin) / direction


@compiled
@no_type_check
def enter(kind, ox, oy, oz, dx, dy, dz, shape_a, shape_b):
    """Ray parameter where a ray that hits a primitive enters it."""
    if kind == _ELLIPSOID:
        a, b = dx * dx + dy * dy + dz * dz, ox * dx + oy * dy + oz * dz
        c = ox * ox + oy * oy + oz * oz - 1.0
        return (-b - sqrt(max(b * b - a * c, 0.0))) / a
    if kind == _CONE:
        half = shape_a / 2.0
        radius, growth = 1.0 - half - half * oy, -half * dy
        a = dx * dx + dz * dz - growth * growth
        tiny = _TINY * (dx * dx + dy * dy + dz * dz)
        if abs(a) < tiny:
            a = tiny
        b = ox * dx + oz * dz - radius * growth
        c = ox * ox + oz * oz - radius * radius
        root = sqrt(max(b * b - a * c, 0.0))
        q = -(b - root) if b < 0.0 else -(b + root)
        if q == 0.0:
            q = _TINY
        side = -inf
        if a > 0.0:
            side = min(q / a, c / q)
        elif growth > 0.0:
            side = max(q / a, c / q)
        return max(side, _enter_slab(oy, dy))
    t = max(max(_enter_slab(ox, dx), _enter_slab(oy, dy)), _enter_slab(oz, dz))
    if kind == _CUBOID:
        return t
    for _ in range(_NEWTON_STEPS):
        x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
        level, nx, ny, nz = superquadric_level(x, y, z, shape_a, shape_b)
        slope = nx * dx + ny * dy + nz * dz
        if level <= _CONVERGED or slope >= -_TINY:
            break
        t -= level / slope
    return t


@compiled
@no_type_check
def _norm(a, b, power):
    largest = max(max(a, b), 1e-30)
    return largest * ((a / largest) ** power + (b / largest) ** power) ** (1.0 / power)


@compiled
@no_type_check
def superquadric_level(x, y, z, e1, e2):
    """Level and normal, see :func:`compvis.render.solids_shapes.nested_norm`."""
    outer, inner = 2.0 / e1, 2.0 / e2
    ring = _norm(abs(x), abs(z), inner)
    value = _norm(ring, abs(y), outer)
    by_ring = max(ring / value, SMALLEST_RATIO) ** (outer - 1.0)
    ny = max(abs(y) / value, SMALLEST_RATIO) ** (outer - 1.0)
    nx = by_ring * max(abs(x) / ring, SMALLEST_RATIO) ** (inner - 1.0) if x != 0.0 else 0.0
    nz = by_ring * max(abs(z) / ring, SMALLEST_RATIO) ** (inner - 1.0) if z != 0.0 else 0.0
    return value - 1.0, copysign(nx, x), copysign(ny, y) if y != 0.0 else 0.0, copysign(nz, z)


@compiled
@no_type_check
def normal_at(kind, x, y, z, shape_a, shape_b):
    """Outward normal, of any length, at a point of the surface."""
    if kind == _ELLIPSOID:
        return x, y, z
    if kind == _CUBOID:
        if abs(x) >= abs(y) and abs(x) >= abs(z):
            return copysign(1.0, x), 0.0, 0.0
        if abs(y) >= abs(z):
            return 0.0, copysign(1.0, y), 0.0
        return 0.0, 0.0, copysign(1.0, z)
    if kind == _CONE:
        half = shape_a / 2.0
        ring = sqrt(x * x + z * z + _TINY)
        if abs(y) - 1.0 > ring - (1.0 - half - half * y):
            return 0.0, copysign(1.0, y), 0.0
        return x / ring, half, z / ring
    _, nx, ny, nz = superquadric_level(x, y, z, shape_a, shape_b)
    return nx, ny, nz


@compiled
@no_type_check
def _norm_pull(a, b, value, power, grad_value, grad_a, grad_b):
    """Pull of a p-norm's value and of its two clamped derivatives on a, b and the power."""
    ratio_a, ratio_b = a / value, b / value
    pull_a, pull_b, pull_power = 0.0, 0.0, 0.0
    held_a, held_b = max(ratio_a, SMALLEST_RATIO), max(ratio_b, SMALLEST_RATIO)
    pull_power += grad_a * held_a ** (power - 1.0) * log(held_a) + grad_b * held_b ** (power - 1.0) * log(
        held_b
    )
    if ratio_a > SMALLEST_RATIO:
        pull = grad_a * (power - 1.0) * ratio_a ** (power - 2.0) / value
        pull_a += pull
        grad_value -= pull * ratio_a
    if ratio_b > SMALLEST_RATIO:
        pull = grad_b * (power - 1.0) * ratio_b ** (power - 2.0) / value
        pull_b += pull
        grad_value -= pull * ratio_b
    pull_a += grad_value * ratio_a ** (power - 1.0)
    pull_b += grad_value * ratio_b ** (power - 1.0)
    mean = 0.0
    if ratio_a > 0.0:
        mean += ratio_a**power * log(ratio_a)
    if ratio_b > 0.0:
        mean += ratio_b**power * log(ratio_b)
    return pull_a, pull_b, pull_power + grad_value * value * mean / power


@compiled
@no_type_check
def surface_pull(kind, x, y, z, shape_a, shape_b, grad_level, gx, gy, gz):
    """Pull of the normal (gx, gy, gz) on the point, and of normal and level (grad_level) on the shape.

    The level's pull on the point is the normal itself and is left to the caller. Returns (x, y, z, shape_a,
    shape_b).
    """
    if kind == _ELLIPSOID:
        return gx, gy, gz, 0.0, 0.0
    if kind == _CUBOID:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    if kind == _CONE:
        half = shape_a / 2.0
        ring = sqrt(x * x + z * z + _TINY)
        if abs(y) - 1.0 > ring - (1.0 - half - half * y):
            return 0.0, 0.0, 0.0, 0.0, 0.0
        along = (gx * x + gz * z) / (ring * ring * ring)
        taper = 0.5 * gy + 0.5 * (1.0 + y) * grad_level
        return gx / ring - along * x, 0.0, gz / ring - along * z, taper, 0.0
    outer, inner = 2.0 / shape_a, 2.0 / shape_b
    sign_x, sign_y, sign_z = copysign(1.0, x), copysign(1.0, y), copysign(1.0, z)
    ring = _norm(abs(x), abs(z), inner)
    value = _norm(ring, abs(y), outer)
    by_ring = max(ring / value, SMALLEST_RATIO) ** (outer - 1.0)
    ring_x = max(abs(x) / ring, SMALLEST_RATIO) ** (inner - 1.0)
    ring_z = max(abs(z) / ring, SMALLEST_RATIO) ** (inner - 1.0)
    gx, gy, gz = gx * sign_x, gy * sign_y, gz * sign_z
    pull_ring, pull_y, pull_outer = _norm_pull(ring, abs(y), value, outer, 0.0, gx * ring_x + gz * ring_z, gy)
    pull_x, pull_z, pull_inner = _norm_pull(
        abs(x), abs(z), ring, inner, pull_ring, gx * by_ring, gz * by_ring
    )
    level_ring, _, level_outer = _norm_pull(ring, abs(y), value, outer, grad_level, 0.0, 0.0)
    _, _, level_inner = _norm_pull(abs(x), abs(z), ring, inner, level_ring, 0.0, 0.0)
    return (
        pull_x * sign_x,
        pull_y * sign_y,
        pull_z * sign_z,
        -(pull_outer + level_outer) * outer / shape_a,
        -(pull_inner + level_inner) * inner / shape_b,
    )
