"""What does one view cost a network, in multiply-adds?

Counted are the operations that are carried out, on tensors that have a shape and no values: so any
module can be counted, however it is built, in under a second and without memory for its weights.

    layers      convolutions and linear layers, those of recurrent layers among them
    products    matrix products of two answers, as attention has them: queries by keys, and their
                weights by the values

Not counted are norms, activations, pools, sums, softmax, and the adding of biases. Tables that were
made for convolutional networks count the layers alone, also for non-local ones; those of
transformers count both.

Source: what the field calls FLOPs, one for a multiplication and its addition, as in Feichtenhofer
et al., "SlowFast", ICCV 2019, section 4; torch's own counter tells two for each.
"""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from kinetoscope.networks.network import Network
from kinetoscope.networks.trial import run

_LAYERS = {"convolution", "_convolution", "mm", "addmm"}
"""Operations with weights; those of two answers come a clip, as `bmm` and fused attention do."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Multiply-adds of one view.

    Args:
        layers: of convolutions and linear layers.
        products: of one answer with another, as in attention.
    """

    layers: int
    products: int

    @property
    def total(self) -> int:
        """All that is counted."""
        return self.layers + self.products


def cost_of(network: Network) -> Cost:
    """Count the multiply-adds of one view as the network expects it.

    Args:
        network: may be on the meta device; it is left as it was.
    """
    counters: list[FlopCounterMode] = []

    def counting() -> FlopCounterMode:
        counters.append(FlopCounterMode(display=False))
        return counters[-1]

    # the fast path of attention is one operation, whose products are not seen
    was_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        run(network.model, network.expects, within=counting)
    finally:
        torch.backends.mha.set_fastpath_enabled(was_fast)
    flops = {str(op).rpartition(".")[2]: n for op, n in counters[-1].flop_counts["Global"].items()}
    layers = sum(count for name, count in flops.items() if name in _LAYERS)
    return Cost(layers=layers // 2, products=(sum(flops.values()) - layers) // 2)


def multiply_adds(network: Network) -> int:
    """Multiply-adds of one view as the network expects it; see `cost_of` for the parts."""
    return cost_of(network).total
