"""Which pixels share in the objective's value, if every layer passes its credit on?

The value of the objective is its relevance. Layer by layer it is shared out among the answers that
a layer was given, in proportion to what each contributed, until it comes to the pixels. Where no
layer has a bias the pixels' relevance adds up to the value, but for what epsilon lets fade; what is
left of it is told (`kept`).

With one rule for all layers, relevance is either as noisy as the gradient (epsilon, which with
`epsilon=0` is gradient times input) or spreads over all that is active (z+, which cares little for
what is asked). The composite takes a rule for each depth: near the clip, where features are many
and local, z+; in the middle, gamma; near the scores, where few features decide, epsilon.

As in gradient times input, the clip is measured from the mean colour and no motion: a grey pixel,
or one that stands still, has no relevance in its stream. The extra rules that the authors give for
pixels (z-box, flat), which would let it have some, are not taken.

Source: Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise
Relevance Propagation", PLOS ONE 2015, section "Pixel-wise decomposition for multilayer networks";
Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, section 10.3 (a composite of
rules). Their composite has nothing at the top, epsilon in the middle and gamma below; ours is one
step nearer to z+ at every depth.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.methods.gradients import told
from kinetoscope.evidence.attribution.question import Question, led_back
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.objective import Channel, Direction, Label, Neuron, Objective
from kinetoscope.units.relevance import check_relevance, relevance_led, share_by_depth
from kinetoscope.units.relevance_rules import Sharing, check_rule


@dataclass(frozen=True, kw_only=True)
class Relevance(Method):
    """Layer-wise relevance, by a composite of rules.

    Args:
        rules: `epsilon`, `gamma` and `z+`, from the clip up, each for an equal part of the depth;
            one alone is for all layers.
        epsilon: that answers fade by, as a share of their root mean square in a layer.
        gamma: how much more what agrees with an answer counts.
    """

    rules: tuple[str, ...] = ("z+", "gamma", "epsilon")
    epsilon: float = 0.1
    gamma: float = 0.25

    name: ClassVar[str] = "relevance"
    source: ClassVar[str] = "Bach 2015, Montavon 2019"

    def check(self, network: Network, objective: Objective) -> None:
        objective = objective.bound(network)
        self._check_settings()
        _check_goals(objective)
        check_relevance(network, objective.layers)

    def answer(self, question: Question) -> Attribution:
        self.check(question.network, question.objective)
        with frozen(question.network):
            found, begun = self._led_back(question)
        total = sum(float(each.sum()) for each in found.values())
        facts = {"relevance": total}
        if begun:
            facts["kept"] = total / begun
        return told(self.name, question, found, "sum", **facts)

    def _led_back(self, question: Question) -> tuple[dict[Stream, Tensor], float]:
        """The relevance of each value of the clip, and what it began with; 0 if not known."""
        inputs: dict[Stream, Tensor] = {
            name: x.clone().requires_grad_() for name, x in question.streams.items()
        }
        with torch.enable_grad(), relevance_led() as begun:
            values = question.values(inputs)
        share_by_depth(values, self._sharings())
        slopes = led_back(values, inputs)
        found: dict[Stream, Tensor] = {
            name: slopes[name] * x for name, x in question.streams.items()
        }
        if begun and not all(isinstance(goal, Label) for _, goal in question.objective.terms):
            return found, 0.0  # it began at branches and at units, and only branches are told
        return found, sum(begun, 0.0) if begun else float(values.detach())

    def _sharings(self) -> list[Sharing]:
        amounts = {"epsilon": self.epsilon, "gamma": self.gamma}
        return [
            Sharing(rule=check_rule(rule), amount=amounts.get(rule, 0.0)) for rule in self.rules
        ]

    def _check_settings(self) -> None:
        self._sharings()
        if not self.rules or self.epsilon < 0 or self.gamma < 0:
            raise ClipError(
                "relevance is shared out by a rule or several, by amounts that are not negative",
                got=f"rules {', '.join(self.rules) or 'none'}, epsilon {self.epsilon:g}, "
                f"gamma {self.gamma:g}",
                expected="one rule or more, and epsilon and gamma of 0 or more",
            )


def _check_goals(objective: Objective) -> None:
    """Refuse an objective that is no weighted sum of answers, and so has nothing to share out."""
    for _, goal in objective.terms:
        along = isinstance(goal, Direction) and not goal.cosine_power
        if not along and not isinstance(goal, Channel | Neuron | Label):
            raise ClipError(
                "relevance is shared out of a sum of answers",
                got=str(goal),
                expected="labels, channels, neurons, or directions without a power of the cosine",
            )
