"""Ways to search a cube of factors for the smallest value: random, grid, CMA-ES. They know no model and no scene."""

from abc import ABC, abstractmethod

import cma
import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from compvis.data.check import InputError

_STEP = 0.3  # of CMA-ES at the start, in sides of the cube
_PART = 25  # points that a search without memory asks for at once


class Searcher(ABC):
    """Asks for points and is told their values.

    Args:
        start: (d,) a point to begin near. budget: how many points there will be at most. seed: 0 or above.
    """

    def __init__(self, start: Float64[ndarray, "d"], budget: int, seed: int) -> None:
        if budget < 1:
            raise InputError(f"A search needs a budget of at least one render, not {budget}.")
        self.start, self.budget, self.generator = start, budget, np.random.default_rng([seed, 13])

    @abstractmethod
    def ask(self) -> Float64[ndarray, "n d"]:
        """The next points in [0, 1]."""

    @abstractmethod
    def tell(self, points: Float64[ndarray, "n d"], values: Float64[ndarray, "n"]) -> None:
        """Learn from the values at the points asked for last, or at the first of them."""


class _Forgetful(Searcher):
    """A search whose next points do not depend on any value."""

    def tell(self, points: Float64[ndarray, "n d"], values: Float64[ndarray, "n"]) -> None:
        del points, values


class RandomSearch(_Forgetful):
    """Points drawn evenly from the cube."""

    def ask(self) -> Float64[ndarray, "n d"]:
        return self.generator.random((_PART, len(self.start)))


class GridSearch(_Forgetful):
    """The points of the coarsest regular grid that has enough of them, in random order."""

    def __init__(self, start: Float64[ndarray, "d"], budget: int, seed: int) -> None:
        super().__init__(start, budget, seed)
        levels = max(2, int(np.ceil(budget ** (1 / len(start)) - 1e-9)))
        count = min(levels ** len(start), 10**6)
        chosen = self.generator.permutation(count)[:budget]
        places = np.stack(np.unravel_index(chosen, (levels,) * len(start)), 1)
        self._points, self._next = (places + 0.5) / levels, 0

    def ask(self) -> Float64[ndarray, "n d"]:
        if self._next >= len(self._points):
            self._next = 0
        part = self._points[self._next : self._next + _PART]
        self._next += len(part)
        return part


class CMASearch(Searcher):
    """Covariance matrix adaptation (Hansen 2016, arXiv:1604.00772), started anew at a random point when it ends."""

    def __init__(self, start: Float64[ndarray, "d"], budget: int, seed: int) -> None:
        super().__init__(start, budget, seed)
        self._asked: list[ndarray] = []
        self._strategy = self._begin(np.clip(start, 0.05, 0.95))

    def ask(self) -> Float64[ndarray, "n d"]:
        if self._strategy.stop():
            self._strategy = self._begin(self.generator.random(len(self.start)))
        self._asked = self._strategy.ask()
        return np.clip(np.array(self._asked), 0.0, 1.0)[:, : len(self.start)]

    def tell(self, points: Float64[ndarray, "n d"], values: Float64[ndarray, "n"]) -> None:
        if len(points) == len(self._asked):  # a part of a population, at the budget's end, teaches nothing
            self._strategy.tell(self._asked, values.tolist())

    def _begin(self, point: Float64[ndarray, "d"]) -> cma.CMAEvolutionStrategy:
        options = {"bounds": [0, 1], "seed": int(self.generator.integers(1, 2**31)), "verbose": -9}
        # It needs two dimensions: a second one that changes nothing stands beside a single factor.
        padded = point.tolist() if len(point) > 1 else [*point.tolist(), 0.5]
        return cma.CMAEvolutionStrategy(padded, _STEP, options)


SEARCHERS: dict[str, type[Searcher]] = {"random": RandomSearch, "grid": GridSearch, "cmaes": CMASearch}
