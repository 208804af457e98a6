"""Launching Warp kernels on torch's tensors."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor


def has_warp() -> bool:
    """Whether Warp is installed."""
    return find_spec("warp") is not None


@cache
def kernels() -> tuple[ModuleType, ModuleType, ModuleType]:
    """The modules of kernels that place, outline and draw, with Warp started but for messages about what it loads."""
    import warp

    warp.config.log_level = max(warp.config.log_level, warp.LOG_WARNING)
    warp.init()
    from compvis.render import solids_warp_kernels, solids_warp_outline, solids_warp_place

    return solids_warp_place, solids_warp_outline, solids_warp_kernels


class Launcher:
    """Launches kernels on torch's current stream of a device; tensors are passed without a copy.

    It lives as long as a picture is drawn, and keeps Warp's descriptions of tensors that several kernels take: on CUDA
    they cost more than the kernels.
    """

    def __init__(self, device: torch.device) -> None:
        kernels()
        import warp

        self._warp = warp
        self._known: dict[tuple[int, int, Any], tuple[Tensor, Any]] = {}
        self._where = {
            "device": warp.device_from_torch(device),
            "stream": warp.stream_from_torch(device) if device.type == "cuda" else None,
            "record_tape": False,
        }

    def _array(self, value: Tensor, taken: Any) -> Any:
        """Warp's description of a tensor, as the array that a kernel takes; its first axes may be joined."""
        key = id(value), taken.ndim, taken.dtype
        if key not in self._known:
            row = getattr(taken.dtype, "_shape_", ())
            flat = value.view(-1, *row) if value.ndim != taken.ndim + len(row) else value
            array = self._warp.from_torch(flat, dtype=taken.dtype, requires_grad=False, return_ctype=True)
            self._known[key] = value, array
        return self._known[key][1]

    def _given(self, kernel: Any, arguments: Sequence[Any]) -> list[Any]:
        return [
            self._array(value, taken.type) if isinstance(value, Tensor) else value
            for value, taken in zip(arguments, kernel.adj.args, strict=True)
        ]

    def __call__(self, kernel: Any, dimensions: Any, *arguments: Any) -> None:
        """Run a kernel over the given dimensions; tensors of more axes than it takes are flattened."""
        self._warp.launch(kernel, dimensions, self._given(kernel, arguments), **self._where)

    def pull(
        self,
        kernel: Any,
        dimensions: Any,
        arguments: Sequence[Any],
        onto: Sequence[Tensor],
        of: Sequence[Tensor],
    ) -> None:
        """Add what Warp's derivative of a kernel says: from pulls on its last arguments, onto its first ones."""
        between = [
            None if isinstance(value, Tensor) else value
            for value in arguments[len(onto) : len(arguments) - len(of)]
        ]
        self._warp.launch(
            kernel,
            dimensions,
            self._given(kernel, arguments),
            adj_inputs=self._given(kernel, [*onto, *between, *of]),
            adjoint=True,
            **self._where,
        )


def zeros(*shapes: Sequence[int], device: torch.device) -> list[Tensor]:
    """Tensors of zeros of the given shapes, in one piece of memory that is filled at once."""
    sizes = [torch.Size(shape).numel() for shape in shapes]
    pieces = torch.zeros(sum(sizes), device=device).split(sizes)
    return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
