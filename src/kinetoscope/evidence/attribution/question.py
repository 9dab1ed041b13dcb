"""What is asked of a network about one clip: how much does each pixel matter, and to what?

A question holds the clip as the network is shown it: normalized, so that zero is the mean colour
and no motion. Methods ask for the objective's value for other versions of the clip, many at once,
and how it changes with them. The forward pass stops at the objective's layer, and no gradient goes
to the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Size
from kinetoscope.units.objective import Objective, PerClip, Together
from kinetoscope.units.reading import read_normalized

Streams = Mapping[Stream, Tensor]
"""Versions of a clip, normalized, stream by stream: `version channel time height width`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """An objective, and the clip that it is asked about.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        clip: as the network expects it.
        objective: bound to the network.
        memory: that a method may take beside the weights [bytes]; None for what is there.
        other: the clip that stands in where content is swapped for another clip's.
    """

    network: Network
    clip: Clip
    objective: Objective
    memory: int | None = None
    other: Clip | None = None
    streams: Streams = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "streams", _normalized(self.network, self.clip))

    @classmethod
    def about(
        cls,
        network: Network,
        clip: Clip,
        objective: Objective,
        *,
        memory: int | None = None,
        other: Clip | None = None,
    ) -> "Question":
        """Ask for an objective in a clip.

        Raises:
            UnknownNameError: a layer, channel or label of the objective is not there.
            ClipError: the clip is not as the network expects it.
        """
        _check_extent(network, clip)
        bound = objective.bound(network)
        return cls(network=network, clip=clip, objective=bound, memory=memory, other=other)

    def of(self, clip: Clip) -> "Question":
        """The same, about another clip."""
        return Question.about(
            self.network, clip, self.objective, memory=self.memory, other=self.other
        )

    def asking(self, objective: Objective) -> "Question":
        """Another objective, about the same clip."""
        return replace(self, objective=objective.bound(self.network))

    def put_to(self, network: Network) -> "Question":
        """The same, of another network of the same make."""
        return replace(self, network=network, objective=self.objective.bound(network))

    @property
    def extent(self) -> Size:
        """Of the clip [frames, pixels, pixels]."""
        return (self.clip.time, *self.clip.size)

    def values(self, versions: Streams) -> PerClip:
        """The objective's value for each version, with its gradient where gradients are enabled.

        The versions stay as they are, also where a model begins in place.
        """
        count = len(next(iter(versions.values())))
        together = Together(self.network, [self.objective] * count)
        batch = ClipBatch(**{name: x.clone() for name, x in versions.items()})
        answers = read_normalized(self.network, batch, together.layers)
        return together.values(answers)

    @cached_property
    def value(self) -> float:
        """The objective's value for the clip as it is."""
        with frozen(self.network), torch.inference_mode():
            return float(self.values(self.streams)[0])

    def gradients(self, versions: Streams) -> tuple[PerClip, dict[Stream, Tensor]]:
        """How the values change with each version, `version channel time height width` a stream.

        Call it with the network `frozen`. A stream that the objective does not see has zeros.

        Raises:
            ClipError: nothing leads back from the objective to the clip.
        """
        with torch.enable_grad():
            inputs: dict[Stream, Tensor] = {
                name: x.detach().requires_grad_() for name, x in versions.items()
            }
            values = self.values(inputs)
            return values.detach(), led_back(values, inputs)


def led_back(values: PerClip, inputs: Streams) -> dict[Stream, Tensor]:
    """The gradient of the sum of values to each stream; zeros where none arrives.

    Raises:
        ClipError: none arrives anywhere.
    """
    if not values.requires_grad:
        raise ClipError(
            "nothing leads back from the objective to the clip",
            got="an answer without a gradient, of a layer that chooses or counts",
            expected="an objective in a layer with a slope",
            hint="methods that hide parts of the clip need no gradient: occlusion, rise",
        )
    found = torch.autograd.grad(values.sum(), list(inputs.values()), allow_unused=True)
    return {
        name: torch.zeros_like(x) if one is None else one
        for (name, x), one in zip(inputs.items(), found, strict=True)
    }


def _normalized(network: Network, clip: Clip) -> dict[Stream, Tensor]:
    batch = network.normalize(ClipBatch.of([clip], network.expects).to(network.device))
    return {name: batch.stream(name).detach() for name in network.expects.streams}


def _check_extent(network: Network, clip: Clip) -> None:
    expected, got = (network.expects.frames, *network.expects.size), (clip.time, *clip.size)
    if expected != got:
        short = clip.time < network.expects.frames
        raise ClipError(
            f"the clip from {clip.source} is not what {network.name} expects",
            got=" x ".join(map(str, got)) + " (time, height, width)",
            expected=" x ".join(map(str, expected)),
            hint="a short video is filled up by open_clip(path, network.expects)"
            if short
            else "open_clip(path, network.expects) cuts a clip that fits; a long video is "
            "attributed window by window",
        )
