import numpy as np
import pytest
import torch

from compvis.likelihood.appearance import (
    AppearanceField,
    AppearanceSettings,
    edge_histograms,
    learned_share,
    trust,
)

AHEAD, BEHIND, ASIDE = [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]


def striped(across: bool, ground: float = 0.9):
    """A square figure in stripes that change along x (``across``) or along y, on a plain ground."""
    line = 0.5 + 0.3 * torch.sin(torch.arange(48.0) / 1.5)
    light = line.expand(48, 48) if across else line[:, None].expand(48, 48)
    figure = torch.zeros(48, 48)
    figure[12:36, 12:36] = 1
    return torch.where(figure > 0, light, torch.tensor(ground)), figure


def test_histograms_tell_orientation_and_ignore_what_is_around():
    (light, figure), (turned, _), (elsewhere, _) = striped(True), striped(False), striped(True, ground=0.1)
    seen = edge_histograms(torch.stack([light, turned, elsewhere]), figure.expand(3, 48, 48))
    assert seen.shape == (3, 8, 8, 8)
    inside = seen[:, :, 3:5, 3:5].sum((2, 3))
    assert inside[0].argmax() == 0
    assert inside[1].argmax() == 4
    torch.testing.assert_close(seen[0], seen[2])
    flat = edge_histograms(torch.full((1, 48, 48), 0.4), figure[None])
    assert flat.abs().max() < 1e-5


def field_of_two_sides():
    (light, figure), (turned, _) = striped(True), striped(False)
    field = AppearanceField.learn(
        torch.stack([light, turned, light, light]),
        figure.expand(4, 48, 48),
        torch.tensor([AHEAD, BEHIND, AHEAD, BEHIND]),
        torch.tensor([0, 0, 1, 1]),
    )
    return field, torch.stack([light, turned]), figure.expand(2, 48, 48)


def test_edges_tell_front_from_back_of_one_outline():
    field, light, figure = field_of_two_sides()
    settings = AppearanceSettings()
    maps = field.maps(torch.tensor([AHEAD, ASIDE, BEHIND]), settings)
    score = field.log_prob(light, figure, torch.ones_like(figure), maps, settings)
    assert score.shape == (2, 2, 3)
    assert score[0, 0, 0] > score[0, 0, 2] + 0.5
    assert score[1, 0, 2] > score[1, 0, 0] + 0.5
    # The other category is the same from both sides.
    torch.testing.assert_close(score[:, 1, 0], score[:, 1, 2])


def test_viewpoints_count_as_learned_near_those_seen():
    field, *_ = field_of_two_sides()
    settings = AppearanceSettings()
    there, beside, both = (
        learned_share(field.maps(torch.tensor(towards), settings), torch.tensor(area), settings)
        for towards, area in (
            ([AHEAD, BEHIND], [0.3, 0.7]),
            ([ASIDE], [1.0]),
            ([AHEAD, ASIDE], [0.25, 0.75]),
        )
    )
    assert there > 0.9
    assert beside < 0.1
    assert both == pytest.approx(0.25 * there + 0.75 * beside, abs=0.05)


def test_uncertainty_grows_away_from_the_views_learned():
    field, *_ = field_of_two_sides()
    variance = field.maps(torch.tensor([AHEAD, ASIDE]), AppearanceSettings()).variance
    assert (variance[:, 0] < variance[:, 1] - 0.1).all()
    assert (variance <= 1).all()


def test_the_other_side_looks_like_this_one_s_mirror_image():
    """The object looks along +x and has one texture in front, another behind."""
    (across, figure), (along, _) = striped(True), striped(False)
    light = torch.cat([along[:, :24], across[:, 24:]], 1)
    field = AppearanceField.learn(
        torch.stack([light, across]),
        figure.expand(2, 48, 48),
        torch.tensor([[0.6, 0.0, 0.8], ASIDE]),
        torch.tensor([0, 1]),
    )
    settings = AppearanceSettings()
    maps = field.maps(torch.tensor([[0.6, 0.0, -0.8], [-0.6, 0.0, 0.8]]), settings)
    shown = torch.stack([light.flip(1), light])
    score = field.log_prob(shown, figure.expand(2, 48, 48), torch.ones(2, 48, 48), maps, settings)
    assert score[0, 0, 0] > score[1, 0, 0] + 0.5
    assert score[0, 0, 0] > score[0, 0, 1] + 0.5


def test_edges_count_where_the_outline_s_viewpoints_were_learned():
    field, *_ = field_of_two_sides()
    settings = AppearanceSettings(noise=0.1)
    maps = field.maps(torch.tensor([AHEAD, ASIDE]), settings)
    posterior = torch.zeros(3, 2, 2)
    posterior[0, :, 0], posterior[1, :, 1], posterior[2] = 0.5, 0.5, 0.25
    found = trust(posterior, maps, settings)
    assert found[0] == 1
    assert found[1] < 0.1
    assert found[1] < found[2] < found[0]


def test_what_is_hidden_says_nothing():
    field, light, figure = field_of_two_sides()
    settings = AppearanceSettings()
    maps = field.maps(torch.tensor([AHEAD, BEHIND]), settings)
    hidden = field.log_prob(light, figure, torch.zeros_like(figure), maps, settings)
    assert hidden.abs().max() == 0
    half = torch.ones_like(figure)
    half[:, :, 24:] = 0
    changed = light.clone()
    changed[:, 14:34, 30:34] = 0.0
    kept = torch.where(half > 0, figure, torch.zeros(()))
    torch.testing.assert_close(
        field.log_prob(light, kept, half, maps, settings), field.log_prob(changed, kept, half, maps, settings)
    )


def test_maps_agree_with_a_gaussian_process_of_sklearn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    field, *_ = field_of_two_sides()
    settings = AppearanceSettings(common=0.3, reach=40.0, noise=0.7)
    wanted = torch.nn.functional.normalize(
        torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )
    maps = field.maps(wanted, settings)
    kernel = ConstantKernel(1 / 1.7) * (ConstantKernel(0.3) + ConstantKernel(0.7) * RBF(np.radians(40.0)))
    own = field.labels == 0
    process = GaussianProcessRegressor(kernel, alpha=0.7 / 1.7, optimizer=None)
    process.fit(field.towards[own].numpy(), field.histograms[own].numpy())
    mean, deviation = process.predict(wanted.numpy(), return_std=True)
    np.testing.assert_allclose(maps.mean[0], mean, atol=1e-4)
    np.testing.assert_allclose(maps.variance[0] - 0.7 / 1.7, deviation[:, 0] ** 2, atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"common": 1.0},
        {"common": -0.1},
        {"reach": 0.0},
        {"noise": 0.0},
        {"noise": float("inf")},
        {"known": 0.0},
        {"temperature": 0.5},
    ],
)
def test_settings_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AppearanceSettings(**wrong)
