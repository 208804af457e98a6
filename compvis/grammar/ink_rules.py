"""The ink grammar written out as And-, Or- and Leaf-rules: the specification that the Pyro program walks."""

import torch
from torch import Tensor

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import CharacterTemplate, InkGrammar
from compvis.grammar.rules import AndRule, Child, Gaussian, Grammar, LeafRule, OrRule, Rule


def ink_rules(grammar: InkGrammar) -> Grammar:
    """Every rule of an ink grammar, from the start symbol ``character`` down to the sub-strokes."""
    like = grammar.classes[0].templates[0].control_points
    class_symbols = tuple(f"class {label}" for label in grammar.labels)
    rules: list[Rule] = [OrRule("character", "class", class_symbols, grammar.class_log_weights(like))]
    for symbol, one in zip(class_symbols, grammar.classes, strict=True):
        template_symbols = tuple(f"{one.label}/template[{k}]" for k in range(len(one.templates)))
        rules.append(OrRule(symbol, "template", template_symbols, one.template_log_weights(like)))
        for template_symbol, template in zip(template_symbols, one.templates, strict=True):
            rules.extend(template_rules(template, template_symbol))
    return Grammar.of("character", *rules)


def template_rules(template: CharacterTemplate, symbol: str) -> list[Rule]:
    """The And-rule of a template under ``symbol``, and the rules of its strokes and sub-strokes."""
    prior, like = template.prior, template.control_points.detach()
    character = {
        "pose": Gaussian(like.new_zeros(3), pose_sd(prior, like)),
        "affine": Gaussian(like.new_zeros(2, 3), affine_sd(prior.linear, prior.translation, like)),
        "warp": _centred(prior.warp, (prior.n_warp, 2), like),
    }
    stroke_affine = Gaussian(
        like.new_zeros(2, 3), affine_sd(prior.stroke_linear, prior.stroke_translation, like)
    )
    leaf = {
        "offsets": _centred(prior.offset, (4, 2), like),
        "log_width": _centred(prior.log_width, (), like),
        "darkness_logit": Gaussian(like.new_tensor(prior.darkness_mean), like.new_tensor(prior.darkness_sd)),
    }
    strokes = tuple(Child(f"stroke[{i}]", f"{symbol}/stroke[{i}]") for i in range(template.n_strokes))
    rules: list[Rule] = [AndRule(symbol, strokes, character)]
    for child, stroke in zip(strokes, template.strokes, strict=True):
        leaves = tuple(
            Child(f"substroke[{j}]", f"{child.symbol}/substroke[{j}]") for j in range(len(stroke.widths))
        )
        rules.append(AndRule(child.symbol, leaves, {"affine": stroke_affine}))
        for j, one in enumerate(leaves):
            rest = {"control_points": stroke.control_points[j], "width": stroke.widths[j]}
            rules.append(LeafRule(one.symbol, "ink", leaf, rest))
    return rules


def pose_sd(prior: DeformationPrior, like: Tensor) -> Tensor:
    """Standard deviations (3,) of the root pose: centre x, y in units of the placement, and log unit."""
    return like.new_tensor([prior.pose_centre, prior.pose_centre, prior.pose_log_unit])


def affine_sd(linear: float, translation: float, like: Tensor) -> Tensor:
    """Standard deviations (2, 3) of an affine residual ``[L | t]``."""
    return like.new_tensor([linear, linear, translation]).expand(2, 3)


def _centred(sd: float, shape: tuple[int, ...], like: Tensor) -> Gaussian:
    return Gaussian(like.new_zeros(shape), torch.full(shape, sd, dtype=like.dtype, device=like.device))
