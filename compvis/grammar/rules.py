"""And-Or grammars: rules that compose, choose and draw.

A rule draws named values at its node and says their log-density in nats:

* ``log_prob(values)`` is the sum over the rule's own values of log p(value), with respect to Lebesgue
measure for
  the Gaussians and counting measure for a choice; ``values[name]`` has shape ``(h, *event)``, the answer
  ``(h,)``.
* ``sample(h, generator)`` draws h independent copies of the values.
* ``distributions()`` are the same densities as Pyro distributions, for the generative program.

The And-Or graph follows Zhu and Mumford, "A stochastic grammar of images" (2006), section 4.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Independent Normals over a value of any shape: ``mean`` and ``sd`` of that shape."""

    mean: Float[Tensor, "*event"]
    sd: Float[Tensor, "*event"]

    def __post_init__(self) -> None:
        if not (torch.isfinite(self.mean).all() and torch.isfinite(self.sd).all() and (self.sd > 0).all()):
            raise ValueError("A Gaussian needs a finite mean and a finite sd above 0.")

    @cached_property
    def distribution(self) -> TorchDistributionMixin:
        """The same density as a Pyro distribution with the value's shape as event."""
        return dist.Normal(self.mean, self.sd).to_event(self.mean.ndim)

    def log_prob(self, value: Tensor) -> Float[Tensor, " h"]:
        """log p(value) for values (h, *event)."""
        return normal_log_prob(value, self.mean, self.sd).reshape(len(value), -1).sum(1)

    def sample(self, h: int, generator: torch.Generator | None = None) -> Tensor:
        """h draws, (h, *event)."""
        noise = torch.randn(
            h, *self.mean.shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device
        )
        return self.mean + self.sd * noise


@dataclass(frozen=True)
class Child:
    """One named part of an And-rule; ``placement`` (a pose) is where it rests, None: the parent's frame."""

    name: str
    symbol: str
    placement: Tensor | None = None


