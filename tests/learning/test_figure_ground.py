"""Figure and ground, learned by laying training objects before photographs and behind occluders."""

import numpy as np
import pytest
import torch

from compvis.data.backgrounds import Photographs
from compvis.learning.figure_ground import FigureGroundSettings, compose_scenes, learn_figure_ground
from compvis.parsing.solid_image import SIDE, frame_scenes

QUICK = FigureGroundSettings(steps=90, batch=8, pieces=24)


def scenes(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Bright discs in the middle of a dark blue picture, (n, 3, 60, 60), and their masks."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :60] - 29.5
    radii = generator.uniform(12, 20, n)
    masks = np.hypot(x, y) < radii[:, None, None]
    colour = generator.uniform(0.5, 1.0, (n, 3, 1, 1))
    images = np.where(masks[:, None], colour, np.array([0.1, 0.12, 0.4])[:, None, None])
    return torch.from_numpy(images).float(), torch.from_numpy(masks)


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    generator = np.random.default_rng(3)
    coarse = generator.integers(0, 256, (6, 9, 9, 3), np.uint8)
    return Photographs(tuple(np.kron(one, np.ones((12, 12, 1), np.uint8)) for one in coarse), "patches")


def test_composed_scenes_know_what_every_pixel_is(photographs):
    framed = frame_scenes(*scenes(6, seed=0))
    plain, colour, figure = framed.plain.permute(0, 3, 1, 2), framed.colour.permute(0, 3, 1, 2), framed.figure
    behind = torch.full((2, 3, SIDE, SIDE), 0.3)
    always = FigureGroundSettings(before=1.0, occluded=1.0, recoloured=1.0)
    picture, labels = compose_scenes(
        plain, colour, figure[:, None], behind, always, torch.Generator().manual_seed(0)
    )
    assert picture.shape == labels.shape == (6, 3, SIDE, SIDE)
    torch.testing.assert_close(labels.sum(1), torch.ones(6, SIDE, SIDE))
    assert (labels[:, 2].flatten(1).amax(1) > 0.9).all()
    never = FigureGroundSettings(before=0.0, occluded=0.0, recoloured=0.0)
    picture, labels = compose_scenes(
        plain, colour, figure[:, None], behind, never, torch.Generator().manual_seed(0)
    )
    assert float(labels[:, 2].max()) == 0
    # Nothing is laid anywhere: the pictures are as they were, or mirrored, but for their grain.
    apart = torch.minimum((picture - plain).abs(), (picture - plain.flip(3)).abs())
    assert float(apart[labels[:, 1:2].expand_as(apart) > 0.99].max()) < 0.1


def test_figures_are_told_before_pictures_that_were_never_seen(photographs):
    framed = frame_scenes(*scenes(16, seed=1))
    steps: list[int] = []
    net = learn_figure_ground(framed, photographs, QUICK, seed=0, progress=steps.append)
    assert steps[-1] == QUICK.steps
    images, masks = scenes(8, seed=2)
    stripes = torch.from_numpy(np.random.default_rng(5).uniform(0, 0.5, (8, 3, 60, 1))).float()
    changed = torch.where(masks[:, None], images, stripes.expand_as(images))
    new = frame_scenes(changed, masks)
    figure, ground = net.label(new.plain)
    assert float(ground.min()) >= 0
    assert float((figure + ground).max()) <= 1 + 1e-5
    found, true = figure > 0.5, new.figure > 0.5
    overlap = (found & true).sum((1, 2)) / (found | true).sum((1, 2))
    assert float(overlap.median()) > 0.6


def test_settings_without_meaning_are_refused():
    with pytest.raises(ValueError, match="occluded"):
        FigureGroundSettings(occluded=1.5)
    with pytest.raises(ValueError, match="steps"):
        FigureGroundSettings(steps=0)
