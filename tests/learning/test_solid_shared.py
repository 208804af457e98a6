"""One division into parts for objects that differ in their extents."""

import numpy as np
import pytest
import torch

import compvis
from compvis.data.check import InputError
from compvis.geometry.cameras import WeakPerspectiveCamera, viewpoint_rotation
from compvis.geometry.rotations import from_axis_angle
from compvis.learning.solid_fit import FitSettings, Leaves, Poses, first_poses
from compvis.learning.solid_shared import find_boxes, stretch
from compvis.parsing.solid_image import SIDE
from compvis.render.solids import Kind, Solids
from compvis.render.solids_reference import ReferenceSolidRenderer

VIEWS = [(azimuth, elevation) for azimuth in (15.0, 75.0, 140.0, 250.0) for elevation in (5.0, 35.0)]


def stool(width: float, height: float) -> Solids:
    """A plate on a post, height along y; centred about the middle of its box."""
    centre = torch.tensor([[0, height - 0.1, 0], [0, -0.1, 0]])[None]
    size = torch.tensor([[width, 0.1, 0.4], [0.12, height - 0.1, 0.12]])[None]
    two = torch.ones(1, 2)
    return Solids(
        torch.full((1, 2), int(Kind.CUBOID)), torch.eye(3).expand(1, 2, 3, 3), centre, size,
        torch.ones(1, 2, 2), torch.tensor([[[0.9, 0.2, 0.1], [0.1, 0.3, 0.9]]]), two > 0,
    )  # fmt: skip


def pictures(width: float, height: float):
    """Colour pictures, masks and true part maps (0 plate, 1 post, -1 none) from every direction of VIEWS."""
    images, masks, parts = [], [], []
    for azimuth, elevation in VIEWS:
        turn = viewpoint_rotation(*(torch.tensor([angle]) for angle in (azimuth, elevation, 0.0)))
        camera = WeakPerspectiveCamera(
            turn, torch.zeros(1, 3), torch.tensor([SIDE * 0.38]), torch.full((1, 2), SIDE / 2)
        )
        drawn = ReferenceSolidRenderer()(stool(width, height), camera, (SIDE, SIDE))
        cover = drawn.coverage[0].numpy() > 0.5
        images.append(np.where(cover[..., None], 255 * drawn.colour[0].numpy(), 20).astype(np.uint8))
        masks.append(cover)
        parts.append(np.where(cover, drawn.owner[0].numpy(), -1))
    return np.stack(images), np.stack(masks), np.stack(parts)


def test_a_stretched_ellipsoid_has_the_stretched_surface():
    generator = torch.Generator().manual_seed(0)
    n = 4
    leaves = Leaves(
        torch.zeros(n, dtype=torch.long), torch.randn(n, 3, generator=generator),
        0.7 * torch.randn(n, 3, generator=generator), 0.5 * torch.randn(n, 3, generator=generator),
        torch.ones(n, 2), torch.ones(n) > 0, True,
    )  # fmt: skip
    middle, half = torch.tensor([0.1, 0.2, 0.0]), torch.tensor([0.5, 1.4, 0.8])
    out = stretch(leaves, middle, half)
    ball = torch.nn.functional.normalize(torch.randn(n, 50, 3, generator=generator), dim=-1)

    def surface(one: Leaves) -> torch.Tensor:
        return one.centre[:, None] + (ball * one.log_size.exp()[:, None]) @ from_axis_angle(one.turn).mT

    moved = surface(leaves) * half + middle
    local = (moved - out.centre[:, None]) @ from_axis_angle(out.turn) / out.log_size.exp()[:, None]
    torch.testing.assert_close(local.norm(dim=-1), torch.ones(n, 50), atol=2e-4, rtol=0)
    same = stretch(leaves, torch.zeros(3), torch.ones(3))
    torch.testing.assert_close(surface(same), surface(leaves), atol=2e-4, rtol=0)


def test_boxes_are_found_for_each_object():
    figures = torch.from_numpy(np.concatenate([pictures(0.9, 0.5)[1], pictures(0.4, 0.95)[1]])).float()
    poses = first_poses(torch.tensor(VIEWS * 2))
    scale = torch.full((len(figures),), SIDE * 0.38).log()
    poses = Poses(poses.view, poses.turned, scale, poses.shift)
    objects = np.repeat([0, 1], len(VIEWS))
    boxes = find_boxes(poses, figures, objects, torch.full((3,), 1.2), FitSettings(grid=30))
    torch.testing.assert_close(boxes.half[:, 0], torch.tensor([0.9, 0.4]), atol=0.15, rtol=0)
    torch.testing.assert_close(boxes.half[:, 1], torch.tensor([0.5, 0.95]), atol=0.15, rtol=0)
    torch.testing.assert_close(boxes.middle, torch.zeros(2, 3), atol=0.1, rtol=0)


def test_parts_are_shared_by_objects_of_other_extents():
    shapes = [(0.9, 0.5), (0.45, 0.95), (0.7, 0.75)]
    seen = [pictures(*shape) for shape in shapes]
    ball = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE / 2 + 0.5)) < 15
    balls = np.repeat(np.where(ball[..., None], 200, 20).astype(np.uint8)[None].repeat(3, -1), len(VIEWS), 0)
    images = np.concatenate([*(own[0] for own in seen[:2]), balls])
    masks = np.concatenate([*(own[1] for own in seen[:2]), ball[None].repeat(len(VIEWS), 0)])
    labels = np.repeat(["stool", "stool", "ball"], len(VIEWS))
    objects = np.repeat([7, 9, 7], len(VIEWS))
    model = compvis.GrammarClassifier(
        domain="solids",
        fit={"parts": 8, "steps": [30, 30], "grid": 20},
        step=30.0,
        colour_weight=0.0,
        recombined=0,
    )
    assert isinstance(model, compvis.GrammarClassifier)
    model.fit(images, labels, masks, VIEWS * 3, objects=objects)  # pyright: ignore[reportCallIssue]
    stools = model.model.grammar.categories[1].templates
    assert len(stools) == 2
    assert [len(one.kind) for one in stools] == [len(stools[0].kind)] * 2
    votes = np.zeros((len(stools[0].kind), 2))
    for image, mask, true in zip(
        *(np.concatenate([own[k] for own in seen[:2]]) for k in range(3)), strict=True
    ):
        found = model.parse(image, mask, alternatives=1).parts  # pyright: ignore[reportCallIssue]
        both = (found >= 0) & (true >= 0)
        np.add.at(votes, (found[both], true[both]), 1)
    names, right, asked = votes.argmax(1), 0, 0
    for image, mask, true in zip(*seen[2], strict=True):
        parse = model.parse(image, mask, alternatives=1)  # pyright: ignore[reportCallIssue]
        assert parse.label == "stool"
        both = (parse.parts >= 0) & (true >= 0)
        right += (names[parse.parts[both]] == true[both]).sum()
        asked += both.sum()
    assert right / asked > 0.85
    with pytest.raises(InputError, match="one object a picture"):
        model.fit(images, labels, masks, VIEWS * 3, objects=objects[1:])  # pyright: ignore[reportCallIssue]
