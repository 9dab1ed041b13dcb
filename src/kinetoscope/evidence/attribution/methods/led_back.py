"""What does the objective owe to each pixel, led back through rectifiers that let no minus pass?

Two ways back, beside the gradient's own: a deconvnet rectifies what comes back, and guided
backpropagation stops it as well where the rectifier was closed. Max-pools lead back to where their
maximum was. Both show the detail that made a unit answer. Both also show edges that have little to
do with the label, which the randomization check tells.

They are made for rectified convolutions. `units/backward.py` does the work: rectifiers are caught
in whatever form they are called, and a network with anything else between the objective and the
clip is refused, found out by a blank clip before anything is computed.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 2.1; Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All
Convolutional Net", ICLR 2015 workshop, section 3.4.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.methods.gradients import check_over_channels, told
from kinetoscope.evidence.attribution.question import Question, Streams, led_back
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.backward import Rule, backward_rule, check_led_back
from kinetoscope.units.objective import Objective, PerClip, Together
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.rehearsal import blank_batch


@dataclass(frozen=True, kw_only=True)
class LedBack(Method):
    """What the ways back share: they differ in the rule alone.

    Args:
        over_channels: how the values of a pixel become its heat; one of `OVER_CHANNELS`.
    """

    over_channels: str = "largest"

    rule: ClassVar[Rule]

    def check(self, network: Network, objective: Objective) -> None:
        check_over_channels(self.over_channels)
        check_rule(network, objective, self.rule)

    def answer(self, question: Question) -> Attribution:
        value, found = led_back_by(question, self.rule)
        return told(self.name, question, found, self.over_channels, value=value)


@dataclass(frozen=True, kw_only=True)
class GuidedBackprop(LedBack):
    """Back through rectifiers that were open, and only what is positive."""

    name: ClassVar[str] = "guided-backprop"
    source: ClassVar[str] = "Springenberg 2015"
    rule: ClassVar[Rule] = "guided"


@dataclass(frozen=True, kw_only=True)
class Deconvnet(LedBack):
    """Back through all rectifiers, and only what is positive."""

    name: ClassVar[str] = "deconvnet"
    source: ClassVar[str] = "Zeiler 2014"
    rule: ClassVar[Rule] = "deconvolved"


def led_back_by(question: Question, rule: Rule) -> tuple[float, Streams]:
    """The objective's value, and what each value of the clip is owed by a rule.

    Returns:
        The former for the clip as it is; the latter `1 channel time height width` a stream.

    Raises:
        ClipError: the rule has no meaning for what is computed here.
    """
    with frozen(question.network), torch.enable_grad():
        inputs: dict[Stream, Tensor] = {
            name: x.detach().requires_grad_() for name, x in question.streams.items()
        }
        with backward_rule(rule):
            values = question.values(inputs)
        _check(values, rule)
        return float(values.detach()), led_back(values, inputs)


def check_rule(network: Network, objective: Objective, rule: Rule) -> None:
    """Refuse a network that a rule has no meaning for, by a blank clip.

    Raises:
        ClipError: more than what is linear, chosen, or rectified lies on the way.
        UnknownNameError: a layer or a label of the objective is not there.
    """
    together = Together(network, [objective])
    with frozen(network), torch.enable_grad():
        blank = blank_batch(network.expects, network.device)
        inputs = {name: blank.stream(name)[:1].requires_grad_() for name in network.expects.streams}
        with backward_rule(rule):
            batch = ClipBatch(**{name: x.clone() for name, x in inputs.items()})
            answers = read_normalized(network, batch, together.layers)
            values = together.values(answers)
        _check(values, rule)


def _check(values: PerClip, rule: Rule) -> None:
    try:
        check_led_back(values, rule)
    except ClipError as error:
        hint = "a unit of a layer before that may have one; the gradient fits any network"
        raise ClipError(error.what, got=error.got, expected=error.expected, hint=hint) from error
