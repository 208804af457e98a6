"""What every model of this package offers, and the plumbing that the baselines share."""

import json
import platform
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from compvis.baselines.preparation import frame_ink
from compvis.data.check import InputError, check_device, check_images, check_labels
from compvis.networks.warps import Deformation, Warp

_DESCRIPTION = "model.json"
_TENSORS = "tensors.safetensors"
_FORMAT = 1

# Type variables and not typing.Self, which the checked annotations of single methods cannot resolve.
_Model = TypeVar("_Model", bound="Classifier")
_Baseline = TypeVar("_Baseline", bound="Baseline")


@runtime_checkable
class Classifier(Protocol):
    """What a grammar and every baseline have in common; scikit-learn's habits.

    Images are (n, H, W) or (n, H, W, 3), uint8 or float in [0, 1]; labels are n integers or strings.
    `classes_` holds the labels in sorted order, which is the order of the columns of `predict_proba`.
    Bad input raises `compvis.data.check.InputError`.
    """

    classes_: np.ndarray

    def fit(self: _Model, images: Any, labels: Any) -> _Model:
        """Learn from labelled images, forgetting what was learned from earlier ones."""
        ...

    def predict(self, images: Any) -> np.ndarray:
        """The most probable label of each image, (n,), of the kind the labels had."""
        ...

    def predict_proba(self, images: Any) -> np.ndarray:
        """Probabilities (n, classes); every row sums to one."""
        ...

    def save(self, path: str | Path) -> None:
        """Write the fitted model into the folder `path`."""
        ...

    @classmethod
    def load(cls: type[_Model], path: str | Path) -> _Model:
        """Read back what `save` wrote."""
        ...


@dataclass(kw_only=True, eq=False)
class Baseline(ABC):
    """Checks, label encoding, framing and saving; a baseline adds `_fit`, `_scores`, `_state` and `_restore`.

    Args:
        size: side of the square working image, in pixels.
        frame: "image" keeps the picture's own frame; "ink" centres the ink and brings it to a common size.
        seed: seed of everything random in `fit`; the same seed and data give the same model on one machine's CPU.
        device: where the work is done, "cpu" or "cuda"; None: where the pictures are. Not saved.
    """

    size: int = 28
    frame: str = "image"
    seed: int = 0
    device: str | None = field(default=None, metadata={"saved": False})

    chunk: ClassVar[int] = 256
    augmentation_kind: ClassVar[type[Warp]] = Deformation  # of the field `augmentation`, where there is one

    def fit(self: _Baseline, images: Any, labels: Any) -> _Baseline:
        """Learn from `images` and `labels` (see `Classifier`).

        Raises:
            InputError: images or labels that cannot be used, or fewer than two classes.
        """
        checked = self._checked(images)
        classes, targets = encode_labels(labels, len(checked))
        return self._learn(classes, frame_ink(checked, self.size, self.frame), targets.to(checked.device))

    def predict(self, images: Any) -> np.ndarray:
        """Labels (n,), the columns of `predict_proba` with the largest value."""
        probabilities = self.predict_proba(images)
        return self.classes_[probabilities.argmax(1)]

    def predict_proba(self, images: Any) -> np.ndarray:
        """Probabilities, float64 (n, classes), columns in the order of `classes_`.

        Raises:
            InputError: images that cannot be used, or a model that was not fitted.
        """
        self._require_fit()
        return self._judge(frame_ink(self._checked(images), self.size, self.frame))

    def save(self, path: str | Path) -> None:
        """Write `model.json` (parameters, classes, versions) and `tensors.safetensors` into a folder."""
        self._require_fit()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        description = {
            "format": _FORMAT,
            "class": type(self).__name__,
            "params": self.params(),
            "classes": self.classes_.tolist(),
            "versions": {
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "compvis": version("compvis"),
            },
        }
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self._state().items()}
        save_file(state, folder / _TENSORS)

    @classmethod
    def load(cls: type[_Baseline], path: str | Path) -> _Baseline:
        """Read a model of this class from the folder `path`.

        Raises:
            InputError: no such model, a damaged one, one of another class, or one written by another format.
        """
        description = read_description(path)
        if description["class"] != cls.__name__:
            raise InputError(
                f"{path} holds a {description['class']}, not a {cls.__name__}: load it with its own class."
            )
        tensors = _read_tensors(Path(path) / _TENSORS)
        try:
            model = cls(**{key: cls._revive(key, value) for key, value in description["params"].items()})
            model.classes_ = np.asarray(description["classes"])
            model._restore(tensors)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"The model in {path} is incomplete: save it again.") from error
        return model

    @classmethod
    def _revive(cls, key: str, value: Any) -> Any:
        if key == "augmentation" and value is not None:
            return cls.augmentation_kind(**value)
        return tuple(value) if isinstance(value, list) else value

    def params(self) -> dict[str, Any]:
        """The constructor's arguments as JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.metadata.get("saved", True)}
        return {key: _plain(value) for key, value in values.items()}

    def _checked(self, images: Any) -> Float[Tensor, "n H W"]:
        """Grey pictures on the device of the work."""
        return self._placed(check_images(images))

    def _placed(self, pictures: Tensor) -> Tensor:
        if self.device is None:
            return pictures
        check_device(self.device)
        return pictures.to(self.device)

    def _learn(self: _Baseline, classes: np.ndarray, framed: Tensor, targets: Tensor) -> _Baseline:
        """Fit; a fit that fails or is interrupted leaves a model that has learned nothing."""
        self.classes_ = classes
        try:
            self._fit(framed, targets)
        except BaseException:
            del self.classes_
            raise
        return self

    def _judge(self, framed: Float[Tensor, "n *c S S"]) -> np.ndarray:
        """Probabilities of framed pictures, in parts that bound the memory."""
        scores = [self._scores(part) for part in framed.split(self.chunk)]
        return torch.cat(scores).double().softmax(1).cpu().numpy()

    def _require_fit(self) -> None:
        if not hasattr(self, "classes_"):
            raise InputError(f"This {type(self).__name__} has learned nothing yet: call fit first.")

    @abstractmethod
    def _fit(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"]) -> None:
        """Learn from framed pictures (ink has no channels) and class numbers 0..C-1."""

    @abstractmethod
    def _scores(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        """Logits: `predict_proba` is their softmax."""

    @abstractmethod
    def _state(self) -> dict[str, Tensor]:
        """Everything learned."""

    @abstractmethod
    def _restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `_state` gave."""


