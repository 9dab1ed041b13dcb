import json

import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from tests.squares import videos_of_squares

SPEC = ClipSpec(streams=("frames", "flow"), frames=4, short_side=32, size=(32, 32))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("squares"), train=1, test=2, broken=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder as `kinetoscope train` leaves it; the weights are random."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("trained")
    labels = ("blue", "green", "red")
    network = build_network("two_stream_small_toy", labels=labels, expects=SPEC)
    save_network(network, folder / "weights.safetensors")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_prints_accuracies_with_their_protocol(trained, videos):
    answered = run(trained, videos, "--split", "test", "--clips", "2", "--without", "flow")
    assert answered.exit_code == 0, answered.output
    assert "on 6 videos" in answered.stdout
    assert "2 clips x 1 crop a video, probabilities averaged; without flow" in answered.stdout
    for figure in ("top-1 accuracy", "mean class accuracy", "calibration error"):
        assert figure in answered.stdout
    assert "error rate" not in answered.stdout


def test_a_bad_video_is_named(trained, videos):
    answered = run(trained, videos)
    assert answered.exit_code == 0
    assert "1 videos could not be evaluated" in answered.stderr
    assert "broken-0.mp4" in answered.stderr


def test_json_and_folder_have_the_same_figures(trained, videos, tmp_path):
    answered = run(trained, videos, "--split", "test", "--json", "--out", tmp_path)
    found = json.loads(answered.stdout)
    assert found == json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    lines = (tmp_path / "videos.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == found["video_count"] == 6
    assert json.loads(lines[0])["views"][0]["crop"] == "centre"


@pytest.mark.slow
def test_controls_are_the_same_network_with_something_taken_away(trained, videos, tmp_path):
    answered = run(trained, videos, "--split", "test", "--controls", "--json", "--out", tmp_path)
    controls = json.loads(answered.stdout)["controls"]
    names = ["reversed", "shuffled", "still", "without frames", "without flow"]
    assert list(controls) == names
    assert (tmp_path / "without-flow" / "evaluation.json").exists()
    assert "top-1 shuffled" in run(trained, videos, "--split", "test", "--controls").stdout


def test_a_part_of_the_catalog_is_enough(trained, videos):
    assert "on 3 videos" in run(trained, videos, "--split", "test", "--limit", "3").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--split", "tset"], 1, "near: test"),
        (["--crops", "2"], 2, "'1', '3'"),
        (["--order", "sideways"], 2, "reversed"),
    ],
    ids=["split", "crops", "order"],
)
def test_refuses_what_can_not_be_shown(trained, videos, arguments, code, says):
    answered = run(trained, videos, *arguments)
    assert answered.exit_code == code
    assert says in answered.output


def test_refuses_a_network_that_is_not_there(videos, tmp_path):
    answered = run(tmp_path / "none.safetensors", videos)
    assert answered.exit_code == 1
    assert "none.safetensors" in answered.stderr
