"""Networks that end in a mean over places, and clips for them."""

import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

FRAMES = ClipSpec(frames=6, short_side=12, size=(12, 12), mean=(0.5,) * 3, std=(0.5,) * 3)
BOTH = ClipSpec(
    streams=("frames", "flow"),
    frames=6,
    short_side=12,
    size=(12, 12),
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
)
LABELS = ("walk", "run", "jump")


class Tower(nn.Module):
    """Two convolutions, rectified in place: 6 channels of 3 x 6 x 6."""

    def __init__(self, channels=3):
        super().__init__()
        self.conv1 = nn.Conv3d(channels, 4, 3, padding=1)
        self.conv2 = nn.Conv3d(4, 6, 3, stride=2, padding=1)
        self.rectify = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.rectify(self.conv2(F.relu(self.conv1(x), inplace=True)))


class Ending(nn.Module):
    """A tower, and what makes scores of its maps."""

    def __init__(self, *ending):
        super().__init__()
        self.tower, self.ending = Tower(), nn.Sequential(*ending)

    def forward(self, frames):
        return self.ending(self.tower(frames))


class Fused(nn.Module):
    """Two towers that become one before the mean; motion may have a say of its own beside it."""

    def __init__(self, *, and_motion=False):
        super().__init__()
        self.appearance, self.motion = Tower(), Tower(2)
        self.fusion, self.label = nn.Conv3d(12, 5, 3, padding=1), nn.Linear(5, 3)
        self.motion_label = nn.Linear(6, 3) if and_motion else None

    def forward(self, frames, flow):
        motion = self.motion(flow)
        x = self.fusion(torch.cat([self.appearance(frames), motion], 1)).relu()
        scores = self.label(x.mean((2, 3, 4)))
        if self.motion_label is None:
            return scores
        return scores + self.motion_label(motion.amax((2, 3, 4)))


class Late(nn.Module):
    """Two towers whose scores are averaged, or whose probabilities are."""

    def __init__(self, *, of_probabilities=False):
        super().__init__()
        self.appearance, self.motion = Tower(), Tower(2)
        self.labels = nn.ModuleList([nn.Linear(6, 3), nn.Linear(6, 3)])
        self.of_probabilities = of_probabilities

    def forward(self, frames, flow):
        maps = self.appearance(frames), self.motion(flow)
        scores = [each(x.mean((2, 3, 4))) for each, x in zip(self.labels, maps, strict=True)]
        if self.of_probabilities:
            return sum(each.softmax(1) for each in scores).log()
        return (scores[0] + scores[1]) / 2


class Beside(nn.Module):
    """Scores that also hear the clip by a way around the maps."""

    def __init__(self):
        super().__init__()
        self.tower, self.label = Tower(), nn.Linear(6, 3)

    def forward(self, frames):
        return self.label(self.tower(frames).mean((2, 3, 4))) + frames.mean((2, 3, 4))


def mean_then_linear():
    return Ending(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(), nn.Linear(6, 3))


def linear_then_mean():
    return Ending(nn.Conv3d(6, 3, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())


def network_of(model, expects=FRAMES, seed=0, **options):
    """The model with weights that are drawn, biases too."""
    chance = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.data = torch.randn(weight.shape, generator=chance) / max(weight[0].numel(), 1) ** 0.5
    return Network(model, labels=LABELS, expects=expects, name="pooled", **options).eval()


def asked(network, name="run", seed=1):
    """A question about a clip of noise."""
    chance, spec = torch.Generator().manual_seed(seed), network.expects
    frames = torch.rand(3, spec.frames, *spec.size, generator=chance)
    flow = torch.randn(2, spec.frames, *spec.size, generator=chance)
    clip = Clip(frames=frames, flow=flow if "flow" in spec.streams else None)
    return Question.about(network, clip, label(name))
