import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from compvis.evaluation.records import Result
from compvis.inspection import (
    Anchor,
    compare_rows,
    efficiency_figure,
    generation_sheet,
    markdown_table,
    one_shot_figure,
    parse_sheet,
    save_figure,
    scene_sheet,
    terminal_table,
)
from compvis.inspection.pictures import MISSING, SURPLUS, paper_picture, residual_picture
from compvis.inspection.strokes import curve_points, drawn_strokes


def result(tmp_path, model, size, seed, errors, trials=1000, data="mnist"):
    metrics = {
        "trials": trials, "errors": errors, "failures": 1 if errors > 100 else 0,
        "accuracy": 1 - errors / trials,
        "error": errors / trials, "seconds_per_image": 0.01, "fit_seconds": 2.0,
    }  # fmt: skip
    config = {"model_name": model, "size": {"per_class": size}, "data": {"name": data}}
    return Result("e", f"{model}{size}{seed}", "finished", seed, config, metrics, [], {}, tmp_path / "x.json")


@pytest.fixture
def results(tmp_path):
    made = []
    models = {"grammar": (120, 50, 25, 8), "cnn": (500, 250, 110, 30), "nearest": (480, 280, 190, 0)}
    for model, levels in models.items():
        for size, errors in zip((1, 4, 10, 100), levels, strict=True):
            made += [
                result(tmp_path, model, size, s, max(errors + (s - 2) * errors // 10, 0)) for s in range(5)
            ]
    return made


def test_efficiency_figure_shows_every_model_and_size(results, tmp_path):
    figure = efficiency_figure(results, "MNIST")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["grammar", "cnn", "nearest"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4", "10", "100"]
    line = axes.containers[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), [12.0, 5.0, 2.48, 0.76], rtol=1e-9)
    first = save_figure(figure, tmp_path / "deep" / "a.png").read_bytes()
    assert save_figure(efficiency_figure(results, "MNIST"), tmp_path / "b.png").read_bytes() == first


def test_the_axis_shows_means_though_an_interval_of_two_runs_reaches_far(results, tmp_path):
    wild = [result(tmp_path, "wild", 4, seed, errors) for seed, errors in ((0, 2), (1, 9))]
    some = [one for one in results if one.config["model_name"] != "nearest"]
    axes = efficiency_figure([*some, *wild], "MNIST").axes[0]
    low, high = axes.get_ylim()
    assert low == pytest.approx(0.55 / 1.6)  # the interval goes down to nothing
    assert high > max(line.get_ydata().max() for line, *_ in axes.containers)


def test_efficiency_figure_refuses_two_data_sets(results, tmp_path):
    with pytest.raises(ValueError, match="one data set"):
        efficiency_figure([*results, result(tmp_path, "cnn", 1, 0, 5, data="digits")], "both")


def test_one_shot_figure_sorts_ours_among_the_published(tmp_path):
    ours = [
        result(tmp_path, "grammar", None, 0, 6, trials=400),
        result(tmp_path, "cnn", None, 0, 90, trials=400),
    ]
    figure = one_shot_figure(ours, [Anchor("people", 4.5, "Lake 2015")], "Omniglot")
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["cnn (400 trials)", "people (Lake 2015)", "grammar (400 trials)"]
    assert [round(bar.get_width(), 2) for bar in figure.axes[0].patches] == [22.5, 4.5, 1.5]
    save_figure(figure, tmp_path / "bars.png")


def test_sheets_are_drawn(parse, tmp_path):
    wrong = type(parse)(**{**vars(parse), "label": "1"})
    figure = parse_sheet([parse, parse, wrong], ["7", "7", "7"])
    assert [axes.get_title() for axes in figure.axes] == ["7", "7", "1, not 7", ""]
    image = Image.open(save_figure(figure, tmp_path / "sheet.png"))
    assert len(set(image.convert("RGB").getdata())) > 20
    ink = parse.image
    sheet = generation_sheet([ink, ink], [[ink] * 3] * 2, [[ink.T] * 4] * 2)
    assert len(sheet.axes) == 2 * (1 + 1 + 3 + 1 + 4)
    save_figure(sheet, tmp_path / "generated.png")
    with pytest.raises(ValueError, match="one label"):
        parse_sheet([parse], [])


def test_scenes_show_turns_and_ink_left_out(parse, tmp_path):
    aside = np.zeros(parse.image.shape, dtype=bool)
    aside[:4, :4] = True
    turned = SimpleNamespace(**vars(parse), turn=-45.0, left_out=aside)
    upright = SimpleNamespace(**vars(parse), turn=0.0, left_out=~aside & aside)
    figure = scene_sheet([turned, upright, upright], ["7", "7", "1"], columns=2)
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == ["7, turned -45°", "7", "7, not 1"]
    (red,) = (image.get_array() for image in figure.axes[0].images)
    assert (red[:4, :4, 0] > red[:4, :4, 1]).any() or parse.image[:4, :4].max() == 0
    save_figure(figure, tmp_path / "scenes.png")
    with pytest.raises(ValueError, match="one label"):
        scene_sheet([turned], [])


def test_tables_rank_within_a_size_and_say_over_what(results, tmp_path):
    rows = compare_rows([*results, result(tmp_path, "svm", 1, 0, 60)])
    ones = [row for row in rows if row.per_class == 1]
    assert [row.model for row in ones] == ["svm", "grammar", "nearest", "cnn"]
    assert [row.cells()[4] for row in ones] == ["1000 images", "5 runs", "5 runs", "5 runs"]
    assert ones[2].failures == 5
    text = markdown_table(rows)
    assert text.count("\n") == len(rows) + 2
    assert "| mnist | 1 | svm | 94.00 [92.35, 95.31] | 1000 images | 0 | 2.00 | 10.0 |" in text
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table(rows, "Comparison"))
    text = console.export_text()
    assert "94.00 [92.35, 95.31]" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_pictures_have_the_stated_colours():
    assert paper_picture(np.array([[0.0, 1.0]])).tolist() == [[[255] * 3, [0] * 3]]
    picture = residual_picture(np.array([[1.0, 0.0, -1.0]]))
    assert picture.tolist() == [[list(MISSING), [255] * 3, list(SURPLUS)]]


def test_strokes_are_read_off_the_tree(parse):
    strokes = drawn_strokes(parse.tree)
    assert [s.address.count("stroke[0]") for s in strokes] == [2, 1, 1, 1]
    assert strokes[0].colour == strokes[1].colour != strokes[3].colour
    assert strokes[0].darkness == pytest.approx(0.9)
    curve = curve_points(np.array([[0.0, 0], [1, 0], [2, 0], [3, 0]]), n=4)
    np.testing.assert_allclose(curve, [[0, 0], [1, 0], [2, 0], [3, 0]], atol=1e-12)
