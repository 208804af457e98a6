import numpy as np
import pytest
import torch

from compvis.running import derive_seed, numpy_generator, seed_everything, torch_generator


def test_streams_are_fixed_for_ever_and_differ_by_name():
    assert derive_seed(0, "subset") == 2987053667
    seeds = {
        derive_seed(seed, name, i) for seed in range(3) for name in ("subset", "model") for i in range(5)
    }
    assert len(seeds) == 30


def test_generators_repeat():
    assert numpy_generator(1, "a").random() == numpy_generator(1, "a").random()
    assert numpy_generator(1, "a").random() != numpy_generator(2, "a").random()
    first = torch.rand(3, generator=torch_generator(1, "a"))
    assert torch.equal(first, torch.rand(3, generator=torch_generator(1, "a")))
    assert not torch.equal(first, torch.rand(3, generator=torch_generator(1, "b")))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be"):
        seed_everything(seed)


def test_global_generators_follow_the_seed():
    def draw():
        return np.random.rand(), torch.rand(()).item()  # noqa: NPY002  the global generator is meant

    seed_everything(5)
    first = draw()
    seed_everything(5)
    assert draw() == first
