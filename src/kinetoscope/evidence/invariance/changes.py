"""Which changes of a clip does a unit not mind?

Each change has a parameter, and a value of it that changes nothing. Frames and flow are changed
together, so that flow stays the motion of the frames: turning turns its vectors, scaling scales
them, mirroring negates what moves sideways, and faster frames move farther.

    speed         times as fast              octaves     the video's own frames, see stretch.py
    time shift    begun later                frames      likewise
    reversal      played backward
    frame order   share of frames that       share       each keeps its field of flow
                  change places
    flip          left and right exchanged
    translation   to the right               pixels      the edge repeated
    scale         times as large             octaves     likewise
    rotation      counter-clockwise          degrees     likewise
    contrast      about the mean colour      octaves     of frames; flow stays

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2: translation, scale, rotation. Differs: changes in time, and flow that goes along.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from kinetoscope.clips import transforms
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.errors import UnknownNameError, unknown_name
from kinetoscope.evidence.invariance.stretch import Stretch
from kinetoscope.evidence.stimuli.robustness import Transform, with_margins


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is changed.

    Args:
        clip: as it is.
        stretch: the video around it.
        mean: the colour that contrast is about.
        chance: of what is random.
    """

    clip: Clip
    stretch: Stretch
    mean: tuple[float, float, float]
    chance: torch.Generator


Make = Callable[[Subject, float], tuple[Clip, float]]
"""From a subject and a value to the changed clip, and the share of it that had to be filled up."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change, and the values it is looked at.

    Args:
        name: as in the list above.
        values: ascending; the one that changes nothing is among them.
        unchanged: the value that changes nothing.
        unit: of the half-width; empty where there are only two values and so no width.
        octaves: whether values are compared by their ratio.
        in_time: whether the clip is put together from the video around it, also unchanged.
        moves: whether it only moves what is seen. The largest answer anywhere moves along, so that
            units are asked at the place at which they answer most to the clip unchanged.
        streams: which it touches; units that see none of them are not asked.
        make: applies it.
    """

    name: str
    values: tuple[float, ...]
    unchanged: float
    unit: str
    octaves: bool = False
    in_time: bool = False
    moves: bool = False
    streams: frozenset[Stream] = frozenset(("frames", "flow"))
    make: Make

    @property
    def steps(self) -> tuple[float, ...]:
        """The values as they are compared, from the unchanged one, in `unit`."""
        if self.octaves:
            return tuple(math.log2(value / self.unchanged) for value in self.values)
        return tuple(value - self.unchanged for value in self.values)

    @property
    def place(self) -> int:
        """Of the value that changes nothing."""
        return self.values.index(self.unchanged)


def changes_for(
    spec: ClipSpec, names: Sequence[str] | None = None, *, coarse: bool = False
) -> tuple[Change, ...]:
    """The changes of clips as a network expects them.

    Args:
        spec: of the clips; without frames there is no contrast.
        names: only these, in the order of the list above.
        coarse: about half as many values.

    Raises:
        UnknownNameError: no change is called so, or none is asked for.
    """
    found = {change.name: change for change in _all(spec, coarse)}
    for name in names or ():
        if name not in found:
            raise unknown_name("change", name, list(found))
    kept = tuple(change for name, change in found.items() if names is None or name in names)
    if not kept:
        raise UnknownNameError("no change is asked for", got="none", expected="one or more")
    return kept


