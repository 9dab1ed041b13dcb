"""What do ten specialists cost, when one of them works?

A DSTS layer in inference, on one thread: with ten neurons, where each clip goes to another one,
against one neuron that sees all clips. On maps as a ResNet-50 ends with (2048 channels, 8 x 7 x 7)
and as a small backbone does (512 channels, 4 x 4 x 4). There, eight clips cost more: a neuron's
weights are as large as the maps that it sees, and eight neurons' are read instead of one's.
"""

import time
from functools import partial

import torch
from measure import report, side_by_side
from torch import Tensor

from kinetoscope.networks.dsts import DSTS

PACKAGES = ("kinetoscope", "torch")
NEURONS = 10
MAPS = {
    "one clip, as a ResNet-50 ends": ((1, 2048, 8, 7, 7), 128),
    "eight clips, as a ResNet-50 ends": ((8, 2048, 8, 7, 7), 128),
    "one clip, as a small network ends": ((1, 512, 4, 4, 4), 256),
    "eight clips, as a small network ends": ((8, 512, 4, 4, 4), 256),
}


def main() -> None:
    """Print a line for each size of maps."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for what, (shape, width) in MAPS.items():
        maps = torch.rand(shape)
        several, one = (_layer(shape[1], width, neurons) for neurons in (NEURONS, 1))
        active = _active(several, maps)
        timings = side_by_side(
            {
                f"{NEURONS} neurons": partial(_answer, several, maps),
                "1 neuron": partial(_answer, one, maps),
            },
            clock=time.process_time,
        )
        report(
            f"dsts: a layer of {NEURONS} neurons, {what}",
            timings=timings,
            ratio=timings["1 neuron"].median / timings[f"{NEURONS} neurons"].median,
            target=1 / 1.15,
            packages=PACKAGES,
            active=active,
        )


def _layer(channels: int, width: int, neurons: int) -> DSTS:
    """One layer whose gates send half of the channels either way, for every neuron alike."""
    dsts = DSTS(channels, neurons=neurons, layers=1, width=width).eval()
    gates = dsts.layer1.gates.weight
    gates.data.copy_((torch.arange(channels) % 2 - 0.5).expand(neurons, channels))
    return dsts


def _active(dsts: DSTS, maps: Tensor) -> int:
    """How many neurons are made to see the clips: each by what sets its clip apart."""
    seen = maps.mean(dim=(2, 3, 4))
    mean = torch.nn.functional.normalize(seen.mean(dim=0), dim=0)
    apart = seen - torch.outer(seen @ mean, mean)
    dsts.layer1.pulse.weight.data.copy_(apart[torch.arange(NEURONS) % len(maps)])
    choice = dsts.layer1.neuron(dsts.layer1.pulse(maps))
    return len(choice.argmax(dim=1).unique())


@torch.inference_mode()
def _answer(dsts: DSTS, maps: Tensor) -> Tensor:
    return dsts(maps)


if __name__ == "__main__":
    main()
