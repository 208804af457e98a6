"""What learning and answering cost: processor seconds, operations, energy, carbon dioxide.

Two counts of operations stand side by side. *Counted* are the multiplications and additions of matrix products and
convolutions that torch dispatches, forward and backward; elementwise work and compiled (numba) loops are not seen.
*Equivalent* operations are processor seconds, of all threads and all kinds of code, times the rate at which one core of
this machine runs a compiled loop of multiply-adds: an upper bound that sees everything and is the same for every model.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, no_type_check

import numpy as np
from numba import njit
from torch.utils.flop_counter import FlopCounterMode

_RAPL = Path("/sys/class/powercap")
_LENGTH, _TURNS, _DEGREE = 2048, 400, 16  # of the calibrating loop: an array that fits the first cache
_JOULES_A_KWH = 3.6e6


@dataclass(frozen=True)
class EnergyAssumptions:
    """What energy is reckoned with where the machine has no meter that can be read.

    Attributes:
        watts: of one busy core with its share of memory and cooling. Servers of 2020 to 2024 draw 3 to 6 W a hardware
            thread at the socket; doubled for the rest of the machine and its cooling.
        grams_a_kwh: carbon dioxide of a kWh of electricity; about the world's average in 2023.
    """

    watts: float = 10.0
    grams_a_kwh: float = 480.0


@dataclass(frozen=True)
class Cost:
    """Of one piece of work.

    Attributes:
        wall_seconds, cpu_seconds: the latter of all threads. counted: operations that torch dispatched, None where
            they were not counted. equivalent: cpu_seconds times the calibrated rate.
        kwh, grams: energy and carbon dioxide. metered: whether a meter was read, else the assumptions reckon.
    """

    wall_seconds: float
    cpu_seconds: float
    counted: float | None
    equivalent: float
    kwh: float
    grams: float
    metered: bool

    def record(self, prefix: str) -> dict[str, Any]:
        """The fields as values of JSON, each name beginning with the prefix."""
        return {f"{prefix}_{name}": value for name, value in asdict(self).items()}


def measure_cost(
    work: Callable[[], Any], assumptions: EnergyAssumptions, count: bool = False
) -> tuple[Any, Cost]:
    """What `work` gives, and what it cost.

    Args:
        count: also count torch's operations, in a second run of `work`, so that counting costs the first no time.
    """
    rate = operation_rate()
    meter = read_meter()
    started, spent = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - started, time.process_time() - spent
    after = read_meter()
    metered = meter is not None and after is not None and after > meter
    joules = (after or 0.0) - (meter or 0.0) if metered else cpu * assumptions.watts
    counted = None
    if count:
        with FlopCounterMode(display=False) as counter:
            work()
        counted = float(counter.get_total_flops())
    kwh = joules / _JOULES_A_KWH
    return result, Cost(wall, cpu, counted, cpu * rate, kwh, kwh * assumptions.grams_a_kwh, metered)


@lru_cache(maxsize=1)
def operation_rate() -> float:
    """Multiplications and additions a second of one core in a compiled loop, the best of five measurements."""
    values = np.linspace(0.1, 0.9, _LENGTH)
    _polynomial(values, 1)
    best = np.inf
    for _ in range(5):
        started = time.process_time()
        _polynomial(values, _TURNS)
        best = min(best, time.process_time() - started)
    return 2.0 * _LENGTH * _TURNS * _DEGREE / max(best, 1e-9)


def read_meter(folder: Path = _RAPL) -> float | None:
    """Joules that the processor packages have used (Intel's and AMD's RAPL); None where they cannot be read."""
    total, found = 0.0, False
    for meter in sorted(folder.glob("intel-rapl:[0-9]*")):
        if meter.name.count(":") == 1:
            try:
                total += float((meter / "energy_uj").read_text()) * 1e-6
            except (OSError, ValueError):
                return None
            found = True
    return total if found else None


@njit(cache=True, fastmath=True)
@no_type_check
def _polynomial(values, turns):
    total = 0.0
    for turn in range(turns):
        for place in range(len(values)):
            x = values[place]
            y = x
            for _ in range(16):
                y = y * x + 0.5
            total += y + turn
    return total
