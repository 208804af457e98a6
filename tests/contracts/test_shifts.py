"""Every level of every shift's config keeps one contract; a new shift is one yaml and one line in `SHIFTS`."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from compvis.data import backgrounds
from compvis.data.backgrounds import Photographs
from compvis.data.check import InputError
from compvis.data.contract import LabelledImages
from compvis.data.shifts import SHIFTS, Shift, apply_shift, make_shift
from compvis.data.views import ObjectViews

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "tests" / "data"))
from made_up_views import make_ink, make_views  # noqa: E402

CONFIGS = sorted((ROOT / "configs" / "shift").glob("*.yaml"))
GENERATOR = np.random.default_rng(3)
PHOTOGRAPHS = Photographs(
    tuple(GENERATOR.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(3)), "made up"
)


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch):
    """The shifts of a config, with made-up photographs."""
    monkeypatch.setattr(backgrounds, "load_backgrounds", lambda part: PHOTOGRAPHS)
    return lambda path: instantiate(OmegaConf.load(path).levels, _convert_="all")


def suited(shift: Shift) -> LabelledImages:
    return make_ink() if shift.needs == "grey" else make_views(parts=True)


def test_every_shift_has_a_config():
    configured = set()
    for path in CONFIGS:
        cfg = OmegaConf.load(path)
        assert cfg.name == path.stem
        configured |= {level._target_.rsplit(".")[-1] for level in cfg.levels}
    assert configured == {kind.__name__ for kind in SHIFTS.values()}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shift_contract(path: Path, levels):
    shifts = levels(path)
    assert len({(shift.name, shift.severity) for shift in shifts}) == len(shifts)
    for shift in shifts:
        data = suited(shift)
        before = data.images.copy()
        rows = np.arange(0, len(data), 5)
        shifted = apply_shift(shift, data, rows, seed=1)
        np.testing.assert_array_equal(data.images, before)  # the parent is never written to
        assert len(shifted) > 0
        assert set(shifted.parent_rows) | set(shifted.skipped) <= set(rows)
        assert shifted.images.dtype == np.uint8
        assert shifted.images.shape == (len(shifted), *data.images.shape[1:])
        assert shifted.masks.dtype == bool
        assert shifted.masks.shape == (len(shifted), *data.images.shape[1:3])
        assert np.isfinite(shifted.achieved).all()
        assert (shifted.parent, shifted.shift, shifted.seed) == (data.name, shift.name, 1)
        if shift.name != "viewpoint":
            changed = (shifted.images != data.images[shifted.parent_rows]).reshape(len(shifted), -1).any(1)
            assert changed.mean() > 0.9

        child = shifted.as_data(data)
        assert type(child) is type(data)
        assert child.labels.tolist() == data.labels[shifted.parent_rows].tolist()
        if isinstance(child, ObjectViews):
            np.testing.assert_array_equal(child.masks, shifted.masks)
            assert child.parts is not None

        # The same images whatever else is asked for, in whatever order; others with another seed.
        some = shifted.parent_rows[::-2]
        again = apply_shift(shift, data, some, seed=1)
        at = np.searchsorted(shifted.parent_rows, some)
        np.testing.assert_array_equal(again.images, shifted.images[at])
        np.testing.assert_array_equal(again.achieved, shifted.achieved[at])


@pytest.mark.parametrize("path", [p for p in CONFIGS if p.stem != "none"], ids=lambda path: path.stem)
def test_seed_decides(path: Path, levels):
    shift = levels(path)[0]
    if shift.name in ("viewpoint", "scale", "blur", "contrast", "jpeg", "pen_width"):
        pytest.skip("nothing is drawn at random")
    data = suited(shift)
    one, other = (apply_shift(shift, data, range(0, len(data), 5), seed=seed) for seed in (1, 2))
    assert one.parent_rows.tolist() != other.parent_rows.tolist() or (one.images != other.images).any()


def test_unknown_shifts_and_settings_are_refused():
    with pytest.raises(InputError, match=r"Unknown shift 'fog'.*background"):
        make_shift("fog")
    with pytest.raises(InputError, match=r"noise cannot be made with \['amount'\]"):
        make_shift("noise", amount=1.0)
    assert make_shift("noise", sigma=0.1).severity == 0.1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("noise", {"sigma": 0.0}),
        ("blur", {"sigma": -1.0}),
        ("contrast", {"factor": 1.0}),
        ("jpeg", {"quality": 0}),
        ("rotation", {"degrees": -10.0}),
        ("scale", {"factor": 0.0}),
        ("recolour", {"strength": 1.5}),
        ("texture", {"strength": 0.0, "photographs": PHOTOGRAPHS}),
        ("background", {"opacity": 0.0, "photographs": PHOTOGRAPHS}),
        ("occlusion", {"low": 0.5, "high": 0.4, "photographs": PHOTOGRAPHS}),
        ("occlusion", {"low": 0.2, "high": 0.4, "photographs": PHOTOGRAPHS, "occluder": "hand"}),
        ("part_removal", {"count": 0}),
        ("part_recombination", {"count": 0}),
        ("pen_width", {"factor": 0.0}),
        ("clutter", {"pieces": 0}),
        ("viewpoint", {"low": 50.0, "high": 10.0}),
    ],
)
def test_impossible_severities_are_refused(name: str, settings: dict):
    with pytest.raises(InputError):
        make_shift(name, **settings)


def test_data_that_lack_what_a_shift_needs_are_refused():
    with pytest.raises(InputError, match=r"part_removal needs part maps.*made-up"):
        apply_shift(make_shift("part_removal", count=1), make_views())
    with pytest.raises(InputError, match="grey images"):
        apply_shift(make_shift("pen_width", factor=2.0), make_views())
    with pytest.raises(InputError, match="masks and directions"):
        apply_shift(make_shift("recolour", strength=1.0), make_ink())
    with pytest.raises(InputError, match="rows 0 to 111"):
        apply_shift(make_shift("noise", sigma=0.1), make_views(), [112])
    with pytest.raises(InputError, match="not from made-up ink"):
        apply_shift(make_shift("noise", sigma=0.1), make_views(), [1]).as_data(make_ink())
