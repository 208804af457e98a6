"""The one place where random numbers are seeded.

Library code takes explicit generators; Pyro, and third-party code that draws from the global ones, is seeded
here once a run. Independent streams are derived by name, so that a new consumer never shifts the draws of an
old one.
"""

import hashlib

import numpy as np
import pyro
import torch


def seed_everything(seed: int) -> None:
    """Seed python, numpy, torch (all devices) and Pyro.

    Raises:
        ValueError: ``seed`` is not in [0, 2**32), the range numpy's global generator takes.
    """
    _check(seed)
    pyro.set_rng_seed(seed)  # python's random, numpy and torch follow
    torch.cuda.manual_seed_all(seed)


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed in [0, 2**32) for the stream ``names`` of the run seeded ``seed``; the same on every machine."""
    _check(seed)
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """An independent numpy generator for the stream ``names``."""
    return np.random.default_rng(derive_seed(seed, *names))


def torch_generator(seed: int, *names: str | int, device: str = "cpu") -> torch.Generator:
    """An independent torch generator for the stream ``names`` on ``device``."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


def _check(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2**32 - 1, not {seed}.")
