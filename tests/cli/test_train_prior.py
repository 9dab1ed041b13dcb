import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.stimuli.writings.generator_fit import read_generator
from tests.squares import videos_of_squares


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("squares"), train=1, test=1, broken=1)


def train_prior(*arguments):
    return CliRunner().invoke(main, ["train-prior", *map(str, arguments)])


QUICK = ("--steps", 2, "--code", 3)


@pytest.mark.slow
def test_fits_a_generator_to_the_clips_of_a_network(weights, catalog, tmp_path):
    out = tmp_path / "priors" / "squares"
    answered = train_prior(weights, catalog, "--out", out, *QUICK)
    assert answered.exit_code == 0, answered.output
    assert "learned from 5 videos, 1 held out" in answered.stdout
    assert "broken-0.mp4" in answered.stderr
    generator = read_generator(out)
    assert generator.config.code == 3
    assert generator.config.expects.streams == ("frames", "flow")
    again = train_prior(weights, catalog, "--out", out, *QUICK)
    assert "already" in again.stdout
    other = train_prior(weights, catalog, "--out", out, *QUICK, "--seed", 1)
    assert "written" in other.stdout
    assert read_generator(out).key != generator.key


def test_takes_one_split_only(weights, catalog, tmp_path):
    out = tmp_path / "prior"
    answered = train_prior(weights, catalog, "--out", out, *QUICK, "--split", "test")
    assert answered.exit_code == 0, answered.output
    assert "learned from 2 videos, 1 held out" in answered.stdout


def test_does_not_replace_a_folder_that_holds_something_else(weights, catalog, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("ten years of work")
    answered = train_prior(weights, catalog, "--out", tmp_path / "mine", *QUICK)
    assert answered.exit_code == 1
    assert "holds no evidence" in answered.stderr
    assert (tmp_path / "mine" / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--steps", "0"], 2, "x>=1"),
        (["--layer", "fusoin"], 1, "near: fusion"),
        (["--split", "training"], 1, "near: train"),
    ],
    ids=str,
)
def test_refuses_what_can_not_be_learned(weights, catalog, tmp_path, arguments, code, message):
    answered = train_prior(weights, catalog, *arguments, "--out", tmp_path / "prior")
    assert (answered.exit_code, message in answered.stderr) == (code, True), answered.stderr
    assert "Traceback" not in answered.stderr
    assert not (tmp_path / "prior").exists()
