import pytest
import torch

from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.video.encode import write_mp4
from tests.cli.attributing import attribute, two_streams
from tests.squares import COLOURS, square


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return two_streams(tmp_path_factory.mktemp("attribute"))


@pytest.mark.slow
def test_writes_an_overlay_video_arrays_and_a_report(given, tmp_path):
    network, videos = given
    asked = ("--class", "red", "--method", "grad-cam", "--method", "gradient-x-input")
    answered = attribute(network, videos / "train-red-0.mp4", *asked, "--out", tmp_path)
    assert answered.exit_code == 0, answered.output
    assert "label:red = " in answered.stdout
    assert "grad-cam          most at " in answered.stdout
    assert sorted(path.name for path in (tmp_path / "overlays").iterdir()) == [
        "train-red-0.label-red.grad-cam.mp4",
        "train-red-0.label-red.gradient-x-input.mp4",
    ]
    found = read_evidence(tmp_path / "evidence" / "attribution", "attribution").answer
    assert [method["name"] for method in found["methods"]] == ["grad-cam", "gradient-x-input"]
    assert (tmp_path / "index.html").exists()


@pytest.mark.slow
def test_a_catalog_is_attributed_whole_and_names_what_can_not_be_read(given, tmp_path):
    asked = ("--method", "gradient", "--no-videos", "--out", tmp_path)
    answered = attribute(*given, *asked)
    assert answered.exit_code == 1
    assert "broken-0.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    found = read_evidence(tmp_path / "evidence" / "attribution", "attribution").answer
    assert len(found["clips"]) == 3
    assert not (tmp_path / "overlays").exists()


@pytest.mark.slow
def test_a_long_video_is_attributed_by_windows(given, tmp_path):
    path = tmp_path / "long.mp4"
    write_mp4(path, torch.cat([square(each, seed=0) for each in COLOURS.values()]), 15.0)
    asked = ("--windows", "--method", "gradient", "--out", tmp_path)
    answered = attribute(given[0], path, *asked)
    assert answered.exit_code == 0, answered.output
    assert "windows of" in answered.stdout
    found = read_evidence(tmp_path / "evidence" / "attribution-along", "attribution-along")
    assert len(found.answer["windows"]) > 1
    assert len(list((tmp_path / "overlays").iterdir())) == 1


@pytest.mark.slow
def test_the_plan_tells_what_occlusion_computes_anew(given, tmp_path):
    video = given[1] / "train-red-0.mp4"
    answered = attribute(
        given[0], video, "--plan", "--set", "box=5,16,16", "--out", tmp_path / "out"
    )
    assert answered.exit_code == 0, answered.output
    assert "occlusion: boxes of 5 x 16 x 16" in answered.stdout
    assert "computed anew" in answered.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_where_nothing_is_answered_the_exit_code_says_so(given, tmp_path):
    video = given[1] / "train-red-0.mp4"
    asked = ("--class", "red", "--method", "smooth-grad", "--memory", "1KiB", "--no-videos")
    answered = attribute(given[0], video, *asked, "--out", tmp_path)
    assert answered.exit_code == 1
    assert "does not fit in this memory" in answered.stderr
