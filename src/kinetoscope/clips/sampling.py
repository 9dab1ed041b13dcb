"""Which frames of a video does a clip show?

First the video is brought to the spec's rate: its *timeline* is the list of its frames, in order,
one a tick. A sampling then chooses places on that timeline, knowing only how many there are; it
may reach past the end, and `fit` applies what the spec says of short videos. A sampling is any
function of how many frames are available and a ClipSpec; the ones below are made by `centre`,
`uniform`, `random`, `segments` and `starting_at`, and `dense` changes the stride of another.

Source: the published tools do not agree, so here is what each function follows. L is the length
of a clip on the timeline, V that of the video, and clip i is one of N.

    centre    (V - L) / 2, rounded down
    uniform   i (V - L) / (N - 1), rounded, and the centre where N = 1: the first clip begins at
              the start and the last one ends at the end. As mmaction2's SampleFrames and
              PySlowFast with USE_OFFSET_SAMPLING (which rounds down); PySlowFast's default,
              i (V - L) / N, never reaches the end.
    random    every start from 0 to V - L equally often, as PySlowFast and mmaction2.
    segments  Wang et al., "Temporal Segment Networks", ECCV 2016: one frame from each of T equal
              parts of the whole video, at its centre for tests, anywhere in it for training.
    dense     Lin et al., "TSM", ICCV 2019, after I3D and non-local networks: T frames evenly in a
              window of 64. TSM wraps short videos around; here `when_short` decides.

Where a video is short, PySlowFast repeats the last frame, mmaction2 loops, torchvision drops the
video. Here `ClipSpec.when_short` says which of repeat-last, loop and error.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError

Span = tuple[float | None, float | None]
"""From and to, in display time [seconds]; None is the video's own start or end."""

Sampling = Callable[[int, ClipSpec], list[int]]
"""From how many frames there are, and a spec, to the places on the timeline of a clip's frames."""

# Display times are sums of rounded fractions: two that differ by less are the same [seconds].
SAME_SECOND = 1e-6


def frames_spanned(spec: ClipSpec) -> int:
    """How many places of the timeline a clip reaches over, first and last included.

    >>> frames_spanned(ClipSpec(frames=8, stride=4))
    29
    """
    return (spec.frames - 1) * spec.stride + 1


def centre() -> Sampling:
    """The clip in the middle.

    >>> centre()(11, ClipSpec(frames=4, stride=2))
    [2, 4, 6, 8]
    """
    return uniform(0, of=1)


def uniform(which: int, *, of: int) -> Sampling:
    """One of some clips spread evenly: the first at the start, the last one reaching the end.

    >>> [uniform(which, of=3)(10, ClipSpec(frames=4)) for which in range(3)]
    [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]

    Args:
        which: which of the clips, from 0.
        of: how many clips there are; a single one lies at the centre.

    Raises:
        ClipError: there is no such clip.
    """
    if not 0 <= which < of:
        raise ClipError(
            "there is no such clip among those spread over a video",
            got=f"clip {which} of {of}",
            expected=f"0 to {of - 1}" if of > 0 else "one clip or more",
        )

    def places(available: int, spec: ClipSpec) -> list[int]:
        room = max(0, available - frames_spanned(spec))
        # half up, in whole numbers, so that every machine rounds alike
        start = room // 2 if of == 1 else (2 * which * room + of - 1) // (2 * (of - 1))
        return _run(start, spec)

    return places


def random(generator: torch.Generator) -> Sampling:
    """A clip that starts anywhere from which it still fits.

    Args:
        generator: where chance comes from; one number is drawn a clip, also where only one
            start is possible, so that what follows does not depend on a video's length.
    """

    def places(available: int, spec: ClipSpec) -> list[int]:
        room = max(0, available - frames_spanned(spec))
        return _run(_draw(room + 1, generator), spec)

    return places


def starting_at(place: int) -> Sampling:
    """The clip that starts at a place of the timeline.

    >>> starting_at(7)(100, ClipSpec(frames=3, stride=5))
    [7, 12, 17]
    """
    return lambda available, spec: _run(place, spec)


