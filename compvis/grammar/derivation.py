"""Derivations of a grammar: walk its rules from the start symbol, drawing or reading every value."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from compvis.grammar.rules import AndRule, Grammar, OrRule
from compvis.tree import Node, ParseTree

Draw = Callable[[str, TorchDistributionMixin], Tensor]


def derive(grammar: Grammar, draw: Draw, address: str = "character") -> Node:
    """One derivation, with the value at site ``address/name`` given by ``draw(site, distribution)``.

    With ``draw = pyro.sample`` this is the generative program. An Or-rule leaves no node of its own: its
    choice is a value of the node that the chosen alternative makes. ``Node.choice`` is the choice closest
    to that node.
    """
    return _derive(grammar, grammar.start, draw, address)


def _derive(grammar: Grammar, symbol: str, draw: Draw, address: str) -> Node:
    rule = grammar.rules[symbol]
    values = {name: draw(f"{address}/{name}", density) for name, density in rule.distributions().items()}
    if isinstance(rule, OrRule):
        index = int(values[rule.name])
        node = _derive(grammar, rule.alternatives[index], draw, address)
        choice = index if node.choice is None else node.choice
        return replace(node, values=values | dict(node.values), choice=choice)
    children = rule.children if isinstance(rule, AndRule) else ()
    nodes = {
        child.name: _derive(grammar, child.symbol, draw, f"{address}/{child.name}") for child in children
    }
    return Node(symbol, values, nodes)


def log_prob_by_site(grammar: Grammar, tree: ParseTree) -> dict[str, Tensor]:
    """log p of every site of a tree under the grammar, in nats; the sum is the prior score of the tree.

    The obvious implementation, for any grammar; :mod:`compvis.grammar.score` is the batched one for ink.
    Raises ValueError where the tree is not a derivation of the grammar.
    """
    sites = tree.site_values()
    scores: dict[str, Tensor] = {}

    def read(site: str, density: TorchDistributionMixin) -> Tensor:
        if site not in sites:
            raise ValueError(f"The tree is no derivation of this grammar: it has no {site!r}.")
        scores[site] = density.log_prob(sites[site])
        return sites[site]

    _check_children(derive(grammar, read, tree.name), tree.root, tree.name)
    return _in_order(scores, sites)


def _check_children(derived: Node, given: Node, address: str) -> None:
    extra = given.children.keys() - derived.children.keys()
    if extra:
        raise ValueError(
            f"The tree is no derivation of this grammar: it has an extra {address}/{min(extra)}."
        )
    for name, child in derived.children.items():
        _check_children(child, given.children[name], f"{address}/{name}")


def _in_order(scores: Mapping[str, Tensor], sites: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {site: scores[site] for site in sites if site in scores}
