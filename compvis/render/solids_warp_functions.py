"""The scalar functions of the compiled loops as Warp functions, which run on CUDA too.

Warp, like numba, compiles from a function's source, so both take the same one. Numba infers types; Warp is told them,
by the names of the arguments. What works on a row or a pixel with all its leaves is not shared, nor is numba's table of
the normal distribution.
"""

from types import FunctionType
from typing import Any, no_type_check

import warp as wp

from compvis.render import solids_kernel as kernel
from compvis.render import solids_kernel_pulls as pulls
from compvis.render import solids_kernel_shapes as shapes
from compvis.render.solids_kernel import CERTAIN

_TYPES: dict[str, Any] = {
    **dict.fromkeys(("kind", "leaf", "column", "line", "number", "count"), int),
    **dict.fromkeys(("inside", "perspective"), bool),
    **dict.fromkeys(("values", "grads"), wp.array2d(dtype=float)),
    "lines": wp.array3d(dtype=float),
    **dict.fromkeys(("edges", "edge_grads"), wp.array4d(dtype=float)),
}
_BUILT: dict[str, Any] = {}


def _build(function: Any, **types: Any) -> Any:
    """A numba function as a Warp function; ``types`` are those of arguments that :data:`_TYPES` does not name.

    Of the global names that it uses, numbers stay and functions built before are put in numba's place; all others,
    such as ``sqrt``, are Warp's own.
    """
    plain = getattr(function, "py_func", function)  # itself under NUMBA_DISABLE_JIT
    named = {name: plain.__globals__.get(name) for name in plain.__code__.co_names}
    known = {
        name: _BUILT.get(name, value)
        for name, value in named.items()
        if name in _BUILT or isinstance(value, int | float)
    }
    copy = FunctionType(plain.__code__, {"__name__": __name__, **known}, plain.__name__)
    arguments = plain.__code__.co_varnames[: plain.__code__.co_argcount]
    copy.__annotations__ = {name: types.get(name, _TYPES.get(name, float)) for name in arguments}
    _BUILT[plain.__name__] = wp.func(copy)
    return _BUILT[plain.__name__]


for _shared in (
    shapes._enter_slab,
    shapes._norm,
    shapes.superquadric_level,
    shapes.enter,
    shapes.normal_at,
    shapes._norm_pull,
    shapes.surface_pull,
    kernel.ray,
    kernel.shade_of,
    kernel.normal_between,
    pulls._ellipse_pull,
    pulls._shade_pull,
    pulls._ray_pull,
):
    _build(_shared)
_build(pulls._beside_pull, grads=wp.array4d(dtype=float))

lines_of_leaf = _build(kernel.lines_of_leaf, count=wp.array(dtype=int))
ellipse_distance = _build(kernel.ellipse_distance)
polygon_distance = _build(kernel.polygon_distance)
seen = _build(kernel.seen)
decided_by_line = _build(pulls.decided_by_line)
sums_to_ends = _build(pulls.sums_to_ends, grads=wp.array4d(dtype=float))
leaf_pull = _build(pulls.leaf_pull)


@wp.func
@no_type_check
def normal_cdf(value: float):
    """The normal distribution function, 0 or 1 beyond :data:`CERTAIN`."""
    if value >= CERTAIN:
        return 1.0
    # Written so that what is not a number ends here.
    if not value > -CERTAIN:
        return 0.0
    return 0.5 * wp.erfc(-0.7071067811865476 * value)
