"""What the baselines of colour photographs share: masks, framing, and training on other backgrounds."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from compvis.baselines.contract import Baseline, encode_labels
from compvis.baselines.photo_augmentation import PHOTO, PhotoDeformation, cut_backgrounds, paste_backgrounds
from compvis.baselines.photographs import frame_photographs
from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.check_photographs import check_masks, check_photographs, check_viewpoints
from compvis.networks.warps import Warp

MASKINGS = ("ignore", "apply", "channel")
_BACKGROUNDS = 400  # pieces cut once before training

_Model = TypeVar("_Model", bound="PhotoClassifier")
_Baseline = TypeVar("_Baseline", bound="PhotoBaseline")


@runtime_checkable
class PhotoClassifier(Protocol):
    """A classifier of colour photographs: `compvis.baselines.contract.Classifier` with optional masks.

    Images are (n, H, W, 3) uint8 or float in [0, 1] (grey is taken too), masks (n, H, W) bool, true on the
    object, viewpoints (n, 2) degrees, azimuth and elevation in the sense of `compvis.data.views`.
    """

    classes_: np.ndarray

    def fit(self: _Model, images: Any, labels: Any, masks: Any = None, viewpoints: Any = None) -> _Model:
        """Learn from labelled photographs, forgetting what was learned from earlier ones."""
        ...

    def predict(self, images: Any, masks: Any = None) -> np.ndarray:
        """The most probable label of each image, (n,), of the kind the labels had."""
        ...

    def predict_proba(self, images: Any, masks: Any = None) -> np.ndarray:
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
class PhotoBaseline(Baseline):
    """Checks and framing of photographs; to be named before the baseline of ink that it extends.

    A model that learned with masks and looks at them must be asked with masks. One that learned without them
    ignores those it is asked with.

    Args:
        size: side of the square working image, in pixels.
        frame: "image" keeps the picture's own frame; "object" looks at the square about the mask's box.
        masking: what is made of masks: "ignore" looks at the whole picture, "apply" at the object alone,
            "channel" at the object and at its outline besides.
    """

    size: int = 64
    frame: str = "image"
    masking: str = "channel"

    augmentation_kind: ClassVar[type[Warp]] = PhotoDeformation

    def fit(
        self: _Baseline, images: Any, labels: Any, masks: Any = None, viewpoints: Any = None
    ) -> _Baseline:
        """Learn from photographs (see `PhotoClassifier`); viewpoints are checked and not used.

        Raises:
            InputError: input or settings that cannot be used, or fewer than two classes.
        """
        self._check_settings()
        colours, cover = self._checked_photographs(images, masks)
        check_viewpoints(viewpoints, len(colours))
        classes, targets = encode_labels(labels, len(colours))
        self._looks_at_masks = cover is not None and self.masking != "ignore"
        framed = frame_photographs(colours, cover, self.size, self.frame)
        return self._learn(classes, framed, targets.to(colours.device))

    def predict(self, images: Any, masks: Any = None) -> np.ndarray:
        """Labels (n,), the columns of `predict_proba` with the largest value."""
        probabilities = self.predict_proba(images, masks)
        return self.classes_[probabilities.argmax(1)]

    def predict_proba(self, images: Any, masks: Any = None) -> np.ndarray:
        """Probabilities, float64 (n, classes), columns in the order of `classes_`.

        Raises:
            InputError: input that cannot be used, no masks for a model that looks at them, or a model that was
                not fitted.
        """
        return self._judge(self._framed(images, masks))

    def _framed(self, images: Any, masks: Any) -> Float[Tensor, "n 4 S S"]:
        """Checked photographs as the fitted model looks at them."""
        self._require_fit()
        colours, cover = self._checked_photographs(images, masks)
        if cover is None and self._looks_at_masks:
            raise InputError(
                "This model learned to look at objects through masks: give masks, or fit with masking='ignore'."
            )
        seen = cover if self._looks_at_masks else None
        return frame_photographs(colours, seen, self.size, self.frame)

    def _checked_photographs(
        self, images: Any, masks: Any
    ) -> tuple[Float[Tensor, "n 3 H W"], Bool[Tensor, "n H W"] | None]:
        """Photographs and masks on the device of the work."""
        colours = self._placed(check_photographs(images))
        return colours, check_masks(masks, colours)

    def _look(self, images: Float[Tensor, "n 4 S S"]) -> Float[Tensor, "n 4 S S"]:
        """Framed pictures as they are looked at: where masks are not, the coverage is one everywhere."""
        if self._looks_at_masks:
            return images
        return torch.cat([images[:, :3], torch.ones_like(images[:, 3:])], 1)

    def _check_settings(self) -> None:
        if self.masking not in MASKINGS:
            raise InputError(f"Unknown masking {self.masking!r}: choose one of {', '.join(MASKINGS)}.")
        if self.masking == "ignore" and self.frame == "object":
            raise InputError("The frame 'object' is found by masks: choose masking='apply' or 'channel'.")

    def _state(self) -> dict[str, Tensor]:
        return super()._state() | {"looks_at_masks": torch.tensor(self._looks_at_masks)}

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._looks_at_masks = bool(state["looks_at_masks"])
        super()._restore({name: tensor for name, tensor in state.items() if name != "looks_at_masks"})


@dataclass(kw_only=True, eq=False)
class AugmentedPhotoBaseline(PhotoBaseline):
    """A `PhotoBaseline` that learns from changed copies of the photographs, also on other backgrounds.

    Args:
        augmentation: how training photographs are changed; None for not at all.
        paste: share of the changed photographs whose object is laid over a piece of `backgrounds`; needs masks
            at `fit`. With masking="ignore" the model then answers without masks whatever is behind an object.
        backgrounds: natural photographs to paste on; not saved, as only `fit` needs them.
    """

    augmentation: PhotoDeformation | None = PHOTO
    paste: float = 0.0
    backgrounds: Photographs | None = field(default=None, repr=False, metadata={"saved": False})

    def fit(
        self: _Baseline, images: Any, labels: Any, masks: Any = None, viewpoints: Any = None
    ) -> _Baseline:
        """As `PhotoBaseline.fit`.

        Raises:
            InputError: also where backgrounds shall be pasted but they or the masks are missing.
        """
        assert isinstance(self, AugmentedPhotoBaseline)
        if self.paste > 0 and (self.backgrounds is None or masks is None):
            raise InputError(
                "Pasting objects on backgrounds needs backgrounds and masks: give both, or paste=0."
            )
        if self.paste > 0 and self.backgrounds is not None:
            self._pieces = cut_backgrounds(self.backgrounds, self.size, _BACKGROUNDS, self.seed)
        return super().fit(images, labels, masks, viewpoints)

    def _vary(self, images: Float[Tensor, "n 4 S S"], generator: Generator) -> Float[Tensor, "n 4 S S"]:
        """Training pictures as they are shown: each changed, and pasted, by draws of its own."""
        changed = images if self.augmentation is None else self.augmentation(images, generator)
        if self.paste <= 0:
            return changed
        self._pieces = self._pieces.to(images.device)
        return paste_backgrounds(changed, self._pieces, self.paste, generator)
