"""What is one answer owed to: which frames, which stream, motion or appearance?

    time       the share of each frame in the positive heat of an attribution, part by part
    streams    Shapley's value of frames and of flow. A stream that is out is removed as said; the
               two add up to what the clip has more than the clip without both
    motion     motion: what the clip has more than the same clip frozen, on average over some of its
               frames; appearance: what the frozen clip has more than the mean colour without motion

Motion and appearance are taken in this order because there is appearance without motion and no
motion without appearance: what the two give only together is motion's. Of a frozen clip motion adds
exactly nothing.

What each adds is always told, in units of the objective. Shares are told only of a whole: not where
one adds and the other takes away, where both take away, or where both together are less than a
tenth of the largest value met, so that an offset of the score would decide. Then the reason stands
in their place.

Source: Shapley, "A value for n-person games", Contributions to the Theory of Games 2, 1953, for
streams as in Parcalabescu and Frank, "MM-SHAP", ACL 2023, section 3; the clip against its own
stills as in Hiley, Preece and Hicks, "Discriminating Spatial and Temporal Relevance in Deep Taylor
Decompositions for Explainable Activity Recognition", IJCAI 2019 workshop on explainable AI. Theirs
are differences of heat, as `motion_heat` has them; those of values are our own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.clips.transforms import freeze
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method, Part
from kinetoscope.evidence.attribution.methods.room import versions_at_once
from kinetoscope.evidence.attribution.question import Question, Streams
from kinetoscope.evidence.attribution.removal import Removal
from kinetoscope.evidence.cues.shares import contributions
from kinetoscope.networks.network import frozen
from kinetoscope.tensors import Heat

_NOISE = 1e-6  # of the largest value: what two passes may differ by that show the same
_LEAST = 0.1  # of the largest value: what both have to add together


@dataclass(frozen=True, kw_only=True)
class Division:
    """What two things add to the objective, and which share of it is whose.

    Args:
        adds: what each adds, by name, in units of the objective; below zero it takes away.
        shares: by name, of what both add, each from 0 to 1; None where that has no meaning.
        why_not: why there are no shares; empty where there are.
    """

    adds: Mapping[str, float]
    shares: Mapping[str, float] | None
    why_not: str = ""

    @classmethod
    def of(cls, adds: Mapping[str, float], largest: float) -> "Division":
        """Divide what two things add.

        >>> Division.of({"frames": 3.0, "flow": 1.0}, largest=5.0).shares
        {'frames': 0.75, 'flow': 0.25}
        >>> Division.of({"frames": 3.0, "flow": -1.0}, largest=5.0).why_not
        'frames adds to the objective and flow takes away, so there is no whole to share'

        Args:
            adds: what each adds, by name; float noise counts as nothing.
            largest: of the values that were met, without sign.
        """
        total = sum(adds.values())
        adds = _without_noise(adds, total, _NOISE * largest)
        if why_not := _no_whole(adds, total, _LEAST * largest):
            return cls(adds=adds, shares=None, why_not=why_not)
        return cls(adds=adds, shares={name: part / total for name, part in adds.items()})


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What one answer is owed to.

    Args:
        value: of the objective, for the clip.
        values: for what else was shown: `frozen` (the mean over stills), `nothing` (the mean
            colour, no motion), and with two streams `frames` and `flow`, each alone, and `neither`.
        motion: of `appearance` and `motion`.
        streams: of `frames` and `flow`; None with one stream.
        time: of each part of the attribution, the share of each frame in all its positive heat:
            together 1. None without an attribution, or where it has no positive heat.
        filling: what stood in for a stream that was out.
        stills: at how many frames the clip was frozen.
    """

    value: float
    values: Mapping[str, float]
    motion: Division
    streams: Division | None
    time: Mapping[Part, tuple[float, ...]] | None
    filling: str
    stills: int

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        time = None if self.time is None else {part: list(each) for part, each in self.time.items()}
        return {**asdict(self), "time": time}


def shares_of(
    question: Question,
    attribution: Attribution | None = None,
    *,
    filling: str = "grey",
    stills: int = 3,
) -> Shares:
    """Tell what one answer is owed to.

    Args:
        question: the clip and the objective.
        attribution: of the same clip, whose heat is shared out by frame.
        filling: what stands in for a stream that is out, one of `removal.FILLINGS`.
        stills: at how many frames the clip is frozen, spread evenly; a single one is the middle.

    Raises:
        UnknownNameError: there is no such filling.
        ClipError: there is no other clip to swap in, or `stills` is below 1.
    """
    ats = _spread(stills, question.clip.time)
    shown = _shown(question, filling, ats)
    values = dict(zip(shown, _values(question, [*shown.values()]), strict=True))
    whole = values.pop("clip")
    still = sum(values.pop(f"frozen at {at}") for at in ats) / len(ats)
    largest = max(abs(each) for each in (whole, still, *values.values()))
    streams = None
    if "neither" in values:
        of_frames, of_flow = contributions(
            values["neither"], values["frames"], values["flow"], whole
        )
        streams = Division.of({"frames": float(of_frames), "flow": float(of_flow)}, largest)
    motion = {"appearance": still - values["nothing"], "motion": whole - still}
    return Shares(
        value=whole,
        values={"frozen": still, **values},
        motion=Division.of(motion, largest),
        streams=streams,
        time=None if attribution is None else time_shares(attribution.heat),
        filling=filling,
        stills=len(ats),
    )


