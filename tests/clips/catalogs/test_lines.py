from pathlib import Path

import pytest

from kinetoscope.clips.catalogs.lines import (
    Line,
    folder_of_classes,
    is_video,
    read_labels,
    read_lines,
)
from kinetoscope.errors import CatalogError


def test_a_line_knows_where_it_stands(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffa.avi 1 \r\n\r\n  b.avi 2\r\n".encode())
    assert read_lines(path) == [Line("a.avi 1", "list.txt:1"), Line("b.avi 2", "list.txt:3")]


def test_labels_may_have_spaces(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("arm wrestling\njog\n\n", encoding="utf-8")
    assert read_labels(path) == ("arm wrestling", "jog")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.mp4", True), ("a.AVI", True), ("a.txt", False), (".a.mp4", False), ("mp4", False)],
)
def test_a_video_is_known_by_its_ending(name, expected):
    assert is_video(Path(name)) is expected


def test_the_folder_of_classes_is_the_first_that_has_the_class(tmp_path):
    (tmp_path / "UCF-101" / "Archery").mkdir(parents=True)
    assert folder_of_classes([tmp_path], ["UCF-101"], "Archery") == tmp_path / "UCF-101"
    assert folder_of_classes([tmp_path], ["UCF-101"], "Bowling") == tmp_path


def test_a_list_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a.avi 1\n\xff\xfe 2\n")
    with pytest.raises(CatalogError, match=r"list.txt:2: not text in UTF-8"):
        read_lines(tmp_path / "list.txt")
    with pytest.raises(CatalogError, match="can't be read"):
        read_lines(tmp_path)
