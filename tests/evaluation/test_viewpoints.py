"""Viewpoint errors, confusions and their summaries, on parses with known viewpoints."""

from types import SimpleNamespace

import numpy as np
import pytest

from compvis.data.check import InputError
from compvis.data.views import ObjectViews
from compvis.evaluation.viewpoints import (
    Condition,
    confusion_kind,
    handle_shows,
    has_viewpoint,
    run_parses,
    summarise_parses,
    summarise_viewpoints,
    viewpoint_errors,
)

SIDE = 8


@pytest.fixture
def data():
    """Two cars and two apples, three views each; a picture's only bright pixels count its azimuth."""
    label, number, view = (a.reshape(-1) for a in np.indices((2, 2, 3)))
    n = len(label)
    masks = np.zeros((n, SIDE, SIDE), bool)
    masks[:, 2:6, 2:6] = True
    return ObjectViews(
        images=np.where(masks[..., None], 200, 10).repeat(3, 3).astype(np.uint8),
        labels=label.astype(np.int64),
        class_names=("car", "apple"),
        name="squares",
        provenance="made up",
        masks=masks,
        objects=number.astype(np.int64),
        elevation=np.array([0.0, 22.0, 90.0])[view],
        azimuth=np.array([0.0, 90.0, 0.0])[view],
    )


class Parser:
    """Says what it is told to: a label and a viewpoint; as a given label it sees the viewpoint (90, 22)."""

    def __init__(self, label, viewpoint):
        self.label, self.viewpoint, self.asked = label, viewpoint, []

    def parse(self, image, mask=None, label=None, alternatives=2):
        self.asked.append((mask is not None, label))
        if not image.any():
            raise InputError("There is nothing to see.")
        parts = np.full((SIDE, SIDE), -1)
        parts[:4] = 0
        hidden = np.zeros((SIDE, SIDE), bool)
        hidden[:1] = True
        return SimpleNamespace(
            label=self.label if label is None else label,
            log_evidence=-3.0,
            viewpoint=self.viewpoint if label is None else (90.0, 22.0, 0.0),
            proposal=(0.0, 0.0, 0.0),
            viewpoint_spread=10.0,
            parts=parts,
            hidden=hidden,
        )


def test_errors_are_angles_of_turns_and_between_directions():
    found = np.array(
        [[0.0, 0, 0], [350, 0, 0], [0, 0, 20], [90, 0, 0], [10, 90, 0], [180, 0, 0], [40, 30, 5]]
    )
    true = np.array([[0.0, 0, 0], [10, 0, 0], [0, 0, 0], [0, 0, 0], [50, 90, 0], [0, 0, 0], [40, 30, 5]])
    geodesic, direction = viewpoint_errors(found, true)
    np.testing.assert_allclose(geodesic, [0, 20, 20, 90, 40, 180, 0], atol=1e-5)
    # A roll and, from straight above, an azimuth leave the direction alone.
    np.testing.assert_allclose(direction, [0, 20, 0, 90, 0, 180, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((60.0, 5.0, 2.0), "right"),
        ((-45.0, 20.0, 0.0), "near for far"),
        ((135.0, 10.0, 0.0), "left for right"),
        ((230.0, 10.0, 0.0), "turned round"),
        ((45.0, 75.0, 0.0), "elsewhere"),
    ],
)
def test_confusions_are_told_by_the_nearest_relative(found, kind):
    assert confusion_kind(np.array(found), np.array([45.0, 15.0, 0.0])) == kind


def test_what_is_right_is_no_confusion_where_relatives_coincide():
    # Seen along the mirror plane, left for right is the same viewpoint; from above, every relative is near.
    assert confusion_kind(np.array([80.0, 0, 0]), np.array([90.0, 0, 0])) == "right"
    assert confusion_kind(np.array([200.0, 85.0, 0]), np.array([0.0, 90.0, 0])) == "right"


def test_a_handle_hides_behind_its_cup_only():
    azimuth, elevation = np.array([0.0, 90, 243, 270, 297, 225, 270]), np.array([0.0, 0, 24, 55, 24, 0, 90])
    assert handle_shows(azimuth, elevation).tolist() == [True, True, False, False, False, True, True]


