"""Grammars as JSON plus named tensors, for safetensors; both directions exact.

``to_state`` gives a record that JSON can hold and a flat mapping of tensors named ``<rule>.<kind>.<name>``.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from compvis.grammar.rules import AndRule, Child, Gaussian, Grammar, LeafRule, OrRule, Rule

FORMAT = "compvis.grammar"
VERSION = 1


def to_state(grammar: Grammar) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The grammar as (JSON record, tensors)."""
    tensors: dict[str, Tensor] = {}
    records = []
    for index, rule in enumerate(grammar.rules.values()):
        record, own = _rule_to_state(rule)
        records.append(record)
        tensors.update({f"{index}.{name}": tensor.detach().contiguous() for name, tensor in own.items()})
    return {"format": FORMAT, "version": VERSION, "start": grammar.start, "rules": records}, tensors


def from_state(record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Grammar:
    """Inverse of :func:`to_state`; raises ValueError for another format, version or missing tensors."""
    if record.get("format") != FORMAT or record.get("version") != VERSION:
        raise ValueError(
            f"Expected a {FORMAT!r} record of version {VERSION}, "
            f"not {record.get('format')!r} of version {record.get('version')!r}."
        )
    try:
        rules = [_rule_from_state(rule, f"{i}.", tensors) for i, rule in enumerate(record["rules"])]
        return Grammar.of(record["start"], *rules)
    except KeyError as error:
        raise ValueError(f"The grammar's state is incomplete: there is no {error}.") from error


def _rule_to_state(rule: Rule) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if isinstance(rule, OrRule):
        alternatives = list(rule.alternatives)
        record = {"kind": "or", "symbol": rule.symbol, "name": rule.name, "alternatives": alternatives}
        return record, {"log_weights": rule.log_weights}
    tensors = {f"rest.{name}": tensor for name, tensor in rule.rest.items()}
    for name, prior in rule.priors.items():
        tensors |= {f"prior.{name}.mean": prior.mean, f"prior.{name}.sd": prior.sd}
    record = {"symbol": rule.symbol, "priors": list(rule.priors), "rest": list(rule.rest)}
    if isinstance(rule, LeafRule):
        return record | {"kind": "leaf", "primitive": rule.primitive}, tensors
    children = []
    for index, child in enumerate(rule.children):
        children.append({"name": child.name, "symbol": child.symbol, "placed": child.placement is not None})
        if child.placement is not None:
            tensors[f"placement.{index}"] = child.placement
    return record | {"kind": "and", "children": children}, tensors


def _rule_from_state(record: Mapping[str, Any], prefix: str, tensors: Mapping[str, Tensor]) -> Rule:
    def get(name: str) -> Tensor:
        return tensors[prefix + name]

    if record["kind"] == "or":
        return OrRule(record["symbol"], record["name"], tuple(record["alternatives"]), get("log_weights"))
    priors = {name: Gaussian(get(f"prior.{name}.mean"), get(f"prior.{name}.sd")) for name in record["priors"]}
    rest = {name: get(f"rest.{name}") for name in record["rest"]}
    if record["kind"] == "leaf":
        return LeafRule(record["symbol"], record["primitive"], priors, rest)
    if record["kind"] != "and":
        raise ValueError(f"Unknown kind of rule {record['kind']!r}; expected 'and', 'or' or 'leaf'.")
    children = tuple(
        Child(child["name"], child["symbol"], get(f"placement.{i}") if child["placed"] else None)
        for i, child in enumerate(record["children"])
    )
    return AndRule(record["symbol"], children, priors, rest)
