"""Prior score, fast: log p(values given template) of h hypotheses at once, in nats.

Densities are with respect to Lebesgue measure on the values of the sites, exactly those of the Pyro program
(:mod:`compvis.grammar.program`): a test holds the two equal site by site.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from compvis.grammar.ink import CharacterTemplate, InkGrammar
from compvis.grammar.placing import template_of
from compvis.grammar.rules import normal_log_prob
from compvis.grammar.values import InkValues, prior_mean, prior_sd, stack_values
from compvis.tree import ParseTree


def log_prior(template: CharacterTemplate, values: InkValues | Mapping[str, Tensor]) -> Float[Tensor, " h"]:
    """log p(all continuous values given the template), nats; differentiable in the values.

    ``values`` are stacked, or by site name with a leading h. Raises ValueError for a missing site.
    """
    return torch.stack(
        [term.flatten(1).sum(1) for term in _log_densities(template, values).tensors().values()]
    ).sum(0)


def log_prior_by_site(
    template: CharacterTemplate, values: InkValues | Mapping[str, Tensor]
) -> dict[str, Float[Tensor, " h"]]:
    """log p of each continuous site given the template, nats, by name; adds up to :func:`log_prior`."""
    densities = _log_densities(template, values).to_sites(template)
    return {site: density.reshape(len(density), -1).sum(1) for site, density in densities.items()}


def log_prior_by_node(
    template: CharacterTemplate, values: InkValues | Mapping[str, Tensor]
) -> dict[str, Float[Tensor, " h"]]:
    """log p of each node's values given the template, nats, by address; adds up to :func:`log_prior`."""
    nodes: dict[str, Tensor] = {}
    for site, score in log_prior_by_site(template, values).items():
        address = site.rpartition("/")[0]
        nodes[address] = nodes[address] + score if address in nodes else score
    return nodes


def log_choice(grammar: InkGrammar, class_index: int, template_index: int) -> dict[str, Tensor]:
    """log p of the two Or-choices, nats, by site: the class, and the template given the class."""
    one = grammar.classes[class_index]
    like = one.templates[template_index].control_points
    return {
        "character/class": grammar.class_log_weights(like).log_softmax(0)[class_index],
        "character/template": one.template_log_weights(like).log_softmax(0)[template_index],
    }


def tree_log_prior(tree: ParseTree, grammar: InkGrammar) -> Tensor:
    """log p(tree given grammar), nats, (): all choices and values. ValueError: see the itemised score."""
    return torch.stack(list(tree_log_prior_by_site(tree, grammar).values())).sum()


def tree_log_prior_by_site(tree: ParseTree, grammar: InkGrammar) -> dict[str, Tensor]:
    """log p(tree given grammar) itemised by site, nats.

    Raises ValueError where the tree is no derivation of the grammar, as after a part was removed or grafted.
    """
    class_index, template_index, template = template_of(tree, grammar)
    sites = tree.site_values()
    scores = log_choice(grammar, class_index, template_index)
    batch = {site: value[None] for site, value in sites.items() if site not in scores}
    scores |= {site: score[0] for site, score in log_prior_by_site(template, batch).items()}
    extra = sites.keys() - scores.keys()
    if extra:
        raise ValueError(f"The tree is no derivation of this grammar: it has an extra value {min(extra)!r}.")
    return scores


def _log_densities(template: CharacterTemplate, values: InkValues | Mapping[str, Tensor]) -> InkValues:
    stacked = stack_values(template, values).tensors()
    means, sds = prior_mean(template).tensors(), prior_sd(template).tensors()
    return InkValues(**{name: normal_log_prob(stacked[name], means[name], sds[name]) for name in stacked})
