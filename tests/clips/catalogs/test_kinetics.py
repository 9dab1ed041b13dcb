"""Tiny trees in the very format in which the lists of Kinetics come."""

from pathlib import Path

import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError

FILES = {
    "validate.csv": (
        "label,youtube_id,time_start,time_end,split\n"
        "testifying,---QUuC4vJs,84,94,validate\n"
        '"eating spaghetti, slowly",--3ouPhoy2A,20,30,validate\n'
        "dribbling basketball,-0WZKTu0xyk,5,15,validate\n"
    ),
    "test.csv": "youtube_id,time_start,time_end,split\n--gone,1,11,test\n",
    "val/testifying/---QUuC4vJs_000084_000094.mp4": "",
    "whole/--3ouPhoy2A.mkv": "",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_kinetics_finds_cut_and_whole_videos(tmp_path):
    root = written(tmp_path, FILES)
    cut, whole, gone = read_catalog(root / "validate.csv").entries
    assert cut.path == root / "val/testifying/---QUuC4vJs_000084_000094.mp4"
    assert cut.span == (None, None)
    assert whole.path == root / "whole/--3ouPhoy2A.mkv"
    assert whole.span == (20.0, 30.0)
    assert whole.label == "eating spaghetti, slowly"
    assert gone.path == root / "-0WZKTu0xyk_000005_000015.mp4"
    assert (gone.where, gone.group) == ("validate.csv:4", "-0WZKTu0xyk")


def test_kinetics_reads_every_list_of_a_folder(tmp_path):
    catalog = read_catalog("kinetics", root=written(tmp_path, FILES))
    assert sorted(catalog.splits) == ["test", "validate"]
    assert catalog.split("test").entries[0].label is None
    assert catalog.labels == ("dribbling basketball", "eating spaghetti, slowly", "testifying")


def test_kinetics_refuses_a_time_that_is_none(tmp_path):
    list_ = tmp_path / "train.csv"
    list_.write_text("label,youtube_id,time_start,time_end,split\njog,abc,x,11,train\n")
    with pytest.raises(CatalogError, match=r"train.csv:2: a time is not a number"):
        read_catalog(list_)
    list_.write_text("label,youtube_id\njog,abc\n")
    with pytest.raises(CatalogError, match=r"train.csv:1: no column time_end, time_start"):
        read_catalog("kinetics", root=list_)
