"""Do the toy networks still answer what they answered?

Writes networks.safetensors beside this file: the scores of every toy network of the zoo for one
clip. Weights and clips are drawn by NumPy's frozen RandomState, so that no version of PyTorch
changes them.

Made on 2026-11-26 with torch 2.14.1 on x86-64 (AVX2), in float32 on one thread. Run it again only
where a network was meant to change:

    python tests/golden/make_golden.py
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.networks.zoo import ZOO, build_network

FILE = Path(__file__).with_name("networks.safetensors")
CHANNELS = {"frames": 3, "flow": 2}


def toys():
    return [name for name in ZOO if name.endswith("_toy")]


@torch.no_grad()
def scores(name):
    """The scores of a network whose weights and clip are drawn from seed 0."""
    network = build_network(name).eval()
    random = np.random.RandomState(0)
    for weight in network.model.parameters():
        scale = 1 / np.sqrt(max(weight[0].numel(), 1))
        weight.copy_(torch.from_numpy(random.standard_normal(weight.shape) * scale))
    clips = {
        stream: torch.from_numpy(
            random.uniform(
                size=(1, CHANNELS[stream], network.expects.frames, *network.expects.size)
            )
        ).float()
        for stream in network.expects.streams
    }
    return network.scores(ClipBatch(**clips))


if __name__ == "__main__":
    torch.set_num_threads(1)
    save_file({name: scores(name).contiguous() for name in toys()}, FILE)
