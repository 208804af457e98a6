"""How much faster the compiled paths of solids are than plain torch, and than PyTorch3D where that is installed.

    python experiments/benchmark_solid_renderer.py --out benchmark_solids.json

Takes about two minutes; five with PyTorch3D, which is measured on cuboids at 64 pixels only unless told otherwise.
Scenes of six leaves are drawn in colour and coverage, and the squared error to pictures of other scenes is
differentiated by pose, size and colour of every leaf. For each kind of leaf, image side and number of threads: the
median milliseconds of forward, and of forward + backward, warm. PyTorch3D draws the same cuboids as meshes with its
soft Phong shader, 8 faces a pixel, the meshes built from the leaves inside the timing; beside it stand the agreement of
coverage (intersection over union) and of the gradient's direction (cosine) with ours. Cold starts are measured in
processes of their own: the first call with an empty cache of compiled code, and with a full one. The ratios carry over
between machines better than the milliseconds.
On CUDA (``--device cuda``), the compiled path is that of the Warp kernels, and only plain torch is timed without Warp.
Expected on a CPU: 16 scenes of 6 cuboids at 64 pixels in about 10 ms forward + backward on one core, and at least 200
times faster than PyTorch3D.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields, replace
from importlib.util import find_spec
from itertools import product
from math import log, sqrt
from pathlib import Path

import torch
from torch import Tensor

from compvis.geometry.cameras import PerspectiveCamera, look_at
from compvis.geometry.rotations import random_rotations
from compvis.render.solids import Kind, Solids
from compvis.render.solids_mesh import mesh_of
from compvis.render.solids_renderer import SolidRenderer
from compvis.render.solids_warp_launch import has_warp

DEGREES = 40.0
DISTANCE = 4.0
COVERED = (0.3, 0.6)
SIGMA = GAMMA = 1e-4  # PyTorch3D's own
MATCH = 1.668  # sigmoid(MATCH) = Phi(1): the edges of both are held equal one softness from the outline
Draw = Callable[[], tuple[Tensor, Tensor]]


def random_scenes(
    kind: Kind, scenes: int, leaves: int, side: int, seed: int, device: str, backend: str = "auto"
) -> tuple[Solids, PerspectiveCamera]:
    """Leaves at random around the origin, seen from all around; of many scenes the first that cover 30 to 60 percent
    of the image, as ``backend`` draws it."""
    generator = torch.Generator().manual_seed(seed)
    tried = 8 * scenes

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    solids = Solids(
        kind=torch.full((tried, leaves), int(kind)),
        rotation=random_rotations(tried * leaves, generator).view(tried, leaves, 3, 3),
        centre=(uniform(tried, leaves, 3) - 0.5) * 1.6,
        size=0.4 * (0.6 + 0.8 * uniform(tried, leaves, 3)),
        shape=0.3 + 0.6 * uniform(tried, leaves, 2),
        colour=uniform(tried, leaves, 3),
        mask=torch.ones(tried, leaves) > 0,
    )
    zero = torch.zeros(tried)
    pose = look_at(torch.linspace(0, 359, tried), zero + 25, zero, zero + DISTANCE)
    camera = PerspectiveCamera.of_view(*pose, degrees=DEGREES, size=(side, side))
    draw = SolidRenderer(backend=backend)  # pyright: ignore[reportArgumentType]
    covered = draw(solids, camera, (side, side)).coverage.mean((1, 2))
    chosen = ((covered > COVERED[0]) & (covered < COVERED[1])).nonzero().squeeze(1)[:scenes]
    if len(chosen) < scenes:
        raise ValueError(
            f"only {len(chosen)} of {tried} scenes cover {COVERED}; ask for fewer or larger leaves"
        )
    return tuple(
        replace(record, **{f.name: getattr(record, f.name).to(device) for f in fields(record)})
        for record in (solids.select(chosen), camera.select(chosen))
    )  # pyright: ignore[reportReturnType]


def own_path(solids: Solids, camera: PerspectiveCamera, side: int, backend: str) -> Draw:
    """Colour and coverage by one of this package's paths, with edges as soft as PyTorch3D's."""
    softness = sqrt(MATCH * SIGMA) * side / 2
    renderer = SolidRenderer(softness=softness, backend=backend)  # pyright: ignore[reportArgumentType]

    def draw() -> tuple[Tensor, Tensor]:
        rendering = renderer(solids, camera, (side, side))
        return rendering.colour, rendering.coverage

    return draw


def pytorch3d_path(solids: Solids, camera: PerspectiveCamera, side: int) -> Draw:
    """Colour and coverage by PyTorch3D's soft Phong shader, imported here because it is optional."""
    from pytorch3d.renderer import (  # pyright: ignore[reportMissingImports]
        AmbientLights,
        BlendParams,
        MeshRasterizer,
        PerspectiveCameras,
        RasterizationSettings,
        SoftPhongShader,
        TexturesVertex,
    )
    from pytorch3d.structures import Meshes  # pyright: ignore[reportMissingImports]

    # PyTorch3D's camera frame has x left and y up, and it multiplies rows by the rotation.
    device = solids.centre.device
    flip = torch.diag(torch.tensor([-1.0, -1, 1], device=device))
    cameras = PerspectiveCameras(
        focal_length=camera.focal * 2 / side,
        R=(flip @ camera.rotation).mT,
        T=camera.translation @ flip,
        device=device,
    )
    settings = RasterizationSettings(
        image_size=side, blur_radius=log(1 / 1e-4 - 1) * SIGMA, faces_per_pixel=8
    )
    shader = SoftPhongShader(
        cameras=cameras,
        lights=AmbientLights(device=device),
        blend_params=BlendParams(SIGMA, GAMMA, (0.0, 0.0, 0.0)),
        device=device,
    )
    rasterizer = MeshRasterizer(cameras, settings)
    light = camera.translation.new_tensor([0.0, 1.0, 0.0])
    drawn = torch.arange(solids.mask.numel(), device=device)
    faces = mesh_of(solids, drawn, light, 1.0, 8).faces
    faces = faces.view(solids.hypotheses, -1, 3)
    faces = faces - faces.amin((1, 2), keepdim=True)

    def draw() -> tuple[Tensor, Tensor]:
        mesh = mesh_of(solids, drawn, light, 1.0, 8)
        points, colours = (v.view(solids.hypotheses, -1, 3) for v in (mesh.vertices, mesh.colour))
        meshes = Meshes(points, faces, TexturesVertex(colours))
        picture = shader(rasterizer(meshes), meshes)
        return picture[..., :3] * picture[..., 3:], picture[..., 3]

    return draw


