"""Named parts against true ones, on maps whose agreement is known."""

import numpy as np
import pytest
from made_up_parts import Knowing, views

from compvis.data.check import InputError
from compvis.evaluation.part_answers import DRAWN, GRAMMAR, map_parts, parse_parts
from compvis.evaluation.parts import (
    category_parts,
    divide_objects,
    fill_figure,
    first_views,
    name_parts,
    name_table,
    overlap_table,
    picture_iou,
    ratio_interval,
    summarise_parts,
)

TRUE = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 3, 3, 0], [0, 3, 3, 0]])
FOUND = np.array([[-1, -1, -1, -1], [5, 5, 5, -1], [-1, 2, 5, -1], [-1, 2, -1, -1]])


def test_overlap_counts_every_pair_of_parts():
    table = overlap_table(FOUND, TRUE, [1, 3])
    assert table.shape == (7, 3)
    assert table.sum() == TRUE.size
    assert table[0].tolist() == [9, 0, 1]
    assert table[3].tolist() == [0, 0, 2]
    assert table[6].tolist() == [1, 2, 1]
    with pytest.raises(ValueError, match="True part 3"):
        overlap_table(FOUND, TRUE, [1])


def test_names_and_scores_by_hand():
    table = overlap_table(FOUND, TRUE, [1, 3])
    names = name_parts([table])
    assert (names[2], names[5]) == (1, 0)
    assert names[0] == 1  # never seen: the commoner name
    named = name_table(table, names)
    assert named.tolist() == [[9, 0, 1], [1, 2, 1], [0, 0, 2]]
    # Part 1: 2 shared of 2 true and 2 more; part 3: 2 shared of 4.
    assert picture_iou(named) == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert name_table(table, names[:4])[1].tolist() == [0, 0, 0]  # part 5 was never matched: it has no name
    with pytest.raises(InputError, match="without matching"):
        name_parts([])
    with pytest.raises(InputError, match="no predicted part"):
        name_parts([np.array([[5, 1], [3, 0]])])


def test_filling_gives_the_figure_its_nearest_part():
    figure = TRUE > 0
    filled = fill_figure(FOUND, figure)
    assert filled.tolist() == [[-1] * 4, [-1, 5, 5, -1], [-1, 2, 5, -1], [-1, 2, filled[3, 2], -1]]
    assert filled[3, 2] in (2, 5)
    assert (fill_figure(np.full((4, 4), -1), figure) == -1).all()


COUNTS = {name: {"learn": 2, "validation": 2, "test": 2} for name in ("chair", "table")}


def test_objects_are_divided_and_views_chosen():
    data = views()
    rows = divide_objects(data, COUNTS)
    assert {split: sorted(set(data.objects[own].tolist())) for split, own in rows.items()} == {
        "learn": [0, 1],
        "validation": [2, 3],
        "test": [4, 5],
    }
    assert first_views(data, rows["test"], 1).tolist() == [12, 15, 30, 33]
    assert category_parts(data) == [[1, 2], [3]]
    with pytest.raises(InputError, match="6 objects of chair with all parts, not 7"):
        divide_objects(data, COUNTS | {"chair": {"learn": 3, "validation": 2, "test": 2}})
    with pytest.raises(InputError, match="how many objects of table"):
        divide_objects(data, {"chair": COUNTS["chair"]})
    with pytest.raises(InputError, match="3 views, not 4"):
        first_views(data, rows["test"], 4)


def rows_of(model, test: bool) -> list[dict]:
    data = views()
    divided = divide_objects(data, COUNTS)
    uses = dict.fromkeys(divided["validation"].tolist(), "match" if test else "both")
    if test:
        uses |= dict.fromkeys(divided["test"].tolist(), "report")
    return list(parse_parts(lambda: model, data, uses, (), lambda row, parts: None))


@pytest.mark.parametrize("test", [False, True])
def test_parts_that_are_the_same_everywhere_are_fully_consistent(test: bool):
    metrics = summarise_parts(rows_of(Knowing(), test))
    found = metrics["parts"][GRAMMAR]["all"]
    assert found["iou"] == found["consistency"] == found["named"] == [1.0, 1.0, 1.0]
    assert (found["objects"], found["pictures"], found["recognised"]) == (4, 12, 1.0)
    assert metrics["names"]["chair"][5:] == ["legs", "plate"]
    assert metrics["failures"] == 0


def test_a_swap_of_parts_and_a_wrong_category_count_as_wrong():
    rows = rows_of(Knowing(swapped={12}, wrong={13}), test=True)
    found = summarise_parts(rows)["parts"]
    assert set(found) == {name + told for name in (GRAMMAR, DRAWN) for told in ("", ", category told")}
    told, open_ = found[f"{GRAMMAR}, category told"]["chair"], found[GRAMMAR]["chair"]
    assert told["iou"][0] == pytest.approx(5 / 6)
    assert open_["iou"][0] == pytest.approx(4 / 6)
    assert open_["recognised"] == pytest.approx(5 / 6)
    shown = [row["figure"] for row in rows if row["method"] == GRAMMAR and row["uses"] == "report"][:6]
    assert told["consistency"][0] == pytest.approx(1 - shown[0] / sum(shown))
    assert open_["consistency"][0] == pytest.approx(1 - sum(shown[:2]) / sum(shown))


def test_an_objects_own_pictures_never_name_its_parts():
    """Two validation objects whose parts are numbered the other way round name each other wrongly."""
    found = summarise_parts(rows_of(Knowing(swapped={0, 1, 2}), test=False))["parts"]
    assert found[GRAMMAR]["chair"]["consistency"][0] == 0.0


def test_failures_are_counted_and_have_no_right_pixel():
    class Failing(Knowing):
        def parse(self, image, mask, alternatives, steps):
            answer = super().parse(image, mask, alternatives, steps)
            if self.asked == 13:
                raise ValueError("cannot see")
            return answer

    metrics = summarise_parts(rows_of(Failing(), test=True))
    assert metrics["failures"] == 2  # a row as drawn, a row brought to the mask
    assert metrics["parts"][GRAMMAR]["chair"]["iou"][0] == pytest.approx(5 / 6)


def test_copied_maps_come_from_other_objects():
    class Remember:
        def fit(self, masks, parts, count):
            seen.append((len(masks), count, sorted(set(parts.ravel().tolist()))))
            return self

        def predict(self, mask):
            return np.where(mask, 0, -1)

    seen: list = []
    data = views()
    uses = dict.fromkeys(divide_objects(data, COUNTS)["validation"].tolist(), "both")
    rows = list(map_parts({"first": Remember}, data, uses, {("first", 6)}))
    assert len(rows) == 11
    assert set(map(str, seen)) == {"(3, 2, [0, 1, 2])", "(3, 1, [0, 1])"}
    assert rows[-1]["named"]
    found = summarise_parts(rows)["parts"]
    assert list(found) == ["first"]  # there is no category to be told
    assert found["first"]["table"]["iou"][0] == 1.0
    assert found["first"]["chair"]["consistency"][0] < 1.0


def test_the_interval_is_of_ratios_over_objects():
    groups = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 10.0], [0.0, 10.0]])]
    interval = ratio_interval(groups, np.random.default_rng(0))
    assert interval.estimate == pytest.approx((4 / 6 + 10 / 20) / 2)
    assert interval.low == pytest.approx((2 / 4 + 0) / 2)
    assert interval.high == pytest.approx((6 / 8 + 1) / 2)
    with pytest.raises(ValueError, match="at least two objects"):
        ratio_interval([groups[0][:1]], np.random.default_rng(0))
