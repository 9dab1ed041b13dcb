"""How does any network for pictures become a tower, and where can it meet another?

Where the parts of a picture network run one after the other, as in ResNets and Inceptions, each is
a stage under its own name, inflated by one frame: it takes and answers clips, and still looks at
every frame alone. Whatever is computed otherwise, a transformer for example, is one stage,
`features`. The layer that scored pictures is left out; the mean over all places, in time the
largest answer, and one score per label come in its place.

Source: after Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video
Action Recognition", CVPR 2016, section 3; networks as streams as in Wang et al., "Temporal Segment
Networks", ECCV 2016, section 3.2 (Inception) and Feichtenhofer et al., "Spatiotemporal Residual
Networks", NIPS 2016 (ResNet-50).
"""

from itertools import pairwise
from typing import Any

import torch
from einops import rearrange
from torch import fx, nn
from torch.fx.proxy import TraceError

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import RecipeError
from kinetoscope.networks.inflate import inflate, with_channels
from kinetoscope.networks.picture_zoo import picture_network, without_head
from kinetoscope.networks.towers import Stage, scoring, shown_channels
from kinetoscope.tensors import Maps, Volume


def stages(
    name: str, *, labels: int, stream: Stream, chunk: int, size: int, gathered: int, dropout: float
) -> tuple[Stage, ...]:
    """A network for pictures, stage by stage.

    Args:
        name: of `picture_zoo.picture_names`.
        labels: how many scores.
        stream: what it is shown.
        chunk: how many flow fields are stacked [frames].
        size: height and width of its clips [pixels].
        gathered: how many chunks are made one of, by the largest answer.
        dropout: share of the features left out in training.
    """
    before = shown_channels(stream, chunk)
    module = with_channels(picture_network(name), before) if before != 3 else picture_network(name)
    parts = parts_in_a_row(module)
    trunk = _in_a_row(module, parts, before, size) if parts else (_whole(module, before),)
    gather = (Stage(name="gather", build=lambda before: nn.MaxPool3d((gathered, 1, 1), (2, 1, 1))),)
    return (
        *trunk,
        *(gather if gathered > 1 else ()),
        Stage(name="average", build=lambda before: nn.AdaptiveAvgPool3d((None, 1, 1))),
        Stage(name="dropout", build=lambda before: nn.Dropout(dropout)),
        *scoring(labels),
    )


def parts_in_a_row(module: nn.Module) -> tuple[str, ...]:
    """The parts that a network's maps go through, if they go through nothing else.

    After the maps there may be a mean over all places, dropout, and one layer of scores. A network
    that does anything besides has no such parts.

    >>> class Plain(nn.Sequential): ...
    >>> parts_in_a_row(Plain(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    ('0', '1')
    """
    try:
        nodes = list(_Whole().trace(module).nodes)[1:-1]
    except (TraceError, TypeError):
        return ()
    in_a_row = all(node.all_input_nodes == [before] for before, node in pairwise(nodes))
    parts = [str(node.target) for node in nodes if node.op == "call_module"]
    ends = [place for place, part in enumerate(parts) if _is_mean(module.get_submodule(part))]
    if not in_a_row or not ends:
        return ()
    maps, head = parts[: ends[0]], parts[ends[0] + 1 :]
    other = [node for node in nodes if node.op != "call_module" and "flatten" not in str(node)]
    plain = all(isinstance(module.get_submodule(part), _AFTER) for part in head)
    once = len(set(maps)) == len(maps)
    one = sum(isinstance(module.get_submodule(part), nn.Linear) for part in head) <= 1
    return tuple(maps) if plain and one and once and not other else ()


class Framewise(nn.Module):
    """A network for pictures that sees every frame alone; its features, at one place a frame."""

    def __init__(self, pictures: nn.Module):
        super().__init__()
        self.pictures = pictures

    def forward(self, clips: Volume) -> Maps:
        frames = rearrange(
            clips, "clip channel time height width -> (clip time) channel height width"
        )
        return rearrange(
            self.pictures(frames), "(clip time) feature -> clip feature time 1 1", clip=len(clips)
        )


class _Whole(fx.Tracer):
    """Follows a network from part to part, and into none of them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


_AFTER = (nn.Linear, nn.Dropout, nn.Flatten)


def _is_mean(part: nn.Module) -> bool:
    return isinstance(part, nn.AdaptiveAvgPool2d) and part.output_size in (1, (1, 1))


def _in_a_row(
    module: nn.Module, parts: tuple[str, ...], before: int, size: int
) -> tuple[Stage, ...]:
    after = _channels_after(module, parts, before, size)
    takes = dict(zip(parts, (before, *after.values()), strict=False))
    return tuple(
        Stage(
            name=part,
            build=lambda given, part=part: _taking(
                inflate(module.get_submodule(part), time=1), part, takes[part], given
            ),
            after=after[part],
        )
        for part in parts
    )


def _channels_after(
    module: nn.Module, parts: tuple[str, ...], before: int, size: int
) -> dict[str, int]:
    """How many channels each part answers."""
    from copy import deepcopy

    found, meta = {}, deepcopy(module).to("meta").eval()
    x = torch.empty(1, before, size, size, device="meta")
    for part in parts:
        x = meta.get_submodule(part)(x)
        found[part] = x.shape[1]
    return found


def _taking(module: nn.Module, name: str, takes: int, given: int) -> nn.Module:
    if given != takes:
        raise RecipeError(
            f"the streams can't be concatenated before {name}",
            got=f"{given} channels for a layer of a network for pictures",
            expected=f"{takes}",
            hint='concatenate after the last layer of maps; or fuse by "conv", "sum" or "max"',
        )
    return module


def _whole(module: nn.Module, before: int) -> Stage:
    module, features = without_head(module)
    return Stage(
        name="features", build=lambda given: _framewise(module, before, given), after=features
    )


def _framewise(module: Any, before: int, given: int) -> Framewise:
    return Framewise(_taking(module, "features", before, given))
