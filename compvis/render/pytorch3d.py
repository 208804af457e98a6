"""PyTorch3D behind the contract of :class:`compvis.render.contract.SceneRenderer`.

Leaves become triangle meshes, differentiably, and PyTorch3D rasterises them. Its axes (+x left, +y up) are met here
and nowhere else. See https://github.com/facebookresearch/pytorch3d for its installation.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import ConvexHull
from torch import Tensor

from compvis.geometry.cameras import Camera, PerspectiveCamera
from compvis.render.contract import SolidRendering
from compvis.render.solids import Solids
from compvis.render.solids_eager import blend
from compvis.render.solids_footprint import before_the_camera
from compvis.render.solids_mesh import SolidMesh, mesh_of

# Standard deviations of the soft edge that are drawn, on either side of an outline.
_REACH = 4.0
_TINY = 1e-12


@dataclass(frozen=True)
class PyTorch3DRenderer:
    """Draws :class:`Solids` by PyTorch3D's rasteriser (Ravi et al., "Accelerating 3D deep learning with PyTorch3D",
    2020, section 3), to the model of :class:`compvis.render.solids_renderer.SolidRenderer`.

    Every leaf is a mesh of its own on an image of its own. PyTorch3D's rasteriser says which face a pixel sees, and
    where on it, which gives depth and colour. A face's own distance to a pixel says little about a leaf's soft edge, as
    faces meet within a leaf too; so PyTorch3D's point-to-edge distance is taken to the edges of the leaf's outline.
    Leaves are blended as the eager path of solids does it.

    Works in single precision on any device. Leaves that reach behind ``nearest`` are not drawn. Memory is that of all
    leaves' images.

    Args:
        softness, ambient, light, nearest, owner_threshold: as in :class:`SolidRenderer`.
        faces_per_pixel: among how many faces a pixel beside a leaf finds the one whose colour and depth it shows.
        segments: faces around a curved leaf.

    Raises:
        ValueError: a setting is out of range.
    """

    softness: float = 0.5
    ambient: float = 1.0
    light: tuple[float, float, float] = (0.4, 0.8, 0.6)
    faces_per_pixel: int = 4
    segments: int = 32
    nearest: float = 1e-2
    owner_threshold: float = 0.5

    def __post_init__(self) -> None:
        if not self.softness > 0:
            raise ValueError(f"softness must be a positive number of pixels; got {self.softness}")
        if not 0 <= self.ambient <= 1:
            raise ValueError(f"ambient must lie in [0, 1]; got {self.ambient}")
        if self.faces_per_pixel < 1:
            raise ValueError(f"faces_per_pixel must be at least 1; got {self.faces_per_pixel}")
        if self.segments < 8:
            raise ValueError(f"segments must be at least 8; got {self.segments}")

    def with_softness(self, softness: float) -> "PyTorch3DRenderer":
        """The same renderer with another soft edge, in pixels."""
        return replace(self, softness=softness)

    def __call__(self, solids: Solids, camera: Camera, size: tuple[int, int]) -> SolidRendering:
        """Draw every hypothesis on its own ``size`` = (rows, columns) image.

        Raises:
            ImportError: PyTorch3D is not installed.
            ValueError: as :meth:`Solids.check_values`; the number of cameras does not fit.
        """
        modules = _import(flat=not isinstance(camera, PerspectiveCamera))
        h = solids.hypotheses
        if camera.hypotheses not in (1, h):
            raise ValueError(f"give one camera, or one for each of {h} hypotheses; got {camera.hypotheses}")
        solids.check_values()
        camera = camera.select([0] * h) if camera.hypotheses == 1 else camera
        drawn = solids.mask.flatten().nonzero().squeeze(1)
        if isinstance(camera, PerspectiveCamera):
            drawn = drawn[before_the_camera(solids, camera, drawn, self.nearest)]
        if not len(drawn):
            blank = solids.centre.new_zeros(h, *size)
            none = torch.full_like(blank, -1, dtype=torch.long)
            return SolidRendering(blank[..., None].repeat(1, 1, 1, 3), blank, blank + torch.inf, none)
        light = solids.centre.new_tensor(self.light)
        mesh = mesh_of(solids, drawn, light / light.norm(), self.ambient, self.segments)
        return self._draw(solids, drawn, mesh, camera, size, modules)

    def _draw(
        self,
        solids: Solids,
        drawn: Tensor,
        mesh: SolidMesh,
        camera: Camera,
        size: tuple[int, int],
        modules: Any,
    ) -> SolidRendering:
        h, q = solids.mask.shape
        lenses = _lenses(camera.select(torch.div(drawn, q, rounding_mode="floor")), size, modules)
        # PyTorch3D drops what has no positive depth, which is all the same to a weak perspective camera.
        seen = camera_points(mesh, camera)
        back = 0.0 if isinstance(camera, PerspectiveCamera) else 1 - seen[:, 2].detach().min().item()
        seen = (seen + seen.new_tensor([0.0, 0.0, back])).float()
        inside, depth, colour = self._surface(seen, mesh, lenses, size, modules)
        distance = _distance_to_outlines(seen, mesh, lenses, size, modules)
        alpha = torch.special.ndtr(torch.where(inside, distance, -distance) / self.softness)
        places = (h * q, *size)
        alpha, depth, colour = (
            value.new_full((places[0], *value.shape[1:]), fill)
            .index_copy(0, drawn, value)
            .unflatten(0, (h, q))
            for value, fill in ((alpha, 0.0), (depth, 1.0), (colour, 0.0))
        )
        pixels = camera.focal if isinstance(camera, PerspectiveCamera) else camera.scale
        relief = pixels.float().view(h, 1, 1, 1) * (
            depth.log() if isinstance(camera, PerspectiveCamera) else depth
        )
        by_pixel = [value.movedim(1, -1).flatten(0, 2) for value in (alpha, relief)]
        weight, coverage = blend(by_pixel[0], by_pixel[1], self.softness)
        weight, coverage = weight.unflatten(0, (h, *size)), coverage.unflatten(0, (h, *size))
        share = weight / weight.sum(-1, keepdim=True).clamp_min(_TINY)
        owned = coverage >= self.owner_threshold
        z = (share * depth.movedim(1, -1)).sum(-1) - back
        picture = coverage[..., None] * (share[..., None] * colour.movedim(1, -2)).sum(-2)
        dtype = solids.centre.dtype
        return SolidRendering(
            colour=picture.to(dtype),
            coverage=coverage.to(dtype),
            depth=torch.where(owned, z, torch.inf).to(dtype),
            owner=torch.where(owned, weight.argmax(-1), -1),
        )

    def _surface(
        self, seen: Tensor, mesh: SolidMesh, lenses: Any, size: tuple[int, int], modules: Any
    ) -> tuple[Bool[Tensor, "n H W"], Float[Tensor, "n H W"], Float[Tensor, "n H W 3"]]:
        """Where each leaf is met, and depth and colour: of the first face met, beside the leaf of the nearest."""
        turned = seen * seen.new_tensor([-1.0, -1.0, 1.0])
        starts = (mesh.vertices_of.cumsum(0) - mesh.vertices_of).repeat_interleave(mesh.faces_of)
        meshes = modules.Meshes(
            list(turned.split(mesh.vertices_of.tolist())),
            list((mesh.faces - starts[:, None]).split(mesh.faces_of.tolist())),
        )
        shared = {"image_size": size, "perspective_correct": not modules.flat}
        # PyTorch3D measures in halves of the shorter side, and wants the square.
        reach = (2 * _REACH * self.softness / min(size)) ** 2
        met = modules.MeshRasterizer(
            lenses, modules.RasterizationSettings(faces_per_pixel=1, blur_radius=0.0, **shared)
        )(meshes)
        with torch.no_grad():
            near = modules.MeshRasterizer(
                lenses,
                modules.RasterizationSettings(
                    faces_per_pixel=self.faces_per_pixel,
                    blur_radius=reach,
                    clip_barycentric_coords=True,
                    **shared,
                ),
            )(meshes)
            first = torch.where(near.pix_to_face >= 0, near.dists, torch.inf).argmin(-1, keepdim=True)
        inside = met.pix_to_face[..., 0] >= 0
        face = torch.where(inside, met.pix_to_face[..., 0], near.pix_to_face.gather(-1, first)[..., 0])
        z = torch.where(inside, met.zbuf[..., 0], near.zbuf.gather(-1, first)[..., 0])
        # Beside a face that is seen edge-on, depth and place on the face change without bound: no gradient.
        beside = near.bary_coords.gather(3, first[..., None].expand(*first.shape, 3))[..., 0, :]
        place = torch.where(inside[..., None], met.bary_coords[..., 0, :], beside)
        corners = mesh.colour.float()[mesh.faces][face.clamp_min(0)]
        colour = torch.where((face >= 0)[..., None], (place[..., None] * corners).sum(-2), 0.0)
        return inside, torch.where(face >= 0, z, 1.0), colour


def camera_points(mesh: SolidMesh, camera: Camera) -> Float[Tensor, "v 3"]:
    """The vertices in their cameras' frames."""
    turn, shift = (v[mesh.hypothesis] for v in (camera.rotation, camera.translation))
    return (turn @ mesh.vertices[..., None]).squeeze(-1) + shift


