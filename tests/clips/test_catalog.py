from pathlib import Path

import pytest

from kinetoscope.clips.catalog import Catalog, Entry, read_catalog
from kinetoscope.errors import CatalogError, UnknownNameError


def catalog_of(*entries: Entry, root: Path = Path("root"), labels=("jog", "wave")) -> Catalog:
    return Catalog(name="test", root=root, labels=tuple(labels), entries=entries)


def entry_of(name: str, root: Path = Path("root"), **rest) -> Entry:
    return Entry(path=root / name, label=rest.pop("label", "jog"), **rest)


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


# known answers


def test_a_split_keeps_the_labels_and_their_order():
    catalog = catalog_of(
        entry_of("a.mp4", split="train"), entry_of("b.mp4", split="test", label="wave")
    )
    test = catalog.split("test")
    assert [entry.path.name for entry in test] == ["b.mp4"]
    assert test.labels == ("jog", "wave")
    assert test.label_index(test.entries[0]) == 1
    assert catalog.splits == ("train", "test")


def test_depth_actions_has_the_published_numbers(shared_data):
    catalog = read_catalog(shared_data / "depth_actions")
    assert (len(catalog), len(catalog.labels)) == (510, 16)
    assert {split: len(catalog.split(split)) for split in catalog.splits} == {
        "train": 256,
        "test": 254,
    }
    people = {split: {entry.group for entry in catalog.split(split)} for split in catalog.splits}
    assert people == {"train": {"1", "3", "5", "7"}, "test": {"2", "4", "6", "8"}}
    assert all(entry.path.exists() for entry in catalog)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"index.csv": "path,label\na.mp4,jog\n"}, "csv"),
        ({"jog/a.mp4": ""}, "folder"),
        (
            {
                "classInd.txt": "1 Jog\n",
                "trainlist01.txt": "Jog/v_Jog_g01_c01.avi 1\n",
                "testlist01.txt": "Jog/v_Jog_g02_c01.avi\n",
            },
            "ucf101 split 1",
        ),
        ({"splits/jog_test_split1.txt": "a_jog_u.avi 1\n"}, "hmdb51 split 1"),
        ({"val.csv": "label,youtube_id,time_start,time_end,split\njog,abc,1,11,val\n"}, "kinetics"),
    ],
    ids=["csv", "folder", "ucf101", "hmdb51", "kinetics"],
)
def test_a_format_is_recognized_by_what_is_in_the_folder(tmp_path, files, expected):
    folder = written(tmp_path / expected, files)
    assert read_catalog(folder).name == expected
    form = expected.split(" ")[0]
    assert read_catalog(form, root=folder).key == read_catalog(folder).key


def test_labels_are_put_in_the_order_of_a_network(tmp_path):
    folder = written(tmp_path, {"jog/a.mp4": "", "wave/b.mp4": ""})
    catalog = read_catalog(folder, labels=["wave", "rest", "jog"])
    assert [catalog.label_index(entry) for entry in catalog] == [2, 0]


# promises


def test_the_key_is_the_same_wherever_the_folder_lies():
    here, there = Path("/data"), Path("/mnt/elsewhere")
    assert catalog_of(entry_of("a.mp4", here), root=here).key == (
        catalog_of(entry_of("a.mp4", there), root=there).key
    )


@pytest.mark.parametrize(
    "other",
    [
        entry_of("b.mp4"),
        entry_of("a.mp4", label="wave"),
        entry_of("a.mp4", start_seconds=1.0),
        entry_of("a.mp4", end_seconds=1.0),
    ],
    ids=["path", "label", "start", "end"],
)
def test_the_key_tells_different_entries_apart(other):
    assert catalog_of(entry_of("a.mp4")).key != catalog_of(other).key
    assert len(catalog_of(other).key) == 16


# refusals


def test_an_unknown_split_is_refused_with_those_there_are():
    catalog = catalog_of(entry_of("a.mp4", split="train"), entry_of("b.mp4", split="validation"))
    with pytest.raises(UnknownNameError) as caught:
        catalog.split("valid")
    assert "one of train, validation" in str(caught.value)
    assert "near: validation" in str(caught.value)


def test_an_empty_catalog_is_refused():
    with pytest.raises(CatalogError, match="the catalog test is empty"):
        catalog_of()


def test_a_label_out_of_range_is_refused_with_its_line():
    stray = entry_of("a.mp4", label="jogg", where="index.csv:7")
    with pytest.raises(CatalogError) as caught:
        catalog_of(stray).label_index(stray)
    assert str(caught.value).splitlines() == [
        "index.csv:7: the label is not one of the catalog's 2 labels",
        "  got:      jogg",
        "  expected: one of jog, wave",
        "  hint:     near: jog",
    ]


def test_an_entry_without_label_has_no_index():
    entry = Entry(path=Path("a.mp4"))
    with pytest.raises(CatalogError, match="got:      no label"):
        catalog_of(entry).label_index(entry)


def test_labels_of_the_same_name_are_refused():
    with pytest.raises(CatalogError, match="more than one jog"):
        catalog_of(entry_of("a.mp4"), labels=("jog", "wave", "jog"))


@pytest.mark.parametrize("span", [(3.0, 2.0), (-1.0, None), (None, 0.0)])
def test_an_empty_span_is_refused(span):
    with pytest.raises(CatalogError, match=r"index.csv:4: the span is empty"):
        entry_of("a.mp4", start_seconds=span[0], end_seconds=span[1], where="index.csv:4")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="no such file, folder or format"):
        read_catalog(tmp_path / "nowhere")


def test_a_misspelt_format_is_refused_with_what_is_near():
    with pytest.raises(CatalogError, match="near: ucf101"):
        read_catalog("ucf-101", root="data")


def test_a_format_without_root_is_refused():
    with pytest.raises(CatalogError, match="got:      no root"):
        read_catalog("hmdb51")
