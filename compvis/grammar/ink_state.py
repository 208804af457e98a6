"""Ink grammars as a small JSON record plus four tensors, for safetensors; both directions exact."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import CharacterClass, CharacterTemplate, InkGrammar, StrokeTemplate

FORMAT = "compvis.ink_grammar"
VERSION = 1


def ink_to_state(grammar: InkGrammar) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The grammar as (JSON record, tensors).

    Tensors, over all templates in order: ``control_points`` (n, 4, 2) and ``widths`` (n,) of every
    sub-stroke, ``stroke_sizes`` sub-strokes of each stroke, ``template_sizes`` strokes of each template.
    The record holds the labels, the number of templates and the log weights of each class, and the prior
    of each template.
    """
    templates = [template for one in grammar.classes for template in one.templates]
    strokes = [stroke for template in templates for stroke in template.strokes]
    record = {
        "format": FORMAT,
        "version": VERSION,
        "log_weights": None if grammar.log_weights is None else list(grammar.log_weights),
        "classes": [
            {
                "label": one.label,
                "log_weights": None if one.log_weights is None else list(one.log_weights),
                "priors": [template.prior.to_dict() for template in one.templates],
            }
            for one in grammar.classes
        ],
    }
    tensors = {
        "control_points": torch.cat([stroke.control_points for stroke in strokes]).detach(),
        "widths": torch.cat([stroke.widths for stroke in strokes]).detach(),
        "stroke_sizes": torch.tensor([len(stroke.widths) for stroke in strokes]),
        "template_sizes": torch.tensor([template.n_strokes for template in templates]),
    }
    return record, tensors


def ink_from_state(record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> InkGrammar:
    """Inverse of :func:`ink_to_state`; raises ValueError for another format or version and for damage."""
    if record.get("format") != FORMAT or record.get("version") != VERSION:
        raise ValueError(
            f"Expected a {FORMAT!r} record of version {VERSION}, "
            f"not {record.get('format')!r} of version {record.get('version')!r}."
        )
    try:
        return _read(record, tensors)
    except (KeyError, TypeError, RuntimeError, StopIteration) as error:
        raise ValueError(f"The state of this ink grammar is incomplete or damaged ({error!r}).") from error


def _read(record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> InkGrammar:
    stroke_sizes = tensors["stroke_sizes"].tolist()
    points = tensors["control_points"].split(stroke_sizes)
    widths = tensors["widths"].split(stroke_sizes)
    strokes = iter([StrokeTemplate(p.clone(), w.clone()) for p, w in zip(points, widths, strict=True)])
    sizes = iter(tensors["template_sizes"].tolist())
    classes = []
    for one in record["classes"]:
        templates = []
        for prior in one["priors"]:
            own = tuple([next(strokes) for _ in range(next(sizes))])
            templates.append(CharacterTemplate(own, DeformationPrior.from_dict(prior)))
        classes.append(CharacterClass(one["label"], tuple(templates), _weights(one["log_weights"])))
    return InkGrammar(tuple(classes), _weights(record["log_weights"]))


def _weights(values: list[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
