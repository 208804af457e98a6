"""Viewpoints learned with the shape, on pictures of a solid whose viewpoints are known to the test alone."""

import numpy as np
import pytest
import torch

from compvis.data.views import view_directions
from compvis.geometry.cameras import WeakPerspectiveCamera, viewpoint_rotation
from compvis.learning.solid_latent import LatentSettings, LatentViews, infer_viewpoints
from compvis.learning.solid_voxels import Rays, compare, compare_colours, draw_hull, shrink_views
from compvis.parsing.solid_image import SolidViews, view_photographs
from compvis.render.solids import Kind, Solids
from compvis.render.solids_renderer import SolidRenderer

SIDE = 64
QUICK = LatentSettings(side=20, step=20.0, starts=1, finalists=1)
# A long body with a head high at one end: kinds, middles, half extents, colours.
PARTS = (
    (Kind.CUBOID, (0.0, 0.0, 0.0), (0.85, 0.25, 0.22), (0.8, 0.5, 0.2)),
    (Kind.ELLIPSOID, (0.7, 0.4, 0.0), (0.25, 0.4, 0.18), (0.3, 0.2, 0.6)),
)


def photograph(view: np.ndarray) -> SolidViews:
    """The solid from every (azimuth, elevation), framed with its true mask."""
    n = len(view)
    kind, middle, size, colour = (
        torch.tensor([part[k] for part in PARTS])[None].repeat(n, *[1] * (1 + (k > 0))) for k in range(4)
    )
    turn = torch.eye(3).expand(n, len(PARTS), 3, 3)
    solids = Solids(kind, turn, middle, size, torch.ones(n, 2, 2), colour, torch.ones(n, 2) > 0)
    angles = torch.tensor(view).float()
    camera = WeakPerspectiveCamera(
        viewpoint_rotation(angles[:, 0], angles[:, 1], torch.zeros(n)),
        torch.zeros(n, 3),
        torch.full((n,), 0.4 * SIDE),
        torch.full((n, 2), SIDE / 2),
    )
    drawn = SolidRenderer(ambient=0.6)(solids, camera, (SIDE, SIDE))
    return view_photographs(drawn.colour.permute(0, 3, 1, 2), drawn.coverage > 0.5)


def drawn_views(n: int, seed: int) -> np.ndarray:
    """Viewpoints uniform over the upper half of the sphere up to 75 degrees, (n, 2)."""
    generator = np.random.default_rng(seed)
    sines = generator.uniform(0, np.sin(np.radians(75)), n)
    return np.stack([generator.uniform(0, 360, n), np.degrees(np.arcsin(sines))], 1)


def angles_between(view: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Degrees between viewing directions, row by row."""
    towards = [view_directions(v[:, 1], v[:, 0]) for v in (view, other)]
    return np.degrees(np.arccos(np.clip((towards[0] * towards[1]).sum(1), -1, 1)))


def infer(seen: SolidViews, view: np.ndarray, settings: LatentSettings = QUICK) -> LatentViews:
    group = torch.zeros(len(view), dtype=torch.long)
    return infer_viewpoints(seen, torch.tensor(view).float(), group, settings)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return drawn_views(14, seed=0)


@pytest.fixture(scope="module")
def free(truth):
    return infer(photograph(truth), np.full_like(truth, np.nan))


def test_viewpoints_are_found_from_pictures_alone_up_to_a_turn_of_the_frame(truth, free):
    found = free.view.double().numpy()
    errors = [np.median(angles_between(found + np.array([turn, 0]), truth)) for turn in range(0, 360, 5)]
    assert min(errors) < 12
    # A frame that is turned by a quarter explains nothing: the test could fail.
    assert errors[(int(np.argmin(errors)) + 18) % 72] > 40
    assert (found[:, 1] >= 0).all()
    assert (free.spread > 0).all()


def test_known_viewpoints_stay_and_fix_the_frame(truth):
    given = truth.copy()
    given[3:] = np.nan
    found = infer(photograph(truth), given)
    np.testing.assert_allclose(found.view[:3].numpy(), truth[:3], atol=1e-4)
    assert (found.spread[:3] == 0).all()
    assert (found.spread[3:] > 0).all()
    assert np.median(angles_between(found.view[3:].double().numpy(), truth[3:])) < 12


def test_viewpoints_do_not_depend_on_the_pictures_order(truth, free):
    order = np.random.default_rng(1).permutation(len(truth))
    again = infer(photograph(truth[order]), np.full_like(truth, np.nan))
    assert again.evidence == pytest.approx(free.evidence, rel=1e-3)
    np.testing.assert_allclose(again.view.numpy(), free.view[order].numpy(), atol=0.5)


def test_a_box_is_drawn_as_large_as_it_is():
    rays = Rays.cast(24, 30.0)
    body = (rays.middle.abs() < torch.tensor([8.0, 3.0, 5.0])).all(1)
    hull = draw_hull(rays, 1 - body.float(), 0.5)
    front, side = rays.nearest(torch.tensor([[0.0, 0.0], [90.0, 0.0]])).tolist()
    assert hull.coverage[front].sum() == pytest.approx(16 * 6, rel=0.02)
    assert hull.coverage[side].sum() == pytest.approx(10 * 6, rel=0.02)
    score = compare(hull.coverage[[front, side]], hull.coverage, 3.0)
    assert score[0].argmax() in (front, rays.nearest(torch.tensor([[180.0, 0.0]])).item())
    assert score[1, side] > score[1, front] + 5


def test_settings_that_cannot_be_used_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        LatentSettings(starts=0)
    with pytest.raises(ValueError, match="one blur"):
        LatentSettings(blurs=(1.0,))


def test_a_picture_alone_in_its_group_has_no_colour_to_be_compared_with():
    """Nothing was painted by others: no viewpoint gains or loses."""
    rays, seen = Rays.cast(12, 30.0), photograph(drawn_views(3, seed=1))
    pictures = shrink_views(seen, torch.tensor([0, 0, 1]), 12)
    hull = draw_hull(rays, 1 - (rays.middle.norm(dim=1) < 4).float(), 0.5)
    share = torch.full((3, len(rays.views)), 1 / len(rays.views))
    scores = compare_colours(rays, pictures, hull, share, 3, False, 0.1, 8.0)
    assert bool((scores[2] == 0).all())
    assert float(scores[:2].std(1).min()) > 0
