import pytest

from kinetoscope.video.encode import write_mp4
from tests.cli.attributing import attribute, two_streams
from tests.squares import COLOURS, square


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return two_streams(tmp_path_factory.mktemp("asking"))


def test_a_video_that_is_too_short_is_refused_unless_it_may_be_filled_up(given, tmp_path):
    path = tmp_path / "short.mp4"
    write_mp4(path, square(COLOURS["red"], seed=0, frames=4), 15.0)
    asked = ("--method", "gradient", "--no-videos", "--out", tmp_path)
    refused = attribute(given[0], path, *asked)
    assert refused.exit_code == 1
    assert "is shorter than a clip" in refused.stderr
    assert "--fill shows its last frame again" in refused.stderr
    assert not (tmp_path / "evidence").exists()
    filled = attribute(given[0], path, *asked, "--fill")
    assert filled.exit_code == 0
    assert "were filled up" in filled.stderr


def test_a_slow_video_that_is_long_enough_is_not_too_short(given, tmp_path):
    path = tmp_path / "slow.mp4"
    write_mp4(path, square(COLOURS["red"], seed=0, frames=10), 7.5)
    answered = attribute(given[0], path, "--method", "gradient", "--plan", "--out", tmp_path)
    assert "--plan is for methods that hide" in answered.stderr  # nothing was wrong before


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--class", "rad"), "near: red"),
        (("--unit", "fusoin:1"), "near: fusion"),
        (("--method", "grad-cma"), "near: grad-cam"),
        (("--method", "attention-rollout"), "methods that fit: "),
        (("--unit", "fusion:99"), "expected: fusion:0 to fusion:"),
        (("--method", "occlusion", "--set", "box=4,90,90"), "does not fit in the clip"),
        (("--method", "occlusion", "--set", "box=4,16"), "something like 1,1,1"),
        (("--method", "occlusion", "--set", "box=a,b,c"), "something like 1,1,1"),
        (("--method", "occlusion", "--set", "stride=8,8,8"), "skips pixels"),
        (("--method", "occlusion-in-time", "--set", "frames=few"), "something like 1"),
        (("--method", "rise", "--set", "grid=4,4"), "something like "),
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


def test_a_video_that_is_not_there_is_no_catalog(given, tmp_path):
    answered = attribute(given[0], tmp_path / "jump.mp4", "--out", tmp_path / "out")
    assert answered.exit_code == 1
    assert "jump.mp4" in answered.stderr
    assert "expected: a video, or a catalog" in answered.stderr
