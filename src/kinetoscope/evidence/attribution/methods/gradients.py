"""How does the objective change with each pixel?

    gradient             dv / dx of each value, of the normalized clip
    gradient x input     x dv / dx: what each value adds, if the objective were linear

A pixel has several values; its heat is their sum (`over_channels="sum"`), or the largest absolute
one, which has no sign.

Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR 2014 workshop,
section 3 (the gradient, largest absolute over channels); Shrikumar et al., "Not Just a Black Box",
2016 (times the input).
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.question import Question, Streams
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Heat
from kinetoscope.units.objective import Objective

OVER_CHANNELS = ("sum", "largest")


@dataclass(frozen=True, kw_only=True)
class Gradient(Method):
    """The gradient, which tells what a small change would do.

    Args:
        over_channels: how the values of a pixel become its heat; one of `OVER_CHANNELS`.
    """

    over_channels: str = "largest"

    name: ClassVar[str] = "gradient"
    source: ClassVar[str] = "Simonyan 2014"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        check_over_channels(self.over_channels)

    def answer(self, question: Question) -> Attribution:
        with frozen(question.network):
            values, found = question.gradients(question.streams)
        return told(self.name, question, found, self.over_channels, value=float(values[0]))


@dataclass(frozen=True, kw_only=True)
class GradientTimesInput(Method):
    """The gradient times the input, measured from the mean colour and no motion."""

    name: ClassVar[str] = "gradient-x-input"
    source: ClassVar[str] = "Shrikumar 2016"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)

    def answer(self, question: Question) -> Attribution:
        with frozen(question.network):
            values, slope = question.gradients(question.streams)
        found: dict[Stream, Tensor] = {
            name: slope[name] * x for name, x in question.streams.items()
        }
        return told(self.name, question, found, "sum", value=float(values[0]))


def told(
    method: str,
    question: Question,
    found: Streams,
    over_channels: str,
    *,
    value: float | None = None,
    **facts: float,
) -> Attribution:
    """An attribution from what was found of each value.

    Args:
        method: its name.
        question: what was asked.
        found: `1 channel time height width` a stream.
        over_channels: how the values of a pixel become its heat.
        value: of the objective for the clip; asked for, at a forward pass, if it is not known.
        facts: what the method tells of itself.
    """
    return Attribution(
        method=method,
        heat={name: pixels(x, over_channels) for name, x in found.items()},
        value=question.value if value is None else value,
        signed=over_channels == "sum",
        facts=facts,
    )


def pixels(found: Tensor, over_channels: str) -> Heat:
    """One number a pixel."""
    each = found[0].detach()
    heat = each.sum(0) if over_channels == "sum" else each.abs().amax(0)
    return heat.float().cpu()


def check_over_channels(over_channels: str) -> None:
    """Refuse a way from the values of a pixel to its heat that is not there.

    Raises:
        UnknownNameError: it is none of `OVER_CHANNELS`.
    """
    if over_channels not in OVER_CHANNELS:
        raise unknown_name("way from channels to heat", over_channels, list(OVER_CHANNELS))


def check_count(what: str, count: int) -> None:
    """Refuse a sum over nothing.

    Raises:
        ClipError: the count is not 1 or more.
    """
    if count < 1:
        raise ClipError(f"there are no {what}", got=f"{count}", expected="1 or more")
