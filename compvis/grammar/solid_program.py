"""The generative program of solids, in Pyro: the specification of the joint density.

Site names are tree addresses: ``object/category``, ``object/alternative``, ``object/view``, ``object/scale``,
``object/shift``, ``object/stretch``, ``object/part[2]/offset``, ... Stock Pyro inference runs on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.runtime import am_i_wrapped
from torch import Tensor

from compvis.grammar.derivation import derive
from compvis.grammar.rules import Grammar
from compvis.grammar.solid import SolidGrammar, SolidTemplate, SolidValues, solid_rules, values_of_sites
from compvis.tree import ParseTree

Observe = Callable[[SolidTemplate, SolidValues], Tensor]


@dataclass(frozen=True, eq=False)
class SolidProgram:
    """Draws an object: category, alternative, viewpoint about a proposal's, placement, deformation.

    grammar: what can be drawn. names: of its categories.
    observe: takes the drawn template and values (h = 1) and returns log p(image | them), nats, (), which becomes
        the factor ``image``. Outside of Pyro's inference nothing is observed.
    choice: (category, alternative) to condition on. The choices stay in the trace as observed sites, so the
        density is still the joint one.

    Example::

        program = SolidProgram(grammar, names).given(0, 0)
        guide = pyro.infer.autoguide.AutoNormal(program)
    """

    grammar: SolidGrammar
    names: tuple[str, ...]
    observe: Observe | None = None
    choice: tuple[int, int] | None = None

    @cached_property
    def rules(self) -> Grammar:
        """The rules that the program walks."""
        return solid_rules(self.grammar, list(self.names))

    def given(self, category: int, alternative: int) -> "SolidProgram":
        """The same program conditioned on a category and an alternative."""
        if (category, alternative) not in self.grammar.templates:
            raise ValueError(f"The grammar has no alternative {alternative} of a category {category}.")
        return replace(self, choice=(category, alternative))

    def __call__(self) -> ParseTree:
        """One draw."""
        tree = ParseTree(derive(self.rules, self._draw, "object"), "object")
        if self.observe is not None and am_i_wrapped():
            sites = tree.site_values()
            template = self.grammar.template(int(sites["object/category"]), int(sites["object/alternative"]))
            pyro.factor("image", self.observe(template, values_of_sites(template, sites)))
        return tree

    def _draw(self, site: str, density: TorchDistributionMixin) -> Tensor:
        if self.choice is None or site not in ("object/category", "object/alternative"):
            return pyro.sample(site, density)
        chosen = torch.tensor(self.choice[0] if site == "object/category" else self.choice[1])
        return pyro.sample(site, density, obs=chosen) if am_i_wrapped() else chosen
