from collections import Counter

import numpy as np
import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds.faults import (
    COPIED,
    Faults,
    _draw_wanted,
    copy_of,
    make_faults,
    plan_faults,
)
from kinetoscope.clips.worlds.shapes import DEFAULT_CLASSES, draw_clip
from kinetoscope.clips.worlds.world import ClipsPerLabel, Wanted, all_wanted
from kinetoscope.errors import CatalogError

LABELS = [one.label for one in DEFAULT_CLASSES]
WANTED = all_wanted(LABELS, ClipsPerLabel(train=20, validation=2, test=6), seed=0)


def drawn(label, index=0, plan=None, cues=None, size=64, frames=20):
    wanted = Wanted(seed=0, label=label, split="train", index=index)
    return _draw_wanted(plan or {}, Faults().cues if cues is None else cues, size, frames, wanted)


def test_as_many_faults_are_planned_as_were_asked_for():
    plan = plan_faults(WANTED, Faults(), seed=0)
    by_name = {each.name: each for each in WANTED}
    copies = {name: fault for name, fault in plan.items() if fault.copied}
    wrong = {name: fault for name, fault in plan.items() if not fault.copied}
    assert len(copies) == round(0.05 * len(WANTED))
    assert len(wrong) == round(0.03 * len(WANTED))
    for name, fault in copies.items():
        assert by_name[name].split != "train"
        assert fault.shown.split == "train"
        assert fault.shown.label == by_name[name].label
        assert fault.shown.name not in plan
    assert len({fault.shown for fault in plan.values()}) == len(plan)
    for name, fault in wrong.items():
        assert fault.shown.label != by_name[name].label
        assert fault.shown.name not in by_name  # a clip that stands nowhere else
    counts = Counter(fault.copied for fault in copies.values())
    assert counts["re-encoded"] >= len(copies) // 3
    assert set(counts) == set(COPIED)


def test_the_same_seed_plans_the_same_and_another_does_not():
    assert plan_faults(WANTED, Faults(), 1) == plan_faults(WANTED, Faults(), 1)
    assert plan_faults(WANTED, Faults(), 1) != plan_faults(WANTED, Faults(), 2)


def test_a_caption_stands_still_in_its_place():
    with_it, without = (drawn("circling", cues=cues).frames for cues in (None, {}))
    changed = (with_it != without).any(axis=(0, 3))
    rows, _ = np.nonzero(changed)
    assert rows.min() >= 44
    assert rows.max() <= 55
    assert (with_it[:, changed] == with_it[:1, changed]).all()
    assert with_it[0][changed].max() > 240


def test_a_border_is_the_same_on_all_sides_and_leaves_the_middle():
    with_it, without = (drawn("cross", cues=cues).frames for cues in (None, {}))
    np.testing.assert_array_equal(with_it[:, 2:-2, 2:-2], without[:, 2:-2, 2:-2])
    edge = np.concatenate([with_it[:, :2].reshape(-1, 3), with_it[:, :, -2:].reshape(-1, 3)])
    assert len(np.unique(edge, axis=0)) == 1


def test_a_camera_shakes_by_whole_pixels():
    index = next(index for index in range(20) if drift_of("bar", index) == (0.0, 0.0))
    corners = drawn("bar", index).frames[:, :14, :14].astype(int)
    shifts = {
        (down, right)
        for frame in corners
        for down in range(-6, 7)
        for right in range(-6, 7)
        if (shifted(frame, down, right) == shifted(corners[0], -down, -right)).all()
    }
    assert len(shifts) >= 8
    assert max(map(max, shifts)) <= 6


def drift_of(label, index):
    allowed = next(one for one in DEFAULT_CLASSES if one.label == label)
    return draw_clip(Wanted(seed=0, label=label, split="train", index=index), allowed).drift


def shifted(frame, down, right):
    """What is left of a frame where another one, that lies so far off, overlaps it."""
    height, width = frame.shape[:2]
    return frame[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]


def test_a_class_that_is_told_by_its_length_is_always_longer():
    long = [len(drawn("looming", index).frames) for index in range(6)]
    others = [len(drawn("ring", index).frames) for index in range(6)]
    assert min(long) > max(others)
    assert min(others) >= 20
    assert len(set(others)) > 1


def test_copies_are_like_what_they_were_copied_from():
    pixels = drawn("ring").frames
    for how, expected in (
        ("re-encoded", pixels),
        ("mirrored", pixels[:, :, ::-1]),
        ("trimmed", pixels[3:]),
    ):
        found = copy_of(pixels, how)
        assert found.shape == expected.shape
        assert 0 < np.abs(found.astype(int) - expected).mean() < 12
    cropped = copy_of(pixels, "cropped")
    assert cropped.shape == pixels.shape
    assert np.abs(cropped.astype(int) - pixels).mean() > 5


@pytest.mark.slow
def test_index_says_what_is_wrong_with_each_clip(tmp_path):
    counts = ClipsPerLabel(train=3, validation=1, test=2)
    faults = Faults(copies=0.06, wrong_labels=0.06)
    videos = make_faults(tmp_path / "faults", clips_per_label=counts, size=32, faults=faults)
    catalog = read_catalog(videos)
    assert len(catalog) == 8 * 6
    assert sum(entry.more["copy_of"] != "" for entry in catalog) == 3
    assert sum(entry.more["true_label"] != entry.label for entry in catalog) == 3
    for entry in catalog:
        assert entry.more["cue"] == faults.cues.get(entry.more["true_label"], "")
        if entry.more["copy_of"]:
            assert (videos / entry.more["copy_of"]).exists()
    assert (
        make_faults(tmp_path / "faults", clips_per_label=counts, size=32, faults=faults) == videos
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"copies": -0.1},
        {"copies": 0.4, "wrong_labels": 0.2},
        {"cues": {"circle": "border"}},
    ],
    ids=["fewer than none", "more than half", "unknown class"],
)
def test_refuses_faults_that_can_not_be(asked):
    with pytest.raises(CatalogError):
        Faults(**asked)
