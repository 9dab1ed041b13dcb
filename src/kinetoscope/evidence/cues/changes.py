"""What is taken away from a clip, so that motion and appearance can be told apart?

    as it is         nothing
    frozen           one of its frames throughout, and no flow: appearance alone. Several frames
                     are shown, one after the other, and their answers averaged
    shuffled         its frames in random order, each with the flow that started from it
    reversed         played backward
    other texture    another clip's still frame, moved along this clip's motion: motion alone
    own texture      its own still frame, moved along its own motion: what the moving itself costs
    other still      another clip's still frame, no motion: neither

and where a network takes both streams

    frames blank     the normalized frames are zero: the mean colour
    flow blank       the flow is zero: no motion
    both blank       both
    frames swapped   another clip's frames beside this clip's flow
    flow swapped     another clip's flow beside this clip's frames

The other clip is one of another label (`partners.py`). A texture that is moved leaves the flow as
it was, so that in networks of two streams both still tell the same motion; a network of flow alone
is shown no texture, and does not notice. `other still` is a clip that was shown frozen, so it is
looked up and not shown again.

Source: exchanging what is not asked for against another sample's, and blanking: Covert, Lundberg
and Lee, "Explaining by Removing", JMLR 2021, section 4; shuffled frames as in Huang et al., "What
Makes a Video a Video", CVPR 2018. A moved still is our own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.clips.transforms import freeze, retexture, reverse, shuffle

AS_IT_IS = "as it is"
FROZEN = "frozen"
SHUFFLED = "shuffled"
REVERSED = "reversed"
OTHER_TEXTURE = "other texture"
OWN_TEXTURE = "own texture"
OTHER_STILL = "other still"
FRAMES_BLANK = "frames blank"
FLOW_BLANK = "flow blank"
BOTH_BLANK = "both blank"
FRAMES_SWAPPED = "frames swapped"
FLOW_SWAPPED = "flow swapped"

Clips = Sequence[Clip]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that is done to all clips.

    Args:
        name: of what is done; several of one name are averaged.
        clips: makes what is shown of the clips and of those that stand in for them.
        blank: the streams that are zero after normalizing.
    """

    name: str
    clips: Callable[[Clips, Clips], Iterable[Clip]]
    blank: tuple[Stream, ...] = ()

    def blanked(self, normalized: ClipBatch) -> ClipBatch:
        """Clips that were normalized, without the blank streams."""
        zero = {name: torch.zeros_like(normalized.stream(name)) for name in self.blank}
        return replace(normalized, **zero)


def changes_for(
    streams: Sequence[Stream], *, stills: int, shuffles: int, seed: int
) -> list[Change]:
    """All that is shown to a network, clips as they are first.

    Args:
        streams: what the network takes.
        stills: at how many frames clips are frozen, spread evenly; a single one is the middle.
        shuffles: how often frames are shuffled anew.
        seed: of the orders.
    """
    found = [
        Change(name=AS_IT_IS, clips=_each(lambda clip, other: clip)),
        *(
            Change(name=FROZEN, clips=_each(partial(_frozen, (number + 0.5) / stills)))
            for number in range(stills)
        ),
        *(
            Change(name=SHUFFLED, clips=partial(_shuffled, seed + number))
            for number in range(shuffles)
        ),
        Change(name=REVERSED, clips=_each(lambda clip, other: reverse(clip))),
        Change(name=OTHER_TEXTURE, clips=_each(retexture)),
        Change(name=OWN_TEXTURE, clips=_each(lambda clip, other: retexture(clip, clip))),
    ]
    return found + (_of_streams() if len(streams) > 1 else [])


def _of_streams() -> list[Change]:
    same = _each(lambda clip, other: clip)
    return [
        Change(name=FRAMES_BLANK, clips=same, blank=("frames",)),
        Change(name=FLOW_BLANK, clips=same, blank=("flow",)),
        Change(name=BOTH_BLANK, clips=same, blank=("frames", "flow")),
        Change(
            name=FRAMES_SWAPPED,
            clips=_each(lambda clip, other: replace(clip, frames=other.frames)),
        ),
        Change(name=FLOW_SWAPPED, clips=_each(lambda clip, other: replace(clip, flow=other.flow))),
    ]


def _each(change: Callable[[Clip, Clip], Clip]) -> Callable[[Clips, Clips], Iterator[Clip]]:
    return lambda clips, others: map(change, clips, others)


def _frozen(at: float, clip: Clip, other: Clip) -> Clip:
    return freeze(clip, at=int(at * clip.time))


def _shuffled(seed: int, clips: Clips, others: Clips) -> Iterator[Clip]:
    generator = torch.Generator().manual_seed(seed)
    return (shuffle(clip, generator) for clip in clips)
