import gzip
import json
from dataclasses import replace

import pytest

from compvis.evaluation.records import by_draw, compare_models, group_results, load_results, metric_interval


@pytest.fixture
def folder(tmp_path):
    def write(model, size, seed, accuracy, status="finished"):
        run_id = f"{model}-n{size}-s{seed}"
        path = tmp_path / "sample_efficiency" / "records" / f"{run_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        config = {"model_name": model, "size": {"per_class": size}}
        path.write_text(json.dumps({
            "format": 1, "experiment": "sample_efficiency", "run_id": run_id, "status": status, "seed": seed,
            "config": config, "metrics": {"accuracy": accuracy}, "rows": [], "timings": {},
        }))  # fmt: skip

    for seed, (a, b) in enumerate([(0.9, 0.8), (0.92, 0.85), (0.88, 0.8)]):
        write("grammar", 1, seed, a)
        write("cnn", 1, seed, b)
    write("cnn", 1, 9, 0.1)
    write("grammar", 10, 0, 0.95)
    write("grammar", 10, 1, 0.0, status="interrupted")
    return tmp_path


def test_a_key_that_came_later_means_in_older_records_what_was_done_then(folder):
    run = replace(load_results(folder)[0], experiment="viewpoint")
    assert run.choice("viewpoints") == "always"
    assert replace(run, config={"viewpoints": "never"}).choice("viewpoints") == "never"


def test_finished_records_are_found_and_grouped(folder):
    results = load_results(folder, "sample_efficiency")
    groups = group_results(results, ["model_name", "size.per_class"])
    assert {key: len(value) for key, value in groups.items()} == {
        ("cnn", 1): 4, ("grammar", 1): 3, ("grammar", 10): 1,
    }  # fmt: skip
    assert metric_interval(groups["grammar", 1], "accuracy").estimate == pytest.approx(0.9)
    single = metric_interval(groups["grammar", 10], "accuracy")
    assert (single.low, single.high, single.n) == (0.95, 0.95, 1)
    assert len(load_results(folder, finished_only=False)) == len(results) + 1
    assert results[0].choice("no.such.key") is None


def test_gzipped_records_are_read_alike(folder):
    wanted = load_results(folder)
    plain = wanted[0].path
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    found = load_results(folder)
    assert [replace(one, path=plain) for one in found] == [replace(one, path=plain) for one in wanted]
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"json\.gz is not a whole run record"):
        load_results(folder)


def test_models_are_compared_on_common_seeds(folder):
    results = [r for r in load_results(folder) if r.choice("size.per_class") == 1]
    comparison = compare_models(results, "grammar", "cnn", "accuracy")
    assert comparison.pairs == 3
    assert comparison.difference.estimate == pytest.approx((0.1 + 0.07 + 0.08) / 3)
    with pytest.raises(ValueError, match="share 0 seeds"):
        compare_models(results, "grammar", "nearest", "accuracy")


def test_what_is_missing_or_damaged_is_named(folder):
    with pytest.raises(ValueError, match="no folder"):
        load_results(folder / "absent")
    with pytest.raises(ValueError, match="no finished record of one_shot"):
        load_results(folder, "one_shot")
    (folder / "sample_efficiency" / "records" / "cut.json").write_text('{"format": 1, "rows": [')
    with pytest.raises(ValueError, match=r"cut\.json"):
        load_results(folder)


def test_a_tag_sets_a_model_apart_but_for_the_tag_of_a_fold(folder):
    run = load_results(folder)[0]
    names = [
        replace(run, config=run.config | {"tag": tag}).choice("model_name") for tag in ("", "-narrow", "-f1")
    ]
    assert names == ["cnn", "cnn (narrow)", "cnn"]


def test_draws_are_seeds_and_folds_and_no_run_is_dropped(folder):
    run = load_results(folder)[0]
    folds = [replace(run, config=run.config | {"fold": fold}) for fold in (0, 1)]
    other = replace(run, seed=run.seed + 1)
    assert len(by_draw([run, other, *folds])) == 4
    assert len(by_draw([run, replace(run, config=run.config | {"data": {"fold": 0}})])) == 2
    assert list(by_draw([run, replace(run)]).values()) == [run]  # made twice, counted once
    unlike = replace(run, metrics={"accuracy": 0.123})
    with pytest.raises(ValueError, match=r"json are two runs of one model, setting and draw"):
        by_draw([run, unlike])
    results = [r for r in load_results(folder) if r.choice("size.per_class") == 1]
    with pytest.raises(ValueError, match="two runs of one model"):
        compare_models([*results, unlike], "grammar", "cnn", "accuracy")


def test_lists_in_a_config_group_too(folder):
    run = load_results(folder)[0]
    runs = [replace(run, config={"free": free}) for free in (["scale"], None, ["scale"])]
    assert {key: len(own) for key, own in group_results(runs, ["free"]).items()} == {
        (("scale",),): 2,
        (None,): 1,
    }
