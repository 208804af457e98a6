"""One look for a model in every figure."""

from compvis.inspection.styles import model_style

BASELINES = ("cnn", "resnet", "hog_svm", "nearest", "alexnet", "convnext", "ensemble", "scattering")


def test_a_model_looks_alike_on_digits_and_photographs():
    assert model_style("cnn") == model_style("cnn_photo") == model_style("cnn_photo_pasted")
    assert model_style("grammar") == model_style("grammar_solids")
    told, plain = model_style("resnet_scene"), model_style("resnet")
    assert [key for key in told if told[key] != plain[key]] == ["linestyle"]


def test_no_two_baselines_and_no_baseline_and_grammar_look_alike():
    looks = [tuple(model_style(name).values()) for name in ("grammar", *BASELINES)]
    assert len(set(looks)) == len(looks)
    assert all(look[0] != looks[0][0] for look in looks[1:])


def test_a_model_of_ones_own_has_a_look_that_lasts():
    assert model_style("my_network") == model_style("my_network")
    assert model_style("my_network")["color"] != model_style("grammar")["color"]


def test_grammars_have_one_colour_and_looks_of_their_own():
    names = ("grammar", "grammar_recognition", "grammar_scene", "grammar_scene_recognition")
    looks = [model_style(name) for name in names]
    assert len({look["color"] for look in looks}) == 1
    assert len({(look["marker"], look["linestyle"]) for look in looks}) == len(names)
