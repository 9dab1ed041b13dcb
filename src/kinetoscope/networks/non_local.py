"""Non-local blocks: how do distant places and times in a clip come to know of each other?

A convolution sees its neighbourhood. Behind a layer, a non-local block adds to every place a
weighted mean of what lies at all places of all frames; a pairwise function of the two places says
how much each counts. Batch norm after W_z starts with a gamma of zero, so that a block put into a
trained network changes nothing until it has learned to.

Source: Wang, Girshick, Gupta, He, "Non-local Neural Networks", CVPR 2018, section 3, and the
authors' code (github.com/facebookresearch/video-nonlocal-net). The two differ: the code pools x
before phi and g, and scales the logits; the paper pools phi and g, and does not scale. Ours are the
code's unless said otherwise, since published weights were trained with it. How the sum over all
places is had without a matrix of all pairs is said in `pairwise.py`.

    layers    channels   output (time x height x width)
    x         512        4 x 28 x 28      behind a layer of res3
    theta     256        4 x 28 x 28
    pool      512        4 x 14 x 14
    phi g     256        4 x 14 x 14
    pairwise  256        4 x 28 x 28
    out       512        4 x 28 x 28      W_z, then norm; x is added
"""

import copy
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.networks.blocks import ONE, check_least
from kinetoscope.networks.layer_shapes import channels_behind, shapes_in_order
from kinetoscope.networks.network import Network
from kinetoscope.networks.pairwise import (
    ConcatenationPairs,
    DotProductPairs,
    SoftmaxPairs,
)
from kinetoscope.tensors import Maps, Size, Volume

POOL: Size = (1, 2, 2)

KINDS = ("embedded-gaussian", "gaussian", "dot-product", "concatenation")
"""The pairwise functions, as the paper names them."""

SUBSAMPLES = ("before", "after", "none")
"""Where places are pooled by 1x2x2: x before phi and g, as the authors' code does; phi and g, after
their convolutions, as the paper says; nowhere."""

ADDED = "added_non_local"
"""The option of a network that tells which blocks were added to it."""


class NonLocal(nn.Module):
    """z_i = W_z (sum_j f(x_i, x_j) g(x_j) / C(x)) + x_i, over all places j of all frames.

    Args:
        channels: of x.
        kind: the pairwise function f, one of `KINDS`.
        subsample: where the places j are pooled, which quarters the pairs: one of `SUBSAMPLES`.
        scaled: whether the logits of a softmax are multiplied by inner ** -0.5.
        inner: channels of theta, phi and g; None takes half of x's.

    Raises:
        ClipError: the channels can't be halved.
        UnknownNameError: no pairwise function or pooling has this name.
    """

    def __init__(
        self,
        channels: int,
        *,
        kind: str = "embedded-gaussian",
        subsample: str = "before",
        scaled: bool = True,
        inner: int | None = None,
    ):
        super().__init__()
        _check_settings(channels, kind, subsample, inner)
        inner = inner or channels // 2
        embedded = kind != "gaussian"
        self.least: Size = ONE if subsample == "none" else POOL
        self.theta = nn.Conv3d(channels, inner, 1) if embedded else nn.Identity()
        self.pool = _pool_if(subsample == "before")
        self.phi = nn.Conv3d(channels, inner, 1) if embedded else nn.Identity()
        self.g = nn.Conv3d(channels, inner, 1)
        self.pool_phi, self.pool_g = _pool_if(subsample == "after"), _pool_if(subsample == "after")
        self.pairwise = _pairs(kind, inner, scale=inner**-0.5 if scaled else 1.0)
        self.out = nn.Conv3d(inner, channels, 1)
        self.norm = nn.BatchNorm3d(channels)
        _start_as_identity(self)

    def forward(self, x: Volume) -> Maps:
        check_least(x, self.least)
        keys = self.pool(x)
        phi, g = self.pool_phi(self.phi(keys)), self.pool_g(self.g(keys))
        return x + self.norm(self.out(self.pairwise(self.theta(x), phi, g)))

    @torch.no_grad()
    def attention_from(self, x: Volume, place: tuple[int, int, int]) -> Maps:
        """How much every place j counts for one place i: f(x_i, x_j) / C(x), one row alone.

        Args:
            x: what the block takes.
            place: i, as time, row and column in x.

        Returns:
            `clip 1 time height width` over the places j, which are fewer than x's where they are
            pooled. A softmax sums to one; a dot product may be negative.

        Raises:
            ClipError: x has no such place.
        """
        check_place(place, x)
        return self.weights_at(self.theta(x), self.pool_phi(self.phi(self.pool(x))), place)

    def weights_at(self, theta: Volume, phi: Maps, place: tuple[int, int, int]) -> Maps:
        """The same from what theta and pool_phi have answered."""
        time, row, column = place
        return self.pairwise.weights(theta[:, :, time, row, column], phi).unsqueeze(1)