def _all(spec: ClipSpec, coarse: bool) -> list[Change]:
    """Of lists that are halved, every other value is left out."""
    every = slice(1, None, 2) if coarse else slice(None)
    width = spec.size[1]
    speeds = [2**step for step in (0.5, 1.0, 1.5, 2.0)[every]]
    later = [1.0, 4.0] if coarse else [1.0, 2.0, 4.0, 8.0]
    moves = {max(1, round(width * share)) for share in (1 / 32, 1 / 16, 1 / 8, 1 / 4)[every]}
    sizes = [2**step for step in ((0.5, 1.0) if coarse else (0.25, 0.5, 1.0))]
    greys = [2**-step for step in ((3.0, 1.0, 0.0) if coarse else (4.0, 3.0, 2.0, 1.0, 0.5, 0.0))]
    orders = [0.0, 0.5, 1.0] if coarse else [0.0, 0.25, 0.5, 0.75, 1.0]
    found = [
        _change("speed", _both(speeds, by_ratio=True), "octaves", _speed),
        _change(
            "time shift",
            _both([step for step in later if step <= spec.frames // 2]),
            "frames",
            _time_shift,
        ),
        _change("reversal", [0.0, 1.0], "", _reversal),
        _change("frame order", orders, "share", _order),
        _change("flip", [0.0, 1.0], "", _flip),
        _change("translation", _both([float(by) for by in sorted(moves)]), "pixels", _translation),
        _change("scale", _both(sizes, by_ratio=True), "octaves", _scale),
        _change("rotation", _both([10.0, 20.0, 45.0, 90.0][every]), "degrees", _rotation),
    ]
    if "frames" in spec.streams:
        found.append(_change("contrast", greys, "octaves", _contrast))
    return found


_TIMES = ("speed", "scale", "contrast")
_IN_TIME = ("speed", "time shift")
_MOVES = ("time shift", "translation")


def _change(name: str, values: Sequence[float], unit: str, make: Make) -> Change:
    return Change(
        name=name,
        values=tuple(values),
        unchanged=1.0 if name in _TIMES else 0.0,
        unit=unit,
        octaves=name in _TIMES,
        in_time=name in _IN_TIME,
        moves=name in _MOVES,
        streams=frozenset({"frames"} if name == "contrast" else {"frames", "flow"}),
        make=make,
    )


def _both(values: Sequence[float], *, by_ratio: bool = False) -> list[float]:
    """Either way from no change."""
    others = [1 / value if by_ratio else -value for value in values]
    return [*sorted(others), 1.0 if by_ratio else 0.0, *values]


def _speed(subject: Subject, value: float) -> tuple[Clip, float]:
    return subject.stretch.played(speed=value)


def _time_shift(subject: Subject, value: float) -> tuple[Clip, float]:
    return subject.stretch.played(later=value)


def _reversal(subject: Subject, value: float) -> tuple[Clip, float]:
    return (transforms.reverse(subject.clip) if value else subject.clip), 0.0


def _flip(subject: Subject, value: float) -> tuple[Clip, float]:
    return (transforms.flip(subject.clip) if value else subject.clip), 0.0


def _order(subject: Subject, value: float) -> tuple[Clip, float]:
    """So many frames, drawn at random, take each other's places: none of them keeps its own."""
    clip = subject.clip
    moved = torch.randperm(clip.time, generator=subject.chance)[: round(value * clip.time)]
    order = torch.arange(clip.time)
    order[moved] = moved.roll(1)
    flow = None if clip.flow is None else clip.flow[:, order]
    return replace(clip, frames=clip.frames[:, order], flow=flow), 0.0


def _translation(subject: Subject, value: float) -> tuple[Clip, float]:
    width = subject.clip.size[1]
    return transforms.shift(subject.clip, right=round(value)), abs(value) / width


def _scale(subject: Subject, value: float) -> tuple[Clip, float]:
    return _seen(subject.clip, Transform(scale=value)), max(0.0, 1 - value**2)


def _rotation(subject: Subject, value: float) -> tuple[Clip, float]:
    turned = _seen(subject.clip, Transform(rotation=value))
    return turned, _outside(subject.clip.size, math.radians(value))


def _outside(size: tuple[int, int], angle: float) -> float:
    """The share of a picture that lies outside of itself turned by an angle."""
    down, right = (torch.arange(length) - (length - 1) / 2 for length in size)
    down = down[:, None]
    across = (math.cos(angle) * right - math.sin(angle) * down).abs() <= size[1] / 2
    along = (math.sin(angle) * right + math.cos(angle) * down).abs() <= size[0] / 2
    return 1 - (across & along).double().mean().item()


def _contrast(subject: Subject, value: float) -> tuple[Clip, float]:
    frames = subject.clip.frames
    mean = frames.new_tensor(subject.mean).reshape(3, 1, 1, 1)
    return replace(subject.clip, frames=(mean + value * (frames - mean)).clamp(0, 1)), 0.0


def _seen(clip: Clip, view: Transform) -> Clip:
    """A view of a clip whose edges are repeated as far as the view reaches."""
    size = (clip.time, *clip.size)
    side = max(
        0,
        *(
            math.ceil(reach - (length - 1) / 2 - 1e-6)
            for reach, length in zip(view.reach(size), clip.size, strict=True)
        ),
    )
    streams = {"frames": clip.frames} | ({} if clip.flow is None else {"flow": clip.flow})
    larger = {name: with_margins(stream[None], 0, side) for name, stream in streams.items()}
    seen = {name: stream[0] for name, stream in view(larger, size).items()}
    return replace(clip, frames=seen["frames"].clamp(0, 1), flow=seen.get("flow"))
