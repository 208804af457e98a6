"""Why the gradient of PyTorch3D's rasteriser departs from ours further on CUDA than on the CPU, replayed on the CPU.

    python experiments/pytorch3d_cuda_gradient.py --out results/speed/pytorch3d_cuda_gradient.json

PyTorch3D (0.7.9) corrects barycentric coordinates for perspective, then clips them to the triangle. Its CPU backward
takes the clip's derivative at the corrected coordinates, its CUDA backward (RasterizeMeshesBackwardCudaKernel) at those
before the correction. Beside a thin triangle the correction's denominator falls below its floor of 1e-8; the derivative
ignores the floor and divides by its square. At the corrected coordinates what it multiplies is zero, before the
correction it is not: about one fragment in ten thousand then outweighs all others of its scene. Both formulas are
replayed here in torch on scenes of benchmark_solid_renderer.py. Takes ten seconds and needs PyTorch3D.
Expected: a mean cosine with ours of 0.968 (the least of a scene: 0.887) by the CPU's formula, and 0.854 (0.005) by
CUDA's, which are the figures measured on the two devices (results/speed/solids.json, solids_cuda.json).
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from benchmark_solid_renderer import agreement, own_path, pytorch3d_path, random_scenes
from torch import Tensor

from compvis.render.solids import Kind

SCENES, LEAVES, SIDE = 16, 6, 64
TINY, SMALLEST_SUM = 1e-8, 1e-5  # PyTorch3D's own


class _Clip(torch.autograd.Function):
    """Clips coordinates below zero and scales their sum to 1; the derivative is that at the coordinates ``at``."""

    @staticmethod
    def forward(ctx, corrected, at):
        ctx.save_for_backward(at)
        held = corrected.clamp_min(0)
        return held / held.sum(-1, keepdim=True).clamp_min(SMALLEST_SUM)

    @staticmethod
    def backward(ctx, *incoming):
        (at,), (pull,) = ctx.saved_tensors, incoming
        held = at.clamp_min(0)
        total = held.sum(-1, keepdim=True)
        of_total = -held / total.clamp_min(SMALLEST_SUM).square() * (total >= SMALLEST_SUM)
        shared = (pull * of_total).sum(-1, keepdim=True)
        return (at >= 0) * (pull / total.clamp_min(SMALLEST_SUM) + shared), None


class _Floor(torch.autograd.Function):
    """Holds the correction's denominator above zero; the derivative is that without, as in both backwards."""

    @staticmethod
    def forward(ctx, value):
        return value.clamp_min(TINY)

    @staticmethod
    def backward(ctx, *incoming):
        return incoming[0]


def _twice_area(p: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return (p[..., 0] - a[..., 0]) * (b[..., 1] - a[..., 1]) - (p[..., 1] - a[..., 1]) * (
        b[..., 0] - a[..., 0]
    )


def _squared_distance(p: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """From points to line segments; the nearest point's place is held fixed, as it does not matter to first order."""
    step = b - a
    along = ((step * (p - a)).sum(-1) / step.square().sum(-1)).clamp(0, 1).detach()[..., None]
    return ((1 - along) * a + along * b - p).square().sum(-1)


def replay(rasterize: Callable[..., Any], clip_before: bool) -> Callable[..., Any]:
    """PyTorch3D's ``rasterize_meshes`` with a backward in torch.

    Args:
        rasterize: the original, which says which faces touch each pixel.
        clip_before: take the clip's derivative before the perspective correction, as on CUDA.
    """

    def replayed(meshes: Any, **settings: Any) -> tuple[Tensor, ...]:
        corners = meshes.verts_packed()[meshes.faces_packed()]
        with torch.no_grad():
            faces = rasterize(meshes, **settings)[0]
        a, b, c = corners[faces.clamp_min(0)].unbind(-2)
        rows, columns = faces.shape[1:3]
        x, y = (1 - (2 * torch.arange(n) + 1) / n for n in (columns, rows))
        pixel = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None, :, :, None]
        doubled = [_twice_area(pixel, *pair) for pair in ((b, c), (c, a), (a, b))]
        plain = torch.stack(doubled, -1) / (_twice_area(c, a, b) + TINY)[..., None]
        depths = torch.stack([a[..., 2], b[..., 2], c[..., 2]], -1)
        others = torch.stack([depths[..., 1] * depths[..., 2], depths[..., 0] * depths[..., 2],
                              depths[..., 0] * depths[..., 1]], -1)  # fmt: skip
        scaled = plain * others
        corrected = scaled / _Floor.apply(scaled.sum(-1, keepdim=True))
        clipped = _Clip.apply(corrected, (plain if clip_before else corrected).detach())
        depth = (clipped * depths).sum(-1)
        a, b, c = (corner[..., :2] for corner in (a, b, c))
        distance = torch.stack([_squared_distance(pixel, *pair) for pair in ((a, b), (a, c), (b, c))], -1)
        distance = distance.gather(-1, distance.argmin(-1, keepdim=True)).squeeze(-1)
        distance = torch.where((corrected > 0).all(-1), -distance, distance)
        hit = faces >= 0
        return (
            faces,
            torch.where(hit, depth, -1.0),
            torch.where(hit[..., None], clipped, -1.0),
            torch.where(hit, distance, -1.0),
        )

    return replayed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="where to write the record as JSON")
    out = parser.parse_args().out
    from pytorch3d.renderer.mesh import rasterizer  # pyright: ignore[reportMissingImports]

    shared = (Kind.CUBOID, SCENES, LEAVES, SIDE)
    solids, camera = random_scenes(*shared, seed=0, device="cpu")
    others, _ = random_scenes(*shared, seed=1, device="cpu")
    leaves = [getattr(solids, name).requires_grad_() for name in ("rotation", "centre", "size", "colour")]
    ours, theirs = own_path(solids, camera, SIDE, "auto"), pytorch3d_path(solids, camera, SIDE)
    with torch.no_grad():
        target = own_path(others, camera, SIDE, "auto")()
    rows = []
    for formula in ("cpu", "cuda"):
        replayed = replay(rasterizer.rasterize_meshes, clip_before=formula == "cuda")
        with patch.object(rasterizer, "rasterize_meshes", replayed):
            rows.append({"formula": formula, **agreement(ours, theirs, leaves, target)})
        print(rows[-1])
    if out:
        record = {"scenes": SCENES, "leaves": LEAVES, "side": SIDE, "torch": torch.__version__, "rows": rows}
        out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
