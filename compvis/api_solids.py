"""The public classifier of photographs of objects: what ``GrammarClassifier(domain="solids")`` makes."""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from compvis.api import GrammarClassifier
from compvis.api_solid_parse import SolidParse
from compvis.baselines.contract import encode_labels
from compvis.data.check import InputError
from compvis.data.check_photographs import check_masks, check_photographs, check_viewpoints
from compvis.data.views import view_directions
from compvis.grammar.solid import SolidPrior, SolidValues, place_parts, solid_rules, stack_templates
from compvis.learning.figure_ground import FigureGroundSettings
from compvis.learning.ink_model import posterior
from compvis.learning.solid_fit import FitSettings
from compvis.learning.solid_latent import LatentSettings
from compvis.learning.solid_model import SolidModel
from compvis.learning.solid_options import SolidOptions
from compvis.learning.solid_recognition import SolidRecognition
from compvis.learning.solid_state import solid_from_state, solid_to_state
from compvis.likelihood.appearance import AppearanceSettings
from compvis.likelihood.solid_figure import FigureLikelihood
from compvis.parsing.solid_frame import FrameSettings
from compvis.parsing.solid_image import SIDE, SolidViews, figure_rgb, to_image, view_photographs
from compvis.parsing.solid_library import draw_tokens, lit
from compvis.parsing.solid_parser import RefinedTokens, part_map, refine_tokens, token_tree
from compvis.render.contract import SceneRenderer
from compvis.render.registry import build_renderer, describe_renderer
from compvis.tree import ParseTree

_GROUPS = {
    "fit": FitSettings,
    "latent": LatentSettings,
    "prior": SolidPrior,
    "figure": FigureLikelihood,
    "appearance": AppearanceSettings,
    "frame": FrameSettings,
    "figure_ground": FigureGroundSettings,
    "recognition": SolidRecognition,
}
# The first is described by name; what the others taught is in the model.
_UNSAVED = ("renderer", "photographs")
_PROPOSALS = 4  # refined for each category of a parse


