"""What would this unit like to see, in appearance and in motion?

Starting from noise in all streams at once, a clip is changed step by step so that a unit answers
more strongly, everywhere in its map, while the clip stays plausible:

    x* = argmax  gain / (rho^2 a^)  <a_l(x), e_c>  -  R(x; appearance)  -  R(x; motion)

<a_l(x), e_c> is the sum of the channel's answers, rho the side of the layer's receptive field, a^
the channel's largest answer to real clips, and R the priors of priors.py; chi, the weight of change
over time, asks for fast (0) to slow motion. Any other objective takes the unit's place: one neuron,
a label, a direction, a difference.
Many objectives of a layer, each at several values of chi, are maximized in one batch; none changes
another, but that a stimulus goes on while it is not calmer than one of less chi (calming.py). The
forward pass stops at the layer, only the clips have gradients, and of a single neuron only the part
of the clip that it sees is made and shown (window.py).

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, equations 1 to 4. The gain and the
leaking gradient of rectifiers: Mahendran and Vedaldi, IJCV 2016, code of nnpreimage. Differs:
by default the gain of a layer is such that its mean answer weighs the same as in any other, since
with one gain for all, first layers drown the priors and the priors drown scores; the priors come in
over the first steps; the decreasing rate is half a cosine; appearance is as many frames as the
network takes, with the same chi as motion; colours stay within what a screen can show; a stream
that the layer does not see stays blank.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import torch

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.ascent import Making
from kinetoscope.evidence.stimuli.asking import Asking, Failure, Progress
from kinetoscope.evidence.stimuli.calming import calmed
from kinetoscope.evidence.stimuli.settings import SLOWNESS, Hold, Maximizing
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Activation
from kinetoscope.units.layers import check_channels
from kinetoscope.units.objective import Features, Neuron, Objective, activation
from kinetoscope.units.reading import watch
from kinetoscope.units.receptive import survey
from kinetoscope.units.rehearsal import blank_batch
from kinetoscope.units.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Maximized:
    """What was made.

    Args:
        stimuli: in the order of the objectives, for each in the order of slowness, and of each so
            many as were to be diverse.
        failures: the objectives that have none.
    """

    stimuli: list[Stimulus] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def of(self, objective: Objective) -> list[Stimulus]:
        """The stimuli of one objective."""
        return [each for each in self.stimuli if each.objective == objective]


@torch.enable_grad()
def maximize(
    network: Network,
    objectives: Sequence[Objective | Unit],
    *,
    slowness: Sequence[float] = SLOWNESS,
    best_real: Mapping[Objective, float] | None = None,
    settings: Maximizing | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Maximized:
    """Make the clips that excite each unit most, one for every slowness.

    Args:
        network: any; it comes back as it went.
        objectives: of any layers; a unit stands for its mean answer. The order changes nothing.
        slowness: values of chi, 0 or more.
        best_real: each objective's largest answer to reference clips. Where it is missing or not
            positive, answers are taken as they are, and the stimulus has no ratio.
        settings: how.
        seed: of the first noise and of the transforms. An objective starts from the same noise
            whatever stands beside it in the batch.
        progress: is told, after every step, how many clips it served.

    Raises:
        UnknownNameError: a layer, a channel or a label is not there.
        ClipError: a slowness is below zero; all streams are held.
    """
    settings, best_real = settings or Maximizing(), best_real or {}
    asked = list(dict.fromkeys(map(as_objective, objectives)))
    _check_slowness(slowness)
    _check_hold(network, settings.hold)
    seen = survey(network)
    for objective in asked:
        objective.bound(network)
    check_channels(network, asked)
    found: dict[Objective, list[Stimulus]] = {}
    failures: dict[Objective, str] = {}
    with frozen(network):
        for members in _alike(asked):
            asking = Asking.of(
                network, members[0], seen, settings=settings, seed=seed, best_real=best_real
            )
            numbers = range(settings.diverse)
            makings = [
                Making(objective=objective, slowness=float(chi), number=number)
                for objective, chi, number in product(members, slowness, numbers)
            ]
            held = asking.held(makings)
            outcomes = list(asking.make(makings, held, progress=progress))
            for made in calmed(asking, makings, held, outcomes):
                if isinstance(made, Failure):
                    failures.setdefault(made.objective, made.reason)
                else:
                    found.setdefault(made.objective, []).append(made)
    return Maximized(
        stimuli=[each for one in asked if one not in failures for each in found[one]],
        failures=[Failure(objective=one, reason=failures[one]) for one in asked if one in failures],
    )


def as_objective(asked: Objective | Unit) -> Objective:
    """A unit stands for its mean answer over all positions."""
    return activation(asked) if isinstance(asked, Unit) else asked


@torch.enable_grad()
def layers_with_slope(network: Network, layers: Sequence[str]) -> tuple[str, ...]:
    """Those of some layers from which a gradient leads back to the clip.

    A choice, such as which of several neurons is active, has none: it can be read, not maximized.
    """
    found = []

    def note(name: str, answer: Activation) -> None:
        if answer.requires_grad:
            found.append(name)

    blank = blank_batch(network.expects, network.device)
    for stream in network.expects.streams:
        blank.stream(stream).requires_grad_()
    with frozen(network):
        watch(network, blank, layers, note)
    return tuple(layer for layer in layers if layer in found)


def kind_of(objective: Objective) -> object:
    """What objectives have in common that one pass can serve: their layers, a neuron's place."""
    goals = [goal for _, goal in objective.terms]
    places = tuple(goal.place for goal in goals if isinstance(goal, Neuron))
    alone = len(goals) == 1 and bool(places)
    return objective.layers, places, alone, any(isinstance(goal, Features) for goal in goals)


def _alike(objectives: Iterable[Objective]) -> Iterator[list[Objective]]:
    """Those that one pass serves."""
    groups: dict[object, list[Objective]] = {}
    for objective in objectives:
        groups.setdefault(kind_of(objective), []).append(objective)
    for group in groups.values():
        yield sorted(group, key=str)


def _check_slowness(slowness: Sequence[float]) -> None:
    if not slowness or not all(0 <= chi < float("inf") for chi in slowness):
        raise ClipError(
            "slowness is the weight of change over time",
            got=", ".join(f"{chi:g}" for chi in slowness) or "none",
            expected="one value or more, each 0 or above, such as 0, 1, 5, 10",
        )


def _check_hold(network: Network, hold: Hold) -> None:
    streams = network.expects.streams
    if not hold:
        return
    if set(hold) - set(streams) or set(hold) == set(streams):
        raise ClipError(
            f"these streams of {network.name} can't be held",
            got=", ".join(hold),
            expected=f"some of {', '.join(streams)}, and not all of them",
        )
