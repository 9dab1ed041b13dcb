"""Small networks of rectified convolutions with random weights, in every form of rectifier."""

import torch
from torch import nn

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label
from tests.evidence.attribution.by_hand import Form, Layers, TwoStreams

EXTENT = (4, 12, 12)
BOTH = ("frames", "flow")
CHANNELS = {"frames": 3, "flow": 2}


class Ends(nn.Module):
    """A tower for each stream, what joins them, and a score for each of three labels."""

    def __init__(self, streams, form: Form, act=None):
        super().__init__()
        towers = [
            Layers(nn.Conv3d(CHANNELS[name], 4, 3, padding=1), head=nn.MaxPool3d(2), form=form)
            for name in streams
        ]
        head = nn.Sequential(nn.AdaptiveAvgPool3d((2, 1, 1)), nn.Flatten(), nn.Linear(10, 3))
        joining = nn.Sequential(nn.Conv3d(4 * len(streams), 5, 3, padding=1), nn.BatchNorm3d(5))
        joined = Layers(joining, head=head, form=form)
        if act is not None:
            joined.rectifiers = nn.ModuleList([act])
        self.body = (
            TwoStreams(*towers, joined) if len(towers) > 1 else nn.Sequential(*towers, joined)
        )

    def forward(self, *streams):
        return self.body(*streams)


def network_of(streams=BOTH, form: Form = "module", act=None, model=None):
    """Weights are the same for every form."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = model or Ends(streams, form, act)
    expects = ClipSpec(streams=streams, frames=4, short_side=12, size=(12, 12), flow_scale=2.0)
    return Network(model, labels=["a", "b", "c"], expects=expects, name="rectified").eval()


def clip_of(seed=0):
    chance = torch.Generator().manual_seed(seed)
    return Clip(
        frames=torch.rand(3, *EXTENT, generator=chance),
        flow=torch.randn(2, *EXTENT, generator=chance),
    )


def asked(streams=BOTH, objective=None, **more):
    network = more.pop("network", None) or network_of(streams, **more)
    return Question.about(network, clip_of(), objective or label("b"), other=clip_of(1))
