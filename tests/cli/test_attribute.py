import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4
from tests.squares import COLOURS, square, videos_of_squares


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A network of both streams, and a catalog whose last video can't be read."""
    folder = tmp_path_factory.mktemp("attribute")
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=sorted(COLOURS))
    save_network(network, folder / "trained" / "weights.safetensors")
    return folder / "trained", videos_of_squares(folder / "videos", train=1, test=0, broken=1)


def attribute(*arguments):
    return CliRunner().invoke(main, ["attribute", *map(str, arguments)])


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


def test_a_video_that_is_too_short_is_refused_unless_it_may_be_filled_up(given, tmp_path):
    path = tmp_path / "short.mp4"
    write_mp4(path, square(COLOURS["red"], seed=0, frames=4), 15.0)
    asked = ("--method", "gradient", "--no-videos", "--out", tmp_path)
    refused = attribute(given[0], path, *asked)
    assert refused.exit_code == 1
    assert "is shorter than a clip" in refused.stderr
    assert "its last frame repeated" in refused.stderr
    assert not (tmp_path / "evidence").exists()
    assert attribute(given[0], path, *asked, "--fill").exit_code == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--class", "rad"), "near: red"),
        (("--unit", "fusoin:1"), "near: fusion"),
        (("--method", "grad-cma"), "near: grad-cam"),
        (("--method", "attention-rollout"), "methods that fit: "),
        (("--method", "occlusion", "--set", "box=4,90,90"), "does not fit in the clip"),
        (("--method", "grad-cam", "--layer", "label"), "space"),
        (("--method", "rise", "--filling", "swap"), "--swap-with VIDEO"),
        (("--method", "grad-cam", "--plan"), "hide parts"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_is_refused_before_computing(given, tmp_path, asked, told):
    out = tmp_path / "out"
    answered = attribute(given[0], given[1] / "train-red-0.mp4", *asked, "--out", out)
    assert answered.exit_code != 0
    assert told in answered.stderr
    assert not out.exists()
