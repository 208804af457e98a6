"""Factors are data, and the same values of them give the same picture."""

import importlib.util

import numpy as np
import pytest
from made_up_furniture import write_partnet
from made_up_photographs import make_photographs
from made_up_views import make_ink, make_views

from compvis.data.check import InputError
from compvis.data.factors import Factor, FactorSpace, complete
from compvis.data.rendered_scenes import RenderedScenes
from compvis.data.scene_source import InkScenes, ViewScenes

NOISE = make_photographs()


def test_a_factor_maps_the_unit_interval_onto_its_values():
    free, stepped = Factor("x", -2.0, 2.0, 1.0), Factor("k", 0.0, 4.0, 0.0, steps=5)
    assert [free.value(p) for p in (-1.0, 0.0, 0.25, 1.0, 2.0)] == [-2, -2, -1, 2, 2]
    assert free.value(free.place(1.0)) == 1.0
    assert [stepped.value(float(p)) for p in np.linspace(0, 1, 11)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
    space = FactorSpace((free, stepped))
    assert space.only(["k"]).names == ("k",)
    assert space.values(space.rest_point()) == space.rest() == {"x": 1.0, "k": 0.0}
    assert complete(space, {"k": 3.0}) == {"x": 1.0, "k": 3.0}
    for wrong in (lambda: space.only(["y"]), lambda: complete(space, {"y": 1.0}), lambda: FactorSpace(()),
                  lambda: Factor("x", 1.0, 0.0, 0.5), lambda: Factor("x", 0.0, 1.0, 2.0)):  # fmt: skip
        with pytest.raises(InputError):
            wrong()


@pytest.fixture(params=["ink", "views", "rendered"])
def source(request, tmp_path):
    if request.param == "ink":
        return InkScenes(make_ink())
    if request.param == "views":
        return ViewScenes(make_views(), NOISE)
    if importlib.util.find_spec("mitsuba") is None:
        pytest.skip("Mitsuba is not installed")
    write_partnet(tmp_path)
    return RenderedScenes(photographs=NOISE, first=0, last=1, side=24, samples=2, root=tmp_path)


def test_the_same_values_give_the_same_picture_and_every_factor_changes_it(source):
    subjects = source.subjects(np.arange(12))
    plain = source.render(int(subjects[0]), {})
    np.testing.assert_array_equal(plain.image, source.render(int(subjects[0]), source.space.rest()).image)
    for factor in source.space.factors:
        end = factor.high if factor.rest != factor.high else factor.low
        if factor.name in ("azimuth", "light_azimuth"):  # a whole turn changes nothing
            end = 170.0
        changed = source.render(int(subjects[0]), {factor.name: end}).image
        assert (changed != plain.image).any(), factor.name
        again = source.render(int(subjects[0]), {factor.name: end}).image
        np.testing.assert_array_equal(changed, again)
    with pytest.raises(InputError, match="Unknown factors"):
        source.render(int(subjects[0]), {"weather": 1.0})


def test_sets_are_prefixes_and_vary_only_what_is_free(source):
    subjects = source.subjects(np.arange(12))[:4].tolist()
    images, masks, labels = source.draw_set(
        subjects, ["blur" if "blur" in source.space.names else "colour"], 3
    )
    fewer = source.draw_set(subjects[:2], ["blur" if "blur" in source.space.names else "colour"], 3)
    np.testing.assert_array_equal(images[:2], fewer[0])
    assert images.dtype == np.uint8
    assert masks.shape == images.shape[:3]
    assert labels.tolist() == [source.label(s) for s in subjects]
    plain = source.draw_set(subjects[:1], [], 3)[0][0]
    np.testing.assert_array_equal(plain, source.render(subjects[0], {}).image)


def test_subjects_of_views_are_objects():
    data = make_views()
    source = ViewScenes(data, NOISE)
    subjects = source.subjects(np.arange(len(data)))
    assert len(subjects) == 14
    straight_above = source.render(int(subjects[0]), {"elevation": 90.0}).image
    assert any((straight_above == image).all() for image in data.images[data.elevation == 90])


def test_sources_of_other_data_are_refused():
    with pytest.raises(InputError, match="scene_source=views"):
        InkScenes(make_views())
    with pytest.raises(InputError, match="scene_source=ink"):
        ViewScenes(make_ink(), NOISE)
    with pytest.raises(InputError, match="other classes than the rendered chair, table, storage"):
        RenderedScenes(make_views(), photographs=NOISE)
    with pytest.raises(InputError, match="first must not be above last"):
        RenderedScenes(photographs=NOISE, first=3, last=2)
