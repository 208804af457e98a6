"""Scenes of solids that several tests draw."""

from dataclasses import fields, replace

import torch

from compvis.geometry.cameras import Camera, PerspectiveCamera, WeakPerspectiveCamera, look_at
from compvis.geometry.rotations import random_rotations
from compvis.render.solids import Kind, Solids

VALUES = ("rotation", "centre", "size", "shape", "colour")
SIZE = (24, 20)


def random_solids(kinds, h=2, seed=0, spread=0.7, extent=0.35, dtype=torch.float32) -> Solids:
    """A leaf of each of ``kinds``, at random in the middle of the world, in ``h`` hypotheses."""
    generator = torch.Generator().manual_seed(seed)
    q = len(kinds)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return Solids(
        kind=torch.tensor([[int(kind) for kind in kinds]] * h, dtype=torch.long).view(h, q),
        rotation=random_rotations(h * q, generator, dtype).view(h, q, 3, 3),
        centre=(uniform(h, q, 3) - 0.5) * 2 * spread,
        size=extent * (0.6 + 0.8 * uniform(h, q, 3)),
        shape=0.3 + 0.6 * uniform(h, q, 2),
        colour=0.1 + 0.8 * uniform(h, q, 3),
        mask=torch.ones(h, q) > 0,
    )


def cameras(h: int, side: int, weak: bool = False, dtype=torch.float32) -> Camera:
    """Views of the origin from all around, every one different."""
    turn = torch.linspace(0, 200, h, dtype=dtype)
    pose = look_at(turn - 20, 25 + turn / 20, turn / 10 - 3, 4 + turn / 400)
    principal = torch.full((h, 2), side / 2, dtype=dtype)
    if weak:
        return WeakPerspectiveCamera(*pose, torch.full((h,), side / 3, dtype=dtype), principal)
    return PerspectiveCamera(*pose, torch.full((h,), 1.3 * side, dtype=dtype), principal)


ALL_KINDS = tuple(Kind)


def out_of_range(solids: Solids) -> list[tuple[dict, str]]:
    """Changes of a cone and a superquadric after which they have no picture, and what the refusal says."""
    return [
        ({"kind": solids.kind + 7}, "kind must be one of"),
        ({"rotation": 2 * solids.rotation}, "rotation must be orthonormal"),
        ({"rotation": -solids.rotation}, "rotation must be orthonormal"),
        ({"rotation": solids.rotation * torch.nan}, "rotation must be orthonormal"),
        ({"centre": solids.centre * torch.inf}, "centre must be finite"),
        ({"size": -solids.size}, "size must be finite and above zero"),
        ({"shape": solids.shape + 1}, "taper"),
        ({"shape": 0.05 + 0 * solids.shape}, "exponents"),
        ({"colour": solids.colour + 1}, "colour must lie in"),
    ]


def gradients(renderer, solids, camera, size=SIZE, kinds=("colour", "coverage", "depth")):
    """Gradients of a weighted sum of the pictures, by the names of the values of solids and camera."""
    leaves = {name: getattr(solids, name).detach().clone().requires_grad_() for name in VALUES}
    views = {f.name: getattr(camera, f.name).detach().clone().requires_grad_() for f in fields(camera)}
    rendering = renderer(replace(solids, **leaves), replace(camera, **views), size)
    loss = 0
    for number, kind in enumerate(kinds):
        picture = getattr(rendering, kind)
        picture = torch.where(picture < torch.inf, picture, 0.0)
        weights = torch.rand(picture.shape, generator=torch.Generator().manual_seed(number))
        loss = loss + (weights.to(picture) * picture).sum()
    found = torch.autograd.grad(
        loss, [*leaves.values(), *views.values()], allow_unused=True, materialize_grads=True
    )
    return dict(zip([*leaves, *(f"camera {name}" for name in views)], found, strict=True))
