import click
import pytest
from click.testing import CliRunner

from kinetoscope.cli.telling import end_with, tell_failures

ERRORS = [f"video {number} can't be read" for number in range(23)]


def run(told, *given):
    return CliRunner().invoke(click.Command("tell", callback=lambda: told(*given)))


def test_twenty_errors_are_named_and_the_others_counted():
    answered = run(end_with, ERRORS, ", all in its clips")
    assert answered.exit_code == 1
    assert answered.stderr.splitlines() == [*ERRORS[:20], "and 3 more, all in its clips"]


def test_where_nothing_went_wrong_nothing_is_told():
    answered = run(end_with, [])
    assert (answered.exit_code, answered.output) == (0, "")


@pytest.mark.parametrize(
    ("failures", "code", "said"),
    [
        ([{"layer": "fc", "error": "too wide\nby far"}], 0, ["fc is left out: too wide"]),
        ([{"path": "a.mp4", "error": "a.mp4 is dark"}] * 2, 1, ["a.mp4 is dark"]),
    ],
    ids=["a layer", "a video, once"],
)
def test_only_videos_that_can_not_be_read_make_a_verb_fail(failures, code, said):
    answered = run(tell_failures, [], failures)
    assert (answered.exit_code, answered.stderr.splitlines()) == (code, said)
