"""Tiny trees in the very format in which folders of classes come."""

from pathlib import Path

import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_folder_is_a_class(tmp_path):
    written(
        tmp_path,
        dict.fromkeys(("jog/b.mp4", "jog/a.avi", "jog/.hidden.mp4", "wave/x/c.MOV"), "")
        | {"jog/notes.txt": "", ".git/a.mp4": "", "rest/notes.txt": ""},
    )
    catalog = read_catalog(tmp_path)
    assert [(entry.label, entry.path.name) for entry in catalog] == [
        ("jog", "a.avi"),
        ("jog", "b.mp4"),
        ("wave", "c.MOV"),
    ]
    assert catalog.labels == ("jog", "rest", "wave")


def test_folders_named_as_splits_are_splits(tmp_path):
    written(tmp_path, dict.fromkeys(("train/jog/a.mp4", "val/jog/b.mp4", "val/wave/c.mp4"), ""))
    catalog = read_catalog(tmp_path)
    assert catalog.splits == ("train", "val")
    assert catalog.labels == ("jog", "wave")
    assert len(read_catalog(tmp_path, split="val")) == 2


def test_videos_in_no_class_have_no_label(tmp_path):
    catalog = read_catalog(written(tmp_path, dict.fromkeys(("b.mp4", "a.mp4", "notes.txt"), "")))
    assert [(entry.label, entry.path.name) for entry in catalog] == [
        (None, "a.mp4"),
        (None, "b.mp4"),
    ]
    assert catalog.labels == ()


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "jog").mkdir()
    with pytest.raises(CatalogError, match="no video in it, nor in 1 folders of it"):
        read_catalog(tmp_path)
