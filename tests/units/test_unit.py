import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.errors import UnknownNameError
from kinetoscope.units.unit import Unit

units = st.builds(
    Unit, st.text(min_size=1).filter(lambda layer: "\n" not in layer), st.integers(0, 4096)
)


@given(units)
def test_an_address_is_read_back_as_the_unit_it_was_written_from(unit):
    assert Unit.parse(str(unit)) == unit


@given(units, units)
def test_file_names_are_safe_and_differ_where_units_do(unit, other):
    assert re.fullmatch(r"[A-Za-z0-9._~]+-\d+", unit.file_name)
    assert (unit.file_name == other.file_name) == (unit == other)


def test_two_layers_whose_names_need_escaping_keep_apart():
    assert Unit("-1", 0).file_name != Unit("\u02d1", 0).file_name


def test_units_are_sorted_by_layer_and_then_by_number():
    assert sorted([Unit("b", 1), Unit("a", 10), Unit("a", 9)]) == [
        Unit("a", 9),
        Unit("a", 10),
        Unit("b", 1),
    ]


@pytest.mark.parametrize(
    "address", ["", "conv1", "conv1:", ":3", "conv1:-3", "conv1:x", "conv1:1.5"]
)
def test_refuses_what_is_no_address(address):
    with pytest.raises(UnknownNameError, match="conv3b:17"):
        Unit.parse(address)


@pytest.mark.parametrize(("layer", "channel"), [("", 0), ("conv1", -1)])
def test_refuses_to_be_made_of_nonsense(layer, channel):
    with pytest.raises(UnknownNameError, match="0 or more"):
        Unit(layer, channel)