def _distance_to_outlines(
    seen: Float[Tensor, "v 3"], mesh: SolidMesh, lenses: Any, size: tuple[int, int], modules: Any
) -> Float[Tensor, "n H W"]:
    """Pixels between the middle of each pixel and each leaf's outline."""
    rows, columns = size
    flat = seen[:, :2] if modules.flat else seen[:, :2] / seen[:, 2:]
    edges = []
    for points, pixels, principal in zip(
        flat.split(mesh.vertices_of.tolist()), lenses.focal_length, lenses.principal_point, strict=True
    ):
        corners = pixels * points[_outline(points)] + principal
        edges.append(torch.stack([corners, corners.roll(-1, dims=0)], dim=1))
    counts = torch.tensor([len(e) for e in edges], device=seen.device)
    v, u = (torch.arange(n, device=seen.device, dtype=seen.dtype) + 0.5 for n in size)
    pixels = torch.stack([u.expand(rows, columns), v[:, None].expand(rows, columns)], dim=-1)
    pixels = _in_space(pixels.flatten(0, 1).repeat(len(edges), 1))
    first = torch.arange(len(edges), device=seen.device) * rows * columns
    squared = modules.point_edge_distance(
        pixels, first, _in_space(torch.cat(edges)), counts.cumsum(0) - counts, rows * columns
    )
    return squared.clamp_min(_TINY).sqrt().view(len(edges), rows, columns)