def time_shares(heat: Mapping[Part, Heat]) -> dict[Part, tuple[float, ...]] | None:
    """The share of each frame of each part in all positive heat; None where there is none.

    >>> time_shares({"frames": torch.tensor([3.0, -1.0, 1.0]).reshape(3, 1, 1)})
    {'frames': (0.75, 0.0, 0.25)}
    """
    positive: dict[Part, Tensor] = {
        part: each.double().clamp(min=0).sum((1, 2)) for part, each in heat.items()
    }
    total = float(sum(each.sum() for each in positive.values()))
    if not total > 0:
        return None
    return {part: tuple((each / total).tolist()) for part, each in positive.items()}


def motion_heat(question: Question, method: Method, *, stills: int | None = None) -> Attribution:
    """The heat that a clip has more than its own stills: where what matters is that it moves.

    Each frame is compared with the same frame of the clip frozen there, so that what the ends of
    the clip do to the heat cancels. It takes one more run of the method for each still.

    Args:
        question: the clip and the objective.
        method: any; it is checked before.
        stills: at how many frames the clip is frozen, spread evenly; a frame between them is
            compared with the nearest. None for every frame.

    Raises:
        ClipError: as the method's own, or `stills` is below 1.
    """
    time = question.clip.time
    ats = _spread(time if stills is None else stills, time)
    method.check(question.network, question.objective)
    found = method.answer(question)
    frozen_at = {at: method.answer(question.of(freeze(question.clip, at=at))).heat for at in ats}
    nearest = [min(ats, key=lambda at: abs(at - frame)) for frame in range(time)]
    static = {
        part: torch.stack([frozen_at[at][part][frame] for frame, at in enumerate(nearest)])
        for part in found.heat
    }
    return Attribution(
        method=f"motion of {found.method}",
        heat={part: each - static[part] for part, each in found.heat.items()},
        value=found.value,
        facts={"stills": float(len(ats))},
    )


def _shown(question: Question, filling: str, ats: Sequence[int]) -> dict[str, Streams]:
    """The clip and all it is compared with, by name."""
    shown = {"clip": question.streams, "nothing": Removal.of(question, "grey").all()}
    for at in ats:
        shown[f"frozen at {at}"] = question.of(freeze(question.clip, at=at)).streams
    if len(question.streams) > 1:
        removal = Removal.of(question, filling)
        shown["frames"] = removal.apply(_all_of(question, "flow"))
        shown["flow"] = removal.apply(_all_of(question, "frames"))
        shown["neither"] = removal.all()
    return shown


def _all_of(question: Question, stream: Stream) -> dict[Stream, Tensor]:
    x = question.streams[stream]
    return {stream: x.new_ones(1, 1, *x.shape[2:])}


def _values(question: Question, versions: Sequence[Streams]) -> list[float]:
    """The objective's value of each; what is the same is shown once, so it has the same value."""
    distinct: list[Streams] = []
    place: list[int] = []
    for each in versions:
        same = (at for at, known in enumerate(distinct) if _equal(each, known))
        place.append(next(same, len(distinct)))
        if place[-1] == len(distinct):
            distinct.append(each)
    found: list[float] = []
    at_once = versions_at_once(question, gradients=False)
    with frozen(question.network), torch.inference_mode():
        for start in range(0, len(distinct), at_once):
            chunk = distinct[start : start + at_once]
            stacked: Streams = {
                name: torch.cat([each[name] for each in chunk]) for name in question.streams
            }
            found += question.values(stacked).tolist()
    return [found[at] for at in place]


def _equal(one: Streams, other: Streams) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def _spread(count: int, time: int) -> list[int]:
    """So many frames, spread evenly."""
    if count < 1:
        raise ClipError(
            "a clip is compared with its stills",
            got=f"{count} stills",
            expected="1 or more",
        )
    count = min(count, time)
    return [int((number + 0.5) * time / count) for number in range(count)]


def _without_noise(adds: Mapping[str, float], total: float, noise: float) -> dict[str, float]:
    """What is float noise is nothing, and the other one's part is the whole."""
    silent = [name for name, part in adds.items() if abs(part) <= noise]
    if not silent:
        return dict(adds)
    return {name: 0.0 if name in silent else total for name in adds}


def _no_whole(adds: Mapping[str, float], total: float, least: float) -> str:
    """Why what two things add can't be shared out; empty where it can."""
    names, (low, high) = sorted(adds, key=lambda name: adds[name]), sorted(adds.values())
    if low < 0 < high:
        return (
            f"{names[1]} adds to the objective and {names[0]} takes away, so there is no whole to "
            "share"
        )
    if abs(total) <= least:
        return "both together add less than a tenth of the values, too little to share"
    if total < 0:
        return "the clip speaks against the objective: there is more of it without both"
    return ""
