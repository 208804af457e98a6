"""The learner of solids, step by step, on figures of leaves that are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from compvis.geometry.rotations import angle_between, from_axis_angle
from compvis.grammar.solid import SolidTemplate
from compvis.learning.solid_fit import (
    FitSettings,
    Leaves,
    carve,
    divide,
    draw_leaves,
    drop_parts,
    first_poses,
    improve,
    misfit,
    try_kinds,
)
from compvis.learning.solid_groups import group_pictures
from compvis.learning.solid_templates import align_parts
from compvis.parsing.solid_image import SIDE, SolidViews
from compvis.render.solids_renderer import SolidRenderer

VIEWS = torch.tensor([[a, e] for e in (0.0, 35.0, 70.0) for a in (10.0, 100.0, 190.0, 280.0)])
FLIP = torch.diag(torch.tensor([1.0, 1.0, -1.0]))
SETTINGS = FitSettings(grid=24)


def leaves_of(centre, size, turn=None, twin=None):
    """Ellipsoids; with ``twin`` of an object that is its own mirror image."""
    n = len(centre)
    return Leaves(
        kind=torch.zeros(n, dtype=torch.long),
        centre=torch.tensor(centre),
        turn=torch.zeros(n, 3) if turn is None else torch.tensor(turn),
        log_size=torch.tensor(size).log(),
        shape=torch.ones(n, 2),
        twin=torch.zeros(n) > 0 if twin is None else torch.tensor(twin),
        flat=twin is not None,
    )


def figures_of(leaves):
    with torch.no_grad():
        return draw_leaves(leaves, first_poses(VIEWS), SolidRenderer(softness=0.5))


def inside(points, size, centre=(0.0, 0.0, 0.0)):
    return ((points - torch.tensor(centre)) / torch.tensor(size)).square().sum(1) <= 1


def test_carving_recovers_the_volume_of_a_known_shape():
    size = (0.8, 0.5, 0.35)
    figure = figures_of(leaves_of([[0.0, 0.0, 0.0]], [size]))
    corners = -torch.ones(3), torch.ones(3)
    points, symmetric = carve(first_poses(VIEWS), figure, *corners, SETTINGS)
    assert symmetric
    assert points[:, 2].min() >= 0  # half of it, each point standing for two
    everything, _ = carve(first_poses(VIEWS), torch.ones_like(figure), *corners, SETTINGS)
    found = torch.zeros(len(everything)) > 0
    found[torch.cdist(points, everything).argmin(1)] = True
    truth = inside(everything, size)
    assert (found & truth).sum() / (found | truth).sum() > 0.8
    assert found[truth].float().mean() > 0.97  # outlines never cut into the object


def test_what_is_no_mirror_image_of_itself_is_carved_whole():
    figure = figures_of(leaves_of([[0.4, 0.0, 0.35], [-0.3, 0.2, -0.1]], [(0.3, 0.3, 0.3), (0.2, 0.4, 0.2)]))
    points, symmetric = carve(first_poses(VIEWS), figure, -torch.ones(3), torch.ones(3), SETTINGS)
    assert not symmetric
    assert inside(points, (0.4, 0.4, 0.4), (0.4, 0.0, 0.35)).any()
    assert points[:, 2].min() < 0


def solid_points(size, axes, centre=(0.0, 0.0, 0.0), step=0.04):
    line = torch.arange(-1.2, 1.2, step)
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    return (grid[inside(grid, size)] @ axes.T) + torch.tensor(centre)


def test_division_gives_ellipsoids_the_moments_of_their_points():
    size, centre = (0.7, 0.45, 0.25), (0.1, -0.2, 0.3)
    axes = from_axis_angle(torch.tensor([0.3, -0.5, 0.7]))
    found = divide(solid_points(size, axes, centre), False, replace(SETTINGS, parts=1), seed=0)
    assert len(found.kind) == 1
    torch.testing.assert_close(found.centre[0], torch.tensor(centre), atol=0.01, rtol=0)
    torch.testing.assert_close(
        found.log_size[0].exp().sort().values, torch.tensor(size).sort().values, atol=0.02, rtol=0
    )
    _, rotation, _, extent, _ = found.unfold()
    moments = rotation[0] @ extent[0].square().diag() @ rotation[0].T
    torch.testing.assert_close(moments, axes @ torch.tensor(size).square().diag() @ axes.T, atol=0.02, rtol=0)


def test_division_of_a_symmetric_half_pairs_what_lies_off_the_plane():
    left = solid_points((0.2, 0.2, 0.2), torch.eye(3), (0.0, 0.0, 0.7))
    middle = solid_points((0.4, 0.2, 0.2), torch.eye(3), (0.0, 0.0, 0.0))
    points = torch.cat([left, middle[middle[:, 2] >= 0.0]])
    found = divide(points, True, replace(SETTINGS, parts=3), seed=0)
    assert sorted(found.twin.tolist()) == [False, True]
    pair = int(found.twin.nonzero())
    torch.testing.assert_close(found.centre[pair], torch.tensor([0.0, 0.0, 0.7]), atol=0.02, rtol=0)
    torch.testing.assert_close(found.centre[1 - pair], torch.zeros(3), atol=0.02, rtol=0)


def test_improvement_lowers_the_misfit_and_moves_leaves_to_the_truth():
    truth = leaves_of([[0.4, 0.0, 0.0], [-0.4, 0.2, 0.0]], [(0.4, 0.25, 0.25), (0.2, 0.4, 0.2)])
    figure = figures_of(truth)
    start = replace(truth, centre=truth.centre + 0.12, log_size=truth.log_size + math.log(1.25))
    poses = first_poses(VIEWS)
    found, placed = improve(start, poses, figure, SolidRenderer().with_softness, 40, (2.0, 0.6), 0.03)
    sharp = SolidRenderer(softness=0.6)
    with torch.no_grad():
        before, after = (
            misfit(figure, draw_leaves(*pair, sharp)).sum() for pair in ((start, poses), (found, placed))
        )
    assert after < 0.4 * before
    apart = found.centre[0] - found.centre[1]
    torch.testing.assert_close(apart, truth.centre[0] - truth.centre[1], atol=0.1, rtol=0)


def test_twins_stay_mirrored_and_the_middle_stays_in_the_plane():
    start = leaves_of(
        [[0.3, 0.1, 0.4], [-0.3, 0.0, 0.2]],
        [(0.3, 0.2, 0.2), (0.4, 0.3, 0.2)],
        turn=[[0.2, 0.3, 0.1], [0.4, 0.3, 0.2]],
        twin=[True, False],
    )
    # The pictures are of something else, and not symmetric.
    figure = figures_of(leaves_of([[0.2, 0.3, 0.3], [-0.2, -0.3, -0.1]], [(0.5, 0.2, 0.3), (0.2, 0.4, 0.2)]))
    found, _ = improve(start, first_poses(VIEWS), figure, SolidRenderer().with_softness, 10, (2.0, 1.0), 0.03)
    assert (found.centre - start.centre).abs().max() > 0.02
    _, rotation, centre, size, _ = found.unfold()
    assert len(centre) == 3
    torch.testing.assert_close(centre[1], centre[0] @ FLIP)
    torch.testing.assert_close(rotation[1], FLIP @ rotation[0] @ FLIP)
    torch.testing.assert_close(size[1], size[0])
    assert centre[2, 2] == 0
    assert angle_between(rotation[2], FLIP @ rotation[2] @ FLIP) < 1e-3


def test_a_part_that_explains_nothing_is_dropped_and_others_are_kept():
    outer, arm = ([0.0, 0.0, 0.0], (0.5, 0.5, 0.5)), ([0.8, 0.0, 0.0], (0.4, 0.15, 0.15))
    figure = figures_of(leaves_of([outer[0], arm[0]], [outer[1], arm[1]]))
    leaves = leaves_of(
        [outer[0], [0.05, 0.0, 0.0], arm[0]], [outer[1], (0.2, 0.2, 0.2), arm[1]]
    )  # the second lies inside the first
    kept = drop_parts(leaves, first_poses(VIEWS), figure, SolidRenderer(softness=0.6), cost=1.5)
    assert kept.tolist() == [True, False, True]


@pytest.mark.parametrize(("kind", "factor", "shape"), [(1, 0.8, (1.0, 1.0)), (2, 0.87, (0.0, 0.0))])
def test_every_kind_is_tried_at_the_size_of_the_leaf_and_the_best_is_taken(kind, factor, shape):
    round_one = leaves_of([[0.0, 0.0, 0.0]], [(0.5, 0.8, 0.5)])
    truth = replace(
        round_one,
        kind=torch.tensor([kind]),
        log_size=round_one.log_size + math.log(factor),
        shape=torch.tensor([shape]),
    )
    found = try_kinds(round_one, first_poses(VIEWS), figures_of(truth), SolidRenderer(softness=0.5), 0.1)
    assert found.kind.item() == kind
    torch.testing.assert_close(found.log_size, truth.log_size)
    kept = try_kinds(round_one, first_poses(VIEWS), figures_of(round_one), SolidRenderer(softness=0.5), 0.1)
    assert kept.kind.item() == 0


def template(centre, present):
    q = len(centre)
    return SolidTemplate(
        kind=torch.arange(q),
        rotation=torch.eye(3).expand(q, 3, 3).contiguous(),
        centre=centre,
        size=torch.arange(1.0, q + 1)[:, None].expand(q, 3).contiguous(),
        shape=torch.ones(q, 2),
        colour=torch.zeros(q, 3),
        present=torch.tensor(present),
        pixels=torch.tensor(20.0),
    )


def test_parts_are_renumbered_alike_and_missing_ones_are_absent():
    centre = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]])
    order = torch.tensor([2, 0, 3, 1])
    first = template(centre, [True] * 4)
    other = template(centre[order] + 0.05, [True, True, False, True])  # lacks the part at -x
    one, two = align_parts([first, other])
    torch.testing.assert_close(one.centre, centre)
    assert two.present.tolist() == [True, True, True, False]
    torch.testing.assert_close(two.centre[:3], centre[:3] + 0.05)
    assert two.kind[:3].tolist() == [1, 3, 0]  # where each stood before
    torch.testing.assert_close(two.size[:3, 0], torch.tensor([2.0, 4.0, 1.0]))


@pytest.mark.parametrize(("most", "least", "groups"), [(2, 4, 2), (1, 4, 1), (3, 10, 1)])
def test_pictures_are_grouped_by_colour_where_there_are_enough(most, least, groups):
    generator = torch.Generator().manual_seed(0)
    red, blue = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.5, -0.1, -0.25])
    which = torch.tensor([0, 1, 1, 0, 0, 1, 0, 1])
    figure = torch.zeros(8, SIDE, SIDE)
    figure[:, 10:30, 10:30] = 1.0
    colour = torch.stack([red, blue])[which][:, None, None].expand(8, SIDE, SIDE, 3)
    colour = colour + 0.02 * torch.randn(colour.shape, generator=generator)
    seen = SolidViews(
        figure,
        1 - figure,
        colour,
        torch.zeros(8, 2),
        torch.ones(8),
        torch.zeros(8),
        *(2 * (torch.ones(8) > 0,)),
    )
    found = group_pictures(seen, most, least)
    assert len(np.unique(found)) == groups
    if groups == 2:
        assert len({(int(g), int(w)) for g, w in zip(found, which, strict=True)}) == 2
