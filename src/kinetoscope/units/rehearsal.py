"""What would a network compute, without computing it?

A rehearsal runs the model on tensors that have a shape and no values. It costs milliseconds even
for the largest networks, and leaves the model as it was.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network

CLIPS = 2  # one would not do: batch normalization in training refuses a single value

OnAnswer = Callable[[str, nn.Module, object], None]


def rehearse(network: Network, on_answer: OnAnswer) -> None:
    """Run the model on clips without values, and be told of every answer of every module.

    Args:
        network: run in the mode it is in; random states, buffers and weights stay as they are.
        on_answer: is given the layer's name, its module and what it answered.

    Raises:
        Exception: whatever the model raises, as where it looks at values, which are not there.
    """
    # Counters such as those of batch normalization have a value even here, and would go up.
    spare = {name: buffer.clone() for name, buffer in network.model.named_buffers()}
    below = {name: module for name, module in network.model.named_modules() if name}
    without_values = FakeTensorMode(allow_non_fake_inputs=True)
    with answering(below, on_answer), torch.no_grad(), without_values:
        batch = blank_batch(network.expects, network.device)
        streams = tuple(batch.stream(name) for name in network.expects.streams)
        functional_call(network.model, spare, streams)


def blank_batch(spec: ClipSpec, device: torch.device) -> ClipBatch:
    """Zeros of the shape that a spec asks for; without values inside a rehearsal."""
    place = (spec.frames, *spec.size)
    channels = {"frames": 3, "flow": 2}
    streams: dict[str, Tensor] = {
        name: torch.zeros(CLIPS, channels[name], *place, device=device) for name in spec.streams
    }
    return ClipBatch(**streams)


@contextmanager
def answering(modules: Mapping[str, nn.Module], on_answer: OnAnswer) -> Iterator[None]:
    """Be told of every answer of these modules until the block ends.

    Other threads may run the same modules meanwhile; their answers are not told.
    """
    listener = threading.get_ident()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _: object, answer: object) -> None:
            if threading.get_ident() == listener:
                on_answer(name, module, answer)

        return hook

    handles = []
    try:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(hook_of(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()
