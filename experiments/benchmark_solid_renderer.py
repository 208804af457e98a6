"""How much faster the compiled path of solids is than plain torch, and than PyTorch3D where that is installed.

    python experiments/benchmark_solid_renderer.py --out benchmark_solids.json

Takes about a minute. Scenes of six leaves are drawn in colour and coverage, and differentiated by pose, size and
colour of every leaf. For each kind of leaf, image side and number of threads: milliseconds of the first call in this
process (cold, which loads or compiles code), and the median of later ones (warm), forward and forward + backward.
PyTorch3D draws the same cuboids as meshes with its soft Phong and soft silhouette shaders, 8 faces a pixel, the
meshes built from the leaves inside the timing. The ratios carry over between machines better than the milliseconds.
Expected: 16 scenes of 6 cuboids at 64 pixels in at most 18 ms forward + backward on two cores.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from compvis.geometry.cameras import PerspectiveCamera, look_at
from compvis.geometry.rotations import random_rotations
from compvis.render.solids import Kind, Solids
from compvis.render.solids_renderer import SolidRenderer

DEGREES = 40.0
DISTANCE = 4.0
# Corners of the cube [-1, 1]^3 and its twelve triangles, outward side first.
CORNERS = [[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
TRIANGLES = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
             [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip

Draw = Callable[[], tuple[Tensor, Tensor]]


def random_scenes(kind: Kind, scenes: int, leaves: int, side: int) -> tuple[Solids, PerspectiveCamera]:
    """Leaves at random around the origin, covering about a third of the image, seen from all around."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    solids = Solids(
        kind=torch.full((scenes, leaves), int(kind)),
        rotation=random_rotations(scenes * leaves, generator).view(scenes, leaves, 3, 3).requires_grad_(),
        centre=((uniform(scenes, leaves, 3) - 0.5) * 1.6).requires_grad_(),
        size=(0.3 * (0.5 + uniform(scenes, leaves, 3))).requires_grad_(),
        shape=(0.3 + 0.6 * uniform(scenes, leaves, 2)),
        colour=uniform(scenes, leaves, 3).requires_grad_(),
        mask=torch.ones(scenes, leaves) > 0,
    )
    zero = torch.zeros(scenes)
    pose = look_at(torch.linspace(0, 300, scenes), zero + 25, zero, zero + DISTANCE)
    return solids, PerspectiveCamera.of_view(*pose, degrees=DEGREES, size=(side, side))


def own_path(solids: Solids, camera: PerspectiveCamera, side: int, backend: str) -> Draw:
    """Colour and coverage by one of this package's paths."""
    renderer = SolidRenderer(backend=backend)  # pyright: ignore[reportArgumentType]

    def draw() -> tuple[Tensor, Tensor]:
        rendering = renderer(solids, camera, (side, side))
        return rendering.colour, rendering.coverage

    return draw


def pytorch3d_path(solids: Solids, camera: PerspectiveCamera, side: int) -> Draw:
    """Colour and coverage of cuboids by PyTorch3D, imported here because it is optional."""
    import numpy as np
    from pytorch3d.renderer import (  # pyright: ignore[reportMissingImports]
        AmbientLights,
        BlendParams,
        MeshRasterizer,
        PerspectiveCameras,
        RasterizationSettings,
        SoftPhongShader,
        SoftSilhouetteShader,
        TexturesVertex,
    )
    from pytorch3d.structures import Meshes  # pyright: ignore[reportMissingImports]

    sigma = 1e-4
    # PyTorch3D's camera frame has x left and y up, and it multiplies rows by the rotation.
    flip = torch.diag(torch.tensor([-1.0, -1, 1]))
    cameras = PerspectiveCameras(
        focal_length=camera.focal * 2 / side,
        R=(flip @ camera.rotation).mT,
        T=camera.translation @ flip,
    )
    rasterizer = MeshRasterizer(
        cameras,
        RasterizationSettings(
            image_size=side, blur_radius=float(np.log(1 / 1e-4 - 1) * sigma), faces_per_pixel=8
        ),
    )
    blend = BlendParams(sigma=sigma, gamma=1e-4, background_color=(0.0, 0.0, 0.0))
    phong = SoftPhongShader(cameras=cameras, lights=AmbientLights(), blend_params=blend)
    silhouette = SoftSilhouetteShader(blend_params=blend)
    scenes, leaves = solids.mask.shape
    corners = torch.tensor(CORNERS)
    one = torch.tensor(TRIANGLES)
    faces = torch.cat([one + len(CORNERS) * leaf for leaf in range(leaves)]).expand(scenes, -1, -1)

    def draw() -> tuple[Tensor, Tensor]:
        points = (corners * solids.size[:, :, None]) @ solids.rotation.mT + solids.centre[:, :, None]
        colours = solids.colour[:, :, None].expand(-1, -1, len(CORNERS), -1)
        meshes = Meshes(points.flatten(1, 2), faces, TexturesVertex(colours.flatten(1, 2)))
        fragments = rasterizer(meshes)
        return phong(fragments, meshes)[..., :3], silhouette(fragments, meshes)[..., 3]

    return draw


def measure(draw: Draw, leaves: list[Tensor], repeats: int) -> dict[str, float]:
    """Milliseconds: the first forward + backward, then medians of forward and of forward + backward."""

    def forward() -> None:
        with torch.no_grad():
            draw()

    def differentiate() -> None:
        colour, coverage = draw()
        torch.autograd.grad(colour.sum() + coverage.sum(), leaves)

    def once(work: Callable[[], None]) -> float:
        start = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - start)

    cold = once(differentiate)
    return {
        "cold_forward_backward": cold,
        "forward": statistics.median(once(forward) for _ in range(repeats)),
        "forward_backward": statistics.median(once(differentiate) for _ in range(repeats)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--leaves", type=int, default=6)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--kinds", nargs="+", default=[kind.name.lower() for kind in Kind])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path, help="where to write the records as JSON")
    settings = parser.parse_args()
    records = []
    for threads in settings.threads:
        torch.set_num_threads(threads)
        for kind in (Kind[name.upper()] for name in settings.kinds):
            for side in settings.sides:
                solids, camera = random_scenes(kind, settings.scenes, settings.leaves, side)
                leaves = [solids.rotation, solids.centre, solids.size, solids.colour]
                paths = {name: own_path(solids, camera, side, name) for name in ("fused", "eager")}
                if kind == Kind.CUBOID and find_spec("pytorch3d"):
                    paths["pytorch3d"] = pytorch3d_path(solids, camera, side)
                times = {name: measure(draw, leaves, settings.repeats) for name, draw in paths.items()}
                covered = paths["fused"]()[1].detach().mean().item()
                records.append(
                    {"threads": threads, "kind": kind.name.lower(), "side": side, "covered": covered}
                    | {f"{name}_ms": values for name, values in times.items()}
                )
                shown = "; ".join(
                    f"{name} {v['forward']:.1f} forward, {v['forward_backward']:.1f} both, "
                    f"{v['cold_forward_backward']:.0f} cold"
                    for name, v in times.items()
                )
                print(
                    f"{kind.name.lower()} {side}x{side}, {covered:.0%} covered, {threads} threads, ms: {shown}",
                    flush=True,
                )
    if settings.out:
        record = {
            "scenes": settings.scenes,
            "leaves": settings.leaves,
            "repeats": settings.repeats,
            "machine": platform.machine(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "records": records,
        }
        settings.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