def test_only_what_has_a_front_says_from_where_it_is_seen(data):
    rows = np.arange(12)
    assert has_viewpoint(data, rows).tolist() == [True] * 6 + [False] * 6
    unknown = ObjectViews(**{**vars(data), "class_names": ("box", "ball")})
    assert has_viewpoint(unknown, rows).all()


def test_rows_hold_the_free_parse_and_that_as_the_true_category(data):
    parser = Parser(label=1, viewpoint=(0.0, 0.0, 0.0))
    kept = []
    conditions = {"masks": Condition(True), "no_masks": Condition(False)}
    rows = list(
        run_parses(parser, data, np.array([0, 1]), conditions, {("masks", 0)}, lambda *k: kept.append(k[:2]))
    )
    assert [(r["condition"], r["row"]) for r in rows] == [("masks", 1), ("no_masks", 0), ("no_masks", 1)]
    assert kept == [("masks", 1), ("no_masks", 0), ("no_masks", 1)]
    assert parser.asked == [(True, None), (True, 0), (False, None), (False, 0), (False, None), (False, 0)]
    first = rows[0]
    assert (first["predicted"], first["correct"], first["category"]) == (1, False, "car")
    assert first["direction"] == pytest.approx(90.0)
    assert first["given_direction"] == pytest.approx(0.0, abs=1e-5)
    assert first["given_proposal_direction"] == pytest.approx(90.0)
    assert first["hidden"] == pytest.approx(0.25)
    right = Parser(label=0, viewpoint=(0.0, 0.0, 0.0))
    row = next(run_parses(right, data, np.array([0]), {"masks": Condition(True)}))
    assert right.asked == [(True, None)]  # already parsed as what it is
    assert row["given_direction"] == row["direction"] == 0


def test_failures_count_as_wrong_in_category_and_viewpoint(data):
    dark = ObjectViews(**{**vars(data), "images": np.zeros_like(data.images)})
    rows = list(run_parses(Parser(0, (0.0, 0.0, 0.0)), dark, np.array([0, 3]), {"masks": Condition(True)}))
    assert rows[0]["failure"] == "There is nothing to see."
    found = summarise_parses(rows)
    assert found["failures"] == 2
    condition = found["conditions"]["masks"]
    assert (condition["accuracy"], condition["median"], condition["within_30"]) == (
        0.0,
        [180.0] * 3,
        [0.0] * 3,
    )
    assert condition["kinds"] == dict.fromkeys(condition["kinds"], 0)


def made_up(errors, objects, spreads):
    """Rows with these direction errors, free and given alike."""
    keys = ("viewpoint", "proposal", "geodesic", "direction", "proposal_direction", "spread", "kind")
    rows = []
    for error, number, spread in zip(errors, objects, spreads, strict=True):
        said = dict(zip(keys, (None, None, error + 1, error, 90.0, spread, "elsewhere"), strict=True))
        both = said | {f"given_{key}": value for key, value in said.items()}
        rows.append({"object": number, "failure": None, "correct": True, **both})
    return rows


def test_summaries_are_medians_shares_and_intervals_over_objects():
    errors = [5.0, 10.0, 40.0, 20.0, 25.0, 170.0]
    found = summarise_viewpoints(made_up(errors, [0, 0, 1, 1, 2, 2], [4.0, 6, 15, 14, 12, 60]))
    assert found["median"][0] == pytest.approx(22.5)
    assert found["median"][1] <= 22.5 <= found["median"][2]
    assert found["median"][1] < found["median"][2]
    assert found["within_30"][0] == pytest.approx(4 / 6)
    assert found["geodesic_median"] == pytest.approx(23.5)
    assert found["proposal_median"] == 90
    assert found["kinds"]["elsewhere"] == 6
    assert found["correlation"] == pytest.approx(33 / 35)  # two neighbours of six are swapped
    assert found["within_2_spreads"] == pytest.approx(3 / 6)


def test_one_object_has_no_interval():
    found = summarise_viewpoints(made_up([5.0, 7.0], [3, 3], [1.0, 1.0]))
    assert found["given_median"] == [6.0, None, None]
    assert found["correlation"] is None
    with pytest.raises(ValueError, match="no parses"):
        summarise_parses([])
