"""What does a network do without some of its units?

A unit is removed by writing something else in the place of its answer, everywhere in its map: zero,
or what it answers on average. All that comes after goes on from there, so nothing is estimated.

The replacement is done by a forward hook, in the layer's own order of axes: what `units/axes.py`
makes of an answer is a view of it, and what is written to the view stands in the answer. Tokens
that have no place, such as a class token, are no part of a unit's map, and stay.

Source: Morcos, Barrett, Rabinowitz and Botvinick, "On the importance of single directions for
generalization", ICLR 2018, section 2 (clamping a unit to zero, or to its mean over the data).
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Activation
from kinetoscope.units.axes import as_volume, habits_of, tensor_and_extent
from kinetoscope.units.rehearsal import blank_batch

Change = Callable[[Activation], None]
"""Writes into a layer's answer, `clip channel time height width` or `clip channel`."""


@contextmanager
def without_units(
    network: Network,
    layer: str,
    channels: Sequence[int],
    replacement: Tensor | float = 0.0,
) -> Iterator[None]:
    """Within the block, these channels of a layer answer the same to everything.

    The network's own weights are not touched, and other threads run it as it is.

    Args:
        network: in any mode; it stays in it.
        layer: by name.
        channels: which ones.
        replacement: what they answer: one number, or one for each of the layer's channels, such as
            `scan.means(layer).nanmean(0)`.

    Raises:
        UnknownNameError: the layer or a channel is not there.
        ClipError: when the network is run and which axis of the answer is which can't be told.
    """
    places = list(channels)
    values = torch.as_tensor(replacement)

    def replace(answer: Activation) -> None:
        _check_channels(layer, places, answer.shape[1])
        own = values[places] if values.ndim else values.expand(len(places))
        answer[:, places] = own.to(answer).reshape(-1, *[1] * (answer.ndim - 2))

    with changing(network, layer, replace):
        yield


@contextmanager
def changing(network: Network, layer: str, change: Change) -> Iterator[None]:
    """Within the block, what a layer answers is changed before anything else sees it.

    Args:
        network: in any mode; it stays in it.
        layer: by name.
        change: is given a copy of the answer, in the usual order of axes, to write to.

    Raises:
        UnknownNameError: the layer is not there.
    """
    module = network.layer(layer)
    habits_of(network)  # a rehearsal of its own, which nothing here may disturb
    owner = threading.get_ident()
    clips = 0

    def count(_module: nn.Module, streams: tuple[Tensor, ...]) -> None:
        nonlocal clips
        if threading.get_ident() == owner:
            clips = len(streams[0])

    def hook(_module: nn.Module, _given: tuple[object, ...], answer: object) -> object:
        if threading.get_ident() != owner:
            return None
        return _changed(answer, network, layer, clips, change)

    handles = [network.model.register_forward_pre_hook(count)]
    try:
        handles.append(module.register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def not_removable(network: Network, layers: Sequence[str]) -> dict[str, str]:
    """The layers of which no unit can be removed, and why.

    Each is tried on clips without content.

    Raises:
        UnknownNameError: a layer is not there.
    """
    reasons: dict[str, str] = {}
    with evaluating(network):
        blank = blank_batch(network.expects, network.device)
        for layer in layers:
            try:
                with without_units(network, layer, [0]):
                    network.answer(blank)
            except ClipError as error:
                reasons[layer] = str(error)
    return reasons


def _changed(answer: object, network: Network, layer: str, clips: int, change: Change) -> object:
    """The answer as the layer gave it, a changed copy in the place of its tensor."""
    tensor, _ = tensor_and_extent(answer)
    copied = torch.empty(0) if tensor is None else tensor.clone()
    whole = _with_tensor(answer, tensor, copied)
    volume = as_volume(whole, network, layer, clips)
    if volume.untyped_storage().data_ptr() != copied.untyped_storage().data_ptr():
        raise ClipError(
            f"units of layer {layer} can't be removed",
            got="an answer whose axes can't be told apart without copying it",
            expected="an answer of which each channel is a part",
            hint="remove units of the layer around it",
        )
    change(volume)
    return whole


def _with_tensor(answer: object, old: Tensor | None, new: Tensor) -> object:
    """The same answer with another tensor in it."""
    if isinstance(answer, tuple | list):
        return type(answer)([new if part is old else part for part in answer])
    if isinstance(answer, dict):
        whole = copy.copy(answer)  # of its own class, as those of transformers are
        for key in [key for key, part in answer.items() if part is old]:
            whole[key] = new
        return whole
    return new if answer is old else answer


def _check_channels(layer: str, channels: Sequence[int], count: int) -> None:
    if wrong := [channel for channel in channels if not 0 <= channel < count]:
        raise UnknownNameError(
            f"layer {layer} has no channel {wrong[0]}",
            got=f"{layer}:{wrong[0]}",
            expected=f"{layer}:0 to {layer}:{count - 1}",
        )
