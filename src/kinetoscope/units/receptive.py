"""Which part of a clip can a unit see, and how far does its view move from place to place?

The receptive field follows from the operations themselves: the forward pass is rehearsed on clips
without values, and every operation passes on which places of the clip each element of its answer
can depend on. So it holds for any module, and no module has to be edited or declared.

Source: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill
2019, whose closed form for chains of convolutions this agrees with. The field is the theoretical
one, as if the clip went on beyond its edges; what a unit heeds within it is often smaller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Size
from kinetoscope.units.axes import as_volume, habits_of
from kinetoscope.units.reach.trace import Reach, Trace, join
from kinetoscope.units.reach.tracer import Tracer
from kinetoscope.units.reading import answers_again, does_not_answer
from kinetoscope.units.rehearsal import CLIPS, rehearse

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First and one past the last, along time, height and width [frames, pixels, pixels]."""


@dataclass(frozen=True, kw_only=True)
class ReceptiveField:
    """What one place of a layer can see [frames, pixels, pixels].

    Args:
        size: of the field, which may be larger than a clip; 0 where nothing of the clip is seen.
        stride: from the field of one place of the layer to the next.
        start: where the field of the first place starts; negative where it starts in the padding.
        exact: whether every operation was known; otherwise the field may be smaller than it says.
        streams: the same for each stream alone, where there are several.
    """

    size: Size
    stride: Size
    start: Size
    exact: bool = True
    streams: Mapping[str, "ReceptiveField"] = field(default_factory=dict)

    def middle(self, axis: int, place: int = 0) -> float:
        """Where in the clip the middle of a place's field lies [frames or pixels].

        Args:
            axis: 0, 1 or 2 for time, height or width.
            place: along that axis of the layer.
        """
        return self.start[axis] + (self.size[axis] - 1) / 2 + place * self.stride[axis]

    def box(self, place: tuple[int, int, int], extent: Size) -> Box:
        """What one place sees of a clip.

        Args:
            place: time, row and column in the layer; zeros where the layer has no places.
            extent: of the clip [frames, pixels, pixels]; the box is cut at its edges.
        """
        first = [
            start + at * stride
            for start, at, stride in zip(self.start, place, self.stride, strict=True)
        ]
        time, height, width = (
            (min(max(low, 0), length), min(max(low + size, 0), length))
            for low, size, length in zip(first, self.size, extent, strict=True)
        )
        return time, height, width


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a rehearsal tells of a layer.

    Args:
        shape: of its answer to one clip: channel, time, height, width; or channel alone.
        receptive_field: of its places.
    """

    shape: tuple[int, ...]
    receptive_field: ReceptiveField


def receptive_fields(network: Network, layers: Sequence[str]) -> dict[str, ReceptiveField]:
    """The receptive fields of layers, for clips as the network expects them.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer does not answer, or not once with a map a channel.
    """
    for name in layers:
        network.layer(name)
    seen = survey(network)
    return {name: seen_or_refused(seen, name).receptive_field for name in layers}


def seen_or_refused(seen: Mapping[str, Seen | ClipError], name: str) -> Seen:
    """What a survey tells of one layer.

    Raises:
        ClipError: the layer does not answer, or can't be read.
    """
    found = seen.get(name) or does_not_answer(name)
    if isinstance(found, ClipError):
        raise found
    return found


_Survey = dict[str, Seen | ClipError]

_surveys: WeakKeyDictionary[nn.Module, tuple[object, _Survey]] = WeakKeyDictionary()
"""Of each model, what it was like when it was surveyed, and what was found."""


def survey(network: Network) -> dict[str, Seen | ClipError]:
    """Every layer that answers, in the order of computation; or why it can't be read.

    A model is looked at again only when it, or what is expected, is not what it was.

    Raises:
        ClipError: the model fails on clips as the network expects them.
    """
    model = network.model
    now = (network.expects, network.tokens, network.device, model.training, repr(model))
    before, found = _surveys.get(model, (None, {}))
    if before != now:
        found = _surveyed(network)
        _surveys[model] = (now, found)
    return dict(found)


def _surveyed(network: Network) -> _Survey:
    try:
        answers = _follow(network, values=False)
    except Exception:  # the model looks at values, or does what can't be rehearsed
        try:
            answers = _follow(network, values=True)
        except Exception as error:
            raise ClipError(
                f"{network.name} fails on clips as it says that it expects them",
                got=f"{type(error).__name__}: {error}",
                expected=f"an answer to {network.expects.frames} frames of {network.expects.size}",
            ) from error
    return {
        name: answer if isinstance(answer, ClipError) else _seen(network, *answer)
        for name, answer in answers.items()
    }


def _follow(network: Network, *, values: bool) -> dict[str, tuple[torch.Size, Trace] | ClipError]:
    """The shape and the trace of every layer's answer."""
    habits_of(network)  # rehearsed by itself, before this pass
    answers: dict[str, tuple[torch.Size, Trace] | ClipError] = {}
    tracers: list[Tracer] = []

    def watch(streams: dict[str, Tensor]) -> Tracer:
        tracers.append(Tracer(streams))
        return tracers[0]

    def note(name: str, module: nn.Module, given: object, answer: object) -> None:
        try:
            volume = as_volume(answer, network, name, CLIPS)
        except ClipError as error:
            answers[name] = error
        else:
            again = name in answers
            trace = tracers[0].trace_of(volume)
            answers[name] = answers_again(name) if again else (volume.shape, trace)

    rehearse(network, note, watch=watch, values=values)
    return answers


