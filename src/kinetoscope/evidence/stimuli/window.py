"""Which part of a clip has to be shown so that a neuron answers just as it does to the whole clip?

A neuron depends on its receptive field alone. A clip that is cut to that field, with its corner
where all strides up to the layer begin anew, gives the neuron the same answer at a fraction of the
cost: whatever padding does at the borders of the cut reaches only what the neuron does not see.

That is true of convolutions and pools; a network may also look at the whole clip, take no other
size, or count its frames. So every cut is tried once on noise against the whole clip, and where the
two differ, it is not made.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS
from kinetoscope.errors import KinetoscopeError
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Size
from kinetoscope.units.objective import Neuron, Objective, Place, centre_of
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.receptive import Box, Seen

AGREE = 1e-4
"""How far two answers may differ that are the same but for rounding, against the largest."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a network's clip that is made.

    Args:
        box: where it lies in the clip.
        clip: extent of the whole clip [frames, pixels, pixels].
        cut: whether the network is shown this part alone; otherwise it is shown in a blank clip.
        place: of the neuron, in the layer of what is shown; None where the whole clip is made.
    """

    box: Box
    clip: Size
    cut: bool = False
    place: Place | None = None

    @classmethod
    def whole(cls, clip: Size) -> "Window":
        """All of the clip."""
        time, height, width = clip
        return cls(box=((0, time), (0, height), (0, width)), clip=clip)

    @property
    def extent(self) -> Size:
        """Of the part [frames, pixels, pixels]."""
        time, height, width = (stop - start for start, stop in self.box)
        return time, height, width

    def objective(self, objective: Objective) -> Objective:
        """What is asked of what is shown: in a part, a neuron has another place in its layer."""
        return objective.at(self.place) if self.cut and self.place else objective

    def part(self, x: Tensor) -> Tensor:
        """The part of whole clips, `... time height width`."""
        return x[(..., *(slice(start, stop) for start, stop in self.box))]

    def shown(self, streams: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the network is shown, of streams that have the part's extent."""
        if self.cut or self.extent == self.clip:
            return streams
        return {name: self._in_blank(x) for name, x in streams.items()}

    def _in_blank(self, x: Tensor) -> Tensor:
        whole = x.new_zeros(*x.shape[:2], *self.clip)
        self.part(whole).copy_(x)
        return whole


def window_of(network: Network, goal: Neuron, seen: Seen, *, cut: bool = True) -> Window:
    """The part that a neuron sees.

    Args:
        network: in the mode it should run in.
        goal: the neuron.
        seen: what its layer sees.
        cut: whether the network may be shown the part alone.

    Returns:
        The smallest window for which the neuron answers as it does to the whole clip. With or
        without cutting it is of the same extent, so that a stimulus does not depend on it.
    """
    clip = (network.expects.frames, *network.expects.size)
    whole = Window.whole(clip)
    layer = (*seen.shape[1:], 1, 1, 1)[:3] if len(seen.shape) > 1 else (1, 1, 1)
    place = goal.place or centre_of(layer)
    if not seen.receptive_field.exact or 0 in seen.receptive_field.size:
        return whole
    for axes in ((0, 1, 2), (1, 2)):
        found = _aligned(seen, place, clip, axes)
        if found.box == whole.box:
            continue
        if _agrees(network, goal, place, found):
            return found if cut else Window(box=found.box, clip=clip, place=place)
    return whole


def _aligned(seen: Seen, place: Place, clip: Size, axes: tuple[int, ...]) -> Window:
    """The field's box, with its start where the strides of all layers before begin."""
    field = seen.receptive_field
    sides, places = [], []
    for axis, (start, stop) in enumerate(field.box(place, clip)):
        if axis not in axes:
            start, stop = 0, clip[axis]
        stride = max(1, field.stride[axis])
        steps = start // stride
        sides.append((steps * stride, stop))
        places.append(place[axis] - steps)
    time, height, width = sides
    return Window(
        box=(time, height, width), clip=clip, cut=True, place=(places[0], places[1], places[2])
    )


@torch.no_grad()
def _agrees(network: Network, goal: Neuron, place: Place, window: Window) -> bool:
    """Whether the neuron's place answers to the part as to the whole, on noise in all of it."""
    chance = torch.Generator().manual_seed(0)
    whole = {
        stream: torch.randn(1, CHANNELS[stream], *window.clip, generator=chance)
        for stream in network.expects.streams
    }
    part = {stream: window.part(x).contiguous() for stream, x in whole.items()}
    try:
        with evaluating(network):
            expected, found = (
                read_normalized(network, ClipBatch(**streams).to(network.device), [goal.layer])[
                    goal.layer
                ]
                for streams in (whole, part)
            )
        if found.ndim != 5 or window.place is None:
            return False
        mine, theirs = found[(0, slice(None), *window.place)], expected[(0, slice(None), *place)]
    except (KinetoscopeError, RuntimeError, IndexError, ValueError):
        return False  # the network takes no clip of that size
    largest = expected.abs().max().clamp(min=1e-6)
    return bool(((mine - theirs).abs() <= AGREE * largest).all())
