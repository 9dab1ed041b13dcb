"""What does one stream of a two-stream network go through, stage by stage?

A tower is a list of named stages. Where two towers meet is said by the names of stages, so the
list is all that fusion needs to know of a tower, whichever picture network it was.

Source: after Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video
Action Recognition", CVPR 2016, section 3.2 (where to fuse the networks).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from einops import reduce
from torch import Tensor, nn

from kinetoscope.clips.spec import CHANNELS, ClipSpec, Stream
from kinetoscope.errors import unknown_name
from kinetoscope.networks.blocks import Consensus, Label, Sample, check_least
from kinetoscope.networks.streams.fusion import StackFlow, Steady
from kinetoscope.tensors import Maps, Size, Volume

FLOW_SCALE = 9.0
"""The motion shown as 1. The papers show 20 pixels as 127.5 grey levels to filters made for
pictures, whose standard deviation of 0.225 is 57.4 levels: 57.4 * 20 / 127.5 [pixels per frame]."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A named step of a tower, not built yet.

    Args:
        name: the layer's, as published.
        build: makes it, from how many channels it takes.
        after: how many channels the next stage takes; None for as many as this one.
    """

    name: str
    build: Callable[[int], nn.Module]
    after: int | None = None


class Tower(nn.Module):
    """Stages one after the other, each a module of its own name.

    Args:
        stages: in the order of computation.
        stream: what it is shown.
        chunk: length of a chunk: one frame of it is shown, or all of its flow [frames].
        least: the smallest clip of which its last stage sees something [frames, pixels, pixels].
        steady: whether each field of flow loses its mean vector first.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        stream: Stream,
        chunk: int,
        least: Size,
        steady: bool = False,
    ):
        super().__init__()
        self.least = least
        self.prepare = _prepare(stream, chunk, steady=steady)
        self.stages = add_stages(self, stages, shown_channels(stream, chunk))

    def forward(self, stream: Volume) -> Tensor:
        return self.run(stream)

    def run(self, x: Volume, *, after: str = "", until: str = "") -> Tensor:
        """Go on after one stage, or from the start, until another has answered, or to the end."""
        if not after:
            check_least(x, self.least)
            x = self.prepare(x)
        start = self.stages.index(after) + 1 if after else 0
        stop = self.stages.index(until) + 1 if until else len(self.stages)
        return run_stages(self, self.stages[start:stop], x)


class MeanOfEachChunk(nn.Module):
    """The mean of each map over its places, and not over time."""

    def forward(self, maps: Volume) -> Maps:
        return reduce(maps, "clip channel time height width -> clip channel time 1 1", "mean")


def add_stages(module: nn.Module, stages: Sequence[Stage], before: int) -> tuple[str, ...]:
    """Build stages within a module, the first of which takes so many channels; their names."""
    for stage in stages:
        module.add_module(stage.name, stage.build(before))
        before = stage.after or before
    return tuple(stage.name for stage in stages)


def run_stages(module: nn.Module, names: Sequence[str], x: Volume) -> Tensor:
    """What the last of a module's stages answers."""
    for name in names:
        x = module.get_submodule(name)(x)
    return x


def scoring(labels: int) -> tuple[Stage, Stage]:
    """The last stages of every tower: scores at every place, and their mean."""
    return (
        Stage(name="label", build=lambda before: Label(before, labels), after=labels),
        Stage(name="consensus", build=lambda before: Consensus()),
    )


def layers_of(stages: Sequence[Stage]) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return tuple(stage.name for stage in stages if stage.name != "consensus")


def cut(stages: Sequence[Stage], layer: str) -> int:
    """How many stages there are up to a layer, and with it.

    Raises:
        UnknownNameError: the tower has no such layer; says which are near.
    """
    names = layers_of(stages)
    if layer not in names:
        raise unknown_name("layer of this tower", layer, names)
    return names.index(layer) + 1


def channels_at(stages: Sequence[Stage], layer: str) -> int:
    """How many channels a layer answers; before it, at least one stage says how many."""
    told = [stage.after for stage in stages[: cut(stages, layer)] if stage.after]
    return told[-1]


def fused_after(stages: Sequence[Stage], layer: str, channels: int) -> tuple[Stage, ...]:
    """The stages where so many channels go on after a layer, because streams met there."""
    place = cut(stages, layer) - 1
    return (*stages[:place], replace(stages[place], after=channels), *stages[place + 1 :])


def answers_of(
    stages: Sequence[Stage], *, stream: Stream, chunk: int, clip: Size
) -> dict[str, tuple[int, ...]]:
    """The shape that each stage answers to one clip, `channel time height width`.

    Nothing is computed: the stages are built without memory for their weights.

    Args:
        stages: of a whole tower.
        stream: what it is shown.
        chunk: as of the tower.
        clip: extent of the clip [frames, pixels, pixels].
    """
    found: dict[str, tuple[int, ...]] = {}
    with torch.device("meta"), torch.no_grad():
        tower = Tower(stages, stream=stream, chunk=chunk, least=clip).eval()
        x = tower.prepare(torch.empty(1, CHANNELS[stream], *clip))
        for name in tower.stages:
            x = tower.get_submodule(name)(x)
            found[name] = tuple(x.shape[1:])
    return found


def shown_channels(stream: Stream, chunk: int) -> int:
    """How many channels a tower's first stage takes."""
    return 3 if stream == "frames" else 2 * chunk


def clips_for_towers(streams: tuple[Stream, ...], *, frames: int, size: int) -> ClipSpec:
    """The clips that towers are made for; flow is TV-L1's, as in the models the authors released.

    Frames are normalized as those of ImageNet, from which all towers start.
    """
    return ClipSpec(
        streams=streams,
        frames=frames,
        short_side=size * 256 // 224,
        size=(size, size),
        flow_method="tvl1",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        flow_scale=FLOW_SCALE,
    )


def _prepare(stream: Stream, chunk: int, *, steady: bool) -> nn.Module:
    if stream == "frames":
        return Sample(chunk, start=chunk // 2)  # the frame around which the flow lies
    return nn.Sequential(Steady(), StackFlow(chunk)) if steady else StackFlow(chunk)
