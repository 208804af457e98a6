"""Factors that a scene can vary, declared as data: names, ranges, what they are at rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from compvis.data.check import InputError


@dataclass(frozen=True)
class Factor:
    """One thing that can change about a scene.

    Attributes:
        name: what.
        low, high: its range, both included.
        rest: its value where it is not varied, in the range.
        steps: how many values it has, evenly from low to high; None where it is continuous.
        unit: what the values count.
    """

    name: str
    low: float
    high: float
    rest: float
    steps: int | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high or not self.low <= self.rest <= self.high:
            raise InputError(f"The factor {self.name} needs low < high and a value at rest between them.")
        if self.steps is not None and self.steps < 2:
            raise InputError(f"The factor {self.name} needs at least 2 steps, or none.")

    def value(self, place: float) -> float:
        """The value at `place` in [0, 1]; places outside are brought to the nearest end."""
        inside = min(max(place, 0.0), 1.0)
        if self.steps is not None:
            inside = min(int(inside * self.steps), self.steps - 1) / (self.steps - 1)
        return float(self.low + inside * (self.high - self.low))

    def place(self, value: float) -> float:
        """Where in [0, 1] a value is."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class FactorSpace:
    """Factors in a fixed order; a point has one coordinate in [0, 1] for each.

    Raises:
        InputError: two factors of one name, or none.
    """

    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        names = [factor.name for factor in self.factors]
        if not names or len(set(names)) < len(names):
            raise InputError("A space needs at least one factor, and names that differ.")

    def __len__(self) -> int:
        return len(self.factors)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the factors, in order."""
        return tuple(factor.name for factor in self.factors)

    def only(self, names: Sequence[str] | None) -> "FactorSpace":
        """The space of some of the factors, in the order given; all of them for None.

        Raises:
            InputError: an unknown name.
        """
        if names is None:
            return self
        known = {factor.name: factor for factor in self.factors}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InputError(f"Unknown factors {', '.join(unknown)}: choose of {', '.join(known)}.")
        return FactorSpace(tuple(known[name] for name in names))

    def rest(self) -> dict[str, float]:
        """The values at rest."""
        return {factor.name: float(factor.rest) for factor in self.factors}

    def rest_point(self) -> Float64[ndarray, "d"]:
        """The point at rest."""
        return np.array([factor.place(factor.rest) for factor in self.factors])

    def values(self, point: Float64[ndarray, "d"]) -> dict[str, float]:
        """The values at a point."""
        pairs = zip(self.factors, point.tolist(), strict=True)
        return {factor.name: factor.value(place) for factor, place in pairs}


def complete(space: FactorSpace, values: Mapping[str, float]) -> dict[str, float]:
    """Values of all factors: those given, the others at rest.

    Raises:
        InputError: a name that the space does not have.
    """
    unknown = sorted(set(values) - set(space.names))
    if unknown:
        raise InputError(f"Unknown factors {', '.join(unknown)}: choose of {', '.join(space.names)}.")
    return space.rest() | dict(values)
