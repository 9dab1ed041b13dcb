"""Which axis of what a layer answers is which?

Every answer is brought to `clip channel time height width`, or `clip channel` where there is no
place: modules that fold time into the batch are unfolded (clips outermost), features that a module
keeps on the last axis are brought to the second, and tokens are put back where they come from, if
the network says where that is (`Network.tokens`) or the layer does: torchvision's multiscale
transformers answer their tokens together with the grid that they lie in. A class token has no
place, and is left out.

Which axis has the features is told by the layers with weights inside a module. One without any, as
dropout or a permutation, has as many features as what it was given, which is seen once for each
network in a rehearsal.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from weakref import WeakKeyDictionary

import torch
from einops import rearrange
from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.tensors import Activation
from kinetoscope.units.rehearsal import OnAnswer, rehearse


@dataclass(kw_only=True)
class Habits:
    """What a rehearsal tells of a network's layers, as far as it gets.

    Args:
        counts: how often each layer answers in a forward pass.
        last: which layers answer with their features on the last axis.
        grids: where tokens lie, as layers say that answer them with their grid.
        layout: of clips in memory: with the channels of a pixel side by side, unless the model
            looks at them by `view`, which refuses those.
    """

    counts: dict[str, int] = field(default_factory=dict)
    last: dict[str, bool] = field(default_factory=dict)
    grids: list[TokenGrid] = field(default_factory=list)
    layout: torch.memory_format = torch.channels_last_3d


_habits_of: WeakKeyDictionary[nn.Module, Habits] = WeakKeyDictionary()


def habits_of(network: Network) -> Habits:
    """What is known of a network's layers; rehearsed once."""
    if network.model not in _habits_of:
        _habits_of[network.model] = _rehearsed(network)
    return _habits_of[network.model]


def _rehearsed(network: Network) -> Habits:
    """As far as it gets."""
    habits = Habits()
    for layout in (torch.channels_last_3d, torch.contiguous_format):
        habits = Habits(layout=layout)
        with suppress(Exception):  # whatever a user's model raises on clips without values
            rehearse(network, _noting(habits), layout=layout)
            break
    return habits


def layout_for(network: Network) -> torch.memory_format:
    """How clips should lie in memory: the fastest for most convolutions, if the model takes it."""
    layout = habits_of(network).layout
    return layout if network.device.type == "cpu" else torch.contiguous_format


def _noting(habits: Habits) -> OnAnswer:
    """Have habits told of answers."""
    seen = _Seen()

    def note(name: str, module: nn.Module, given: object, answer: object) -> None:
        habits.counts[name] = habits.counts.get(name, 0) + 1
        tensor, extent = tensor_and_extent(answer)
        if tensor is None:
            return
        habits.last[name] = seen.features_are_last(module, given, tensor)
        if extent and tensor.ndim == 3 and (grid := _grid(tensor, extent)) not in habits.grids:
            habits.grids.append(grid)

    return note


def as_volume(answer: object, network: Network, name: str, clips: int) -> Activation:
    """A layer's answer as `clip channel time height width`, or `clip channel` without places.

    Args:
        answer: a tensor, alone or beside what is none.
        network: of which `habits_of` was asked before, where this is called during a pass.
        name: of the layer.
        clips: how many were shown.

    Raises:
        ClipError: it is not one tensor, or which axis is which can't be told.
    """
    tensor, extent = tensor_and_extent(answer)
    if tensor is None:
        raise _not_one_tensor(answer, name)
    if tensor.ndim == 0 or tensor.shape[0] % clips:
        raise _unclear(name, tensor, f"its first axis does not hold the {clips} clips")
    module, habits = network.layer(name), habits_of(network)
    grids = [*([network.tokens] if network.tokens else []), *habits.grids]
    if tensor.ndim == 3 and not isinstance(module, _ALONG_TIME):
        return _on_grid(tensor, name, clips, [_grid(tensor, extent)] if extent else grids)
    if tensor.ndim == 4 and (extent or _is_in_heads(tensor, clips, grids)):
        raise _unclear(name, tensor, "its tokens come a head of attention")
    last = habits.last[name] if name in habits.last else _keeps_last(module, tensor)
    return _volume(tensor.movedim(-1, 1) if last and tensor.ndim > 2 else tensor, name, clips)


_ALONG_TIME = (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d)


def _volume(answer: Tensor, name: str, clips: int) -> Activation:
    folded = answer.shape[0] != clips
    if answer.ndim == 4:
        return rearrange(
            answer, "(clip time) channel height width -> clip channel time height width", clip=clips
        )
    if answer.ndim == 2 and folded:
        return rearrange(answer, "(clip time) channel -> clip channel time 1 1", clip=clips)
    if answer.ndim == 3 and not folded:
        return rearrange(answer, "clip channel time -> clip channel time 1 1")
    if answer.ndim not in (2, 5) or folded:
        raise _unclear(name, answer, "it is not clip, channel, time, height and width")
    return answer


