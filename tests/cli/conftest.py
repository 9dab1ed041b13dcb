import pytest

from tests.cli.noise import write_network, write_noise


@pytest.fixture
def catalog(tmp_path):
    """Three videos of each of two labels, and a file that is none."""
    return write_noise(tmp_path, ["red", "green"] * 3, broken="green")


@pytest.fixture
def weights(tmp_path):
    """Of an untrained network, which has a label more than the catalog."""
    return write_network(tmp_path / "weights", ["red", "green", "blue"])


@pytest.fixture
def folder(tmp_path):
    """Three videos that can be read, and the weights beside them."""
    write_network(tmp_path / "weights", ["noise", "other", "b"])
    return write_noise(tmp_path, ["other", "noise", "noise"])
