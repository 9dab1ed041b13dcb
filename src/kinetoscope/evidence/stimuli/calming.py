"""Is the stimulus of a larger slowness calmer than that of a smaller one, as it has to be?

    roughness(x) = sum (D_t x)^2 / sum x^2

of a stream, about the mean colour, falls with chi where the ascent has converged. Where it does
not, two neighbours in chi have come to rest, or were stopped, near optima of different kinds. Each
then goes on from its own clip and from the other's, and keeps what its own objective values most.
If neither can gain from the other any more, the change over time that the prior weighs can't rise
with chi: with F = A - chi S, from F_1(x_1) >= F_1(x_2) and F_2(x_2) >= F_2(x_1) follows
(chi_2 - chi_1) (S(x_1) - S(x_2)) >= 0.

Source: the roughness and its fall: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, section 3.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.evidence.stimuli.ascent import Making
from kinetoscope.evidence.stimuli.asking import Asking, Failure, clips_at
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.units.objective import Objective


def roughness_in_time(x: Tensor) -> float:
    """Of a stream `channel time height width` about zero; not a number for one that is zero."""
    squares = float(x.double().square().sum())
    return float(x.double().diff(dim=1).square().sum()) / squares if squares else math.nan


def roughness_of(stimulus: Stimulus, stream: Stream, spec: ClipSpec) -> float:
    """Of one stream of a stimulus, in display space; not a number where it is missing or blank."""
    x = getattr(stimulus, stream)
    if x is not None and stream == "frames":
        x = x - torch.tensor(spec.mean)[:, None, None, None]
    return math.nan if x is None else roughness_in_time(x)


def restless(
    stimuli: Sequence[Stimulus], spec: ClipSpec, streams: Iterable[Stream]
) -> list[tuple[int, int]]:
    """The neighbours in chi, of stimuli of one objective, of which the slower is not calmer.

    Args:
        stimuli: one for every slowness, in any order.
        spec: what their network expects.
        streams: those that were made; each has to be calmer by itself.

    Returns:
        Places among the stimuli, the faster before the slower.
    """
    places = sorted(range(len(stimuli)), key=lambda place: stimuli[place].slowness)
    rough = {stream: [roughness_of(each, stream, spec) for each in stimuli] for stream in streams}
    return [
        (faster, slower)
        for faster, slower in pairwise(places)
        if any(of[slower] > of[faster] for of in rough.values())  # never of what is not a number
    ]


def calmed(
    asking: Asking,
    makings: Sequence[Making],
    held: Mapping[Stream, Tensor],
    outcomes: Sequence[Stimulus | Failure],
) -> list[Stimulus | Failure]:
    """Go on with the stimuli of which a slower one is not calmer, until it is.

    Args:
        asking: what is asked of all of them; its settings say for how many rounds.
        makings: what was to be made.
        held: what stood in streams that were not made, of every making.
        outcomes: what came of it.

    Returns:
        The outcomes, in which what went on has the history of the whole way.
    """
    settings, made = asking.settings, list(outcomes)
    if settings.writing.takes_clips and settings.diverse == 1:
        for _ in range(settings.rounds):
            pairs = _restless(asking, made)
            if not pairs:
                break
            made = _gone_on(asking, makings, held, made, pairs)
    return made


def _restless(asking: Asking, made: Sequence[Stimulus | Failure]) -> list[tuple[int, int]]:
    """Places of neighbours in chi, of all objectives."""
    families: dict[Objective, list[int]] = {}
    for place, each in enumerate(made):
        if isinstance(each, Stimulus):
            families.setdefault(each.objective, []).append(place)
    return [
        (places[faster], places[slower])
        for places in families.values()
        for faster, slower in restless(
            _stimuli(made, places), asking.network.expects, asking.streams()
        )
    ]


def _gone_on(
    asking: Asking,
    makings: Sequence[Making],
    held: Mapping[Stream, Tensor],
    made: Sequence[Stimulus | Failure],
    pairs: Iterable[tuple[int, int]],
) -> list[Stimulus | Failure]:
    """Each of a pair again, from its own clip and the other's: what it values most."""
    ways = sorted({(to, start) for pair in pairs for to, start in product(pair, pair)})
    targets, starts = [to for to, _ in ways], _stimuli(made, [start for _, start in ways])
    plain = replace(
        asking.settings, robustness=Robustness(shift=0), opening=0.0, leak=0.0, patience=None
    )
    again = replace(asking, settings=plain).make(
        [makings[to] for to in targets],
        clips_at(targets, held),
        start=_clips(asking, starts),
    )
    went = [
        (way, start, outcome)
        for way, start, outcome in zip(ways, starts, again, strict=True)
        if isinstance(outcome, Stimulus)
    ]
    best = {to: each.history["objective"][0] for (to, own), _, each in went if to == own}
    found = list(made)
    for (to, _), start, outcome in went:
        reached = outcome.history["objective"][-1]
        if to in best and reached > best[to]:
            best[to] = reached
            whole = {name: [*start.history[name], *new] for name, new in outcome.history.items()}
            times = start.went_on + 1
            found[to] = replace(outcome, history=whole, woken=start.woken, went_on=times)
    return found


def _stimuli(made: Sequence[Stimulus | Failure], places: Iterable[int]) -> list[Stimulus]:
    return [each for place in places if isinstance(each := made[place], Stimulus)]


def _clips(asking: Asking, stimuli: Sequence[Stimulus]) -> dict[str, Tensor]:
    """The streams of stimuli that were made, as the network's normalized input."""
    streams = {
        stream: torch.stack([getattr(each, stream) for each in stimuli])
        for stream in asking.streams()
    }
    network = asking.network
    normal = network.normalize(ClipBatch(**streams).to(network.device))
    return {stream: normal.stream(stream) for stream in asking.streams()}
