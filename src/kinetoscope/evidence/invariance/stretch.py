"""What does a video show before, after, and in between the frames of a clip?

To play a clip faster needs frames beyond its ends; to play it slower, those that its stride leaves
out. A stretch is all frames of the video around a clip, at a stride of one, and the motion from
each to the next. A clip is put together from it at any positions: of frames the nearest is taken,
of flow the motion that passes between one position and the next, parts of fields included. So at
half the speed motion is half as fast, also where a frame is shown twice.

Where the video ends the last frame is held, and nothing moves; how much of a clip is filled up
like this is told beside it.

Source: flow scaled along with the speed as the tuning curves of Feichtenhofer et al., "Deep
insights into convolutional networks for video recognition", IJCV 2020, suppose. Differs: fields
are added up along time, at the same pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.sampling import frames_spanned
from kinetoscope.clips.spec import ClipSpec

LONGEST = 256
"""More frames of a video are not opened for one clip; beyond, the border is held."""

_SAME = 1e-6  # positions are sums of rounded numbers [frames]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Frames of a video around a clip, one a tick.

    Args:
        clip: those frames, and the motion from each to the next.
        first: which of them is the first of the clip in the middle.
        stride: from one frame of that clip to the next.
        frames: of that clip.
        known: how many frames are the video's; those after it repeat the last.
    """

    clip: Clip
    first: int
    stride: int
    frames: int
    known: int

    def played(self, *, speed: float = 1.0, later: float = 0.0) -> tuple[Clip, float]:
        """The clip faster or slower about its middle, and begun later.

        Args:
            speed: 2 is twice as fast.
            later: by how many frames of the clip.

        Returns:
            The clip, and the share of its frames that repeat the border of the video.
        """
        middle = self.first + (self.frames - 1) / 2 * self.stride
        steps = torch.arange(self.frames, dtype=torch.float64) - (self.frames - 1) / 2
        return self.at((middle + (steps * speed + later) * self.stride).tolist())

    def at(self, positions: Sequence[float]) -> tuple[Clip, float]:
        """The clip that shows some positions, in frames of the stretch; and its filled share."""
        last = self.known - 1
        nearest = [math.ceil(position - 0.5 - _SAME) for position in positions]
        shown = [min(max(place, 0), last) for place in nearest]
        beyond = sum(place != held for place, held in zip(nearest, shown, strict=True))
        made = replace(
            self.clip,
            frames=self.clip.frames[:, shown],
            flow=self._passed(positions),
            seconds=tuple(self.clip.seconds[place] for place in shown if self.clip.seconds),
        )
        return made, beyond / len(positions)

    def _passed(self, positions: Sequence[float]) -> Tensor | None:
        """The motion from each position to the next; the last one repeated."""
        flow = self.clip.flow
        if flow is None:
            return None
        if len(positions) < 2:
            return torch.zeros_like(flow[:, :1])
        # weights of all fields, so that a clip is one product with the stretch
        fields = torch.arange(self.known - 1, dtype=torch.float64)
        ends = torch.tensor(positions, dtype=torch.float64)[:, None]
        begun = (ends - fields).clamp(0, 1)
        weights = (begun[1:] - begun[:-1]).to(flow)
        passed = torch.einsum("tk,ckhw->cthw", weights, flow[:, : self.known - 1])
        return torch.cat([passed, passed[:, -1:]], dim=1)


def open_stretch(
    entry: Entry,
    clip: Clip,
    spec: ClipSpec,
    *,
    fastest: float,
    latest: int,
    clip_cache: ClipCache | None = None,
) -> Stretch:
    """The frames around the clip in the middle of a catalog's entry.

    Args:
        entry: of the catalog.
        clip: the clip in its middle.
        spec: that it was opened with.
        fastest: the highest speed it will be played at.
        latest: how far it will be begun later, or earlier [frames of the clip].
        clip_cache: where clips are kept that were opened before.

    Raises:
        VideoError, ClipError: as for `views_of`.
    """
    spanned = frames_spanned(spec)
    beyond = max((fastest - 1) * (spanned - 1) / 2, latest * spec.stride)
    # as much on both sides, so that the middle stays where it is
    side = min(math.ceil(beyond), max(0, (LONGEST - spanned) // 2))
    dense = replace(spec, stride=1, frames=spanned + 2 * side, when_short="repeat-last")
    (found,) = views_of(entry, dense, cache=clip_cache)
    seconds = found.seconds
    known = seconds.index(seconds[-1]) + 1 if seconds else found.time
    first = seconds.index(clip.seconds[0]) if seconds else side
    return Stretch(clip=found, first=first, stride=spec.stride, frames=spec.frames, known=known)
