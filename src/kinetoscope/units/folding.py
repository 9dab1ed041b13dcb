"""How does a trained network answer the same with less work?

In eval mode a batch normalization is a factor and a shift for each channel. Where it is all that
becomes of a convolution's answer, both go into the convolution's weights, and no pass over memory
is left of it: a tenth of the time of a residual network on a CPU. Which pairs of modules these are
is not taken from their names or their order, but seen in a rehearsal; a convolution whose answer is
wanted, or goes anywhere else as well, stays what it is.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2, where the weights are quantized besides.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from kinetoscope.networks.network import Network
from kinetoscope.units.rehearsal import rehearse

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_COMPUTATION = ("forward", "_conv_forward")  # of either kind, which a subclass may change


def folded(network: Network, layers: Sequence[str]) -> Network:
    """A copy of a network with its batch normalizations in its convolutions.

    Args:
        network: in eval mode; stays as it is.
        layers: whose answers are wanted: they are the same as the network's, up to rounding.

    Returns:
        The network itself, if there is nothing to fold, or it can't be copied or rehearsed.
    """
    pairs: list[tuple[str, str]] = []
    with suppress(Exception):  # whatever a user's model raises on clips without values
        pairs = _pairs(network, layers)
    if not pairs:
        return network
    try:
        copy = deepcopy(network)
    except Exception:  # whatever a user's module raises that is not made to be copied
        return network
    for convolution, norm in pairs:
        copy.model.set_submodule(convolution, _one(copy.layer(convolution), copy.layer(norm)))
        copy.model.set_submodule(norm, nn.Identity())
    return copy.eval()


def _one(convolution: Any, norm: Any) -> nn.Module:
    """Both, with weights as a CPU wants them for clips whose channels lie side by side."""
    convolution = fuse_conv_bn_eval(convolution, norm)
    weight = convolution.weight
    if weight.device.type == "cpu" and weight.ndim == 5:
        weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
    return convolution


def _pairs(network: Network, layers: Sequence[str]) -> list[tuple[str, str]]:
    """Convolutions, each with the normalization that is all that becomes of its answer."""
    answers: dict[str, list[object]] = {}
    given: dict[str, object] = {}
    watched: list[object] = []

    def note(name: str, module: nn.Module, first: object, answer: object) -> None:
        if name in layers:
            watched.append(answer)
        if _computes_as(module, _CONVOLUTIONS):
            answers.setdefault(name, []).append(answer)
        elif _is_settled(module):
            given[name] = first if name not in given else None  # a second call makes it unfit

    uses = _Uses()
    rehearse(network, note, watch=lambda streams: uses)
    return [
        (convolution, norm)
        for convolution, found in answers.items()
        for norm, first in given.items()
        if len(found) == 1
        and found[0] is first
        and norm not in layers
        and uses.of(first) == [nn.functional.batch_norm]
        and not any(first is answer for answer in watched)
        and not _is_listened_to(network.layer(convolution))
        and not _is_listened_to(network.layer(norm))
    ]


def _is_settled(module: nn.Module) -> bool:
    """Whether a module normalizes each channel by the same numbers, whatever it is shown."""
    settled = not module.training and getattr(module, "running_mean", None) is not None
    return settled and _computes_as(module, _NORMS)


def _computes_as(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a module is of one of these kinds, and not of one that computes something else."""
    own = [getattr(type(module), name, None) for name in _COMPUTATION]
    return any(
        isinstance(module, kind) and own == [getattr(kind, name, None) for name in _COMPUTATION]
        for kind in kinds
    )


def _is_listened_to(module: nn.Module) -> bool:
    """Whether somebody hears or changes what a module is given or answers, or how weights come."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations")
    )


class _Uses(TorchFunctionMode):
    """What becomes of each tensor: the functions that make another tensor of it."""

    def __init__(self):
        super().__init__()
        self._found: dict[int, tuple[Tensor, list[Callable[..., Any]]]] = {}

    def of(self, tensor: object) -> list[Callable[..., Any]]:
        """The functions that were given a tensor."""
        return self._found[id(tensor)][1] if id(tensor) in self._found else []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        if any(isinstance(each, Tensor) for each in tree_leaves(answer)):
            for each in tree_leaves((args, kwargs or {})):
                if isinstance(each, Tensor):  # kept, so that no other is given its identity
                    self._found.setdefault(id(each), (each, []))[1].append(func)
        return answer