def add_non_local(
    network: Network,
    layers: Sequence[str],
    *,
    kind: str = "embedded-gaussian",
    subsample: str = "before",
    scaled: bool = True,
) -> Network:
    """A copy of a network with a non-local block behind each of these layers.

    In eval mode the copy scores as the network does until it is trained, and the network itself
    stays as it is. Layer `res3.1` then answers what its block `res3.1.non_local` does; what was the
    layer before is `res3.1.block`. `save_network` keeps which blocks were added.

    Args:
        network: of the zoo, or any other.
        layers: each answers `clip channel time height width`.
        kind: the pairwise function, one of `KINDS`.
        subsample: where places are pooled, one of `SUBSAMPLES`.
        scaled: whether the logits of a softmax are scaled.

    Raises:
        UnknownNameError: there is no such layer; says which names are near.
        ClipError: a layer is named twice, is called not once, or answers no maps with places.
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    for name in names:
        network.layer(name)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ClipError(
            f"layer {twice[0]} is to have two non-local blocks",
            got=", ".join(names),
            expected="each layer once",
            hint="add the second behind the first: add_non_local(added, [...]) once more",
        )
    shapes = shapes_in_order(network)
    channels = {name: channels_behind(network, name, shapes) for name in names}
    settings: dict[str, Any] = {"kind": kind, "subsample": subsample, "scaled": scaled}
    added = copy.deepcopy(network)
    added.__dict__.pop("weights_hash", None)  # of the weights without the blocks
    insert_non_local(added.model, channels, **settings)
    added.layers = _named_anew(network.layers, names, list(shapes))
    _check_blocks_are_called(added, names)
    record = {"layers": names, **settings}
    added.options = {**network.options, ADDED: [*network.options.get(ADDED, ()), record]}
    return added


def insert_non_local(
    model: nn.Module,
    channels: Mapping[str, int],
    *,
    kind: str = "embedded-gaussian",
    subsample: str = "before",
    scaled: bool = True,
) -> None:
    """Put non-local blocks into a module: each layer becomes a sequence of `block`, `non_local`.

    Args:
        model: changed in place.
        channels: of what each layer answers, by its name.
        kind: the pairwise function, one of `KINDS`.
        subsample: where places are pooled, one of `SUBSAMPLES`.
        scaled: whether the logits of a softmax are scaled.
    """
    for layer in sorted(channels, key=lambda name: -name.count(".")):  # what lies within, first
        block = model.get_submodule(layer)
        like = _weight_of(block, model)
        with torch.device(like.device):
            non_local = NonLocal(channels[layer], kind=kind, subsample=subsample, scaled=scaled)
        both = nn.Sequential(OrderedDict(block=block, non_local=non_local.to(like.dtype)))
        both.training = block.training
        non_local.train(block.training)
        above, _, name = layer.rpartition(".")
        setattr(model.get_submodule(above), name, both)


def check_place(place: tuple[int, int, int], x: Tensor) -> None:
    """Refuse a place that a volume does not have.

    Raises:
        ClipError: it lies outside.
    """
    extent = tuple(x.shape[2:])
    if any(not 0 <= at < length for at, length in zip(place, extent, strict=True)):
        raise ClipError(
            "the layer has no such place",
            got=f"time, row and column {place}",
            expected=f"within {extent}",
        )


def _pool_if(wanted: bool) -> nn.Module:
    return nn.MaxPool3d(POOL) if wanted else nn.Identity()


def _pairs(
    kind: str, inner: int, *, scale: float
) -> SoftmaxPairs | DotProductPairs | ConcatenationPairs:
    match kind:
        case "dot-product":
            return DotProductPairs()
        case "concatenation":
            return ConcatenationPairs(inner)
        case _:
            return SoftmaxPairs(scale)


def _start_as_identity(block: NonLocal) -> None:
    """Gaussian weights of 0.01, biases of zero (the authors' code), and a gamma of zero."""
    for each in block.modules():
        if isinstance(each, nn.Conv3d):
            nn.init.normal_(each.weight, std=0.01)
            if each.bias is not None:
                nn.init.zeros_(each.bias)
    nn.init.zeros_(block.norm.weight)


def _check_settings(channels: int, kind: str, subsample: str, inner: int | None) -> None:
    if kind not in KINDS:
        raise unknown_name("pairwise function", kind, KINDS)
    if subsample not in SUBSAMPLES:
        raise unknown_name("pooling of a non-local block", subsample, SUBSAMPLES)
    if inner is None and (channels % 2 or channels < 2):
        raise ClipError(
            "a non-local block works on half of the channels",
            got=f"{channels} channels",
            expected="an even number",
            hint="NonLocal(channels, inner=...) takes another number for theta, phi and g",
        )


def _weight_of(block: nn.Module, model: nn.Module) -> Tensor:
    """A weight that tells on which device and in which type a layer computes."""
    tensors = chain(*((each.parameters(), each.buffers()) for each in (block, model)))
    found = (each for each in chain(*tensors) if each.is_floating_point())
    return next(found, torch.empty(0))


def _check_blocks_are_called(added: Network, layers: Sequence[str]) -> None:
    """Refuse a model that does not call a layer as a module, or asks for what is within it."""
    shapes = shapes_in_order(added)
    for name in layers:
        channels_behind(added, _block_behind(name, layers), shapes)


def _named_anew(
    layers: Sequence[str], wrapped: Sequence[str], order: Sequence[str]
) -> tuple[str, ...]:
    """The layers worth looking at under their new names, and the blocks among them.

    Args:
        layers: those that were worth looking at; none stays none.
        wrapped: those that have a block behind them now.
        order: all layers, as they are computed.
    """
    if not layers:
        return ()
    blocks: dict[str | None, list[str]] = {}
    for name in sorted(wrapped, key=order.index):
        until = order[: order.index(name) + 1]
        earlier = [layer for layer in layers if layer in until]
        follows = earlier[-1] if earlier else None
        blocks.setdefault(follows, []).append(_block_behind(name, wrapped))
    named = blocks.get(None, [])
    for layer in layers:
        named += [_moved(layer, wrapped), *blocks.get(layer, [])]
    return tuple(named)


def _block_behind(layer: str, wrapped: Sequence[str]) -> str:
    return f"{_moved(layer, [other for other in wrapped if other != layer])}.non_local"


def _moved(layer: str, wrapped: Sequence[str]) -> str:
    """Where a layer is, now that some are sequences of what they were, `block`, and `non_local`.

    >>> _moved("res3.1.a", ["res3", "res3.1"])
    'res3.block.1.block.a'
    """
    for outer in sorted(wrapped, key=len, reverse=True):  # the inner ones by their old names
        if f"{layer}.".startswith(f"{outer}."):
            layer = f"{outer}.block{layer.removeprefix(outer)}"
    return layer
