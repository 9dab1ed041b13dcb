"""Networks that look through a hole: what lies in one box of the clip, and nothing else."""

import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

EXTENT = (6, 16, 16)
BOX = (slice(2, 5), slice(3, 11), slice(6, 14))
"""Where frames are looked at: an eighth of the clip."""


def inside():
    mask = torch.zeros(EXTENT, dtype=torch.bool)
    mask[BOX] = True
    return mask


class Peephole(torch.nn.Module):
    """The mean of the box, over the first channel; with two streams of flow as well, as weighed."""

    def __init__(self, flow=0.0, offset=0.0):
        super().__init__()
        self.flow, self.offset = flow, offset

    def forward(self, *streams):
        first, *others = (x[:, 0][:, *BOX].mean((1, 2, 3)) for x in streams)
        return (first + sum(self.flow * each for each in others))[:, None] + self.offset


def asked(streams=("frames",), model=None, memory=None):
    """About a clip that is white, and moves to the right, everywhere."""
    expects = ClipSpec(
        streams=streams, frames=6, short_side=16, size=(16, 16), flow_scale=1.0, mean=(0.5,) * 3
    )
    network = Network(model or Peephole(), labels=["box"], expects=expects, name="peephole").eval()
    flow = torch.zeros(2, *EXTENT)
    flow[0] = 1
    clip = Clip(frames=torch.ones(3, *EXTENT), flow=flow)
    return Question.about(network, clip, label("box"), memory=memory)
