"""Tiny trees in the very format in which the lists of UCF-101 come."""

from pathlib import Path

import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError, UnknownNameError

FILES = {
    "ucfTrainTestlist/classInd.txt": "1 ApplyEyeMakeup\n2 Archery\n3 HandstandPushups\n",
    "ucfTrainTestlist/trainlist01.txt": (
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\n"
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c02.avi 1\n"
        "Archery/v_Archery_g08_c01.avi 2\n"
        "HandstandPushups/v_HandStandPushups_g08_c01.avi 3\n"
    ),
    "ucfTrainTestlist/testlist01.txt": (
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\nArchery/v_Archery_g01_c03.avi\n"
    ),
    "ucfTrainTestlist/trainlist02.txt": "Archery/v_Archery_g01_c03.avi 2\n",
    "ucfTrainTestlist/testlist02.txt": "Archery/v_Archery_g08_c01.avi\n",
    "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi": "",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_ucf101_takes_the_label_of_test_videos_from_the_folder(tmp_path):
    catalog = read_catalog("ucf101", root=written(tmp_path, FILES), split="test1")
    assert [entry.label for entry in catalog] == ["ApplyEyeMakeup", "Archery"]
    assert catalog.labels == ("ApplyEyeMakeup", "Archery", "HandstandPushups")
    assert [catalog.label_index(entry) for entry in catalog] == [0, 1]


def test_ucf101_finds_videos_and_groups(tmp_path):
    catalog = read_catalog(written(tmp_path, FILES))
    assert catalog.entries[0].path.exists()
    assert [entry.group for entry in catalog.split("train")] == [
        "ApplyEyeMakeup g08",
        "ApplyEyeMakeup g08",
        "Archery g08",
        "HandstandPushups g08",
    ]
    assert catalog.entries[1].where == "trainlist01.txt:2"


def test_ucf101_has_the_same_video_on_other_sides_of_other_divisions(tmp_path):
    root = written(tmp_path, FILES)
    first, second = (read_catalog("ucf101", root=root, split=split) for split in ("train", "test2"))
    assert [entry.path.name for entry in second] == ["v_Archery_g08_c01.avi"]
    assert second.entries[0].path in {entry.path for entry in first}
    assert second.name == "ucf101 split 2"


def test_ucf101_refuses_a_division_that_is_not_there(tmp_path):
    with pytest.raises(UnknownNameError, match="one of train1, train2"):
        read_catalog("ucf101", root=written(tmp_path, FILES), split="test3")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("trainlist01.txt", "Archery/v_Archery_g08_c01.avi 1\n", "trainlist01.txt:1: the number"),
        ("trainlist01.txt", "v_Archery_g08_c01.avi 2\n", "trainlist01.txt:1: not a video"),
        ("trainlist01.txt", "Arching/v_Arching_g08_c01.avi 2\n", "trainlist01.txt:1: the label"),
        ("classInd.txt", "0 ApplyEyeMakeup\n", "classInd.txt:1: not the next class"),
        ("classInd.txt", "", "classInd.txt is empty"),
    ],
)
def test_ucf101_refuses_a_line_that_is_not_as_it_must_be(tmp_path, name, text, message):
    root = written(tmp_path, FILES | {f"ucfTrainTestlist/{name}": text})
    with pytest.raises(CatalogError, match=message):
        read_catalog("ucf101", root=root)
