"""The scattering transform against what is known of it."""

import numpy as np
import pytest
import torch

from compvis.baselines.scattering import build_filters, scatter
from compvis.data.check import InputError


def test_wavelets_have_no_mean_and_cover_the_frequencies():
    low, waves = build_filters(32, 3, 8)
    assert waves.shape == (3, 8, 32, 32)
    assert waves[..., 0, 0].abs().max() < 1e-6
    assert low[0, 0] == pytest.approx(1, abs=1e-4)
    # Over half a turn of orientations the wavelets see each frequency or its opposite.
    energy = waves.square().sum((0, 1))
    both = low.square() + (energy + energy.flip((0, 1)).roll((1, 1), (0, 1))) / 2
    assert both.max() < 2.5
    assert both[0, 1:10].min() > 0.1


def test_a_plain_picture_has_only_its_mean():
    found = scatter(torch.full((1, 16, 16), 0.7), 2, 4)
    assert found.shape == (1, 1 + 2 * 4 + 16, 4, 4)
    torch.testing.assert_close(found[:, 0], torch.full((1, 4, 4), 0.7), atol=1e-4, rtol=0)
    assert found[:, 1:].abs().max() < 1e-4


def test_stripes_answer_in_their_own_orientation_and_moves_change_little():
    x = torch.arange(32.0)
    stripes = torch.cos(0.75 * np.pi * x).expand(1, 32, 32)  # vary along x: orientation 0, finest scale
    first = scatter(stripes, 2, 4)[0, 1:9, 2:-2, 2:-2].mean((1, 2))
    assert int(first.argmax()) == 0
    assert first[0] > 5 * first[2]
    generator = torch.Generator().manual_seed(0)
    blob = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 36, 36, generator=generator), 5, 1)[:, 0]
    moved = blob.roll(1, 2)
    change = (scatter(blob, 3, 4) - scatter(moved, 3, 4)).norm() / scatter(blob, 3, 4).norm()
    assert change < 0.5 * (blob - moved).norm() / (blob - blob.mean()).norm()


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(InputError, match="scales"):
        scatter(torch.zeros(1, 6, 6), 3, 4)