class SolidClassifier(GrammarClassifier):
    """Learn 3D parts of categories from a few posed photographs; answer by rendering them.

    Images are (n, H, W, 3), uint8 or float in [0, 1]; masks (n, H, W) bool, true on what is seen of the object;
    viewpoints (n, 2) degrees, azimuth and elevation above the horizon (:mod:`compvis.geometry`), NaN in rows where
    they are not known, None where none is: those are inferred with the shape, in a frame that known ones of the
    category fix and that is free about the vertical where there are none (:mod:`compvis.learning.solid_latent`).
    An object's size in the picture is evidence: learn at one scale. Of an object with its mask, other sizes and rolled
    cameras are tried as well (:mod:`compvis.parsing.solid_frame`).

    Args:
        renderer: draws the solids to learn, to propose and to parse, with ``with_softness``; None is ours,
            :class:`compvis.render.solids_renderer.SolidRenderer`; another is
            :class:`compvis.render.pytorch3d.PyTorch3DRenderer`.
        options: further fields of :class:`compvis.learning.solid_options.SolidOptions`; of its groups (fit, latent,
            prior, figure, appearance, frame, figure_ground, recognition) the changed fields by name.

    Raises:
        InputError: an option that cannot be used.
    """

    def __init__(
        self,
        domain: str = "solids",
        *,
        renderer: SceneRenderer | None = None,
        **options: Any,
    ) -> None:
        self.domain = domain
        if renderer is not None:
            options["renderer"] = renderer
        try:
            groups = {
                name: kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in group.items()})
                for name, kind in _GROUPS.items()
                for group in [options.pop(name, None) or {}]
            }
            self.options: Any = SolidOptions(**groups, **options)
        except (TypeError, ValueError) as error:
            raise InputError(f"An option of the grammar cannot be used: {error}") from error

    def fit(
        self,
        images: Any,
        labels: Any,
        masks: Any = None,
        viewpoints: Any = None,
        progress: Callable[[int], None] | None = None,
        objects: Any = None,
    ) -> "SolidClassifier":
        """Learn every category's parts, forgetting earlier ones.

        Without masks the figure is told from the colours of each picture's rim, which serves plain backgrounds.
        With ``objects`` (n,), which say which pictures show the same object (numbers or names, unique within a
        category), parts are shared by all objects of a category and each object is an alternative: better where
        objects differ in shape rather than colour and parts must mean the same.
        Afterwards ``viewpoints_`` (n, 2) and ``viewpoint_spread_`` (n,) hold the pictures' viewpoints, degrees, given
        or inferred, and the root mean square angle of the posterior about them (0 where given); they are not saved
        with the model.

        Raises:
            InputError: images, labels, masks or viewpoints that cannot be used, or a figure without a pixel.
        """
        pictures = check_photographs(images).cpu().detach()
        classes, targets = encode_labels(labels, len(pictures))
        check_viewpoints(viewpoints, len(pictures))
        which = None if objects is None else _on_host(objects)
        if which is not None and which.shape != (len(pictures),):
            raise InputError(f"Give one object a picture, ({len(pictures)},), not {which.shape}.")
        given = check_masks(masks, pictures)
        seen = view_photographs(pictures, given)
        if not (seen.figure > 0.5).flatten(1).any(1).all():
            raise InputError("A training photograph has no figure: give masks that are true on the object.")
        model = SolidModel(self.options)
        if given is not None:
            model.learn_surroundings(pictures, given)
        elif self.options.photographs is not None:
            raise InputError("Figure and ground are learned from masks: give masks, or no photographs.")
        rgb = figure_rgb(pictures, given, seen)
        posed = np.full((len(pictures), 2), np.nan) if viewpoints is None else _on_host(viewpoints)
        view = torch.as_tensor(posed, dtype=torch.float32)
        view, spread = model.learn(seen, rgb, view, targets.numpy(), progress, which)
        self.viewpoints_, self.viewpoint_spread_ = view.double().numpy(), spread.double().numpy()
        self.model: Any = model
        self.classes_ = classes
        return self

    def partial_fit(self, images: Any, labels: Any, **beside: Any) -> "SolidClassifier":
        """Refused: categories of solids are fitted as wholes. Raises InputError."""
        raise InputError(
            "Solids learn a category from all of its pictures at once: call fit with all of them."
        )

    def pretrain(self, images: Any, labels: Any, groups: Any = None) -> "SolidClassifier":
        """Refused: there is no background set of solids. Raises InputError."""
        raise InputError("Solids have no background set: call fit.")

    def with_renderer(self, renderer: SceneRenderer) -> "SolidClassifier":
        """The same grammar drawn by another renderer, for instance where PyTorch3D is not installed.

        Raises:
            InputError: a renderer without ``with_softness``, or nothing learned yet.
        """
        self._require_fit()
        try:
            options = replace(self.options, renderer=renderer)
        except ValueError as error:
            raise InputError(f"This renderer cannot be used: {error}") from error
        other = copy(self)
        other.options, other.model = options, self.model.with_options(options)
        return other

    def log_evidence(
        self, images: Any, progress: Callable[[int], None] | None = None, masks: Any = None
    ) -> Float[ndarray, "n c"]:
        """log p(figure, edges inside it, mean colour | category), (n, classes), nats, columns ``classes_``.

        A composite likelihood: ``figure.temperature`` pixels and ``appearance.temperature`` entries of the edges'
        histograms count as one independent observation; edges and colour have weights.
        """
        self._require_fit()
        pictures = check_photographs(images).cpu()
        return self.model.log_evidence(self.model.view(pictures, check_masks(masks, pictures)))

    def logits(self, images: Any, masks: Any = None) -> Float[torch.Tensor, "n c"]:
        """The log evidence, with a gradient to float images through their colours: edges, mean colour, network.

        What is figure and ground, and the frame that is settled on, have none: accuracy under attacks by it is an upper
        bound.
        """
        self._require_fit()
        pictures = check_photographs(images).cpu()
        return self.model.logits(self.model.view(pictures, check_masks(masks, pictures)))

    def predict_proba(self, images: Any, masks: Any = None) -> np.ndarray:
        """Probabilities (n, classes), columns ``classes_``: softmax of ``confidence`` times the evidence."""
        return posterior(self.options.confidence * self.log_evidence(images, masks=masks))

    def predict(self, images: Any, masks: Any = None) -> np.ndarray:
        """The category of largest evidence of each photograph, (n,)."""
        best = self.log_evidence(images, masks=masks).argmax(1)
        return self.classes_[best]

    def parse(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, image: Any, mask: Any = None, alternatives: int = 2, steps: int = 30, label: Any = None
    ) -> SolidParse:
        """Explain one photograph (H, W, 3): category, viewpoint, parts, what is hidden, and other categories.

        Args:
            mask: (H, W) bool, what is seen of the object; None tells it from the picture's rim.
            alternatives: number of other categories to parse as.
            steps: of refinement through the renderer.
            label: the category to explain it as; None: that of largest evidence.

        Raises:
            InputError: an image or mask that cannot be used, or a label that was not learned.
        """
        self._require_fit()
        pixels = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
        pictures = check_photographs(pixels[None]).cpu()
        given = None if mask is None else np.asarray(mask)[None]
        category = None if label is None else self._number(label)
        seen = self.model.view(pictures, check_masks(given, pictures), category)
        evidence = self.model.log_evidence(seen)[0]
        order = np.argsort(-evidence).tolist()
        if category is not None:
            order.insert(0, order.pop(order.index(category)))
        order = order[: alternatives + 1]
        parses = [self._parse_as(pictures[0], seen, c, float(evidence[c]), steps) for c in order]
        return replace(parses[0], alternatives=tuple(parses[1:]))

    def sample(self, label: Any, n: int = 1, seed: int = 0, spread: float = 0.5):
        """Draw new objects of a category from random viewpoints: pictures (n, S, S, 3) on black, and their trees.

        Args:
            label: one of ``classes_``. spread: share of the prior's standard deviations.
        """
        self._require_fit()
        category = self._number(label)
        if n < 1:
            raise InputError(f"Ask for at least one exemplar, not n={n}.")
        generator = torch.Generator().manual_seed(seed)
        images, trees = [], []
        for _ in range(n):
            weights = self.model.grammar.categories[category].log_weights().exp()
            alternative = int(torch.multinomial(weights, 1, generator=generator))
            image, tree = self._draw_one(category, alternative, spread, generator)
            images.append(image)
            trees.append(tree)
        return np.stack(images), trees

    def _number(self, label: Any) -> int:
        found = np.flatnonzero(self.classes_ == label)
        if len(found) != 1:
            raise InputError(f"There is no class {label!r}; the classes are {self.classes_.tolist()}.")
        return int(found[0])

    def _draw_one(
        self, category: int, alternative: int, spread: float, generator: torch.Generator
    ) -> tuple[UInt8[ndarray, "S S 3"], ParseTree]:
        template = self.model.grammar.template(category, alternative)
        prior = self.model.grammar.prior
        rest = SolidValues.zeros(1, len(template.kind)).tensors()
        drawn = {k: spread * torch.randn(v.shape, generator=generator) for k, v in rest.items()}
        values = SolidValues(**drawn)
        turn = torch.rand(2, generator=generator)
        view = torch.tensor([[float(turn[0]) * 360, math.degrees(math.asin(float(turn[1]))), 0.0]])
        middle = torch.full((1, 2), SIDE / 2)
        stacked = stack_templates([template])
        with torch.no_grad():
            rendering = draw_tokens(lit(self.model.render(0.5)), stacked, values, view, prior, middle)
            placed = place_parts(stacked, values, view, prior, middle)
        names = [str(name) for name in self.classes_.tolist()]
        rules = solid_rules(self.model.grammar, names)
        tree, _ = token_tree(rules, category, alternative, template, values, placed, names[category])
        return _to_bytes(rendering.colour[0].numpy()), tree

    def _parse_as(
        self, picture: torch.Tensor, seen: SolidViews, category: int, evidence: float, steps: int
    ) -> SolidParse:
        model, options = self.model, self.options
        proposals = model.propose(seen, category, _PROPOSALS)
        library = model.library
        places = [model.grammar.templates[t] for _, t, _ in proposals]
        view = library.views[[v for *_, v in proposals]]
        middle = torch.stack([library.middle[t, v] for _, t, v in proposals])
        templates = [model.grammar.template(*place) for place in places]
        found = refine_tokens(
            seen, templates, view, middle, options.prior, options.figure, options.renderer, steps
        )
        # Without the prior: its density at an optimum counts some sixty values that a figure hardly decides.
        edges = model.edges_count(seen) * model.edges_log_prob(seen, found.view)[0, category]
        best = int((found.log_likelihood + edges).argmax())
        parse = self._assemble(picture, seen, evidence, found, best, places[best], view, middle)
        items = [("object", "edges", float(edges[best]))]
        if model.recognizer is not None:
            items.append(("object", "recognition network", float(model.recognised(seen)[0, category])))
        return replace(parse, scores=(*parse.scores, *items))

    def _assemble(
        self,
        picture: torch.Tensor,
        seen: SolidViews,
        evidence: float,
        found: RefinedTokens,
        best: int,
        place: tuple[int, int],
        view: torch.Tensor,
        middle: torch.Tensor,
    ) -> SolidParse:
        """The hypothesis ``best`` as a parse; ``view`` and ``middle`` are those of all proposals, best first."""
        model, one = self.model, slice(best, best + 1)
        template = model.grammar.template(*place)
        values = found.values.select(one)
        placed = place_parts(stack_templates([template]), values, view[one], self.options.prior, middle[one])
        names = [str(name) for name in self.classes_.tolist()]
        rules = solid_rules(model.grammar, names)
        tree, scores = token_tree(rules, *place, template, values, placed, names[place[0]])
        scores.append(("object", "figure", float(found.log_likelihood[best])))
        drawn = replace(
            found.rendering,
            **{f.name: getattr(found.rendering, f.name)[one] for f in fields(found.rendering)},
        )
        size = tuple(picture.shape[1:])
        owner = to_image(part_map(drawn, template).numpy(), seen, size, -1)
        covered = to_image((drawn.coverage[0] > 0.5).numpy(), seen, size, False)
        shown = to_image((seen.figure[0] + seen.ground[0] > 0.5).numpy(), seen, size, False)
        return SolidParse(
            image=_to_bytes(picture.permute(1, 2, 0).numpy()),
            label=self.classes_[place[0]].item(),
            log_evidence=evidence,
            viewpoint=_in_picture(found.view[best], seen),
            proposal=_in_picture(view[0], seen),
            viewpoint_spread=self._viewpoint_spread(seen, place[0], found.view[best]),
            tree=tree,
            scores=tuple(scores),
            rendering=to_image(_to_bytes(drawn.colour[0].numpy()), seen, size, 0),
            parts=owner.astype(np.int64),
            hidden=covered & ~shown,
        )

    def _viewpoint_spread(self, seen: SolidViews, category: int, view: torch.Tensor) -> float:
        share = self.model.viewpoint_posterior(seen, category)
        views = self.model.library.views.double().numpy()
        towards = view_directions(views[:, 1], views[:, 0])
        here = view_directions(np.array([float(view[1])]), np.array([float(view[0])]))[0]
        angle = np.degrees(np.arccos(np.clip(towards @ here, -1, 1)))
        return float(np.sqrt((share * angle**2).sum()))

    def _to_state(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, torch.Tensor]]:
        kept = {f.name: getattr(self.options, f.name) for f in fields(self.options) if f.name not in _UNSAVED}
        options = {name: asdict(value) if name in _GROUPS else value for name, value in kept.items()}
        try:
            options["renderer"] = describe_renderer(self.options.renderer)
        except ValueError as error:
            raise InputError(f"This model cannot be saved, only model.with_renderer(...): {error}") from error
        return options, *solid_to_state(self.model)

    @classmethod
    def _restore(cls, description: dict[str, Any], tensors: dict[str, torch.Tensor]) -> "SolidClassifier":
        options = dict(description["options"])
        if "recognition" in options:
            options["recognition"].setdefault("members", 1)  # before there could be more
        if "renderer" in options:
            options["renderer"] = build_renderer(options["renderer"])
        model = cls(description["domain"], **options)
        model.classes_ = np.asarray(description["classes"])
        model.model = solid_from_state(description["model"], tensors, model.options)
        return model


def _in_picture(view: Float[torch.Tensor, "3"], seen: SolidViews) -> tuple[float, float, float]:
    """Azimuth, elevation and roll in the picture, of a viewpoint in the one photograph's frame."""
    azimuth, elevation, roll = view.tolist()
    return azimuth, elevation, (roll + float(seen.turn[0]) + 180) % 360 - 180


def _to_bytes(colour: Float[ndarray, "H W 3"]) -> UInt8[ndarray, "H W 3"]:
    return np.rint(255 * np.clip(colour, 0, 1)).astype(np.uint8)


def _on_host(values: Any) -> ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
