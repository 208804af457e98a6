"""Pixel nearest neighbours: shifts, averaging over neighbours, and calibrated probabilities."""

import numpy as np
import pytest
import torch

from compvis.baselines.calibration import fit_temperature
from compvis.baselines.nearest import NearestNeighbour, PixelNearestClassifier, shift_images


def test_shifts_move_right_and_down_and_bring_in_paper():
    image = torch.arange(1.0, 13.0).reshape(1, 3, 4)
    moved = shift_images(image, 1, 2)[0]
    assert torch.equal(moved[2], torch.tensor([0.0, 1.0, 2.0, 3.0]))
    assert float(moved[:2].abs().max()) == 0.0
    assert float(shift_images(image, 4, 0).abs().max()) == 0.0
    torch.testing.assert_close(shift_images(image, -1, 0)[0, 0], torch.tensor([2.0, 3.0, 4.0, 0.0]))


@pytest.mark.parametrize(("shift", "right"), [(2, True), (0, False)])
def test_only_the_shift_search_forgives_a_shift(shift, right):
    bar, dots = torch.zeros(1, 12, 12), torch.zeros(1, 12, 12)
    bar[0, 2:10, 5] = 1.0
    dots[0, 2:10:3, 7] = 1.0  # fewer pixels, but at the place the bar will be moved to
    model = PixelNearestClassifier(size=12, shift=shift, blur=0.0, unit=False)
    model.fit(torch.cat([bar, dots]), [0, 1])
    assert (model.predict(shift_images(bar, 2, 0))[0] == 0) == right


def test_neighbours_are_averaged_per_class():
    model = PixelNearestClassifier(neighbours=2)
    model.classes_, model._targets = np.arange(2), torch.tensor([0, 0, 0, 1])
    found = model._by_class(torch.tensor([[1.0, 5.0, 2.0, 3.0]]))
    torch.testing.assert_close(found, torch.tensor([[1.5, 3.0]]))


def test_temperature_recovers_the_one_that_made_the_labels():
    generator = torch.Generator().manual_seed(0)
    scores = 10 * torch.randn(4000, 5, generator=generator)
    targets = torch.multinomial((scores / 4.0).softmax(1), 1, generator=generator)[:, 0]
    assert fit_temperature(scores, targets, prior=1.0) == pytest.approx(4.0, rel=0.12)


def test_temperature_without_evidence_is_the_prior_and_separation_does_not_give_zero():
    nothing = torch.full((3, 2), -torch.inf)
    assert fit_temperature(nothing, torch.zeros(3, dtype=torch.int64), prior=0.7) == 0.7
    separated = torch.tensor([[5.0, 0.0]] * 6)
    assert 0.2 < fit_temperature(separated, torch.zeros(6, dtype=torch.int64), prior=1.0) <= 1.0


class Listed(NearestNeighbour):
    """Distances are handed over as they are: a picture's first line."""

    def _prepare(self, images):
        self.measured = images[:, 0]

    def _measure(self, images):
        return images[:, 0, : len(self.measured)]


def test_a_class_is_near_when_one_of_its_pictures_is_though_the_others_were_not_compared():
    model = Listed(neighbours=2)
    model.classes_, model._targets, model._temperature = np.arange(2), torch.tensor([0, 0, 1, 1]), 1.0
    model.measured = torch.zeros(4)
    asked = torch.tensor([0.0, torch.inf, 3.0, 4.0]).expand(1, 4, 4)
    torch.testing.assert_close(model._scores(asked), -torch.tensor([[2.0, 3.5]]))


def test_the_temperature_is_fitted_though_a_class_has_no_more_pictures_than_neighbours():
    generator = np.random.default_rng(0)
    images, labels = generator.random((8, 12, 12)).astype(np.float32), np.arange(8) % 4
    images[np.arange(8), labels, :] += 5.0
    model = PixelNearestClassifier(size=12, neighbours=3, blur=0.0).fit(images / 6, labels)
    single = PixelNearestClassifier(size=12, neighbours=1, blur=0.0).fit(images / 6, labels)
    assert model._temperature == single._temperature
