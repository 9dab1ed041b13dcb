import pytest

from kinetoscope.clips.catalogs.recognize import is_kinetics, recognize, split_and_fold


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.csv", "csv"),
        ("classInd.txt", "ucf101"),
        ("lists/classInd.txt", "ucf101"),
        ("wave_test_split1.txt", "hmdb51"),
        ("lists/wave_test_split1.txt", "hmdb51"),
        ("wave/a.mp4", "folder"),
        ("notes.csv", "folder"),
    ],
)
def test_a_file_tells_the_format(tmp_path, name, expected):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    form, place, videos = recognize(tmp_path, None)
    assert form == expected
    assert place == (path if expected == "csv" else tmp_path)
    assert videos is None


def test_an_index_comes_before_every_other_sign(tmp_path):
    for name in ("index.csv", "classInd.txt", "wave_test_split1.txt"):
        (tmp_path / name).touch()
    assert recognize(tmp_path, tmp_path / "videos") == (
        "csv",
        tmp_path / "index.csv",
        tmp_path / "videos",
    )


def test_a_named_format_has_its_videos_where_its_lists_are(tmp_path):
    assert recognize("ucf101", tmp_path) == ("ucf101", tmp_path, None)
    assert recognize("csv", tmp_path) == ("csv", tmp_path / "index.csv", None)
    assert recognize("csv", tmp_path / "a.csv") == ("csv", tmp_path / "a.csv", None)


def test_kinetics_is_known_by_its_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"label","youtube_id","time_start","time_end","split"\n')
    assert is_kinetics(path)
    assert recognize(path, None)[0] == recognize(tmp_path, None)[0] == "kinetics"
    path.write_text("path,label\n")
    assert not is_kinetics(path)


def test_only_published_divisions_have_numbered_splits():
    assert split_and_fold("train3", "hmdb51") == ("train", 3)
    assert split_and_fold("validation", "ucf101") == ("validation", 1)
    assert split_and_fold("train3", "folder") == ("train3", 1)
    assert split_and_fold(None, "ucf101") == (None, 1)
