"""The generative program of ink, in Pyro: the specification of the joint density.

Site names are tree addresses: ``character/class``, ``character/template``, ``character/pose``,
``character/affine``, ``character/warp``, ``character/stroke[0]/affine``,
``character/stroke[0]/substroke[1]/offsets``, ... Stock Pyro inference runs on it.
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
from compvis.grammar.ink import InkGrammar
from compvis.grammar.ink_rules import ink_rules
from compvis.grammar.placing import InkLeaves, Placement, place_tree
from compvis.grammar.rules import Grammar
from compvis.tree import ParseTree

Observe = Callable[[InkLeaves], Tensor | None]


@dataclass(frozen=True, eq=False)
class InkProgram:
    """Draws a character: choices, pose, deformation, pen; then looks at the image, if there is one.

    grammar: what can be drawn.
    observe: takes the leaves (h = 1) of the drawn tree. It returns log p(image given leaves) in nats, (),
        which becomes the factor ``image``; or it calls ``pyro.sample(..., obs=...)`` itself and returns None.
    placement: centre and unit that the pose is relative to; centre 0 and unit 1 by default.
        Outside of Pyro's inference nothing is observed and a call simply draws.
    choice: (class index, template index) to condition on. Then the continuous sites are always the same,
    as SVI
        and NUTS need. The choices stay in the trace as observed sites, so the density is still the joint one.

    Example::

        program = InkProgram(grammar).given(0, 0)
        guide = pyro.infer.autoguide.AutoNormal(program)
    """

    grammar: InkGrammar
    observe: Observe | None = None
    placement: Placement | None = None
    choice: tuple[int, int] | None = None

    @cached_property
    def rules(self) -> Grammar:
        """The rules that the program walks."""
        return ink_rules(self.grammar)

    def given(self, class_index: int, template_index: int) -> "InkProgram":
        """The same program conditioned on a class and a template."""
        if not 0 <= class_index < len(self.grammar.classes):
            raise ValueError(f"There is no class {class_index}; the grammar has {len(self.grammar.classes)}.")
        templates = self.grammar.classes[class_index].templates
        if not 0 <= template_index < len(templates):
            raise ValueError(f"There is no template {template_index}; the class has {len(templates)}.")
        return replace(self, choice=(class_index, template_index))

    def __call__(self) -> tuple[ParseTree, InkLeaves]:
        """One draw: the placed parse tree and its leaves in the image frame (h = 1)."""
        tree = place_tree(ParseTree(derive(self.rules, self._draw)), self.grammar, self.placement)
        leaves = InkLeaves(**{name: tensor[None] for name, tensor in tree.primitives().items()})
        if self.observe is not None and am_i_wrapped():
            log_likelihood = self.observe(leaves)
            if log_likelihood is not None:
                pyro.factor("image", log_likelihood)
        return tree, leaves

    def _draw(self, site: str, density: TorchDistributionMixin) -> Tensor:
        if self.choice is None or site not in ("character/class", "character/template"):
            return pyro.sample(site, density)
        index = self.choice[0] if site == "character/class" else self.choice[1]
        chosen = torch.tensor(index)
        return pyro.sample(site, density, obs=chosen) if am_i_wrapped() else chosen
