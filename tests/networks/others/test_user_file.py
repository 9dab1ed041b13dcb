import sys

import pytest
import torch

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, NetworkError, UnknownNameError
from kinetoscope.networks.others.user_file import open_network
from kinetoscope.networks.zoo import build_network

MODULE = """
import torch
from torch import nn


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, frames):
        return self.fc(self.conv(frames).mean(dim=(2, 3, 4)))


def build():
    return Mine()
"""

NETWORK = """
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network


def whole():
    spec = ClipSpec(frames=4, short_side=16, size=(16, 16))
    return Network(Mine(), labels=["walk", "run"], expects=spec, name="mine", layers=["conv"])
"""


@pytest.fixture
def file(tmp_path):
    """Write a file of the user's; returns what names a function in it."""

    def write(text, function="build"):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return f"{path}:{function}"

    return write


def test_a_module_is_tried_and_used(file):
    network = open_network(file(MODULE))
    assert network.expects == ClipSpec()
    assert network.labels == ("label 0", "label 1")
    assert network.layers == ("conv", "fc")
    assert not network.training
    assert network.name.startswith("file:")
    assert network.name.endswith("mine.py:build")


def test_a_class_is_called_too(file):
    assert type(open_network(file(MODULE, "Mine")).model).__name__ == "Mine"


def test_a_network_says_all_of_itself(file):
    network = build_network(f"file:{file(MODULE + NETWORK, 'whole')}")
    assert network.expects.frames == 4
    assert network.labels == ("walk", "run")
    assert network.layers == ("conv",)


@pytest.mark.parametrize("where", ["build", "Mine"], ids=["of the function", "of the module"])
def test_labels_and_clips_may_be_attributes(file, where):
    said = f"\n{where}.labels = ['a', 'b']\n{where}.expects = ClipSpec(frames=5)\n"
    network = open_network(file(MODULE + NETWORK + said))
    assert network.labels == ("a", "b")
    assert network.expects == ClipSpec(frames=5)


def test_what_is_asked_for_goes_before_what_the_file_says(file):
    spec = ClipSpec(frames=6)
    network = open_network(file(MODULE + NETWORK, "whole"), labels=["x", "y"], expects=spec)
    assert network.labels == ("x", "y")
    assert network.expects == spec
    assert open_network(file(MODULE), labels=2).labels == ("label 0", "label 1")


def test_it_may_import_what_lies_beside_it(file, tmp_path):
    (tmp_path / "beside_mine.py").write_text(MODULE)
    before = list(sys.path)
    text = "def build():\n    from beside_mine import Mine\n    return Mine()\n"
    assert type(open_network(file(text)).model).__name__ == "Mine"
    assert sys.path == before
    del sys.modules["beside_mine"]


def test_scores_are_the_modules_own(file):
    network = open_network(file(MODULE))
    clip = torch.rand(1, 3, 4, 8, 8)
    torch.testing.assert_close(
        network.model(clip), network.model.fc(network.model.conv(clip).mean(dim=(2, 3, 4)))
    )


# Refusal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def build():\n    x = 1\n    return x / 0\n", r"line 3\n  got:      ZeroDivisionError"),
        ("import nothing_like_it\n", r"line 1\n  got:      ModuleNotFoundError: No module named"),
        ("def build(:\n", r"line 1\n  got:      SyntaxError"),
        ("import sys\n\nsys.exit(3)\n", r"line 3\n  got:      SystemExit: 3"),
        ("def build(width):\n    pass\n", r"fails\n  got:      TypeError: .*width"),
        ("def build():\n    return 3\n", r"does not make a network\n  got:      int"),
    ],
    ids=["function", "import", "syntax", "exit", "argument", "no module"],
)
def test_code_that_fails_is_told_with_its_line(file, text, message):
    with pytest.raises(NetworkError, match=message):
        open_network(file(text))


def test_refuses_a_function_that_is_not_there(file):
    with pytest.raises(UnknownNameError, match="near: build"):
        open_network(file(MODULE, "built"))


@pytest.mark.parametrize("name", ["absent.py:build", ".:build"], ids=["no file", "a folder"])
def test_refuses_a_file_that_is_not_there(name):
    with pytest.raises(NetworkError, match="can't be opened"):
        open_network(name)


@pytest.mark.parametrize("name", ["mine.py", "mine.py:", ":build", "mine.py:a b"])
def test_refuses_what_names_no_function(name):
    with pytest.raises(NetworkError, match=r"as my_file\.py:build"):
        open_network(name)


def test_refuses_labels_that_do_not_fit(file):
    with pytest.raises(ClipError, match="got:      3 labels"):
        open_network(file(MODULE), labels=3)
