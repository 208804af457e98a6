"""Alternatives like objects that were not seen: of parts of several objects, or one object stretched."""

from dataclasses import replace

import torch
from torch.quasirandom import SobolEngine

from compvis.grammar.solid import SolidCategory, SolidTemplate


def recombine(category: SolidCategory, count: int, seed: int) -> SolidCategory:
    """The category with ``count`` more alternatives, each part of which is that part of a random learned one.

    New objects of a category have parts like those of several known objects (Geman, Potter and Chi, "Composition
    systems", 2002). Each weighs as much as a learned alternative does on average.
    """
    learned = category.templates
    generator = torch.Generator().manual_seed(seed)
    stacked = {name: torch.stack([one.tensors()[name] for one in learned]) for name in learned[0].tensors()}
    parts = torch.arange(len(learned[0].kind))
    weight = max(1, round(sum(category.counts) / len(learned)))
    further = []
    for _ in range(count):
        source = torch.randint(len(learned), (len(parts),), generator=generator)
        chosen = {name: value[source, parts] for name, value in stacked.items() if name != "pixels"}
        if chosen["present"].any():
            further.append(SolidTemplate(**chosen, pixels=stacked["pixels"].log().mean().exp()))
    return SolidCategory((*learned, *further), (*category.counts, *(weight for _ in further)))


def stretch_object(category: SolidCategory, count: int, spread: float, seed: int) -> SolidCategory:
    """A category of one alternative with ``count`` more, each that one stretched along the object's three axes.

    The logarithms of the factors are normal with standard deviation ``spread``, of a scrambled Sobol sequence. Each
    weighs as much as the learned alternative.
    """
    (learned,), (weight,) = category.templates, category.counts
    share = SobolEngine(3, scramble=True, seed=seed).draw(count).clamp(0.01, 0.99)
    factors = spread * torch.distributions.Normal(0.0, 1.0).icdf(share)
    # A leaf's own axes stretch by how far each lies along the object's.
    along = (learned.rotation.square() * factors[:, None, :, None]).sum(-2)
    further = [
        replace(learned, centre=learned.centre * one.exp(), size=learned.size * own.exp())
        for one, own in zip(factors, along, strict=True)
    ]
    return SolidCategory((learned, *further), (weight,) * (count + 1))
