"""The training loop: schedule, batches, averaged weights, seeds, and that it learns."""

import numpy as np
import pytest
import torch
from torch import nn

from compvis.data.check import InputError
from compvis.networks.training import build_optimizer, draw_batches, schedule, seed_layers, train


def test_schedule_rises_to_one_and_falls_to_nothing():
    values = [schedule(step, 200) for step in range(200)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == pytest.approx(1.0)
    assert int(np.argmax(values)) in (9, 10)
    assert np.all(np.diff(values[10:]) < 0)
    assert values[-1] < 1e-3
    assert schedule(0, 1) == 1.0


def test_batches_use_every_picture_equally_often():
    batches = draw_batches(7, 5, torch.Generator().manual_seed(0))
    counts = torch.bincount(torch.cat([next(batches) for _ in range(14)]), minlength=7)
    assert counts.tolist() == [10] * 7


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_loop_fits_a_line_and_reports_every_step(kind):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=generator)
    y = x @ torch.tensor([1.0, -2.0, 0.5])
    with seed_layers(0, torch.device("cpu")):
        line = nn.Linear(3, 1)
    seen = []
    optimizer = build_optimizer(line, kind, 0.05, 0.0)
    fitted = train(
        line, lambda: (line(x)[:, 0] - y).square().mean(), optimizer, 300, 0.9, lambda *s: seen.append(s)
    )
    assert not fitted.training
    assert float((fitted(x)[:, 0] - y).square().mean().detach()) < 1e-3
    assert [step for step, _, _ in seen] == list(range(1, 301))
    assert all(steps == 300 for _, steps, _ in seen)


def test_kept_weights_are_an_average():
    weight = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(weight.weight)
    optimizer = torch.optim.SGD(weight.parameters(), lr=1.0)
    path = []
    kept = train(
        weight,
        lambda: weight.weight.sum(),
        optimizer,
        20,
        0.5,
        lambda *_: path.append(float(weight.weight.detach())),
    )
    wanted = 0.0
    for step, value in enumerate(path):
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * value
    assert float(kept.weight.detach()) == pytest.approx(wanted, rel=1e-5)
    assert float(kept.weight.detach()) != pytest.approx(path[-1], rel=1e-3)


def test_seeding_layers_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    with seed_layers(5, torch.device("cpu")):
        first = nn.Linear(4, 4).weight
    with seed_layers(5, torch.device("cpu")):
        second = nn.Linear(4, 4).weight
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="optimizer"):
        build_optimizer(nn.Linear(1, 1), "lbfgs", 0.1, 0.0)
    line = nn.Linear(1, 1)
    with pytest.raises(InputError, match="at least one step"):
        train(line, lambda: line.weight.sum(), build_optimizer(line, "sgd", 0.1, 0.0), 0, 0.9)
