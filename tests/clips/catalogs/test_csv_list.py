from pathlib import Path

import pytest

from kinetoscope.clips.catalog import Catalog, read_catalog
from kinetoscope.errors import CatalogError


def read(tmp_path: Path, text: str, names: str | None = None, **rest) -> Catalog:
    path = tmp_path / "clips.csv"
    path.write_text(text, encoding="utf-8")
    if names is not None:
        (tmp_path / "labels.txt").write_text(names, encoding="utf-8")
    return read_catalog(path, **rest)


def labels_of(catalog: Catalog) -> list[str | None]:
    return [entry.label for entry in catalog]


# known answers


def test_every_column_finds_its_place(tmp_path):
    catalog = read(
        tmp_path,
        "label,path,subject,split,start,end,camera\n"
        "jog,a/b.mp4,7,train,1.5,4,left\n"
        "wave,/abs/c.mp4,8,test,,,right\n",
    )
    first, second = catalog.entries
    assert first.path == tmp_path / "a/b.mp4"
    assert (first.label, first.group, first.split) == ("jog", "7", "train")
    assert first.span == (1.5, 4.0)
    assert first.where == "clips.csv:2"
    assert first.more == {"subject": "7", "camera": "left"}
    assert second.path == Path("/abs/c.mp4")
    assert second.span == (None, None)
    assert (catalog.name, catalog.labels) == ("clips", ("jog", "wave"))


def test_names_with_marks_and_quotes_are_text_like_any_other(tmp_path):
    catalog = read(
        tmp_path,
        '\ufeffpath,label\r\n"a, ""b"" ü 動画.mp4",<script>alert(1)</script>\r\n'
        "\"it's [bold].mp4\",'; drop\r\n",
    )
    assert [entry.path.name for entry in catalog] == ['a, "b" ü 動画.mp4', "it's [bold].mp4"]
    assert labels_of(catalog) == ["<script>alert(1)</script>", "'; drop"]


def test_blank_lines_do_not_count_but_keep_their_number(tmp_path):
    catalog = read(tmp_path, "path,label\n\na.mp4,jog\n\n\nb.mp4,jog\n")
    assert [entry.where for entry in catalog] == ["clips.csv:3", "clips.csv:6"]


def test_an_empty_label_is_none(tmp_path):
    assert labels_of(read(tmp_path, "path,label\na.mp4,\nb.mp4,jog\n")) == [None, "jog"]


@pytest.mark.parametrize(
    "text",
    ["a b.mp4 1\nc.mp4 0\n", "x/a.mp4 120 1\nc.mp4 90 0\n", "a.mp4,1\nc.mp4,0\n"],
    ids=["spaces", "spaces and frames", "commas"],
)
def test_lists_without_header_are_read(tmp_path, text):
    catalog = read(tmp_path, text, names="jog\nwave\n")
    assert labels_of(catalog) == ["wave", "jog"]
    assert catalog.entries[0].path.name in ("a b.mp4", "a.mp4")
    assert catalog.entries[0].where == "clips.csv:1"


def test_tabs_do_as_well_as_commas(tmp_path):
    catalog = read(tmp_path, "path\tlabel\na, b.mp4\tjog\n")
    assert catalog.entries[0].path.name == "a, b.mp4"


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [("012", ["jog", "wave", "bow"]), ("123", ["jog", "wave", "bow"]), ("02", ["jog", "bow"])],
    ids=["from 0", "from 1", "from 0 with a gap"],
)
def test_numbers_get_their_names_from_the_file_beside(tmp_path, numbers, expected):
    rows = "".join(f"{number}.mp4,{number}\n" for number in numbers)
    catalog = read(tmp_path, f"path,label\n{rows}", names="jog\nwave\nbow\n")
    assert labels_of(catalog) == expected
    assert catalog.labels == ("jog", "wave", "bow")


def test_the_caller_may_say_where_numbers_start(tmp_path):
    text = "path,label\na.mp4,1\n"
    assert labels_of(read(tmp_path, text, labels=["jog", "wave"], first_label=1)) == ["jog"]
    assert labels_of(read(tmp_path, text, labels=["jog", "wave"], first_label=0)) == ["wave"]


def test_numbers_without_names_are_the_names_and_their_places_agree(tmp_path):
    catalog = read(tmp_path, "path,label\na.mp4,10\nb.mp4,2\nc.mp4,0\n")
    assert catalog.labels == tuple(str(number) for number in range(11))
    assert [catalog.label_index(entry) for entry in catalog] == [10, 2, 0]


def test_names_that_are_numbers_in_the_file_beside_are_names(tmp_path):
    catalog = read(tmp_path, "path,label\na.mp4,5\nb.mp4,0\n", names="5\n0\n")
    assert [catalog.label_index(entry) for entry in catalog] == [0, 1]


# refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,class\na.mp4,jog\n", r"clips.csv:1: no column label\n  got:      the columns path,"),
        ("a,b\nc,d\n", r"clips.csv:1: no column path and no column label"),
        ("path,label,label\na,b,c\n", r"clips.csv:1: a column comes twice"),
        ("path,label\na.mp4\n", r"clips.csv:2: not as many cells as columns"),
        ("path,label\na, b.mp4,jog\n", r"(?s)clips.csv:2: .*hint: .*quotes"),
        ("path,label\n,jog\n", r"clips.csv:2: no path"),
        ("path,label,start\na.mp4,jog,soon\n", r"clips.csv:2: a time is not a number"),
        ("path,label,start,end\na.mp4,jog,3,2\n", r"clips.csv:2: the span is empty"),
        ("path,label\n", r"the catalog clips is empty"),
        ("", r"the catalog clips is empty"),
    ],
    ids=lambda value: None if value.startswith("clips") else value[:20],
)
def test_a_list_that_is_not_as_it_must_be_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(CatalogError, match=message):
        read(tmp_path, text)


def test_a_number_out_of_range_is_refused_and_kept_where_asked(tmp_path):
    text = "path,label\na.mp4,0\nb.mp4,2\n"
    with pytest.raises(CatalogError, match=r"clips.csv:3: the label is not one of the catalog's 2"):
        read(tmp_path, text, names="jog\nwave\n")
    assert labels_of(read(tmp_path, text, strict=False)) == ["jog", "2"]


def test_a_name_that_is_not_in_the_file_beside_is_refused_with_what_is_near(tmp_path):
    with pytest.raises(CatalogError, match=r"(?s)clips.csv:2.*near: jog"):
        read(tmp_path, "path,label\na.mp4,jogg\n", names="jog\nwave\n")


def test_numbers_that_may_start_at_0_or_1_are_refused(tmp_path):
    with pytest.raises(CatalogError, match=r"(?s)from 0 or from 1.*hint: .*first_label=0"):
        read(tmp_path, "path,label\na.mp4,1\nb.mp4,2\n", names="jog\nwave\nbow\n")


def test_text_in_another_encoding_is_refused_with_its_line(tmp_path):
    (tmp_path / "clips.csv").write_bytes("path,label\na.mp4,jog\nü.mp4,jog\n".encode("latin-1"))
    with pytest.raises(CatalogError, match=r"clips.csv:3: not text in UTF-8"):
        read_catalog(tmp_path / "clips.csv")


def test_a_csv_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="No such file"):
        read_catalog("csv", root=tmp_path)
