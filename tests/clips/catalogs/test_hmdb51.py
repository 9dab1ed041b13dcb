"""Tiny trees in the very format in which the lists of HMDB51 come."""

from pathlib import Path

import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError, UnknownNameError

FILES = {
    "testTrainMulti_7030_splits/brush_hair_test_split1.txt": (
        "April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 \n"
        "Haarek_mmen_brush_hair_h_cm_np1_fr_goo_0.avi 2 \n"
        "atheismo_brush_hair_u_cm_np2_le_goo_0.avi 0 \n"
    ),
    "testTrainMulti_7030_splits/brush_hair_test_split2.txt": (
        "April_09_brush_hair_u_nm_np1_ba_goo_0.avi 2 \n"
    ),
    "testTrainMulti_7030_splits/wave_test_split1.txt": (
        "50_FIRST_DATES_wave_f_cm_np1_fr_med_0.avi 1\n"
    ),
    "hmdb51_org/brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi": "",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_hmdb51_has_its_splits_and_leaves_out_what_is_in_neither(tmp_path):
    catalog = read_catalog("hmdb51", root=written(tmp_path, FILES))
    assert catalog.labels == ("brush_hair", "wave")
    assert [(entry.label, entry.split) for entry in catalog] == [
        ("brush_hair", "train"),
        ("brush_hair", "test"),
        ("wave", "train"),
    ]
    assert catalog.entries[0].path.exists()
    assert catalog.entries[0].group == "brush_hair April_09"
    assert catalog.entries[2].group == "wave 50_FIRST_DATES"


def test_hmdb51_second_division(tmp_path):
    catalog = read_catalog("hmdb51", root=written(tmp_path, FILES), split="test2")
    assert [entry.where for entry in catalog] == ["brush_hair_test_split2.txt:1"]


def test_hmdb51_refuses_what_is_not_its_list(tmp_path):
    with pytest.raises(UnknownNameError, match="one of test1, test2"):
        read_catalog("hmdb51", root=written(tmp_path, FILES), split="test3")
    with pytest.raises(CatalogError, match="no lists of HMDB51"):
        read_catalog("hmdb51", root=tmp_path / "hmdb51_org")
    (tmp_path / "wave_test_split1.txt").write_text("a.avi 3\n")
    with pytest.raises(CatalogError, match=r"wave_test_split1.txt:1: not a video and its split"):
        read_catalog("hmdb51", root=tmp_path)
