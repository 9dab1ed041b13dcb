"""A network comes back as it went, whatever is raised while it is attributed."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as torch_module
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribute import METHODS, attribute
from kinetoscope.networks.network import Network
from tests.evidence.attribution.planted import attended, moving_dot, stripes
from tests.evidence.attribution.quick import quick

HOOKS = [name for name in vars(nn.Module()) if name.endswith("hooks") or "hooks_" in name]
CALLED = (nn.Conv3d, nn.Linear)


class BlownError(Exception):
    """What a fuse raises."""


@dataclass
class Fuse:
    """Raises an error where a layer is called for the n-th time, or is come back to.

    Layers count, in any network: they are wrapped in their class, so that a method that looks at
    their type, replaces their `forward` or calls it by hand is met as well.

    Args:
        way: forward, or backward.
        at: at which call, from 1; 0 for none.
        error: what is raised.
    """

    way: str = "forward"
    at: int = 0
    error: type[BaseException] = BlownError
    forward: int = 0
    backward: int = 0
    blown: bool = False

    def passed(self, way):
        setattr(self, way, getattr(self, way) + 1)
        if way == self.way and getattr(self, way) == self.at:
            self.blown = True
            raise self.error(f"{way} {self.at}")

    def wrapped(self, forward):
        def fused(module, *given):
            answer = forward(module, *given)
            self.passed("forward")
            if answer.requires_grad:
                answer.register_hook(lambda _: self.passed("backward"))
            return answer

        return fused

    def put_in(self, monkeypatch):
        for kind in CALLED:
            monkeypatch.setattr(kind, "forward", self.wrapped(kind.forward))
        return self


def worn(network):
    """The same as a user may have it: half in training, with gradients, hooks, frozen weights."""
    network.train()
    for number, module in enumerate(network.modules()):
        module.training = number % 2 == 0
    weights = [*network.parameters()]
    for number, weight in enumerate(weights):
        weight.requires_grad_(number % 3 > 0)
        weight.grad = torch.full_like(weight, 0.5) if number % 3 == 1 else None
    layers = [module for module in network.modules() if isinstance(module, CALLED)]
    layers[0].register_forward_hook(lambda *_: None)
    layers[1].register_forward_pre_hook(lambda *_: None)
    layers[0].marked = "by the user"
    return network


def state_of(network: Network):
    """All there is to a network, that which is held by name and that which is held by value."""
    kept = {}
    for path, module in network.named_modules():
        own = {
            name: id(value)
            for name, value in vars(module).items()
            if name not in HOOKS and not isinstance(vars(type(module)).get(name), cached_property)
        }
        hooks = {name: list(getattr(module, name).items()) for name in HOOKS}
        kept[path] = (type(module), type(module).forward, module.training, own, hooks)
        for name, value in [*module._parameters.items(), *module._buffers.items()]:
            kept[path, name] = None if value is None else tensor_state(value)
    return kept


def tensor_state(value):
    grad = value.grad
    return (
        id(value),
        value.detach().clone().numpy().tobytes(),
        value.requires_grad,
        value.grad_fn,
        None if grad is None else (id(grad), grad.clone().numpy().tobytes()),
        value._backward_hooks,
    )


def state_of_torch():
    """What a method may switch for all."""
    return {
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "function modes": _get_current_function_mode_stack(),
        "dispatch modes": _get_current_dispatch_mode_stack(),
        "hooks of all modules": [
            list(value.items())
            for name, value in sorted(vars(torch_module).items())
            if name.startswith("_global") and name.endswith("hooks")
        ],
        "functions": [F.relu, torch.relu, F.softmax, torch.softmax, F.conv3d, F.linear],
        "attention": [F.scaled_dot_product_attention, F.multi_head_attention_forward],
        "random numbers": torch.get_rng_state().numpy().tobytes(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


@dataclass(frozen=True)
class Subject:
    """A method and what it is asked, after it was worn."""

    method: object
    network: Network
    clip: object
    objective: object

    def state(self):
        return state_of(self.network), tensor_state(self.clip.frames)

    def attribute(self):
        return attribute(self.network, self.clip, self.objective, method=self.method)


def subject(name):
    """A method and a network that it fits: of layers, of a clip with flow, or of tokens."""
    for make in (stripes, moving_dot, attended):
        case, asked = make(), quick(name)
        with suppress(ClipError):
            attribute(case.network, case.clip, case.objective, method=asked)
            return Subject(asked, worn(make().network), case.clip, case.objective)
    raise AssertionError(f"{name} fits none of the networks")


known_subject = cache(subject)


@cache
def calls_of(name):
    """How often layers are called, and come back to, while a method answers."""
    asked = known_subject(name)
    asked.attribute()  # so that it is known of the network what methods keep of it
    with pytest.MonkeyPatch.context() as patch:
        fuse = Fuse().put_in(patch)
        asked.attribute()
    return {"forward": fuse.forward, "backward": fuse.backward}


CHANGES = {
    "a hook": lambda layer: layer.register_forward_hook(lambda *_: None),
    "a hook on the way back": lambda layer: layer.register_full_backward_hook(lambda *_: None),
    "another forward": lambda layer: setattr(layer, "forward", layer.forward),
    "another mode": lambda layer: setattr(layer, "training", not layer.training),
    "another weight": lambda layer: layer.weight.data.mul_(1.0001),
    "a gradient": lambda layer: layer.bias.grad.add_(1e-3),
    "a weight to learn": lambda layer: layer.weight.requires_grad_(not layer.weight.requires_grad),
    "a mark": lambda layer: setattr(layer, "seen", True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_compared_tells(change):
    network = worn(stripes().network)
    before = state_of(network)
    assert state_of(network) == before
    CHANGES[change](network.model.stages[0][0])
    assert state_of(network) != before


PLACES = {
    "nowhere": ("forward", 0, BlownError),
    "at once": ("forward", 1, KeyboardInterrupt),
    "at the end": ("forward", -1, BlownError),
    "on the way back": ("backward", 1, BlownError),
    "at the end of the way back": ("backward", -1, KeyboardInterrupt),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", METHODS)
def test_a_network_comes_back_as_it_went_when_an_error_is_raised(method, place, monkeypatch):
    way, at, error = PLACES[place]
    if not (calls := calls_of(method)[way]):
        pytest.skip("nothing is led back")
    # "at once" is while methods find out about a network; the others know it already
    asked = subject(method) if place == "at once" else known_subject(method)
    fuse = Fuse(way=way, at=calls if at < 0 else at, error=error).put_in(monkeypatch)
    before, around = asked.state(), state_of_torch()
    # an error may be met by another way to the answer; what the user breaks off is broken off
    with suppress(BlownError) if error is BlownError else pytest.raises(error):
        asked.attribute()
    assert fuse.blown == (at != 0)
    assert state_of_torch() == around
    assert asked.state() == before