def gradient(draw: Draw, leaves: list[Tensor], target: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Gradient of the squared error of colour and coverage."""
    colour, coverage = ((mine - wanted).square().sum() for mine, wanted in zip(draw(), target, strict=True))
    return torch.autograd.grad(colour + coverage, leaves)


def milliseconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


def measure(
    draw: Draw, leaves: list[Tensor], target: tuple[Tensor, Tensor], repeats: int
) -> dict[str, float]:
    """Milliseconds: the first forward + backward, then medians of forward and of forward + backward."""

    def forward() -> None:
        with torch.no_grad():
            draw()

    def both() -> None:
        gradient(draw, leaves, target)

    return {
        "first_forward_backward": milliseconds(both),
        "forward": statistics.median(milliseconds(forward) for _ in range(repeats)),
        "forward_backward": statistics.median(milliseconds(both) for _ in range(repeats)),
    }


def along_rotations(gradient: Tensor, rotation: Tensor) -> Tensor:
    """The gradient by small turns about the world's axes, from that by the entries of rotation matrices."""
    turn = gradient @ rotation.mT
    return torch.stack([turn[..., a, b] - turn[..., b, a] for a, b in ((2, 1), (0, 2), (1, 0))], dim=-1)


def agreement(
    ours: Draw, theirs: Draw, leaves: list[Tensor], target: tuple[Tensor, Tensor]
) -> dict[str, float]:
    """How alike two renderers are: overlap of coverage, mean and least cosine of a scene's gradients.

    ``leaves`` are rotation, centre, size and colour.
    """
    with torch.no_grad():
        a, b = (draw()[1] > 0.5 for draw in (ours, theirs))
    mine, other = (
        torch.cat(
            [along_rotations(first, leaves[0].detach()).flatten(1), *(g.flatten(1) for g in rest)], dim=1
        )
        for first, *rest in (gradient(draw, leaves, target) for draw in (ours, theirs))
    )
    cosine = torch.cosine_similarity(mine, other)
    return {
        "coverage_iou": ((a & b).sum() / (a | b).sum()).item(),
        "gradient_cosine_mean": cosine.mean().item(),
        "gradient_cosine_least": cosine.min().item(),
    }


def compare(
    kind: Kind, side: int, scenes: int, threads: int, settings: argparse.Namespace, with_pytorch3d: bool
) -> dict[str, object]:
    """One row of the record."""
    torch.set_num_threads(threads)
    shared = (kind, scenes, settings.leaves, side)
    solids, camera = random_scenes(*shared, seed=0, device=settings.device)
    others, _ = random_scenes(*shared, seed=1, device=settings.device)
    leaves = [getattr(solids, name).requires_grad_() for name in ("rotation", "centre", "size", "colour")]
    paths = {name: own_path(solids, camera, side, name) for name in settings.paths}
    if with_pytorch3d:
        paths["pytorch3d"] = pytorch3d_path(solids, camera, side)
    ours = paths[settings.paths[0]]
    with torch.no_grad():
        target = own_path(others, camera, side, settings.paths[0])()
        covered = ours()[1].mean((1, 2))
    row = {
        "kind": kind.name.lower(),
        "scenes": scenes,
        "side": side,
        "threads": threads,
        "covered": [round(v, 3) for v in (covered.min().item(), covered.mean().item(), covered.max().item())],
    }
    for name, draw in paths.items():
        row[f"{name}_ms"] = measure(draw, leaves, target, settings.repeats)
    if with_pytorch3d:
        row["agreement"] = agreement(ours, paths["pytorch3d"], leaves, target)
    return row


def first_call(settings: argparse.Namespace) -> float:
    """Milliseconds of this process's first forward + backward, before which plain torch alone has drawn."""
    torch.set_num_threads(max(settings.threads))
    solids, camera = random_scenes(Kind.CUBOID, 16, 6, 64, 0, settings.device, backend="eager")
    leaves = [getattr(solids, name).requires_grad_() for name in ("rotation", "centre", "size", "colour")]
    draw = own_path(solids, camera, 64, settings.paths[0])
    with torch.no_grad():
        target = own_path(solids, camera, 64, "eager")()
    return milliseconds(lambda: gradient(draw, leaves, target))


def cold_starts(settings: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of the first forward + backward of a process, without and with code compiled before."""
    once = [sys.executable, __file__, "--first-call", "--device", settings.device, "--threads", "1"]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache, "WARP_CACHE_PATH": cache}
        found = [
            float(subprocess.run(once, env=environment, check=True, capture_output=True, text=True).stdout)
            for _ in range(2)
        ]
    return {"nothing_compiled": found[0], "compiled_before": found[1]}


def shown(row: dict) -> str:
    """One line for the terminal."""
    times = "; ".join(
        f"{name.removesuffix('_ms')} {v['forward']:.1f} forward, {v['forward_backward']:.1f} both"
        for name, v in row.items()
        if name.endswith("_ms")
    )
    agrees = row.get("agreement")
    alike = (
        ""
        if not agrees
        else f"; IoU {agrees['coverage_iou']:.3f}, cosine {agrees['gradient_cosine_mean']:.3f}"
    )
    covered = f"{row['covered'][0]:.0%}-{row['covered'][2]:.0%} covered"
    what = f"{row['scenes']} x {row['kind']} {row['side']}x{row['side']}, {covered}"
    return f"{what}, {row['threads']} threads, ms: {times}{alike}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, nargs="+", default=[16])
    parser.add_argument("--leaves", type=int, default=6)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--kinds", nargs="+", default=[kind.name.lower() for kind in Kind])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pytorch3d-sides", type=int, nargs="*", default=[64])
    parser.add_argument("--first-call", action="store_true", help="only time the first call, and print that")
    parser.add_argument("--out", type=Path, help="where to write the record as JSON")
    settings = parser.parse_args()
    settings.paths = ["fused", "eager"] if settings.device == "cpu" or has_warp() else ["eager"]
    if settings.first_call:
        print(first_call(settings))
        return
    cold = cold_starts(settings)
    print(f"first call, ms: {cold['nothing_compiled']:.0f}, compiled before {cold['compiled_before']:.0f}")
    rows = []
    for threads in settings.threads if settings.device == "cpu" else [1]:
        for kind in (Kind[name.upper()] for name in settings.kinds):
            for side, scenes in product(settings.sides, settings.scenes):
                theirs = kind == Kind.CUBOID and side in settings.pytorch3d_sides
                has = find_spec("pytorch3d") is not None
                rows.append(compare(kind, side, scenes, threads, settings, with_pytorch3d=theirs and has))
                print(shown(rows[-1]), flush=True)
    if settings.out:
        record = {
            "leaves": settings.leaves,
            "repeats": settings.repeats,
            "device": torch.cuda.get_device_name() if settings.device == "cuda" else platform.machine(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cold_ms": cold,
            "rows": rows,
        }
        settings.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
