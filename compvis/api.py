"""What users import: a classifier that learns a grammar from a few images, parses, explains and draws new ones."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from compvis.api_gradient import ink_logits
from compvis.api_parse import Parse, parse_ink
from compvis.baselines.contract import encode_labels
from compvis.baselines.registry import load_baseline
from compvis.data.check import InputError, check_device, check_images
from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.placing import Placement, build_tree, place_leaves
from compvis.grammar.values import sample_values
from compvis.learning.ink_model import InkModel, posterior
from compvis.learning.ink_options import HANDWRITING, InkOptions
from compvis.learning.ink_prior import draw_background, learn_prior
from compvis.learning.ink_recognition import InkRecognition
from compvis.learning.ink_state import model_from_state, model_to_state
from compvis.parsing.evidence import PosePrior
from compvis.parsing.ink_image import NoInkError, to_ink
from compvis.parsing.ink_shape import describe
from compvis.parsing.match import MatchSettings
from compvis.parsing.other_ink import OtherInk
from compvis.parsing.parser import RefineSettings, smaller_prior, to_strokes
from compvis.parsing.parser import parse_strokes as decomposed
from compvis.render.ink import InkRenderer
from compvis.tree import ParseTree

_FORMAT = "compvis.grammar_classifier"
_VERSION = 2


class GrammarClassifier:
    """Learn a grammar from a few images a class and answer by evidence; scikit-learn's habits.

    Images are (n, H, W) or (n, H, W, 3), uint8 or float in [0, 1], dark on light or light on dark; labels are
    integers or strings. Every image is answered by itself.

    Args:
        domain: "ink" (handwriting, sketches) or "solids" (photographs of objects; its arguments are those of
            :class:`compvis.api_solids.SolidClassifier`, ``renderer`` among them).
        prior, pose, match, other_ink, recognition: changed fields of the deformation prior, the pose prior, the
            matcher, of :class:`compvis.parsing.other_ink.OtherInk` and of
            :class:`compvis.learning.ink_recognition.InkRecognition`, by name.
        device: of the matcher and of the recognition network, "cpu" or "cuda".
        options: further fields of :class:`compvis.learning.ink_options.InkOptions` (shortlist, temperature, ...).

    Raises:
        InputError: an unknown domain or option.

    Example::

        model = GrammarClassifier().fit(images, labels)
        model.predict(more_images)
        model.parse(more_images[0]).to_html()
    """

    def __new__(cls, domain: str = "ink", **_: Any) -> "GrammarClassifier":
        """The classifier of the domain: that of solids is :class:`compvis.api_solids.SolidClassifier`."""
        if cls is GrammarClassifier and domain == "solids":
            from compvis.api_solids import SolidClassifier

            return object.__new__(SolidClassifier)
        return object.__new__(cls)

    def __init__(
        self,
        domain: str = "ink",
        *,
        prior: Mapping[str, int | float] | None = None,
        pose: Mapping[str, Any] | None = None,
        match: Mapping[str, Any] | None = None,
        other_ink: Mapping[str, Any] | None = None,
        recognition: Mapping[str, Any] | None = None,
        device: str = "cpu",
        **options: Any,
    ) -> None:
        if domain != "ink":
            raise InputError(f"There is no domain {domain!r}: use domain='ink' or domain='solids'.")
        self.domain = domain
        check_device(device)
        try:
            self.options = InkOptions(
                prior=DeformationPrior(**{**HANDWRITING.to_dict(), **dict(prior or {})}),  # pyright: ignore
                pose=PosePrior(**dict(pose or {})),
                match=MatchSettings(**dict(match or {})),
                other_ink=OtherInk(**dict(other_ink or {})),
                recognition=InkRecognition(**dict(recognition or {})),
                device=device,
                **options,
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"An option of the grammar cannot be used: {error}") from error

    def pretrain(
        self,
        images: Any,
        labels: Any,
        groups: Any = None,
    ) -> "GrammarClassifier":
        """Sharpen the deformation prior on background characters before ``fit``; it is a choice, not a need.

        What is learned are the prior's scales (:func:`compvis.learning.ink_prior.learn_prior`), from a draw of
        characters with two or more pictures. ``fit`` starts from them.

        Args:
            images, labels: background pictures and the character that each shows.
            groups: alphabets; not used.

        Raises:
            InputError: images or labels that cannot be used, or an image without ink.
        """
        checked = check_images(images).cpu()
        _, characters = encode_labels(labels, len(checked))
        chosen = draw_background(characters.numpy(), self.options.seed)
        ink = _with_clear_errors(lambda: to_ink(checked[chosen]))
        options = self.options
        shapes = [describe(one, options.prior, options.match.points) for one in ink]
        prior = learn_prior(
            shapes,
            characters.numpy()[chosen],
            options.prior,
            options.match,
            options.prior_weight,
            options.seed,
            options.device,
        )
        self.options = replace(options, prior=prior)
        return self

    def fit(
        self, images: Any, labels: Any, progress: Callable[[int], None] | None = None
    ) -> "GrammarClassifier":
        """Learn a template from every image, forgetting earlier ones.

        Args:
            images, labels: n labelled images of at least two classes.
            progress: called with the number of images described so far; a recognition network is taught after that.

        Raises:
            InputError: images or labels that cannot be used, an image without ink, or fewer than two classes.
        """
        checked = check_images(images).cpu()
        classes, targets = encode_labels(labels, len(checked))
        return self._learn(InkModel(self.options), classes, checked, targets.numpy(), progress)

    def partial_fit(self, images: Any, labels: Any) -> "GrammarClassifier":
        """Add images, of old or new classes, to what was learned; the same as one fit on all of them.

        Raises:
            InputError: as ``fit``; labels of another kind (integers, strings) than before.
        """
        if not hasattr(self, "model"):
            return self.fit(images, labels)
        checked = check_images(images).cpu()
        try:
            given = np.asarray(labels.tolist() if isinstance(labels, torch.Tensor | np.ndarray) else labels)
        except ValueError as error:  # lists of several lengths
            raise InputError("Give partial_fit one label an image: n integers or n strings.") from error
        if given.ndim != 1 or given.dtype.kind != self.classes_.dtype.kind:
            raise InputError("Give partial_fit labels of the same kind as fit had: n integers or n strings.")
        merged = np.concatenate([self.classes_[self.model.labels], given])
        known = len(self.model.labels)
        classes, targets = encode_labels(merged, known + len(checked))
        model = InkModel(self.options)
        model.described, model.looks = self.model.described, self.model.looks
        model.labels = targets.numpy()[:known]
        return self._learn(model, classes, checked, targets.numpy()[known:], None)

    def log_evidence(self, images: Any, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """log p(image | class), (n, classes), nats, columns ``classes_``.

        The two-way evidence (:mod:`compvis.parsing.evidence`) of the ink's points, place and size, as a composite
        likelihood: ``temperature`` points count as one independent observation. With a recognition network its
        log-probabilities are added (:func:`compvis.learning.recognition.pool`).
        """
        checked = self._ready(images)
        return _with_clear_errors(lambda: self.model.log_evidence(checked, progress=progress))

    def logits(self, images: Any) -> torch.Tensor:
        """The log evidence (n, classes), with a gradient to float images (:mod:`compvis.api_gradient`)."""
        checked = self._ready(images)
        return _with_clear_errors(lambda: ink_logits(self.model, checked))

    def predict_proba(self, images: Any) -> np.ndarray:
        """Probabilities (n, classes), columns ``classes_``: softmax of ``confidence`` times the evidence."""
        return posterior(self.options.confidence * self.log_evidence(images))

    def predict(self, images: Any) -> np.ndarray:
        """The class of largest evidence of each image, (n,)."""
        best = self.log_evidence(images).argmax(1)
        return self.classes_[best]

    def parse(self, image: Any, alternatives: int = 2, settings: RefineSettings | None = None) -> Parse:
        """Explain one image (H, W) or (H, W, 3): the best class's tree, refined through the renderer, and others.

        Args:
            alternatives: number of other classes to parse as.
            settings: of the refinement.
        """
        pixels = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
        checked = self._ready(pixels[None])
        ink = _with_clear_errors(lambda: to_ink(checked))[0]
        return parse_ink(self.model, self.classes_, ink, alternatives, settings or RefineSettings())

    def sample(
        self, label: Any, n: int = 1, seed: int = 0, spread: float = 0.5
    ) -> tuple[np.ndarray, list[ParseTree]]:
        """Draw new exemplars of a class: images (n, H, W), ink in [0, 1], and their trees.

        Args:
            label: one of ``classes_``.
            spread: share of the prior's standard deviations; the full prior, which must reach every way of
                writing, draws wilder than people do.
        """
        self._require_fit()
        found = np.flatnonzero(self.classes_ == label)
        if len(found) != 1:
            raise InputError(f"There is no class {label!r}; the classes are {self.classes_.tolist()}.")
        if n < 1:
            raise InputError(f"Ask for at least one exemplar, not n={n}.")
        if not spread > 0:
            raise InputError(f"spread must be above 0, not {spread}.")
        generator = torch.Generator().manual_seed(seed)
        grammar, members = self.model.grammar, self.model.members(int(found[0]))
        images, trees = [], []
        for pick in torch.randint(len(members), (n,), generator=generator).tolist():
            shape = self.model.shapes[members[pick]]
            template = shape.template.with_prior(smaller_prior(shape.template.prior, spread))
            values = sample_values(template, 1, generator)
            placement = Placement(shape.centre, torch.tensor(shape.unit))
            leaves = place_leaves(template, values, placement)
            images.append(InkRenderer()(to_strokes(leaves), shape.size).ink[0].numpy())
            trees.append(build_tree(grammar, int(found[0]), pick, values, placement))
        return np.stack(images), trees

    def save(self, path: str | Path) -> None:
        """Write ``model.json`` and ``tensors.safetensors`` into the folder ``path``."""
        self._require_fit()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        options, record, tensors = self._to_state()
        description = {
            "format": _FORMAT,
            "version": _VERSION,
            "compvis": version("compvis"),
            "domain": self.domain,
            "options": options,
            "classes": self.classes_.tolist(),
            "model": record,
        }
        (folder / "model.json").write_text(json.dumps(description) + "\n", encoding="utf-8")
        save_file(tensors, folder / "tensors.safetensors")

    def _to_state(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, torch.Tensor]]:
        """Options by name, the model's record, its tensors."""
        options = {**asdict(self.options), "prior": self.options.prior.to_dict()}
        del options["device"]  # whoever reads the model may have another
        return options, *model_to_state(self.model)

    @classmethod
    def load(cls, path: str | Path) -> "GrammarClassifier":
        """Read what ``save`` wrote, for the CPU; predictions are those of a model made there, to the last bit.

        Raises:
            InputError: no such model, a damaged one, or one of another version.
        """
        folder = Path(path)
        try:
            description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "tensors.safetensors")
        except FileNotFoundError as error:
            raise InputError(
                f"There is no saved model in {folder}: give the folder that save wrote."
            ) from error
        except (ValueError, SafetensorError, OSError) as error:
            raise InputError(f"The model in {folder} is damaged: save it again.") from error
        if not isinstance(description, dict) or (description.get("format"), description.get("version")) != (
            _FORMAT,
            _VERSION,
        ):
            raise InputError(f"{folder} does not hold a grammar of format {_VERSION}: save it again.")
        maker = type(cls.__new__(cls, description.get("domain", "ink")))
        try:
            return maker._restore(description, tensors)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"The model in {folder} is incomplete: save it again.") from error

    @classmethod
    def _restore(cls, description: dict[str, Any], tensors: dict[str, torch.Tensor]) -> "GrammarClassifier":
        options = dict(description["options"])
        options.pop("device", None)
        model = cls(description["domain"], **options)
        model.classes_ = np.asarray(description["classes"])
        model.model = model_from_state(description["model"], tensors, model.options)
        return model

    def _learn(self, model, classes, images, targets, progress) -> "GrammarClassifier":
        _with_clear_errors(lambda: model.learn(images, targets, progress))
        self.model, self.classes_ = model, classes
        return self

    def _ready(self, images: Any) -> torch.Tensor:
        self._require_fit()
        return check_images(images).cpu()

    def _require_fit(self) -> None:
        if not hasattr(self, "model"):
            raise InputError("This GrammarClassifier has learned nothing yet: call fit first.")


def parse_strokes(image: Any, alternatives: int = 5) -> list[tuple[ParseTree, float]]:
    """Parse one image (H, W) or (H, W, 3) into strokes and sub-strokes, with nothing learned and no class.

    Args:
        alternatives: decompositions of the skeleton that are kept, at most.

    Returns:
        Trees at rest on the image, best first, each with the heuristic score of its decomposition (not nats).

    Raises:
        InputError: an image that cannot be used, or one without ink.
    """
    pixels = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    checked = check_images(pixels[None])
    (ink,) = _with_clear_errors(lambda: to_ink(checked))
    return decomposed(ink, HANDWRITING, MatchSettings().points, alternatives)


def _with_clear_errors(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except NoInkError as error:
        raise InputError(str(error)) from error


def load(path: str | Path) -> Any:
    """Read any saved model, a grammar or a baseline, from the folder that its ``save`` wrote.

    Raises:
        InputError: no such model, or one that this version cannot read.
    """
    description = Path(path) / "model.json"
    if description.is_file() and f'"{_FORMAT}"'.encode() in description.read_bytes()[:200]:
        return GrammarClassifier.load(path)
    return load_baseline(path)
