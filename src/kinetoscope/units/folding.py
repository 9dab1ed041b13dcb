"""How does a trained network answer the same with less work?

In eval mode a batch normalization is a factor and a shift for each channel. Where it is all that
becomes of a convolution's answer, both go into the convolution's weights, and no pass over memory
is left of it: a tenth of the time of a residual network on a CPU. A rectifier that alone is given
what a normalization answers writes over it. Which modules these are is not taken from their names
or their order, but seen in a rehearsal; a convolution whose answer is wanted, or goes anywhere else
as well, stays what it is.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2, where the weights are quantized besides.
"""

from collections.abc import Callable, Sequence
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

    What it writes over is seen before it is, by whoever is told of answers as they pass by.

    Args:
        network: in eval mode; stays as it is.
        layers: whose answers are wanted: they are the same as the network's, up to rounding.

    Returns:
        The network itself, if there is nothing to fold, or it can't be copied or rehearsed.
    """
    seen = _Seen(layers)
    try:  # whatever a user's model raises on clips without values, or where it is copied
        rehearse(network, seen.note, watch=lambda streams: seen.uses)
        pairs = seen.pairs(network)
        copy = deepcopy(network) if pairs else network
    except Exception:
        return network
    for convolution, norm in pairs:
        copy.model.set_submodule(convolution, _one(copy.layer(convolution), copy.layer(norm)))
        copy.model.set_submodule(norm, nn.Identity())
    for rectifier in seen.rectifiers([norm for _, norm in pairs]):
        setattr(copy.layer(rectifier), "inplace", True)  # noqa: B010 - of some modules
    return copy


def _one(convolution: Any, norm: Any) -> nn.Module:
    """Both, with weights as a CPU wants them for clips whose channels lie side by side."""
    convolution = fuse_conv_bn_eval(convolution, norm)
    weight = convolution.weight
    if weight.device.type == "cpu" and weight.ndim == 5:
        weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
    return convolution


class _Seen:
    """What a rehearsal shows of convolutions, normalizations and rectifiers.

    Args:
        layers: whose answers are wanted.
    """

    def __init__(self, layers: Sequence[str]):
        self.layers = layers
        self.uses = _Uses()
        self._answers: dict[str, list[object]] = {}
        self._given: dict[str, list[object]] = {}
        self._kinds: dict[str, str] = {}

    def note(self, name: str, module: nn.Module, given: object, answer: object) -> None:
        """Be told of an answer."""
        self._answers.setdefault(name, []).append(answer)
        self._given.setdefault(name, []).append(given)
        if _computes_as(module, _CONVOLUTIONS):
            self._kinds[name] = "convolution"
        elif _is_settled(module):
            self._kinds[name] = "norm"
        elif type(module) is nn.ReLU:
            self._kinds[name] = "rectifier"

    def pairs(self, network: Network) -> list[tuple[str, str]]:
        """Convolutions, each with the normalization that is all that becomes of its answer."""
        return [
            pair
            for pair in self._after("convolution", "norm", nn.functional.batch_norm)
            if pair[1] not in self.layers
            and not any(_is_listened_to(network.layer(name)) for name in pair)
        ]

    def rectifiers(self, norms: Sequence[str]) -> list[str]:
        """Those that alone are given what one of these normalizations answers."""
        found = self._after("norm", "rectifier", nn.functional.relu)
        return [rectifier for norm, rectifier in found if norm in norms]

    def _after(self, first: str, second: str, func: Callable[..., Any]) -> list[tuple[str, str]]:
        """Two modules of these kinds, each called once, of which the second is all that uses it."""
        wanted = {id(each) for layer in self.layers for each in self._answers.get(layer, [])}
        ends = {id(self._given[name][0]): name for name in self._called_once(second)}
        answers = {name: self._answers[name][0] for name in self._called_once(first)}
        return [
            (name, ends[id(answer)])
            for name, answer in answers.items()
            if id(answer) in ends.keys() - wanted and self.uses.of(answer) == [func]
        ]

    def _called_once(self, kind: str) -> list[str]:
        of_kind = [name for name, known in self._kinds.items() if known == kind]
        return [name for name in of_kind if len(self._answers[name]) == 1]


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
