"""Methods of attribution, as they are named on the command line."""

import click
import pytest

from kinetoscope.cli.methods import Memory, named_methods, usual_methods
from kinetoscope.errors import UnknownNameError
from kinetoscope.networks.zoo import build_network


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2**31), ("500MiB", 500 * 2**20), ("1.5 kB", 1500), ("800MB", 8 * 10**8), ("64", 64)],
)
def test_memory_is_read_with_its_unit(text, size):
    assert Memory().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "many", "-1GiB", "2 Gi", "0GiB", "2GiBB", "GiB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(click.BadParameter, match="500MiB"):
        Memory().convert(text, None, None)


def test_a_setting_goes_to_every_method_that_has_it():
    rise, occlusion, camera = named_methods(["rise", "occlusion", "grad-cam"], ["filling=blur"])
    assert (rise.filling, occlusion.filling) == ("blur", "blur")
    assert not hasattr(camera, "filling")


def test_a_setting_of_one_method_is_no_other_ones():
    rise, occlusion = named_methods(["rise", "occlusion"], ["occlusion.filling=blur"])
    assert (rise.filling, occlusion.filling) == ("grey", "blur")


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("integrated-gradients", "steps=7", 7),
        ("rise", "share=0.25", 0.25),
        ("rise", "grid=2,3,4", (2, 3, 4)),
        ("rise", "together=no", False),
        ("occlusion", "box=4, 16,16", (4, 16, 16)),
        ("occlusion", "box=none", None),
        ("grad-cam", "layer=4", "4"),
        ("extremal", "areas=0.5,1", (0.5, 1.0)),
    ],
)
def test_a_setting_is_read_as_what_it_usually_is(name, setting, value):
    (method,) = named_methods([name], [setting])
    assert getattr(method, setting.split("=")[0]) == value


@pytest.mark.parametrize(
    ("settings", "near"),
    [
        (["stpes=3"], "near: steps"),
        (["rise.steps=3"], "among those"),
        (["steps=few"], "can't be read"),
    ],
)
def test_refuses_settings_that_are_not_there(settings, near):
    with pytest.raises(UnknownNameError, match=near):
        named_methods(["integrated-gradients"], settings)


def test_refuses_what_is_no_setting():
    with pytest.raises(click.BadParameter, match="steps=64"):
        named_methods(["rise"], ["grid"])


def test_refuses_a_method_and_a_filling_that_are_not_there():
    with pytest.raises(UnknownNameError, match="near: grad-cam"):
        named_methods(["grad-cm"], [])
    with pytest.raises(UnknownNameError, match="near: grey"):
        named_methods(["rise"], [], filling="gray")


def test_the_usual_method_fits():
    network = build_network("c3d_toy", labels=["a", "b", "c"])
    assert usual_methods(network, ()) == ["integrated-gradients"]
