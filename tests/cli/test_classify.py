import json

import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4
from tests.squares import COLOURS, square

SPEC = ClipSpec(frames=4, short_side=32, size=(32, 32))

USERS = """
import torch
from torch import nn
from kinetoscope.clips.spec import ClipSpec


class Colour(nn.Module):
    def forward(self, frames):
        return frames.amax(dim=(3, 4)).mean(dim=2) * 4


def build():
    return Colour()


build.labels = ["red", "green", "blue"]
build.expects = ClipSpec(frames=4, short_side=32, size=(32, 32))
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Two seconds of a red square, then two of a blue one."""
    path = tmp_path_factory.mktemp("videos") / "squares.mp4"
    parts = [square(COLOURS[colour], seed=1, frames=10) for colour in ("red", "blue")]
    write_mp4(path, torch.cat(parts), 5.0)
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A function of the user's that knows colours."""
    path = tmp_path_factory.mktemp("mine") / "my_file.py"
    path.write_text(USERS)
    return f"{path}:build"


def run(*arguments):
    return CliRunner().invoke(main, ["classify", *map(str, arguments)])


def test_the_most_probable_labels_are_told_best_first(network, video):
    answered = run(network, video, "--top", "2")
    assert answered.exit_code == 0, answered.output
    first, *lines = answered.stdout.splitlines()
    assert "my_file.py:build sees 1.60 to 2.20 s" in first
    assert len(lines) == 2
    shares = [float(line.split("%")[0]) for line in lines]
    assert shares == sorted(shares, reverse=True)


def test_with_every_each_stretch_is_told(network, video):
    answered = run(network, video, "--every", "1s", "--top", "1")
    rows = [line.split() for line in answered.stdout.splitlines()]
    assert rows[0] == ["from", "to", "probability", "label"]
    assert [row[0] for row in rows[1:]] == ["0.00s", "1.00s", "2.00s", "3.00s"]
    assert [row[3] for row in rows[1:]] == ["red", "red", "blue", "blue"]


def test_as_json_each_stretch_is_a_line(network, video):
    answered = run(network, video, "--every", "2", "--json")
    rows = [json.loads(line) for line in answered.stdout.splitlines()]
    assert [(row["from"], row["to"]) for row in rows] == [(0, 2), (2, 4)]
    assert [row["top"][0]["label"] for row in rows] == ["red", "blue"]
    assert sum(each["probability"] for each in rows[0]["top"]) == pytest.approx(1, abs=1e-5)


def test_as_json_the_whole_video_is_one_object(network, video):
    found = json.loads(run(network, video, "--json").stdout)
    assert found["video"] == str(video)
    assert found["seen"] == pytest.approx([1.6, 2.2])
    assert [row["label"] for row in found["top"]]


def test_labels_come_from_a_file(network, video, tmp_path):
    (tmp_path / "labels.txt").write_text("rouge\nvert\nbleu\n")
    answered = run(network, video, "--labels", tmp_path / "labels.txt", "--every", "4s", "--json")
    labels = {row["label"] for row in json.loads(answered.stdout)["top"]}
    assert labels == {"rouge", "vert", "bleu"}


def test_a_name_is_classified_with_weights(video, tmp_path):
    spec = build_network("c3d_toy").expects
    save_network(
        build_network("c3d_toy", labels=["x", "y"], expects=spec), tmp_path / "mine.safetensors"
    )
    answered = run("c3d_toy", video, "--weights", tmp_path / "mine.safetensors")
    assert answered.exit_code == 0, answered.output
    assert {line.split()[-1] for line in answered.stdout.splitlines()[1:]} == {"x", "y"}


def test_a_short_video_is_told_to_be_short(network, tmp_path):
    write_mp4(tmp_path / "short.mp4", square(COLOURS["red"], seed=0, frames=3), 5.0)
    answered = run(network, tmp_path / "short.mp4")
    assert answered.exit_code == 0
    assert "too short for 1 of the 4 frames" in answered.stderr
    assert "its last frame is repeated" in answered.stderr


@pytest.mark.parametrize("every", ["0s", "-1", "soon", "1h"])
def test_refuses_what_is_no_length_of_time(network, video, every):
    answered = run(network, video, f"--every={every}")
    assert answered.exit_code == 2
    assert "such as 1s" in answered.stderr


def test_refuses_an_untrained_network(video):
    answered = run("c3d_toy", video)
    assert answered.exit_code == 1
    assert "c3d_toy has learnt nothing yet" in answered.stderr


def test_refuses_a_file_that_is_no_video(network, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    answered = run(network, tmp_path / "text.mp4")
    assert answered.exit_code == 1
    assert "can't be opened as a video" in answered.stderr
    assert "Traceback" not in answered.output
