import click
import pytest

from kinetoscope.cli.arguments import NETWORK
from kinetoscope.errors import UnknownNameError, WeightsError


def convert(value):
    return NETWORK.convert(str(value), None, None)


def test_a_name_stays_a_name():
    assert convert("c3d") == "c3d"


def test_a_file_stays_a_file(tmp_path):
    (tmp_path / "mine.pth").touch()
    assert convert(tmp_path / "mine.pth") == str(tmp_path / "mine.pth")


def test_a_folder_of_a_training_becomes_its_weights(tmp_path):
    (tmp_path / "weights.safetensors").touch()
    assert convert(tmp_path) == str(tmp_path / "weights.safetensors")


def test_refuses_a_misspelt_name_and_says_which_are_near():
    with pytest.raises(UnknownNameError, match="near: c3d"):
        convert("c3e")


@pytest.mark.parametrize("name", ["absent.pth", "absent/weights", "."])
def test_refuses_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(WeightsError, match="is not there"):
        convert(tmp_path / name)


def test_its_name_stands_in_help():
    command = click.Command("show", params=[click.Argument(["network"], type=NETWORK)])
    assert "NETWORK" in command.get_usage(click.Context(command))
