"""The examiner against a model whose weakness is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from compvis.data.check import InputError
from compvis.data.factors import Factor, FactorSpace
from compvis.evaluation.examiner import Scenes, examine, hazard_map, summarise_examinations
from compvis.evaluation.search import SEARCHERS


class Corner:
    """Pictures that are their own factors: wrong only in a corner of the cube."""

    space = FactorSpace(tuple(Factor(name, 0.0, 1.0, 0.1) for name in "abcd"))

    def label(self, subject):
        return 0

    def render(self, subject, values):
        place = np.array([values.get(name, 0.1) for name in "abcd"])
        return SimpleNamespace(image=(255 * place[None]).round().astype(np.uint8), mask=np.ones((1, 4), bool))


def judge(images, labels, masks):
    """The margin falls towards the corner; wrong where all four factors are above 0.8."""
    rows = []
    for image in images:
        margin = float(0.8 - image.min() / 255)
        rows.append({"correct": margin > 0, "margin": margin, "predicted": int(margin <= 0), "failure": None})
    return rows


def refuse(images, labels, masks):
    return [{"correct": False, "margin": None, "predicted": None, "failure": "no ink"} for _ in images]


def test_cma_es_finds_a_corner_that_random_search_misses():
    assert isinstance(Corner(), Scenes)
    found = {s: [examine(judge, Corner(), k, s, 300) for k in range(6)] for s in SEARCHERS}
    hits = {s: sum(one.first_failure is not None for one in own) for s, own in found.items()}
    assert hits["cmaes"] == 6
    renders = {s: np.median([one.first_failure or 300 for one in own]) for s, own in found.items()}
    assert renders["cmaes"] < renders["random"] / 2
    worst = found["cmaes"][0]
    assert min(worst.worst_values.values()) > 0.75
    assert (
        judge(Corner().render(0, worst.worst_values).image[None], None, None)[0]["margin"]
        == worst.worst_margin
    )


@pytest.mark.parametrize("strategy", SEARCHERS)
def test_searches_are_reproducible_and_keep_their_budget(strategy):
    first, second = (examine(judge, Corner(), 3, strategy, 37, seed=1, stop=False) for _ in range(2))
    assert first == second
    assert first.renders == 37
    some = examine(judge, Corner(), 3, strategy, 40, free=["a"], stop=False)
    assert set(some.worst_values) == {"a"}
    assert some.wrong == 0
    refused = examine(refuse, Corner(), 3, strategy, 30)
    assert refused.first_failure == 1
    assert refused.refused == refused.renders


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match="Unknown strategy"):
        examine(judge, Corner(), 0, "luck", 5)
    with pytest.raises(InputError, match="budget"):
        examine(judge, Corner(), 0, "random", 0)
    with pytest.raises(InputError, match="Unknown factors"):
        examine(judge, Corner(), 0, "random", 5, free=["z"])
    with pytest.raises(InputError, match="steps"):
        hazard_map(judge, Corner(), [0], ("a", "b"), 1)


def test_a_hazard_map_has_a_row_an_x():
    def above(images, labels, masks):
        return [{"correct": bool(image[0, 0] < 128)} for image in images]

    found = hazard_map(above, Corner(), [0, 1], ("a", "b"), 3)
    assert found["x"] == [0.0, 0.5, 1.0]
    assert found["accuracy"] == [[1.0] * 3, [0.0] * 3, [0.0] * 3]


def row(subject, strategy, first, wrong, renders=100, clean=True):
    return {"subject": subject, "strategy": strategy, "clean_correct": clean, "first_failure": first,
            "wrong": wrong, "renders": renders, "refused": 0}  # fmt: skip


def test_figures_of_worst_case_average_and_hard_subjects():
    rows = [row(0, "random", 80, 1), row(1, "random", 2, 40), row(2, "random", None, 0, clean=False),
            row(0, "cmaes", 10, 3, 12), row(1, "cmaes", 1, 5, 10), row(2, "cmaes", None, 0, clean=False)]  # fmt: skip
    m = summarise_examinations(rows)
    assert m["clean_accuracy"] == pytest.approx(2 / 3)
    assert m["strategies"]["random"]["survived"] == 0
    assert m["strategies"]["random"]["wrong_share"] == pytest.approx(41 / 300)
    assert m["hard"] == {"subjects": 1, "median_renders": {"random": 80.0, "cmaes": 10.0}}
    with pytest.raises(ValueError, match="no examinations"):
        summarise_examinations([])