def _seen(network: Network, shape: torch.Size, trace: Trace) -> Seen:
    extent = (network.expects.frames, *network.expects.size)
    streams = {name: _of_stream(trace, name) for name in network.expects.streams}
    fields = {name: _field([one], shape, extent) for name, one in streams.items() if one.reaches}
    whole = _field(list(streams.values()), shape, extent)
    several = fields if len(streams) > 1 else {}
    return Seen(shape=tuple(shape[1:]), receptive_field=replace(whole, streams=several))


def _of_stream(trace: Trace, stream: str) -> Trace:
    """The part of a trace that is about one stream, under the name of no stream."""
    reaches = {("", axis): at for (name, axis), at in trace.reaches.items() if name == stream}
    return Trace(reaches, trace.exact)


def _field(traces: list[Trace], shape: torch.Size, extent: Size) -> ReceptiveField:
    """The smallest field, the same for all places but for its shift, that holds every reach."""
    joined = join(traces, len(shape))
    if not joined.reaches:
        return ReceptiveField(size=(0, 0, 0), stride=(0, 0, 0), start=(0, 0, 0))
    lines = [_line(joined.reaches["", axis], axis, shape, extent[axis]) for axis in range(3)]
    size, stride, start = (
        (lines[0][part], lines[1][part], lines[2][part]) for part in ("size", "stride", "start")
    )
    even = all(line["even"] for line in lines)
    return ReceptiveField(size=size, stride=stride, start=start, exact=joined.exact and even)


def _line(reach: Reach, axis: int, shape: torch.Size, extent: int) -> dict[str, int]:
    """Size, stride and start along one axis, and whether all places agree on them."""
    dim, places = 2 + axis, shape[2 + axis] if len(shape) > 2 else 1
    others = [each for each in range(len(shape)) if each != dim or len(shape) == 2]
    along = reach.hull(others).both(lambda bound: bound.reshape(-1).expand(places))
    stride = _stride(along, extent)
    shift = torch.arange(places) * stride
    start, stop = (along.low - shift).min(), (along.high - shift).max()
    # Where a model cuts or fills edges by itself, the fields at the edges are smaller.
    low = (along.low == start + shift) | (along.low <= 0)
    high = (along.high == stop + shift) | (along.high >= extent - 1)
    even = bool((low & high).all())
    return {"size": int(stop - start) + 1, "stride": stride, "start": int(start), "even": even}


def _stride(along: Reach, extent: int) -> int:
    """Between the fields of two neighbours; where all see the same, as if places were even."""
    places = len(along.low)
    if places == 1:
        return min(round(along.step), extent)
    between = along.low.diff().median().item()
    return round(between if 0 < between < extent else extent / places)
