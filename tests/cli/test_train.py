import json

import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import load_network
from tests.squares import videos_of_squares

RECIPE = """
network = "two_stream_small_toy"
epochs = 1
clips_per_batch = 6
[clip]
frames = 4
short_side = 32
size = [32, 32]
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("squares"), train=4, test=1, broken=1)


@pytest.fixture
def recipe(videos, tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(f'catalog = "{videos}"\n{RECIPE}', encoding="utf-8")
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


def test_trains_and_says_where_the_weights_are(recipe, tmp_path):
    out = tmp_path / "out"
    answered = run(recipe, "--out", out, "--set", "epochs=2", "--set", "test_split=test")
    assert answered.exit_code == 0, answered.output
    assert "for 2 epochs" in answered.stdout
    assert "test accuracy" in answered.stdout
    assert "broken-0.mp4" in answered.stderr
    assert "error rate" not in answered.output
    assert load_network(out / "weights.safetensors").labels == ("blue", "green", "red")


def test_the_result_as_json_is_the_one_in_the_folder(recipe, tmp_path):
    answered = run(recipe, "--out", tmp_path / "out", "--json")
    found = json.loads(answered.stdout)
    assert found == json.loads((tmp_path / "out" / "result.json").read_text())
    assert [row["path"] for row in found["errors"]] == ["broken-0.mp4"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("epoch=2", "near: epochs"),
        ("epochs=two", "a whole number"),
        ("network=c3dd", "near: c3d"),
        ("test_split=tset", "near: test"),
        ("options.fusoin='sum'", "near: fusion"),
    ],
)
def test_refuses_what_no_recipe_can_say(recipe, tmp_path, change, says):
    answered = run(recipe, "--out", tmp_path / "out", "--set", change)
    assert answered.exit_code == 1
    assert says in answered.stderr
    assert "Traceback" not in answered.output


def test_refuses_a_recipe_that_is_not_there(tmp_path):
    answered = run(tmp_path / "none.toml", "--out", tmp_path / "out")
    assert answered.exit_code == 1
    assert "none.toml is not a recipe" in answered.stderr
