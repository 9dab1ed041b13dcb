"""How does a network meet the same chance twice, while it is trained?

What is random in a training step is drawn anew in each forward pass: which units dropout hides,
and for networks that choose among their parts, what is chosen. To compare two passes, or to
differentiate through one of them, they must be the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def frozen_noise(module: nn.Module, seed: int) -> Iterator[None]:
    """Within the block every forward of a module meets the same noise, also in training mode.

    Routing, gates and dropout begin at the same random numbers each time. The random numbers
    outside are left as they were.
    """
    devices = {weight.device for weight in module.parameters() if weight.is_cuda}
    with torch.random.fork_rng(sorted({device.index or 0 for device in devices})):

        def begin(*_: object) -> None:
            torch.manual_seed(seed)

        handle = module.register_forward_pre_hook(begin)
        try:
            yield
        finally:
            handle.remove()