def _in_space(points: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 3"]:
    """Points of the image as points of space, on its floor."""
    return torch.cat([points, torch.zeros_like(points[..., :1])], dim=-1)


def _outline(points: Float[Tensor, "v 2"]) -> Int[Tensor, " k"]:
    """Which points are the corners of the outline, in order around it; all primitives are convex."""
    flat = points.detach().double().cpu().numpy()
    # Seen exactly from the side a flat leaf has no area, which Qhull refuses: joggle it by far less than a pixel.
    joggle = 1e-7 * np.ptp(flat, axis=0).max() * np.random.default_rng(0).uniform(-1, 1, flat.shape)
    return torch.from_numpy(ConvexHull(flat + joggle).vertices.astype(np.int64)).to(points.device)


def _import(flat: bool) -> SimpleNamespace:
    """What is used of PyTorch3D, and whether the cameras see without perspective."""
    try:
        renderer, structures = import_module("pytorch3d.renderer"), import_module("pytorch3d.structures")
        distances = import_module("pytorch3d.loss.point_mesh_distance")
    except ImportError as error:
        raise ImportError(
            "PyTorch3D is not installed: follow its INSTALL.md, or use SolidRenderer (renderer=solids)"
        ) from error
    return SimpleNamespace(
        flat=flat,
        point_edge_distance=distances.point_edge_distance,
        Meshes=structures.Meshes,
        MeshRasterizer=renderer.MeshRasterizer,
        RasterizationSettings=renderer.RasterizationSettings,
        Cameras=renderer.OrthographicCameras if flat else renderer.PerspectiveCameras,
    )


def _lenses(camera: Camera, size: tuple[int, int], modules: Any) -> Any:
    """The intrinsic part of the cameras, in pixels; the pose is in the vertices already."""
    pixels = camera.focal if isinstance(camera, PerspectiveCamera) else camera.scale
    return modules.Cameras(
        focal_length=pixels.float(),
        principal_point=camera.principal.float(),
        in_ndc=False,
        image_size=[size] * camera.hypotheses,
        device=camera.principal.device,
    )
