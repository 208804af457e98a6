"""Meshes of solids: vertices on the surface, faces and normals outwards, the right size, gradients."""

from math import pi

import pytest
import torch
from scipy.special import beta
from solid_scenes import ALL_KINDS, VALUES, random_solids

from compvis.render.solids import Kind
from compvis.render.solids_mesh import mesh_of, surface
from compvis.render.solids_shapes import LEVELS

SHAPES = torch.tensor([[0.3, 0.4], [0.8, 1.2], [0.0001, 0.1], [0.999, 1.9]], dtype=torch.float64)
LIGHT = torch.tensor([0.0, 0.0, 1.0])
EACH_KIND = pytest.mark.parametrize("kind", ALL_KINDS, ids=[kind.name.lower() for kind in ALL_KINDS])


def shapes_of(kind):
    return SHAPES.clamp_min(0.1) if kind is Kind.SUPERQUADRIC else SHAPES


def volume(points, faces):
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    return (a * torch.linalg.cross(b, c)).sum() / 6


@EACH_KIND
def test_vertices_lie_on_the_surface_and_normals_point_out(kind):
    shape = shapes_of(kind)
    points, normals, _ = surface(kind, shape, 32)
    flat = shape[:, None].expand(-1, points.shape[1], -1).flatten(0, 1)
    level, truth = LEVELS[kind](points.flatten(0, 1), flat)
    assert level.abs().max() < 0.02
    assert ((points * normals).sum(-1) > -1e-9).all()
    if kind in (Kind.ELLIPSOID, Kind.SUPERQUADRIC):
        cosine = torch.cosine_similarity(normals.flatten(0, 1), truth, dim=-1)
        assert cosine.quantile(0.05) > 0.99


@pytest.mark.parametrize(
    ("kind", "shape", "truth"),
    [
        (Kind.ELLIPSOID, (1.0, 1.0), 4 / 3 * pi),
        (Kind.CUBOID, (1.0, 1.0), 8.0),
        (Kind.CONE, (0.0, 1.0), 2 * pi),
        (Kind.CONE, (1.0, 1.0), 2 / 3 * pi),
        (Kind.SUPERQUADRIC, (1.0, 1.0), 4 / 3 * pi),
        # Jaklic, Leonardis and Solina, Segmentation and Recovery of Superquadrics, 2000, equation 2.60.
        (Kind.SUPERQUADRIC, (0.2, 0.5), 2 * 0.2 * 0.5 * beta(1.1, 0.2) * beta(0.25, 0.25)),
    ],
)
def test_faces_enclose_the_primitive(kind, shape, truth):
    points, _, faces = surface(kind, torch.tensor([shape], dtype=torch.float64), 48)
    assert volume(points[0], faces) == pytest.approx(truth, rel=0.02)
    # Closed: every edge is met once in each direction, up to vertices at the same place.
    _, at = points[0].round(decimals=6).unique(dim=0, return_inverse=True)
    edges = at[faces][:, [[0, 1], [1, 2], [2, 0]]].flatten(0, 1)
    edges = {tuple(edge) for edge in edges.tolist() if edge[0] != edge[1]}
    assert all((b, a) in edges for a, b in edges)


def test_leaves_stand_in_their_place_whatever_their_order():
    solids = random_solids(ALL_KINDS[::-1] * 2, h=3)
    drawn = torch.tensor([1, 2, 7, 16, 21])
    mesh = mesh_of(solids, drawn, LIGHT, 1.0, 24)
    leaf_of = torch.arange(5).repeat_interleave(mesh.vertices_of)
    assert (mesh.hypothesis == torch.div(drawn, 8, rounding_mode="floor")[leaf_of]).all()
    assert (leaf_of[mesh.faces] == torch.arange(5).repeat_interleave(mesh.faces_of)[:, None]).all()
    for k, number in enumerate(drawn.tolist()):
        h, leaf = divmod(number, 8)
        own = leaf_of == k
        points = (
            (mesh.vertices[own] - solids.centre[h, leaf]) @ solids.rotation[h, leaf] / solids.size[h, leaf]
        )
        assert points.abs().amax(0).tolist() == pytest.approx([1, 1, 1], abs=0.08)
        assert (mesh.colour[own] == solids.colour[h, leaf]).all()


@EACH_KIND
@pytest.mark.parametrize("extreme", [False, True])
def test_gradients_are_finite(kind, extreme):
    solids = random_solids([kind], h=2)
    if extreme:
        solids.shape[:] = torch.tensor([[[0.1, 1.9]], [[1.0, 0.1]]])
    values = {name: getattr(solids, name).requires_grad_() for name in VALUES}
    mesh = mesh_of(solids, torch.arange(2), LIGHT, 0.4, 24)
    loss = mesh.vertices.square().sum() + mesh.colour.sum()
    for gradient in torch.autograd.grad(loss, list(values.values()), allow_unused=True):
        assert gradient is None or gradient.isfinite().all()