def _on_grid(tokens: Tensor, name: str, clips: int, grids: Sequence[TokenGrid]) -> Activation:
    """Tokens put back where they come from."""
    ways = {
        way: (grid, count)
        for grid in grids
        for way, batch, count in _ways(grid, clips)
        if tokens.shape[0] == batch and tokens.shape[1] in (count, count + grid.before)
    }
    if len(ways) != 1:
        why = "are in several places at once" if ways else "have no place in time, height and width"
        raise _unclear(name, tokens.movedim(-1, 1), f"its tokens {why}")
    way, (grid, count) = next(iter(ways.items()))
    time, height, width = grid.size
    return rearrange(
        tokens[:, -count:],
        f"{way} channel -> clip channel time height width",
        clip=clips,
        time=time,
        height=height,
        width=width,
    )


def _ways(grid: TokenGrid, clips: int) -> list[tuple[str, int, int]]:
    """How the tokens of a grid may lie: einops' words, length of the batch, and tokens in each.

    Attention along time alone is given the places as its batch; attention in space, the times.
    """
    time, height, width = grid.size
    return [
        (f"clip ({grid.order})", clips, time * height * width),
        ("(clip time) (height width)", clips * time, height * width),
        ("(clip height width) time", clips * height * width, time),
    ]


def _grid(tokens: Tensor, extent: tuple[int, int, int]) -> TokenGrid:
    """Of tokens that come with their grid; those before it have no place."""
    return TokenGrid(size=extent, before=max(tokens.shape[1] - prod(extent), 0))


def _is_in_heads(answer: Tensor, clips: int, grids: Sequence[TokenGrid]) -> bool:
    """Whether an answer is `clip head token feature`, or weighs tokens against each other."""
    counts = {
        (batch, count + extra)
        for grid in grids
        for _, batch, count in _ways(grid, clips)
        for extra in (0, grid.before)
    }
    return any((answer.shape[0], length) in counts for length in answer.shape[2:3])


class _Seen:
    """What the tensors of a pass look like, each kept so that its identity stays its own."""

    def __init__(self):
        self.tensors: dict[int, tuple[Tensor, int, bool]] = {}
        self.shapes: dict[tuple[int, ...], tuple[int, bool]] = {}

    def features_are_last(self, module: nn.Module, given: object, answer: Tensor) -> bool:
        """Whether a module answers with its features on the last axis, and remember it."""
        last = False
        if answer.ndim > 2:
            known = None if _widths(module) else self._known(tensor_and_extent(given)[0])
            last = _still_last(answer, *known) if known else _keeps_last(module, answer)
        features = answer.shape[-1 if last or answer.ndim < 2 else 1]
        self.tensors[id(answer)] = (answer, features, last)
        self.shapes[tuple(answer.shape)] = (features, last)
        return last

    def _known(self, given: Tensor | None) -> tuple[int, bool] | None:
        """How many features a tensor has, and whether they are last; from its like if need be."""
        if given is None:
            return None
        if id(given) in self.tensors:
            return self.tensors[id(given)][1:]
        return self.shapes.get(tuple(given.shape))


def _still_last(answer: Tensor, features: int, last: bool) -> bool:
    """Whether features stay, or come to be, on the last axis of a module without weights."""
    second, final = answer.shape[1] == features, answer.shape[-1] == features
    return last if second == final else final


def _keeps_last(module: nn.Module, answer: Tensor) -> bool:
    """Whether a module keeps its features on the last axis, as transformers do.

    The layers with weights within it tell: Linear and LayerNorm work on the last axis. A block
    that only gates its channels by such a layer has as many channels on the second.
    """
    if isinstance(module, nn.Linear | nn.LayerNorm | nn.MultiheadAttention):
        return True
    last = {_width(each) for each in module.modules() if isinstance(each, nn.Linear | nn.LayerNorm)}
    return answer.shape[-1] in last and answer.shape[1] not in _widths(module)


def _widths(module: nn.Module) -> set[int]:
    found = (_width(each) for each in module.modules())
    return {width for width in found if width is not None}


def _width(module: nn.Module) -> int | None:
    """How many features a layer with weights answers; None for any other."""
    if isinstance(module, nn.LayerNorm):
        return module.normalized_shape[-1]
    names = ("out_features", "out_channels", "num_features")
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)


def tensor_and_extent(answer: object) -> tuple[Tensor | None, tuple[int, int, int] | None]:
    """The one tensor of an answer, and the grid that comes with it; None where there is none."""
    if isinstance(answer, Tensor):
        return answer, None
    if not isinstance(answer, tuple | list | dict):
        return None, None
    parts = [*answer.values()] if isinstance(answer, dict) else [*answer]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    others = [part for part in parts if part is not None and not isinstance(part, Tensor)]
    if len(tensors) != 1 or len(others) > 1:
        return None, None
    if not others:
        return tensors[0], None
    whole = isinstance(others[0], tuple) and all(isinstance(each, int) for each in others[0])
    return (tensors[0], others[0]) if whole and len(others[0]) == 3 else (None, None)


def _not_one_tensor(answer: object, name: str) -> ClipError:
    return ClipError(
        f"layer {name} does not answer with one tensor",
        got=f"{type(answer).__name__}",
        expected="a tensor of clip, channel, time, height and width",
        hint="read one of the layers inside it",
    )


def _unclear(name: str, answer: Tensor, why: str) -> ClipError:
    return ClipError(
        f"what layer {name} answers has no map a channel: {why}",
        got=f"shape {tuple(answer.shape)}",
        expected="clip, channel, time, height and width; or clip and channel",
        hint="read another layer, or wrap the model so that a module gives this form",
    )
