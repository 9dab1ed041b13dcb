"""What a test is promised of every function of the package: types and shapes are checked."""

from collections.abc import Iterator

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from kinetoscope.networks.network import Network
from kinetoscope.networks.streams.two_stream_small import LargestOverTime
from tests.quick_types import _jaxtyped

Line = Float[Tensor, "place"]


@_jaxtyped(typechecker=None)
def added(first: Line, second: Line) -> Line:
    return torch.cat([first, second]) if first.sum() < 0 else first + second


@_jaxtyped(typechecker=None)
def summed(lines: list[Tensor]) -> float:
    return sum(added(line, line).sum().item() for line in lines)


@_jaxtyped(typechecker=beartype)
def numbers(line: Line) -> Iterator[float]:
    yield from line.tolist()


@_jaxtyped(typechecker=beartype)
def together(line: Line) -> int:
    return len([*numbers(torch.ones(5)), *line])


def test_axes_of_one_name_are_equally_long():
    with pytest.raises(TypeCheckError, match="second"):
        added(torch.ones(2), torch.ones(3))


def test_those_of_the_answer_too():
    with pytest.raises(TypeCheckError, match="return"):
        added(-torch.ones(2), torch.ones(2))


def test_each_call_has_axes_of_its_own():
    assert summed([torch.ones(2), torch.ones(3)]) == 10


def test_a_generator_has_axes_of_its_own():
    assert together(torch.ones(3)) == 8


def test_plain_types_are_checked():
    with pytest.raises(TypeCheckError, match="lines"):
        summed(torch.ones(2))
    with pytest.raises(TypeCheckError, match="return"):
        summed([])  # the sum of nothing is an int


def test_the_package_is_checked():
    with pytest.raises(TypeCheckError, match="5 expected"):
        LargestOverTime()(torch.ones(2, 3))
    with pytest.raises(Exception, match="labels"):
        Network(torch.nn.ReLU(), labels=3)
