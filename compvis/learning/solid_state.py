"""A learned solid model as a small JSON record plus tensors, for safetensors; both directions exact."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from compvis.grammar.solid import SolidCategory, SolidGrammar, SolidTemplate
from compvis.learning.recognition import Recognizer
from compvis.learning.solid_model import SolidModel
from compvis.learning.solid_options import SolidOptions
from compvis.learning.solid_recognition import SOLID_SIGHT
from compvis.likelihood.appearance import AppearanceField
from compvis.likelihood.backdrop import Backdrop
from compvis.likelihood.solid_colour import ColourPredictive
from compvis.parsing.figure_ground import FigureGroundNet
from compvis.parsing.solid_image import Surroundings


def solid_to_state(model: SolidModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The model as (JSON record, tensors)."""
    tensors: dict[str, Tensor] = {}
    for c, a in model.grammar.templates:
        for name, tensor in model.grammar.template(c, a).tensors().items():
            tensors[f"{c}/{a}/{name}"] = tensor.clone(
                memory_format=torch.contiguous_format
            )  # alternatives share some
    for c, colour in enumerate(model.colours):
        tensors[f"{c}/colour_mean"] = colour.mean.contiguous()
        tensors[f"{c}/colour_scale"] = colour.scale.contiguous()
    for field in fields(model.appearance):
        tensors[f"appearance/{field.name}"] = getattr(model.appearance, field.name).contiguous()
    around = model.surroundings
    if around.backdrop is not None:
        tensors["backdrop"] = around.backdrop.histogram.contiguous()
    if around.net is not None:
        tensors |= {f"net/{name}": value.contiguous() for name, value in around.net.state_dict().items()}
    if model.recognizer is not None:
        tensors |= model.recognizer.to_state()
    record = {
        "counts": [list(one.counts) for one in model.grammar.categories],
        "freedom": [one.freedom for one in model.colours],
    }
    return record, tensors


def solid_from_state(
    record: Mapping[str, Any], tensors: Mapping[str, Tensor], options: SolidOptions
) -> SolidModel:
    """Inverse of :func:`solid_to_state`.

    Raises:
        KeyError, TypeError, ValueError: the state is incomplete or damaged.
    """
    names = ("kind", "rotation", "centre", "size", "shape", "colour", "present", "pixels")
    categories = []
    for c, counts in enumerate(record["counts"]):
        templates = [
            SolidTemplate(**{name: tensors[f"{c}/{a}/{name}"] for name in names}) for a in range(len(counts))
        ]
        categories.append(SolidCategory(tuple(templates), tuple(counts)))
    model = SolidModel(options)
    model.grammar = SolidGrammar(tuple(categories), options.prior)
    model.colours = [
        ColourPredictive(tensors[f"{c}/colour_mean"], tensors[f"{c}/colour_scale"], freedom)
        for c, freedom in enumerate(record["freedom"])
    ]
    model.appearance = AppearanceField(
        **{field.name: tensors[f"appearance/{field.name}"] for field in fields(AppearanceField)}
    )
    backdrop = Backdrop(tensors["backdrop"]) if "backdrop" in tensors else None
    weights = {name[4:]: value for name, value in tensors.items() if name.startswith("net/")}
    net = FigureGroundNet() if weights else None
    if net is not None:
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"The network of figure and ground does not fit: {error}") from error
    model.surroundings = Surroundings(backdrop, net)
    if any(name.startswith("recognition/") for name in tensors):
        model.recognizer = Recognizer.from_state(tensors, len(categories), options.recognition, SOLID_SIGHT)
    return model
