import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import pytest

from kinetoscope.clips.catalog import Catalog, Entry, read_catalog
from kinetoscope.clips.checking import Check, check_catalog
from kinetoscope.clips.spec import ClipSpec


def catalog_of(*entries: Entry, labels=("jog", "wave")) -> Catalog:
    numbered = tuple(
        replace(entry, where=f"index.csv:{line}") for line, entry in enumerate(entries, start=2)
    )
    root = entries[0].path.parent
    return Catalog(name="made", root=root, labels=tuple(labels), entries=numbered)


def entry_of(path: Path, **rest) -> Entry:
    return Entry(path=path, **{"label": "jog", **rest})


def found(check: Check) -> list[tuple[str, str]]:
    return [(finding.kind, finding.where) for finding in check.findings]


@pytest.fixture
def sound(write_video) -> list[Entry]:
    """A catalog's worth of entries with which nothing is wrong."""
    return [
        entry_of(write_video("a.mp4", right=1.0), label="jog", split="train", group="1"),
        entry_of(write_video("b.mp4", right=-1.0), label="wave", split="train", group="1"),
        entry_of(write_video("c.mp4", right=2.0), label="jog", split="test", group="2"),
    ]


# known answers


def test_nothing_is_wrong_with_a_sound_catalog(sound):
    check = check_catalog(catalog_of(*sound))
    assert check.findings == ()
    assert (check.entries, check.files, check.frames) == (3, 3, 60)
    assert check.frames_per_second == pytest.approx(8.0)


def test_a_missing_file_is_listed_with_its_line(sound, tmp_path):
    check = check_catalog(catalog_of(*sound, entry_of(tmp_path / "gone.mp4")))
    assert found(check) == [("missing", "index.csv:5")]
    assert check.findings[0].path == "gone.mp4"


@pytest.mark.parametrize("content", [b"", b"<script>alert(1)</script>"], ids=["empty", "text"])
def test_a_file_that_is_not_a_video_is_unreadable(sound, tmp_path, content):
    path = tmp_path / 'it\'s a "video" ü 動画.mp4'
    path.write_bytes(content)
    check = check_catalog(catalog_of(*sound, entry_of(path)))
    assert found(check) == [("unreadable", "index.csv:5")]
    assert check.findings[0].path == path.name


