"""What would a network compute, without computing it?

A rehearsal runs the model on tensors that have a shape and no values. It costs milliseconds even
for the largest networks, and leaves the model as it was.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS, ClipSpec
from kinetoscope.networks.network import Network

CLIPS = 2  # one would not do: batch normalization in training refuses a single value

OnAnswer = Callable[[str, nn.Module, object, object], None]
"""Is told a layer's name, its module, what it was given first, and what it answered."""

Watch = Callable[[dict[str, Tensor]], AbstractContextManager[object]]


def rehearse(
    network: Network,
    on_answer: OnAnswer,
    *,
    watch: Watch | None = None,
    values: bool = False,
    layout: torch.memory_format = torch.contiguous_format,
) -> None:
    """Run the model on clips without values, and be told of every answer of every module.

    Args:
        network: run in the mode it is in; random states, buffers and weights stay as they are.
        on_answer: is told each answer; see `OnAnswer`.
        watch: is given the clips, stream by stream, and gives a context to run the model in.
        values: run on zeros instead, at full cost, for models that look at values.
        layout: of the clips in memory.

    Raises:
        Exception: whatever the model raises, as where it looks at values, which are not there.
    """
    # Counters such as those of batch normalization have a value even here, and would go up.
    spare = {name: buffer.clone() for name, buffer in network.model.named_buffers()}
    below = {name: module for name, module in network.model.named_modules() if name}
    clips = nullcontext() if values else without_values()
    with answering(below, on_answer), torch.no_grad(), torch.random.fork_rng(), clips:
        batch = blank_batch(network.expects, network.device).laid_out(layout)
        streams = {name: batch.stream(name) for name in network.expects.streams}
        with watch(streams) if watch else nullcontext():
            functional_call(network.model, spare, tuple(streams.values()))


@contextmanager
def without_values() -> Iterator[None]:
    """Make tensors that have a shape and no values, so that operations cost next to nothing."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    was_disabled = log.disabled
    log.disabled = True  # it writes of every failure, also where that is provided for
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        log.disabled = was_disabled


def blank_batch(spec: ClipSpec, device: torch.device) -> ClipBatch:
    """Zeros of the shape that a spec asks for; without values inside a rehearsal."""
    place = (spec.frames, *spec.size)
    streams: dict[str, Tensor] = {
        name: torch.zeros(CLIPS, CHANNELS[name], *place, device=device) for name in spec.streams
    }
    return ClipBatch(**streams)


@contextmanager
def answering(modules: Mapping[str, nn.Module], on_answer: OnAnswer) -> Iterator[None]:
    """Be told of every answer of these modules until the block ends.

    Other threads may run the same modules meanwhile; their answers are not told.
    """
    listener = threading.get_ident()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[object, ...], answer: object) -> None:
            if threading.get_ident() == listener:
                on_answer(name, module, given[0] if given else None, answer)

        return hook

    handles = []
    try:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(hook_of(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()
