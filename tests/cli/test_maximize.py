import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.clips.catalog import read_catalog
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.evidence.scan import scan
from kinetoscope.evidence.stimuli.stimulus import read_stimuli
from kinetoscope.networks.others.user_file import open_network
from tests.squares import videos_of_squares

NETWORK = """
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.early = nn.Conv3d(5, 3, 3, padding=1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(3, 3)
        with torch.no_grad():
            self.early.weight[2], self.early.bias[2] = 0.0, -1.0  # dead

    def forward(self, frames, flow):
        return self.fc(self.relu(self.early(torch.cat([frames, flow], dim=1))).mean(dim=(2, 3, 4)))


def build():
    torch.manual_seed(0)
    spec = ClipSpec(streams=("frames", "flow"), frames=4, short_side=16, size=(16, 16))
    labels = ["blue", "green", "red"]
    return Network(Both(), labels=labels, expects=spec, name="both", layers=["early", "relu"])
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A network of both streams, from a file; the last of its three units is dead."""
    path = tmp_path_factory.mktemp("network") / "both.py"
    path.write_text(NETWORK)
    return f"{path}:build"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("maximize") / "videos", train=0, test=1)


def maximize(*arguments):
    return CliRunner().invoke(main, ["maximize", *map(str, arguments)])


def stimuli_in(out):
    folders = sorted((out / "evidence" / "stimuli").iterdir())
    return {folder.name: read_stimuli(folder) for folder in folders}


QUICK = ("--slowness", "0,10", "--steps", 2)


@pytest.mark.slow
def test_makes_a_report_of_what_was_asked_and_says_what_could_not_be_made(both, tmp_path):
    answered = maximize(both, "relu", "labels", "relu:1@centre", *QUICK, "--out", tmp_path)
    assert answered.exit_code == 0, answered.output
    made = stimuli_in(tmp_path)
    assert set(made) == {
        *("relu-0", "relu-1", "relu~3a~1@centre"),
        *("label-blue", "label-green", "label-red"),
    }
    assert [stimulus.slowness for stimulus in made["relu-1"]] == [0, 10]
    assert answered.stdout.count("relu:1  slowness") == 2
    assert "x its best made clip" in answered.stdout
    assert "relu:2  can't be maximized: " in answered.stderr
    assert "6 made, 1 not, 0 left; activations are held against made clips" in answered.stdout
    assert (tmp_path / "index.html").exists()
    assert f"open {tmp_path / 'index.html'}" in answered.stdout


@pytest.mark.slow
def test_a_second_time_nothing_is_made_anew(both, tmp_path):
    asked = (both, "relu:0", *QUICK, "--out", tmp_path)
    first = maximize(*asked)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "evidence").rglob("*")}
    assert maximize(*asked).stdout == first.stdout
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "evidence").rglob("*")}
    assert after == before


@pytest.mark.slow
def test_with_a_scan_real_clips_are_the_reference(both, videos, tmp_path):
    scanned = tmp_path / "scan"
    scan(open_network(both), read_catalog(videos), scanned)
    out = tmp_path / "out"
    answered = maximize(both, "relu:0", *QUICK, "--scan", scanned, "--out", out)
    assert answered.exit_code == 0, answered.output
    assert "x its best real clip" in answered.stdout
    assert "held against videos" in answered.stdout
    other = tmp_path / "other.py"
    other.write_text(NETWORK.replace("manual_seed(0)", "manual_seed(1)"))
    refused = maximize(f"{other}:build", "relu:0", "--scan", scanned, "--out", out)
    assert refused.exit_code == 1
    assert "is not of" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--writing", "fourier"], lambda one: one.writing == "fourier"),
        (["--writing", "phases"], lambda one: one.opacity is not None),
        (["--writing", "texture"], lambda one: one.writing == "moved-texture"),
        (["--hold", "frames=blank"], lambda one: one.held == {"frames": "blank"}),
        (["--hold", "flow=own"], lambda one: one.held == {"flow": "own"}),
        (["--hold", "frames=VIDEO"], lambda one: one.held["frames"].endswith("test-red-0.mp4")),
        (["--from", "VIDEO"], lambda one: one.writing == "accentuation"),
        (["--diverse", "2"], lambda one: "diversity" in one.history),
        (["--tie", "10", "--robust"], lambda one: "tie" in one.history),
        (["--seeds", "2"], lambda one: one.measures.activation_spread is not None),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_an_option_does_what_it_says(both, videos, tmp_path, options, says):
    options = [option.replace("VIDEO", str(videos / "test-red-0.mp4")) for option in options]
    answered = maximize(both, "relu:1", "--slowness", 1, "--steps", 3, *options, "--out", tmp_path)
    assert answered.exit_code == 0, answered.output
    [found] = stimuli_in(tmp_path).values()
    assert says(found[0])


@pytest.mark.slow
def test_options_of_the_ascent_are_kept_with_what_they_made(both, tmp_path):
    options = ("--patience", 1, "--strength", 10, "--no-crop", "--clips-at-once", 2, "--minutes", 5)
    answered = maximize(both, "relu:1", *QUICK, *options, "--out", tmp_path)
    assert answered.exit_code == 0, answered.output
    settings = read_evidence(tmp_path / "evidence" / "stimuli" / "relu-1").provenance.settings
    assert (settings["patience"], settings["strength"], settings["steps"]) == (1, 10, 2)


@pytest.mark.slow
def test_where_nothing_can_be_made_it_fails(both, tmp_path):
    answered = maximize(both, "relu:2", *QUICK, "--out", tmp_path)
    assert answered.exit_code == 1
    assert "relu:2  can't be maximized" in answered.stderr
    assert "Traceback" not in answered.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["relu2:1"], 1, "near: relu"),
        (["relu2"], 1, "near: relu"),
        (["relu:3"], 1, "relu:0 to relu:2"),
        (["label:gren"], 1, "near: green"),
        (["relu:one"], 1, "such as fusion:17"),
        (["relu:1", "--slowness", "0,fast"], 2, "such as 0,1,5,10"),
        (["relu:1", "--slowness", "-1"], 2, "0 or more"),
        (["relu:1", "--steps", "0"], 2, "x>=1"),
        (["relu:1", "--writing", "oil"], 2, "'pixels', 'fourier'"),
        (["relu:1", "--writing", "generated"], 2, "train-prior"),
        (["relu:1", "--hold", "sound=blank"], 2, "frames=blank"),
        (["relu:1", "--hold", "frames=none.mp4"], 2, "no file"),
        (["relu:1", "--engine", "cloud"], 2, "'here', 'ray'"),
        (["relu:1", "--minutes", "0"], 2, "x>0"),
        ([], 2, "UNITS"),
    ],
    ids=str,
)
def test_refuses_what_can_not_be_asked(both, tmp_path, arguments, code, message):
    answered = maximize(both, *arguments, "--out", tmp_path / "out")
    assert (answered.exit_code, message in answered.stderr) == (code, True), answered.stderr
    assert "Traceback" not in answered.stderr
    assert not (tmp_path / "out").exists()


def test_a_video_is_changed_in_pixels_or_waves_alone(both, videos, tmp_path):
    asked = (
        "relu:1",
        "--from",
        videos / "test-red-0.mp4",
        "--writing",
        "phases",
        "--out",
        tmp_path / "out",
    )
    answered = maximize(both, *asked)
    assert (answered.exit_code, "pixels or fourier" in answered.stderr) == (2, True)