def segments(generator: torch.Generator | None = None) -> Sampling:
    """One frame from each of `spec.frames` equal parts of the video; the stride plays no part.

    A video with fewer frames than parts shows some of them twice, whatever `when_short` says.

    >>> segments()(32, ClipSpec(frames=4))
    [4, 12, 20, 28]

    Args:
        generator: where in each part, at random; None for the centre of each.
    """

    def places(available: int, spec: ClipSpec) -> list[int]:
        parts = spec.frames
        if generator is None:
            return [(2 * part + 1) * available // (2 * parts) for part in range(parts)]
        edges = [part * available // parts for part in range(parts + 1)]
        return [low + _draw(max(1, high - low), generator) for low, high in pairwise(edges)]

    return places


def dense(sampling: Sampling, *, window: int = 64) -> Sampling:
    """Another sampling, with the clip's frames spread over a window instead of by its stride.

    >>> dense(uniform(0, of=10))(100, ClipSpec(frames=8, stride=1))
    [0, 8, 16, 24, 32, 40, 48, 56]

    Args:
        sampling: where the window lies: `random(generator)` for training, `uniform(i, of=10)`
            for TSM's ten clips.
        window: over how many frames of the timeline.
    """
    return lambda available, spec: sampling(
        available, replace(spec, stride=max(1, window // spec.frames))
    )


def fit(places: Sequence[int], available: int, spec: ClipSpec, *, source: str) -> list[int]:
    """Bring places past the end back into the video, as the spec says.

    Args:
        places: where a sampling would like its frames to be.
        available: how many frames there are.
        spec: says what to do with a short video.
        source: which video, for the message.

    Returns:
        `repeat-last`: the last frame for each place past it. `loop`: from the start again.

    Raises:
        ClipError: the video has no frames, or it is short and the spec says `error`.
    """
    needed = max(places) + 1
    if available < 1 or (needed > available and spec.when_short == "error"):
        raise ClipError(
            f"{source} is too short for its clip",
            got=f"{available} frames",
            expected=f"{needed} frames or more ({spec.frames} of stride {spec.stride})",
            hint='a spec with when_short="repeat-last" or "loop" fills the clip up',
        )
    if spec.when_short == "loop":
        return [place % available for place in places]
    return [min(place, available - 1) for place in places]


def timeline(
    seconds: Sequence[float],
    *,
    frames_per_second: float | None = None,
    span: Span | None = None,
    source: str = "the video",
) -> list[int]:
    """The frames of a video, or of a span of it, one a tick of the wanted rate.

    >>> thirty = [frame / 30 for frame in range(9)]
    >>> timeline(thirty, frames_per_second=10.0)
    [0, 3, 6]
    >>> timeline(thirty, span=(0.1, 0.2))
    [3, 4, 5]

    Args:
        seconds: when each frame is shown, ascending.
        frames_per_second: the wanted rate: at each tick the nearest frame, the earlier one where
            two are equally near; None for every frame once.
        span: only frames shown from its start until before its end; a span that lies between
            two frames has the one that is on screen.
        source: which video, for the message.

    Returns:
        Indices of frames, ascending; at a rate above the video's own, some come more than once.

    Raises:
        ClipError: the span lies outside of the video.
    """
    times = np.asarray(seconds, dtype=np.float64)
    frame_seconds = float(times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    low, high = _within(times, frame_seconds, span, source)
    if frames_per_second is None:
        return list(range(low, high))
    # Ticks begin at the first frame and end with the time for which the last one is shown.
    length = float(times[high - 1] - times[low]) + frame_seconds
    count = max(1, int(np.ceil(length * frames_per_second - SAME_SECOND * frames_per_second)))
    ticks = times[low] + np.arange(count) / frames_per_second
    between = (times[low : high - 1] + times[low + 1 : high]) / 2
    nearest = low + np.searchsorted(between, ticks - SAME_SECOND)
    return [int(frame) for frame in nearest]


def _within(
    times: np.ndarray, frame_seconds: float, span: Span | None, source: str
) -> tuple[int, int]:
    """The first frame of a span, and the first one after it."""
    start, end = span or (None, None)
    low = 0 if start is None else int(np.searchsorted(times, start - SAME_SECOND))
    high = len(times) if end is None else int(np.searchsorted(times, end - SAME_SECOND))
    ends = float(times[-1]) + frame_seconds
    backward = start is not None and end is not None and end < start
    late = start is not None and start > ends + SAME_SECOND
    if backward or late or high == 0:
        raise ClipError(
            f"{source} has no frames in the span that is asked for",
            got=f"from {start} to {end} seconds",
            expected=f"within {times[0]:.3f} to {ends:.3f} seconds",
        )
    if low >= high:  # between two frames: the one on screen
        low = max(0, int(np.searchsorted(times, (start or 0.0) + SAME_SECOND)) - 1)
        high = low + 1
    return low, high


def _run(start: int, spec: ClipSpec) -> list[int]:
    return [start + spec.stride * frame for frame in range(spec.frames)]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
