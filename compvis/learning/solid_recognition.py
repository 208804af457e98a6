"""What a grammar of solids draws for its recognition network (:mod:`compvis.learning.recognition`), how that sees it.

The network sees an object in the working frame, which is already of the size and roll that the grammar settled on, its
outline and its colours. Most training pictures are shown in other colours, so that paint does not decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from skimage.color import rgb2lab
from torch import Generator, Tensor

from compvis.grammar.solid import SolidGrammar, SolidValues, stack_templates
from compvis.learning.figure_ground import recolour
from compvis.learning.recognition import Recognition, Sight
from compvis.networks.warps import Warp
from compvis.parsing.solid_image import SolidViews
from compvis.parsing.solid_library import draw_centred, lit
from compvis.render.contract import SceneRenderer

RECOLOURED = 0.6
"""Share of the training pictures that are shown in other colours."""

_WARP = Warp(rotation=9.0, shear=0.06, scale=0.11, stretch=0.074, translation=0.044, elastic=0.0074)
_SHIFT, _FLIP = _WARP.scaled(0.3), 0.5
_LIGHT, _CHROMA, _TINT = 0.1, 0.2, 0.03  # half-widths of every picture's other light


@dataclass(frozen=True)
class SolidRecognition(Recognition):
    """:class:`compvis.learning.recognition.Recognition` with the values chosen for photographs."""

    drawings: int = 300
    spreads: Sequence[float] = (0.7,)
    weight: float = 8.0
    views: int = 4
    batch: int = 32
    members: int = 2


def look_at_objects(seen: SolidViews) -> Float[Tensor, "n 4 S S"]:
    """Photographs as looks: colours (Lab / 100), and the figure's share of each pixel."""
    return torch.cat([seen.colour.permute(0, 3, 1, 2), seen.figure[:, None]], 1)


def draw_solid_lesson(
    grammar: SolidGrammar, renderer: SceneRenderer, settings: Recognition
) -> tuple[Float[Tensor, "m 4 S S"], Int64[Tensor, " m"]]:
    """New objects of every category from all around as looks, and their categories; each alternative its part."""
    generator = torch.Generator().manual_seed(settings.seed)
    looks, categories = [], []
    for c, a in grammar.templates:
        share = float(grammar.categories[c].log_weights()[a].exp())
        for spread in settings.spreads:
            each = max(1, round(settings.drawings * share / len(settings.spreads)))
            template = grammar.template(c, a)
            rest = SolidValues.zeros(each, len(template.kind)).tensors()
            values = SolidValues(
                **{k: spread * torch.randn(v.shape, generator=generator) for k, v in rest.items()}
            )
            turn, height = torch.rand(2, each, generator=generator)
            view = torch.stack([360 * turn, height.asin().rad2deg(), torch.zeros(each)], 1)
            stacked = stack_templates([template] * each)
            drawn, _ = draw_centred(lit(renderer), stacked, values, view, grammar.prior)
            # Of the object alone, without what is behind it.
            rgb = drawn.colour / drawn.coverage[..., None].clamp_min(1e-3)
            lab = torch.from_numpy(rgb2lab(rgb.clamp(0, 1).numpy()) / 100).float()
            looks.append(torch.cat([lab.permute(0, 3, 1, 2), drawn.coverage[:, None]], 1))
            categories += [c] * each
    return torch.cat(looks), torch.tensor(categories)


def _inputs(looks: Float[Tensor, "n 4 S S"]) -> Float[Tensor, "n 4 S S"]:
    """Colours about zero, zero outside the figure; the figure."""
    colour, figure = looks[:, :3], looks[:, 3:]
    middle, gain = colour.new_tensor([[0.5, 0.0, 0.0], [4.0, 5.0, 5.0]])[:, :, None, None]
    return torch.cat([(colour - middle) * gain * figure, 2 * figure - 1], 1).contiguous(
        memory_format=torch.channels_last
    )


def _vary(looks: Float[Tensor, "n 4 S S"], generator: Generator) -> Float[Tensor, "n 4 S S"]:
    """Each picture warped, mirrored or not, in another light, and mostly in other colours."""

    def draw(*shape: int) -> Tensor:
        shape = (len(looks), *(shape or (1, 1, 1)))
        return torch.rand(shape, generator=generator, device=looks.device)

    moved = _WARP.move_photographs(looks, generator, len(looks), _FLIP)
    colour = recolour(moved[:, :3], draw, (draw() < RECOLOURED).float())
    return torch.cat([_relight(colour, draw), moved[:, 3:]], 1)


def _shift(
    looks: Float[Tensor, "n 4 S S"], generator: Generator, together: bool = False
) -> Float[Tensor, "n 4 S S"]:
    """Slightly warped, mirrored or not; all by one draw where ``together``."""
    return _SHIFT.move_photographs(looks, generator, 1 if together else len(looks), _FLIP)


def _relight(colour: Float[Tensor, "n 3 S S"], draw) -> Float[Tensor, "n 3 S S"]:
    light = (colour[:, :1] - 0.5) * (1 + _LIGHT * (2 * draw() - 1)) + 0.5 + _LIGHT * (2 * draw() - 1)
    chroma = colour[:, 1:] * (1 + _CHROMA * (2 * draw() - 1)) + _TINT * (2 * draw(2, 1, 1) - 1)
    return torch.cat([light, chroma], 1)


SOLID_SIGHT = Sight(
    channels=4, inputs=_inputs, vary=_vary, shift=_shift, rate=2.8e-3, decay=0.039, dropout=0.0
)