class _DrawsGaussians:
    """What And- and Leaf-rules share: values drawn from Gaussian priors."""

    priors: Mapping[str, Gaussian]
    rest: Mapping[str, Tensor]

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        return {name: prior.distribution for name, prior in self.priors.items()}

    def log_prob(self, values: Mapping[str, Tensor]) -> Float[Tensor, " h"]:
        _require_names(values, self.priors)
        if not self.priors:
            return torch.zeros(1)
        return torch.stack([prior.log_prob(values[name]) for name, prior in self.priors.items()]).sum(0)

    def sample(self, h: int, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        return {name: prior.sample(h, generator) for name, prior in self.priors.items()}

    def parameters(self) -> dict[str, Tensor]:
        """Every tensor that the rule's density depends on, by name."""
        named = {f"{name}.mean": prior.mean for name, prior in self.priors.items()}
        return named | {f"{name}.sd": prior.sd for name, prior in self.priors.items()}


@dataclass(frozen=True, eq=False)
class AndRule(_DrawsGaussians):
    """Composes: all ``children`` appear, in order. ``rest`` holds geometry that is not drawn."""

    symbol: str
    children: tuple[Child, ...]
    priors: Mapping[str, Gaussian] = field(default_factory=dict)
    rest: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.children:
            raise ValueError(f"And-rule {self.symbol!r} has no children; use a LeafRule for what is drawn.")
        names = [child.name for child in self.children]
        if len(set(names)) != len(names):
            raise ValueError(f"The children of And-rule {self.symbol!r} need different names; got {names}.")


@dataclass(frozen=True, eq=False)
class LeafRule(_DrawsGaussians):
    """Draws: a ``primitive`` of the named kind, ``"ink"`` or a solid, from ``rest`` and the drawn values."""

    symbol: str
    primitive: str
    priors: Mapping[str, Gaussian] = field(default_factory=dict)
    rest: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class OrRule:
    """Chooses one of the ``alternatives`` by unnormalised ``log_weights``; the choice is value ``name``."""

    symbol: str
    name: str
    alternatives: tuple[str, ...]
    log_weights: Float[Tensor, " n"]

    def __post_init__(self) -> None:
        if not self.alternatives:
            raise ValueError(f"Or-rule {self.symbol!r} has no alternatives; give at least one.")
        if len(self.log_weights) != len(self.alternatives) or not torch.isfinite(self.log_weights).all():
            raise ValueError(f"Or-rule {self.symbol!r} needs one finite log weight per alternative.")

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        return {self.name: dist.Categorical(logits=self.log_weights)}

    def log_prob(self, values: Mapping[str, Tensor]) -> Float[Tensor, " h"]:
        _require_names(values, (self.name,))
        return torch.log_softmax(self.log_weights, 0)[values[self.name]]

    def sample(self, h: int, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        weights = torch.softmax(self.log_weights.detach(), 0)
        return {self.name: torch.multinomial(weights, h, replacement=True, generator=generator)}

    def parameters(self) -> dict[str, Tensor]:
        """Every tensor that the rule's density depends on, by name."""
        return {"log_weights": self.log_weights}


Rule = AndRule | OrRule | LeafRule


@dataclass(frozen=True, eq=False)
class Grammar:
    """A start symbol and one rule per symbol; every derivation ends because no symbol can contain itself."""

    start: str
    rules: Mapping[str, Rule]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", dict(self.rules))
        for symbol, rule in self.rules.items():
            if rule.symbol != symbol:
                raise ValueError(
                    f"The rule of {rule.symbol!r} is filed under {symbol!r}; file it under its symbol."
                )
        _require_defined(self.start, "the start symbol", self.rules)
        for symbol, rule in self.rules.items():
            for part in parts_of(rule):
                _require_defined(part, f"a part of {symbol!r}", self.rules)
        self._refuse_cycles()

    @classmethod
    def of(cls, start: str, *rules: Rule) -> "Grammar":
        """Grammar from its rules; two rules for one symbol raise ValueError (use an OrRule)."""
        by_symbol = {rule.symbol: rule for rule in rules}
        if len(by_symbol) != len(rules):
            raise ValueError("Two rules have the same symbol; choose between them with an OrRule.")
        return cls(start, by_symbol)

    def _refuse_cycles(self) -> None:
        finished: set[str] = set()
        for root in self.rules:
            path: dict[str, None] = {}
            pending = [(root, False)]
            while pending:
                symbol, leaving = pending.pop()
                if leaving:
                    path.pop(symbol)
                    finished.add(symbol)
                elif symbol in path:
                    loop = " -> ".join([*path, symbol])
                    raise ValueError(f"The grammar has a cycle: {loop}; derivations must end.")
                elif symbol not in finished:
                    path[symbol] = None
                    pending.append((symbol, True))
                    pending.extend((part, False) for part in parts_of(self.rules[symbol]))


def parts_of(rule: Rule) -> tuple[str, ...]:
    """Symbols that a rule can lead to directly."""
    if isinstance(rule, OrRule):
        return rule.alternatives
    return tuple(child.symbol for child in rule.children) if isinstance(rule, AndRule) else ()


def normal_log_prob(value: Tensor, mean: Tensor | float, sd: Tensor) -> Tensor:
    """Log-density of a Normal at every entry, by broadcasting."""
    return -0.5 * ((value - mean) / sd).square() - sd.log() - 0.5 * math.log(2 * math.pi)


def _require_defined(symbol: str, role: str, rules: Mapping[str, Rule]) -> None:
    if symbol not in rules:
        raise ValueError(f"Symbol {symbol!r}, {role}, has no rule.")


def _require_names(values: Mapping[str, Tensor], names: Mapping[str, Gaussian] | tuple[str, ...]) -> None:
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(f"The rule needs a value {missing[0]!r}; got {sorted(values)}.")
