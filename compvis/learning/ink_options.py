"""What can be set about the ink model, and the values chosen for handwriting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from compvis.grammar.deformation import DeformationPrior
from compvis.learning.ink_recognition import InkRecognition
from compvis.parsing.evidence import PosePrior
from compvis.parsing.match import MatchSettings
from compvis.parsing.other_ink import OtherInk

HANDWRITING = DeformationPrior(
    linear=0.2,
    translation=0.2,
    warp=0.25,
    warp_length=0.8,
    warp_grid=8,
    stroke_translation=0.03,
    stroke_linear=0.03,
    offset=0.08,
)
"""Deformation of handwriting, chosen on one-shot runs of background alphabets and on validation digits."""


@dataclass(frozen=True)
class InkOptions:
    """Everything that can be set about the ink model.

    prior: deformation of every template, before anything is learned. prior_weight: the pairs of images of a class
    that it counts as when the deformations within classes sharpen it (infinity: nothing is learned). pose: a
    template's place and size. match: the matcher. readings: ink thresholds at which images are read; the evidence is
    the mean over them (a logarithmic opinion pool: Genest and Zidek, Statistical Science 1, 1986), so that a loop
    that runs together at one does not decide. The first is the one that is parsed.
    shortlist: templates matched in full for an image, found by a coarse forward match of all; shortlist_a_class of
    every class are always among them. second_look: the best of an image's templates that are matched from turned
    starts, too. coarse_every, coarse_modes, coarse_steps: that match's share of points, its
    modes and annealing steps. background: other characters that estimate log p(image); background_temperature: of
    their power mean. temperature: points per independent observation, see :meth:`InkModel.class_evidence`.
    confidence: of probabilities; they are the softmax of the evidence times this. It makes them calibrated from some
    four images a class on; from a single one they are too sure.
    other_ink: ink that may belong to something else than the character.
    recognition: a network that the grammar teaches and that answers beside the evidence.
    seed: of the background's draw.
    """

    prior: DeformationPrior = HANDWRITING
    prior_weight: float = 50.0
    pose: PosePrior = field(default_factory=PosePrior)
    match: MatchSettings = field(default_factory=MatchSettings)
    readings: Sequence[float] = (0.6, 0.8)
    shortlist: int = 60
    shortlist_a_class: int = 2
    second_look: int = 20
    coarse_every: int = 2
    coarse_modes: int = 8
    coarse_steps: int = 3
    background: int = 64
    background_temperature: float = 15.0
    temperature: float = 8.0
    confidence: float = 2.0
    other_ink: OtherInk = field(default_factory=OtherInk)
    recognition: InkRecognition = field(default_factory=InkRecognition)
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "readings", tuple(float(one) for one in self.readings))
        if not self.readings or not all(0 < one < 1 for one in self.readings):
            raise ValueError(f"readings must hold ink thresholds between 0 and 1, not {self.readings}.")
        if not self.prior_weight >= 0:
            raise ValueError(f"prior_weight must not be negative, not {self.prior_weight}.")
        for name in ("temperature", "background_temperature", "confidence"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be finite and above 0, not {getattr(self, name)}.")
        for name in (
            "shortlist",
            "shortlist_a_class",
            "coarse_every",
            "coarse_modes",
            "coarse_steps",
            "background",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.second_look < 0:
            raise ValueError(f"second_look must not be negative, not {self.second_look}.")
