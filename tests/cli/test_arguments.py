from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kinetoscope.cli.arguments import NETWORK, about, open_network, read_labels
from kinetoscope.errors import NetworkError, UnknownNameError, WeightsError


def convert(value):
    return NETWORK.convert(str(value), None, None)


@pytest.mark.parametrize("name", ["c3d", "frames_resnet50", "torchvision:r3d_18", "hf:org/name"])
def test_a_name_stays_a_name(name):
    assert convert(name) == name


def test_a_function_of_a_file_becomes_a_name(tmp_path):
    (tmp_path / "mine.py").touch()
    assert convert(f"{tmp_path}/mine.py:build") == f"file:{tmp_path}/mine.py:build"
    assert convert(f"file:{tmp_path}/mine.py:build") == f"file:{tmp_path}/mine.py:build"


def test_a_folder_of_transformers_becomes_a_name(tmp_path):
    (tmp_path / "config.json").touch()
    assert convert(tmp_path) == f"hf:{tmp_path}"


def test_a_file_stays_a_file(tmp_path):
    (tmp_path / "mine.pth").touch()
    assert convert(tmp_path / "mine.pth") == str(tmp_path / "mine.pth")


def test_a_folder_of_a_training_becomes_its_weights(tmp_path):
    (tmp_path / "weights.safetensors").touch()
    assert convert(tmp_path) == str(tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("name", "near"), [("c3e", "c3d"), ("torchvision:r3d_81", "r3d_18"), ("framez_", "frames_")]
)
def test_refuses_a_misspelt_name_and_says_which_are_near(name, near):
    with pytest.raises(UnknownNameError, match=f"near: .*{near}"):
        convert(name)


@pytest.mark.parametrize("name", ["absent.py:build", "file:absent.py:build", "file:absent.py"])
def test_refuses_a_function_of_a_file_that_is_not_there(name):
    with pytest.raises(NetworkError, match=r"as my_file\.py:build"):
        convert(name)


@pytest.mark.parametrize("name", ["absent.pth", "absent/weights", "."])
def test_refuses_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(WeightsError, match="is not there"):
        convert(tmp_path / name)


def test_its_name_stands_in_help():
    command = click.Command("show", params=[click.Argument(["network"], type=NETWORK)])
    assert "NETWORK" in command.get_usage(click.Context(command))


def test_a_verb_is_given_what_it_is_about():
    given = {}

    @click.command
    @about(labels=True)
    @click.option("--seed", type=int)
    def command(subject, out, seed):
        given.update(subject=subject, out=out, seed=seed)

    names = [each.name for each in command.params]
    assert names == ["network", "catalog", "out", "weights", "root", "labels", "split", "seed"]
    words = "c3d data --out look --weights w.pt --split test --seed 3"
    answered = CliRunner().invoke(command, words.split(), standalone_mode=False)
    assert answered.exception is None
    assert (given["out"], given["seed"]) == (Path("look"), 3)
    subject = given["subject"]
    assert (subject.network, subject.catalog, subject.split) == ("c3d", "data", "test")
    assert (subject.weights, subject.root, subject.labels) == (Path("w.pt"), None, None)


def test_a_verb_is_asked_for_no_more_than_it_needs():
    command = click.command(about(out=False)(lambda subject: None))
    names = [each.name for each in command.params]
    assert names == ["network", "catalog", "weights", "root", "split"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("c3d", "kinetoscope train makes them"),
        ("r3d_18", "kinetoscope download torchvision:r3d_18"),
    ],
)
def test_refuses_a_name_alone_where_weights_are_needed(name, hint):
    with pytest.raises(WeightsError, match=f"{name} has learnt nothing yet(.|\n)*{hint}"):
        open_network(name, None)


@pytest.mark.parametrize(
    "text",
    ["walk\n run \n\njump\n", '["walk", "run", "jump"]', '{"run": 1, "walk": 0, "jump": 2}'],
    ids=["lines", "list", "places"],
)
def test_labels_are_read_in_the_order_of_scores(tmp_path, text):
    (tmp_path / "labels").write_text(text)
    assert read_labels(tmp_path / "labels") == ("walk", "run", "jump")


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"walk": 3}', '{"walk": "far"}', "[", None])
def test_refuses_labels_that_can_not_be_read(tmp_path, text):
    if text is not None:
        (tmp_path / "labels").write_text(text)
    with pytest.raises(WeightsError, match="labels"):
        read_labels(tmp_path / "labels")
