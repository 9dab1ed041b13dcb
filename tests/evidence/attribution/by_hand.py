"""Parts of networks whose weights are written by hand."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Form = Literal["module", "in-place", "shared", "functional"]
FORMS: tuple[Form, ...] = get_args(Form)
"""Of a rectifier."""

BRIGHT = (1 / 3, 1 / 3, 1 / 3)
GREEN = (-0.5, 1.0, -0.5)
RED_AND_GREEN = (0.5, 0.5, -1.0)
RIGHT, DOWN = (1.0, 0.0), (0.0, 1.0)


class Layers(nn.Module):
    """Stages with a rectifier after each, in one of four forms, and a head."""

    def __init__(self, *stages: nn.Module, head: nn.Module, form: Form = "module"):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.rectifiers = nn.ModuleList(_rectifiers(form, len(stages)))
        self.head = head

    def forward(self, x):
        for number, stage in enumerate(self.stages):
            x = stage(x)
            x = self.rectifiers[number](x) if self.rectifiers else F.relu(x)
        return self.head(x)


def _rectifiers(form: Form, count: int) -> list[nn.Module]:
    if form == "functional":
        return []
    if form == "shared":
        return [nn.ReLU()] * count
    return [nn.ReLU(inplace=form == "in-place") for _ in range(count)]


class TwoStreams(nn.Module):
    """Both streams side by side, each times its gate, and what is made of them."""

    def __init__(self, frames: nn.Module, flow: nn.Module, joined: nn.Module, gate: float = 1.0):
        super().__init__()
        self.frames, self.flow, self.joined, self.gate = frames, flow, joined, gate

    def forward(self, frames, flow):
        seen = self.frames(frames)
        seen = seen if self.gate == 1 else self.gate * seen
        return self.joined(torch.cat([seen, self.flow(flow)], dim=1))


class Attending(nn.Module):
    """Patches as tokens, and one block in which a class token attends to those that are bright.

    A token has three channels: whether it is the class token, how bright, and how green it is.
    """

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv3d(3, 3, (2, 8, 8), stride=(2, 8, 8), bias=False)
        colours = torch.tensor([(0.0, 0.0, 0.0), BRIGHT, GREEN])
        self.patches.weight.data = colours[..., None, None, None].repeat(1, 1, 2, 8, 8) / 128
        self.class_token = nn.Parameter(torch.tensor([[[1.0, 0, 0]]]))
        self.block = Attention()
        self.head = nn.Linear(3, 2, bias=False)
        self.head.weight.data = torch.eye(3)[1:]

    def forward(self, frames):
        tokens = self.patches(frames).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(tokens), 1, 3), tokens], dim=1)
        return self.head(self.block(tokens)[:, 0])


class Attention(nn.Module):
    """The class token asks for what is bright; the others for nothing."""

    def __init__(self):
        super().__init__()
        self.query = nn.Linear(3, 3, bias=False)
        self.query.weight.data = torch.tensor([[0.0, 0, 0], [8, 0, 0], [0, 0, 0]])

    def forward(self, tokens):
        likeness = self.query(tokens) @ tokens.transpose(1, 2)
        return tokens + likeness.softmax(dim=-1) @ tokens


def smooth(*colours: tuple[float, ...], time: int = 3, bias: float = 0.0) -> nn.Conv3d:
    """One unit for each colour, or velocity, over a small window."""
    window = (time, 3, 3)
    stage = nn.Conv3d(len(colours[0]), len(colours), window, padding=(time // 2, 1, 1))
    stage.weight.data = torch.tensor(colours)[..., None, None, None].repeat(1, 1, *window)
    stage.weight.data /= 9 * time
    stage.bias.data.fill_(bias)
    return stage


def normal(channels: int, bias: float = 0.0) -> nn.BatchNorm3d:
    """Batch normalization that doubles, and adds a bias."""
    stage = nn.BatchNorm3d(channels)
    stage.running_mean.fill_(0.2)
    stage.running_var.fill_(0.25)
    stage.bias.data.fill_(0.4 + bias)
    return stage


def edges_and_stripes(form: Form) -> Layers:
    """Edges, and then where there are many of one direction and few of the other."""
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    edges = nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1))
    kernels = torch.stack([across, -across, across.T, -across.T])
    edges.weight.data = kernels[:, None, None].repeat(1, 3, 1, 1, 1) / 3
    edges.bias.data.zero_()
    many = nn.Conv3d(4, 2, 3, padding=1)
    signs = torch.tensor([[1.0, 1, -1, -1], [-1, -1, 1, 1]])
    many.weight.data = signs[..., None, None, None].repeat(1, 1, 3, 3, 3) / 27
    many.bias.data.zero_()
    return Layers(
        nn.Sequential(edges, normal(4)),
        nn.Sequential(nn.MaxPool3d((1, 2, 2)), many, normal(2, bias=-1.2)),
        head=nn.Sequential(
            nn.AvgPool3d((2, 2, 2)),
            nn.AdaptiveAvgPool3d(1),
            *linear_head(torch.eye(2)),
        ),
        form=form,
    )


def linear_head(weights: Tensor) -> tuple[nn.Module, nn.Module]:
    head = nn.Linear(weights.shape[1], weights.shape[0])
    head.weight.data = weights
    head.bias.data.fill_(0.1)
    return nn.Flatten(), head
