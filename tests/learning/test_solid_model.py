"""Alternatives like objects that were not seen: of parts of several objects, or of one object stretched."""

import numpy as np
import pytest
import torch

import compvis
from compvis.data.check import InputError
from compvis.grammar.solid import SolidCategory, SolidTemplate
from compvis.learning.solid_model import towards_viewers
from compvis.learning.solid_variants import recombine, stretch_object


def template(size: float, parts: int = 2) -> SolidTemplate:
    """Cuboids of half extents (1, 2, 3) times ``size``; the second is turned by a right angle about y."""
    turned = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    return SolidTemplate(
        kind=torch.ones(parts, dtype=torch.long),
        rotation=torch.stack([torch.eye(3), turned])[:parts],
        centre=torch.tensor([[1.0, 1.0, 1.0], [-1.0, 0.5, 2.0]])[:parts],
        size=size * torch.tensor([1.0, 2.0, 3.0]).expand(parts, 3).contiguous(),
        shape=torch.ones(parts, 2),
        colour=torch.full((parts, 3), 0.5),
        present=torch.ones(parts) > 0,
        pixels=torch.tensor(10.0),
    )


def test_one_object_is_stretched_along_the_object_s_axes():
    one = template(1.0)
    varied = stretch_object(SolidCategory((one,), (12,)), 64, 0.15, seed=3)
    assert len(varied.templates) == 65
    assert varied.templates[0] is one
    torch.testing.assert_close(varied.log_weights().exp(), torch.full((65,), 1 / 65))
    factors = torch.stack([other.centre[0] for other in varied.templates[1:]])
    torch.testing.assert_close(factors.log().mean(0), torch.zeros(3), atol=0.02, rtol=0)
    torch.testing.assert_close(factors.log().std(0), torch.full((3,), 0.15), atol=0.02, rtol=0)
    for other, factor in zip(varied.templates[1:], factors, strict=True):
        torch.testing.assert_close(other.size[0], one.size[0] * factor)
        # The turned leaf's own first axis lies along the object's third.
        torch.testing.assert_close(other.size[1], one.size[1] * factor[[2, 1, 0]])
        torch.testing.assert_close(other.centre[1], one.centre[1] * factor)
    again = stretch_object(SolidCategory((one,), (12,)), 64, 0.15, seed=3)
    assert all(torch.equal(a.size, b.size) for a, b in zip(varied.templates, again.templates, strict=True))


def test_recombined_objects_take_every_part_from_one_that_was_learned():
    learned = SolidCategory((template(1.0), template(2.0)), (4, 8))
    varied = recombine(learned, 20, seed=0)
    sizes = torch.stack([one.size[:, 0] for one in varied.templates[2:]])
    assert set(sizes.flatten().tolist()) == {1.0, 2.0}
    assert (sizes[:, 0] != sizes[:, 1]).any()
    assert varied.counts == (4, 8, *[6] * 20)


def test_viewers_stand_where_their_viewpoints_say():
    view = torch.tensor([[0.0, 0.0, 5.0], [90.0, 0.0, 0.0], [0.0, 90.0, 0.0]])
    wanted = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(towards_viewers(view), wanted, atol=1e-6, rtol=0)


def test_probabilities_are_the_evidence_s_at_the_confidence_asked_for():
    generator = np.random.default_rng(0)
    images = np.full((4, 40, 40, 3), (10, 20, 90), np.uint8)
    masks = np.zeros((4, 40, 40), bool)
    masks[:2, 8:32, 16:24] = True
    masks[2:, 16:24, 8:32] = True
    images[masks] = generator.integers(120, 200, (int(masks.sum()), 3))
    labels, views = np.array(["post", "post", "plank", "plank"]), np.tile([[0.0, 10.0], [90.0, 10.0]], (2, 1))
    quick = {"fit": {"parts": 2, "steps": [4, 4], "grid": 10}, "step": 45.0, "stretched": 2}
    model = compvis.GrammarClassifier(domain="solids", confidence=0.5, **quick)
    model.fit(images, labels, masks, views)
    assert [len(one.templates) for one in model.model.grammar.categories] == [3, 3]
    alone = compvis.GrammarClassifier(domain="solids", **{**quick, "stretched": 0}).fit(
        images, labels, masks, views
    )
    assert [len(one.templates) for one in alone.model.grammar.categories] == [1, 1]
    evidence = model.log_evidence(images, masks=masks)
    odds = np.log(model.predict_proba(images, masks)) @ [1, -1]
    np.testing.assert_allclose(odds, 0.5 * evidence @ [1, -1], atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"stretched": -1}, {"stretched": 1.5}, {"stretch": -0.1}, {"confidence": 0.0}, {"edges_weight": float("nan")},
     {"colour_weight": -1.0}, {"step": 0.0}, {"softness": float("nan")},
     {"fit": {"rate": float("nan")}}, {"fit": {"parts": 0}}],
)  # fmt: skip
def test_options_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong.get("fit", wrong)))):
        compvis.GrammarClassifier(domain="solids", **wrong)
