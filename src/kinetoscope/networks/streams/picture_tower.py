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

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import pairwise

import torch
from einops import rearrange
from torch import fx, nn
from torch.fx.proxy import TraceError

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import RecipeError
from kinetoscope.networks.pictures.inflate import inflate, with_channels
from kinetoscope.networks.pictures.picture_zoo import picture_network, without_head
from kinetoscope.networks.streams.towers import MeanOfEachChunk, Stage, scoring, shown_channels
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
    network = cache(lambda: _seeing(name, before))  # built once, and only if a stage is built
    after = _channels_after(name, before, size)
    trunk = _in_a_row(network, after, before) if after else (_whole(network, before, name),)
    gather = (Stage(name="gather", build=lambda before: nn.MaxPool3d((gathered, 1, 1), (2, 1, 1))),)
    return (
        *trunk,
        *(gather if gathered > 1 else ()),
        Stage(name="average", build=lambda before: MeanOfEachChunk()),
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
    plain = _scores_only(module.get_submodule(part) for part in head)
    once = len(set(maps)) == len(maps)
    return tuple(maps) if plain and once and not other and not _moves_axes(module) else ()


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
            self.pictures(frames),
            "(clip time) feature -> clip feature time 1 1",
            time=clips.shape[2],
        )


class _Whole(fx.Tracer):
    """Follows a network from part to part, and into none of them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _scores_only(parts: Iterable[nn.Module]) -> bool:
    """Whether parts do no more than to score what they are given."""
    leaves = [leaf for part in parts for leaf in part.modules() if not list(leaf.children())]
    kinds = (nn.Linear, nn.Dropout, nn.Flatten, nn.Identity)
    return (
        all(isinstance(leaf, kinds) for leaf in leaves)
        and sum(isinstance(leaf, nn.Linear) for leaf in leaves) <= 1
    )


def _moves_axes(module: nn.Module) -> bool:
    """Whether its maps have their channels elsewhere, as those of Swin transformers do."""
    return any(type(part).__name__ == "Permute" for part in module.modules())


def _is_mean(part: nn.Module) -> bool:
    return isinstance(part, nn.AdaptiveAvgPool2d) and part.output_size in (1, (1, 1))


def _seeing(name: str, channels: int) -> nn.Module:
    """A network for pictures that sees so many channels."""
    module = picture_network(name)
    return module if channels == 3 else with_channels(module, channels)


def _in_a_row(
    network: Callable[[], nn.Module], after: Mapping[str, int], before: int
) -> tuple[Stage, ...]:
    takes = dict(zip(after, (before, *after.values()), strict=False))
    return tuple(
        Stage(
            name=part,
            build=lambda given, part=part: _taking(
                inflate(network().get_submodule(part), time=1), part, takes[part], given
            ),
            after=after[part],
        )
        for part in after
    )


@cache
def _channels_after(name: str, before: int, size: int) -> Mapping[str, int]:
    """How many channels each of a network's parts in a row answers; nothing where it has none."""
    with torch.device("meta"), torch.no_grad():
        module = _seeing(name, before).eval()
        x = torch.empty(1, before, size, size)
        found = {}
        for part in parts_in_a_row(module):
            x = module.get_submodule(part)(x)
            found[part] = x.shape[1]
    return found


@cache
def _features(name: str) -> int:
    with torch.device("meta"):
        return without_head(picture_network(name))[1]


def _taking(module: nn.Module, name: str, takes: int, given: int) -> nn.Module:
    if given != takes:
        raise RecipeError(
            f"the streams can't be concatenated before {name}",
            got=f"{given} channels for a layer of a network for pictures",
            expected=f"{takes}",
            hint='concatenate after the last layer of maps; or fuse by "conv", "sum" or "max"',
        )
    return module


def _whole(network: Callable[[], nn.Module], before: int, name: str) -> Stage:
    return Stage(
        name="features",
        build=lambda given: Framewise(
            _taking(without_head(network())[0], "features", before, given)
        ),
        after=_features(name),
    )
