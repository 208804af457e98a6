"""What can be set of the solid model, with the values chosen on validation objects of ETH-80."""

from dataclasses import dataclass, field

from compvis.data.backgrounds import Photographs
from compvis.grammar.solid import SolidPrior
from compvis.learning.figure_ground import FigureGroundSettings
from compvis.learning.solid_fit import FitSettings
from compvis.learning.solid_latent import LatentSettings
from compvis.learning.solid_recognition import SolidRecognition
from compvis.likelihood.appearance import AppearanceSettings
from compvis.likelihood.solid_figure import FigureLikelihood
from compvis.parsing.solid_frame import FrameSettings
from compvis.render.contract import SceneRenderer
from compvis.render.solids_renderer import SolidRenderer


@dataclass(frozen=True)
class SolidOptions:
    """All settings of :class:`compvis.learning.solid_model.SolidModel`.

    Args:
        fit, latent, prior, figure, appearance, frame, figure_ground, recognition: see their classes.
        photographs: of other things, to learn figure and ground from, for answers without masks; without them
            the figure is told from the colours of a picture's rim, which serves plain backgrounds.
        renderer: draws the leaves; any renderer of solids with ``with_softness``.
        alternatives: most alternatives a category; pictures are grouped by colour.
        pictures: least pictures for each alternative, on average.
        recombined: further alternatives of each category, that take every part from one of those learned.
        stretched: further alternatives where one was learned, which shows nothing of how objects differ: that one,
            longer or shorter along each axis. stretch: standard deviation of the logarithms of these lengths.
        softness: blur of the library's coverage, working pixels.
        step: degrees between the library's azimuths at the horizon.
        colour_weight, edges_weight: of the log densities of colour and of edges inside the figure, beside the figure's.
        confidence: of probabilities; they are the softmax of the evidence times this, since observations that the
            likelihood counts as independent are not quite.
        seed: of the division into parts, of recombinations and of the learning of figure and ground.
    """

    fit: FitSettings = field(default_factory=FitSettings)
    latent: LatentSettings = field(default_factory=LatentSettings)
    prior: SolidPrior = field(default_factory=SolidPrior)
    figure: FigureLikelihood = field(default_factory=FigureLikelihood)
    appearance: AppearanceSettings = field(default_factory=AppearanceSettings)
    frame: FrameSettings = field(default_factory=FrameSettings)
    figure_ground: FigureGroundSettings = field(default_factory=FigureGroundSettings)
    recognition: SolidRecognition = field(default_factory=SolidRecognition)
    photographs: Photographs | None = None
    renderer: SceneRenderer = field(default_factory=SolidRenderer)
    alternatives: int = 3
    pictures: int = 4
    recombined: int = 9
    stretched: int = 15
    stretch: float = 0.15
    softness: float = 0.8
    step: float = 10.0
    colour_weight: float = 0.75
    edges_weight: float = 1.0
    confidence: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.alternatives, self.pictures, self.recombined, self.stretched)
        if not all(isinstance(count, int) for count in counts):
            raise ValueError("alternatives, pictures, recombined and stretched must be whole numbers.")
        if self.alternatives < 1 or self.pictures < 1 or min(self.recombined, self.stretched) < 0:
            raise ValueError(
                "alternatives and pictures must be at least 1, recombined and stretched at least 0."
            )
        for name in ("stretch", "colour_weight", "edges_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be finite and at least 0.")
        for name in ("confidence", "softness", "step"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be finite and above 0.")
        if not hasattr(self.renderer, "with_softness"):
            raise ValueError("The renderer of solids must have with_softness.")
