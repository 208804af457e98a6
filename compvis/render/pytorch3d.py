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
from compvis.render.contract import SolidRendering, check_look
from compvis.render.solids import Solids
from compvis.render.solids_eager import blend
from compvis.render.solids_footprint import before_the_camera
from compvis.render.solids_mesh import SolidMesh, mesh_of

_TINY = 1e-12


@dataclass(frozen=True)
class PyTorch3DRenderer:
    """Draws :class:`Solids` by PyTorch3D's rasteriser (Ravi et al., "Accelerating 3D deep learning with PyTorch3D",
    2020, section 3), to the model of :class:`compvis.render.solids_renderer.SolidRenderer`.

    Every leaf is a mesh of its own on an image of its own. PyTorch3D's rasteriser says which face a pixel sees, and
    where on it, which gives depth and colour. A face's own distance to a pixel says little about a leaf's soft edge, as
    faces meet within a leaf too; so PyTorch3D's search for the nearest edge is given the edges of the leaf's outline,
    and a pixel beside a leaf shows the nearest place of its outline. Leaves are blended as the eager path of solids
    does it. The rasteriser tries every face at every pixel: only faces that look at the camera are handed to it, and
    fewer ``segments`` are the way to more speed.

    Works in single precision on any device. Leaves that reach behind ``nearest`` are not drawn. Memory is that of all
    leaves' images.

    Args:
        softness, ambient, light, nearest, owner_threshold: as in :class:`SolidRenderer`.
        segments: faces around a curved leaf.

    Raises:
        ValueError: a setting is out of range.
    """

    softness: float = 0.5
    ambient: float = 1.0
    light: tuple[float, float, float] = (0.4, 0.8, 0.6)
    segments: int = 32
    nearest: float = 1e-2
    owner_threshold: float = 0.5

    def __post_init__(self) -> None:
        check_look(self)

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
        inside, depth, colour = _surface(seen, mesh, lenses, size, modules)
        distance, *beside = _beside_outlines(seen, mesh, lenses, size, modules)
        depth = torch.where(inside, depth, beside[0])
        colour = torch.where(inside[..., None], colour, beside[1])
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


def camera_points(mesh: SolidMesh, camera: Camera) -> Float[Tensor, "v 3"]:
    """The vertices in their cameras' frames."""
    turn, shift = (v[mesh.hypothesis] for v in (camera.rotation, camera.translation))
    return (turn @ mesh.vertices[..., None]).squeeze(-1) + shift


def _surface(
    seen: Float[Tensor, "v 3"], mesh: SolidMesh, lenses: Any, size: tuple[int, int], modules: Any
) -> tuple[Bool[Tensor, "n H W"], Float[Tensor, "n H W"], Float[Tensor, "n H W 3"]]:
    """Where each leaf is met, and depth and colour there; 1 and black elsewhere."""
    leaf = torch.arange(len(mesh.faces_of), device=seen.device).repeat_interleave(mesh.faces_of)
    a, b, c = seen.detach()[mesh.faces].unbind(1)
    outward = torch.linalg.cross(b - a, c - a)
    facing = outward[:, 2] < 0 if modules.flat else (outward * a).sum(-1) < 0
    faces, leaf = mesh.faces[facing], leaf[facing]
    starts = mesh.vertices_of.cumsum(0) - mesh.vertices_of
    turned = seen * seen.new_tensor([-1.0, -1.0, 1.0])
    meshes = modules.Meshes(
        list(turned.split(mesh.vertices_of.tolist())),
        list((faces - starts[leaf, None]).split(leaf.bincount(minlength=len(starts)).tolist())),
    )
    settings = modules.RasterizationSettings(
        image_size=size, faces_per_pixel=1, blur_radius=0.0, perspective_correct=not modules.flat
    )
    met = modules.MeshRasterizer(lenses, settings)(meshes)
    face, place = met.pix_to_face[..., 0], met.bary_coords[..., 0, :]
    inside = face >= 0
    corners = mesh.colour.float()[faces][face.clamp_min(0)]
    colour = torch.where(inside[..., None], (place[..., None] * corners).sum(-2), 0.0)
    return inside, torch.where(inside, met.zbuf[..., 0], 1.0), colour


def _beside_outlines(
    seen: Float[Tensor, "v 3"], mesh: SolidMesh, lenses: Any, size: tuple[int, int], modules: Any
) -> tuple[Float[Tensor, "n H W"], Float[Tensor, "n H W"], Float[Tensor, "n H W 3"]]:
    """Pixels between the middle of each pixel and each leaf's outline; depth and colour at the nearest place there."""
    rows, columns = size
    flat = seen[:, :2] if modules.flat else seen[:, :2] / seen[:, 2:]
    counts = mesh.vertices_of.tolist()
    number = torch.arange(len(counts), device=seen.device).repeat_interleave(mesh.vertices_of)
    corners = lenses.focal_length[number] * flat + lenses.principal_point[number]
    rings, start = [], 0
    for points in flat.split(counts):
        rings.append(_outline(points) + start)
        start += len(points)
    ends = torch.cat([torch.stack([ring, ring.roll(-1)], 1) for ring in rings])
    lengths = torch.tensor([len(ring) for ring in rings], device=seen.device)
    v, u = (torch.arange(n, device=seen.device, dtype=seen.dtype) + 0.5 for n in size)
    pixels = torch.stack([u.expand(rows, columns), v[:, None].expand(rows, columns)], dim=-1)
    pixels = pixels.flatten(0, 1).repeat(len(rings), 1)
    first = torch.arange(len(rings), device=seen.device) * rows * columns
    _, nearest = modules.nearest_edges(
        _in_space(pixels),
        first,
        _in_space(corners.detach()[ends]),
        lengths.cumsum(0) - lengths,
        rows * columns,
    )
    one, other = ends[nearest].unbind(1)
    step, off = corners[other] - corners[one], pixels - corners[one]
    along = ((off * step).sum(-1) / step.square().sum(-1).clamp_min(_TINY)).clamp(0, 1)
    distance = (off - along[:, None] * step).square().sum(-1).clamp_min(_TINY).sqrt()
    share = along.detach()
    near, far = seen[one, 2], seen[other, 2]
    depth = near + share * (far - near) if modules.flat else 1 / ((1 - share) / near + share / far)
    colour = torch.lerp(mesh.colour.float()[one], mesh.colour.float()[other], share[:, None])
    shape = (len(rings), rows, columns)
    return distance.view(shape), depth.view(shape), colour.view(*shape, 3)


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
        compiled = import_module("pytorch3d._C")
    except ImportError as error:
        raise ImportError(
            "PyTorch3D is not installed: follow its INSTALL.md, or use SolidRenderer (renderer=solids)"
        ) from error
    return SimpleNamespace(
        flat=flat,
        nearest_edges=compiled.point_edge_dist_forward,
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