def test_a_file_that_ends_too_early_is_truncated(sound, tmp_path):
    # with its index first, so that a player would open it and stop in the middle
    path = tmp_path / "cut.mp4"
    with (
        av.open(sound[0].path) as source,
        av.open(path, "w", options={"movflags": "faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    path.write_bytes(path.read_bytes()[:-500])
    check = check_catalog(catalog_of(*sound, entry_of(path)))
    assert found(check) == [("truncated", "index.csv:5")]
    assert "breaks off after frame" in check.findings[0].what


def test_two_empty_files_are_not_duplicates(sound, tmp_path):
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).touch()
    check = check_catalog(
        catalog_of(*sound, entry_of(tmp_path / "one.mp4"), entry_of(tmp_path / "two.mp4"))
    )
    assert [kind for kind, _ in found(check)] == ["unreadable", "unreadable"]


def test_a_video_of_one_frame_is_too_short(sound, write_video):
    check = check_catalog(catalog_of(*sound, entry_of(write_video("one.mp4", time=1))))
    assert ("too short", "index.csv:5") in found(check)


def test_too_short_is_what_is_shorter_than_a_clip_of_the_spec(sound, write_video):
    catalog = catalog_of(*sound, entry_of(write_video("long.mp4", time=31)))
    assert check_catalog(catalog, spec=ClipSpec(frames=10, stride=2)).findings == ()
    check = check_catalog(catalog, spec=ClipSpec(frames=16, stride=2))
    assert found(check) == [("too short", f"index.csv:{line}") for line in (2, 3, 4)]
    assert check.findings[0].got == "20 frames"
    assert check.findings[0].expected == "31 frames or more"


def test_a_span_that_is_too_short_or_outside_is_listed(sound):
    cut = replace(sound[0], start_seconds=1.0, end_seconds=1.1)
    outside = replace(sound[0], start_seconds=9.0)
    check = check_catalog(catalog_of(*sound[1:], cut, outside))
    assert found(check) == [("too short", "index.csv:4"), ("too short", "index.csv:5")]


def test_an_odd_frame_rate_is_far_from_the_usual_one(sound, write_video):
    fast = entry_of(write_video("fast.mp4", frames_per_second=24.0))
    near = entry_of(write_video("near.mp4", frames_per_second=10.0))
    check = check_catalog(catalog_of(*sound, fast, near))
    assert found(check) == [("odd frame rate", "index.csv:5")]
    assert check.findings[0].got == "24 frames a second"


def test_the_same_content_under_another_name_is_a_duplicate(sound, tmp_path):
    shutil.copy(sound[0].path, tmp_path / "copy.mp4")
    check = check_catalog(catalog_of(*sound, entry_of(tmp_path / "copy.mp4", split="train")))
    assert found(check) == [("duplicate", "index.csv:5")]
    assert check.findings[0].got == "the content of a.mp4 (index.csv:2)"


def test_two_spans_of_a_video_are_no_duplicates_but_the_same_span_is(sound):
    one, two = (
        replace(sound[0], start_seconds=start, end_seconds=start + 1) for start in (0.0, 1.0)
    )
    check = check_catalog(catalog_of(*sound[1:], one, two, one))
    assert found(check) == [("duplicate", "index.csv:6")]


def test_the_same_content_in_two_splits_is_listed_once(sound, tmp_path):
    shutil.copy(sound[0].path, tmp_path / "copy.mp4")
    check = check_catalog(catalog_of(*sound, entry_of(tmp_path / "copy.mp4", split="test")))
    assert found(check) == [("two splits", "index.csv:5")]
    assert check.findings[0].what == "the same video is in two splits"


def test_the_same_group_in_two_splits_is_listed(sound):
    leaking = replace(sound[2], group="1")
    check = check_catalog(catalog_of(*sound[:2], leaking))
    assert found(check) == [("two splits", "index.csv:4")]
    assert check.findings[0].got == "group 1 in test, and in train (index.csv:2)"


def test_a_random_division_of_ucf101_is_noticed(tmp_path, write_video):
    for group, clip in ((8, 1), (8, 2), (9, 1)):
        write_video(f"UCF-101/Jog/v_Jog_g{group:02d}_c{clip:02d}.avi", right=group + clip / 10)
    (tmp_path / "classInd.txt").write_text("1 Jog\n")
    (tmp_path / "trainlist01.txt").write_text("Jog/v_Jog_g08_c01.avi 1\nJog/v_Jog_g09_c01.avi 1\n")
    (tmp_path / "testlist01.txt").write_text("Jog/v_Jog_g08_c02.avi\n")
    check = check_catalog(read_catalog(tmp_path))
    assert found(check) == [("two splits", "testlist01.txt:1")]
    assert check.findings[0].got == "group Jog g08 in test, and in train (trainlist01.txt:1)"


def test_a_label_out_of_range_and_a_class_without_videos_are_listed(sound):
    stray = entry_of(sound[0].path, label="<script>", split="train", group="1")
    check = check_catalog(catalog_of(stray, *sound[1:], labels=("jog", "wave", "bow")))
    assert found(check) == [("label out of range", "index.csv:2"), ("empty class", "bow")]
    assert check.findings[0].got == "<script>"


def test_the_worst_comes_first_and_is_counted(sound, tmp_path):
    (tmp_path / "broken.mp4").touch()
    entries = [replace(sound[2], group="1"), *sound[:2], entry_of(tmp_path / "broken.mp4")]
    check = check_catalog(catalog_of(*entries, entry_of(tmp_path / "gone.mp4")))
    assert [kind for kind, _ in found(check)] == ["missing", "unreadable", "two splits"]
    assert check.counts == {"missing": 1, "unreadable": 1, "two splits": 1}


# promises


def test_a_check_is_the_same_with_one_thread_and_many(sound, tmp_path):
    (tmp_path / "broken.mp4").touch()
    catalog = catalog_of(*sound, entry_of(tmp_path / "broken.mp4"))
    assert check_catalog(catalog, threads=1) == check_catalog(catalog, threads=4)


def test_a_check_can_be_written_as_json(sound, tmp_path):
    check = check_catalog(catalog_of(*sound, entry_of(tmp_path / "gone.mp4")))
    read = json.loads(json.dumps(check.to_json()))
    assert read["counts"] == {"missing": 1}
    assert read["findings"][0]["where"] == "index.csv:5"


def test_progress_is_told_for_every_file_once(sound):
    told = []
    check_catalog(
        catalog_of(*sound, replace(sound[0], label="wave", start_seconds=1.0)),
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.slow
def test_nothing_is_wrong_with_depth_actions(shared_data):
    check = check_catalog(read_catalog(shared_data / "depth_actions"), spec=ClipSpec(frames=32))
    assert check.findings == ()
    assert (check.files, check.frames) == (510, 510 * 32)