def encode_labels(labels: Any, n: int) -> tuple[Shaped[np.ndarray, "C"], Int64[Tensor, "n"]]:
    """Return the sorted classes and each label's place among them, on the CPU.

    Args:
        labels: n integers or n strings, as an array, tensor, list or tuple.
        n: the number of images.

    Raises:
        InputError: anything else, another number of labels, or fewer than two classes.
    """
    listed = isinstance(labels, list | tuple) or (isinstance(labels, np.ndarray) and labels.ndim > 0)
    if listed and len(labels) and _all_strings(labels):
        names, numbers = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
        return names, check_labels(numbers, n)
    values, numbers = torch.unique(check_labels(labels, n).cpu(), return_inverse=True)
    return values.numpy(), numbers


def read_description(path: str | Path) -> dict[str, Any]:
    """Read the `model.json` of a saved baseline.

    Raises:
        InputError: no saved baseline there, or one that this version cannot read.
    """
    file = Path(path) / _DESCRIPTION
    if not file.is_file():
        raise InputError(f"There is no saved model in {path}: give the folder that save wrote.")
    try:
        description = json.loads(file.read_text())
    except ValueError as error:
        raise InputError(f"{file} is damaged: save the model again.") from error
    if (
        not isinstance(description, dict)
        or description.get("format") != _FORMAT
        or "class" not in description
    ):
        raise InputError(f"{file} is not a baseline of format {_FORMAT}: save it again with this version.")
    return description


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file} is missing or damaged: save the model again.") from error


def _all_strings(labels: list | tuple | np.ndarray) -> bool:
    if isinstance(labels, np.ndarray) and labels.dtype.kind != "O":
        return labels.dtype.kind == "U" and labels.ndim == 1
    return all(isinstance(label, str) for label in labels)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return list(value) if isinstance(value, tuple) else value
