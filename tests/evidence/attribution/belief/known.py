"""Networks and methods whose right answers are known."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label
from kinetoscope.video.encode import write_mp4


class Linear(nn.Module):
    """Each label's score is the product of its weights with the red of the clip."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, frames):
        return torch.einsum("nthw,lthw->nl", frames[:, 0], self.weights)


def linear(*weights):
    """What a network of these weights, one `time height width` a label, makes of a red clip."""
    stacked = torch.stack([torch.as_tensor(each, dtype=torch.float32) for each in weights])
    time, height, width = stacked.shape[1:]
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    spec = ClipSpec(frames=time, short_side=min(height, width), size=(height, width), **plain)
    names = [f"label {place}" for place in range(len(stacked))]
    network = Network(Linear(stacked), labels=names, expects=spec, name="linear").eval()
    clip = Clip(frames=torch.ones(3, time, height, width))
    return Question.about(network, clip, label("label 0"))


class Joined(nn.Module):
    """A small network of two streams that bends."""

    def __init__(self):
        super().__init__()
        self.appearance, self.motion = (nn.Conv3d(channels, 4, 3, padding=1) for channels in (3, 2))
        self.norm = nn.BatchNorm3d(4)
        self.label = nn.Linear(4, 2)

    def forward(self, frames, flow):
        both = self.norm(self.appearance(frames) + self.motion(flow)).relu()
        return self.label(both.mean((2, 3, 4)))


def joined(seed=0, frames=4, side=8):
    """It, and a clip."""
    torch.manual_seed(seed)
    spec = ClipSpec(streams=("frames", "flow"), frames=frames, short_side=side, size=(side, side))
    network = Network(Joined(), labels=["a", "b"], expects=spec, name="joined").eval()
    clip = Clip(frames=torch.rand(3, frames, side, side), flow=torch.randn(2, frames, side, side))
    return Question.about(network, clip, label("a"))


@dataclass(frozen=True, kw_only=True)
class Slope(Method):
    """Right for a linear network: the weights times the clip, of the label that is asked for."""

    name: ClassVar[str] = "slope"
    source: ClassVar[str] = "a test"

    def check(self, network, objective):
        objective.bound(network)

    def answer(self, question):
        label_ = question.network.label(question.objective.label)
        heat = question.network.model.weights[label_].detach() * question.streams["frames"][0, 0]
        return Attribution(method=self.name, heat={"both": heat}, value=question.value)


@dataclass(frozen=True, kw_only=True)
class Brightness(Method):
    """Never right: the clip itself, whatever is asked of whatever network."""

    name: ClassVar[str] = "brightness"
    source: ClassVar[str] = "a test"

    def check(self, network, objective):
        objective.bound(network)

    def answer(self, question):
        heat = question.clip.frames.mean(0)
        return Attribution(method=self.name, heat={"both": heat}, value=question.value)


def write_noise(folder, each=3, labels=("dots", "spots"), seed=0):
    """Videos of large coloured squares that mean nothing, in a folder a label."""
    chance = torch.Generator().manual_seed(seed)
    for name in labels:
        (folder / name).mkdir(parents=True)
        for number in range(each):
            small = torch.randint(20, 236, (4, 8, 8, 3), generator=chance, dtype=torch.uint8)
            large = small.repeat_interleave(8, 1).repeat_interleave(8, 2)
            write_mp4(folder / name / f"{name}{number}.mp4", large, 4.0)
    return folder
