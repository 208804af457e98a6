import pytest
import torch

from compvis.grammar.deformation import DeformationPrior
from compvis.grammar.ink import CharacterClass, CharacterTemplate, InkGrammar, StrokeTemplate


def make_template(
    sizes: tuple[int, ...], seed: int, prior: DeformationPrior | None = None
) -> CharacterTemplate:
    """Random strokes of the given numbers of sub-strokes, in float64."""
    generator = torch.Generator().manual_seed(seed)
    strokes = tuple(
        StrokeTemplate(
            torch.randn(q, 4, 2, generator=generator, dtype=torch.float64),
            torch.rand(q, generator=generator, dtype=torch.float64) + 0.1,
        )
        for q in sizes
    )
    return CharacterTemplate(strokes, prior or DeformationPrior())


@pytest.fixture
def template() -> CharacterTemplate:
    """Two strokes of one and two sub-strokes, every scale of the prior different."""
    prior = DeformationPrior(
        translation=0.11, linear=0.13, warp=0.17, warp_length=1.0, stroke_translation=0.19,
        stroke_linear=0.23, offset=0.07, log_width=0.29, darkness_mean=1.5, darkness_sd=0.8,
        pose_centre=0.31, pose_log_unit=0.37,
    )  # fmt: skip
    return make_template((1, 2), 0, prior)


@pytest.fixture
def grammar(template: CharacterTemplate) -> InkGrammar:
    """Two classes, the first with two templates of different structure, all weights different."""
    other = make_template((3,), 1)
    first = CharacterClass("a", (template, other), (0.3, -0.9))
    return InkGrammar((first, CharacterClass("b", (make_template((1, 1, 1), 2),))), (0.2, 1.1))
