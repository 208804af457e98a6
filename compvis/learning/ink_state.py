"""A learned ink model as a small JSON record plus tensors, for safetensors; both directions exact."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compvis.grammar.ink_state import ink_from_state, ink_to_state
from compvis.learning.ink_model import InkModel
from compvis.learning.ink_options import InkOptions
from compvis.learning.ink_recognition import ink_sight
from compvis.learning.recognition import Recognizer
from compvis.parsing.ink_look import SIDE
from compvis.parsing.ink_shape import InkShape

PER_TEMPLATE = ("centre", "points", "tangents", "widths", "on", "t")


def model_to_state(model: InkModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The model as (JSON record, tensors): for each reading its grammar and where its templates were seen;
    the recognition network."""
    order = np.concatenate([model.members(c) for c in model.classes])
    record: dict[str, Any] = {"order": order.tolist(), "readings": []}
    tensors: dict[str, Tensor] = {}
    for r, reading in enumerate(model.readings):
        shapes = [reading.shapes[i] for i in order]
        grammar, of_grammar = ink_to_state(model.grammar_of(r))
        sizes, units = [list(shape.size) for shape in shapes], [shape.unit for shape in shapes]
        record["readings"].append({"grammar": grammar, "sizes": sizes, "units": units})
        of_shapes = {
            f"seen/{name}": torch.stack([getattr(shape, name) for shape in shapes]).contiguous()
            for name in PER_TEMPLATE
        }
        tensors |= {f"{r}/{name}": tensor for name, tensor in (of_grammar | of_shapes).items()}
    if model.recognizer is not None:
        tensors["looks"] = model.looks
        tensors |= model.recognizer.to_state()
    return record, tensors


def model_from_state(
    record: Mapping[str, Any], tensors: Mapping[str, Tensor], options: InkOptions
) -> InkModel:
    """Inverse of :func:`model_to_state`.

    Raises:
        KeyError, IndexError, TypeError, ValueError: the state is incomplete or damaged.
    """
    if not 1 <= len(record["readings"]) <= len(options.readings):
        raise ValueError("The state holds no reading, or more than its options name.")
    back = np.argsort(record["order"])
    model, described, labels = InkModel(options), [], np.zeros(0, np.int64)
    for r, one in enumerate(record["readings"]):
        own = {name.removeprefix(f"{r}/"): t for name, t in tensors.items() if name.startswith(f"{r}/")}
        grammar = ink_from_state(one["grammar"], own)
        templates = [template for character in grammar.classes for template in character.templates]
        labels = np.array([i for i, character in enumerate(grammar.classes) for _ in character.templates])
        shapes = [
            InkShape(
                template=template,
                unit=one["units"][i],
                size=tuple(one["sizes"][i]),
                **{name: own[f"seen/{name}"][i].clone() for name in PER_TEMPLATE},
            )
            for i, template in enumerate(templates)
        ]
        described.append([shapes[i] for i in back])
        model.names = grammar.labels
    described += described[:1] * (len(options.readings) - len(described))
    model.adopt(described, labels[back])
    if options.recognition.steps:
        model.looks = tensors["looks"]
        if model.looks.shape != (len(labels), SIDE, SIDE):
            raise ValueError("The state does not hold one look a template.")
        model.recognizer = Recognizer.from_state(
            tensors, len(model.classes), options.recognition, ink_sight(options.recognition), options.device
        )
    return model
