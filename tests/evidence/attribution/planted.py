"""Networks that are built by hand, so that it is known where the evidence lies, and when.

    peephole          brightness, within one box of space; it is as bright elsewhere
    flash             the brightest moment; others are bright too
    moving dot        a bright dot along one path in space-time; another goes the other way
    static shortcut   a green patch of the background, in any frame; a red dot moves, for nothing
    stripes           of one direction, for a part of the clip; of the other beside. Two layers with
                      batch normalization, pools, a mean and a linear head
    zeroed stream     motion; what the network makes of frames is multiplied by zero
    conjunction       a patch that is bright and moves; one is only bright, one only moves
    attended          the brightest token, which a transformer's class token attends to

The truth of a case is the set of pixels that its answer depends on, once the clip is given: the
receptive fields of what is active and counts. Heat outside of it is wrong, whatever the method.
Where things lie is drawn from a seed.

Source: networks designed instead of trained are the idea of Zhang et al., "AttributionLab", 2023.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.units.objective import Objective, label
from tests.evidence.attribution.by_hand import (
    BRIGHT,
    DOWN,
    GREEN,
    RED_AND_GREEN,
    RIGHT,
    Attending,
    Form,
    Layers,
    TwoStreams,
    edges_and_stripes,
    linear_head,
    normal,
    smooth,
)
from tests.evidence.planted import GREY

TIME, SIDE = 8, 32
DOT, STEP, STEPS = 7, 2, 5
"""A dot is so wide [pixels], goes so far a frame [pixels], and is there for so many frames."""
MARGIN = 4
"""That things keep from the edges of the picture, which fewer boxes cover [pixels]."""
PATCH, STRIPED, SHOWN = 8, 12, 3
"""Sides of patches [pixels], of striped ones, and for how long these are shown [frames]."""

Drawing = torch.Generator


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A network, a clip, and where the evidence lies.

    Args:
        name: which of the cases.
        network: built by hand.
        clip: drawn from a seed.
        objective: a label's score.
        truth: the pixels that it can depend on, `time height width`, in all streams that count.
        streams: the share of each stream; empty where there is one stream.
        motion: the share of motion; None where the case says nothing of it.
    """

    name: str
    network: Network
    clip: Clip
    objective: Objective
    truth: Tensor
    streams: Mapping[Stream, float] = field(default_factory=dict)
    motion: float | None = None

    @property
    def moments(self) -> Tensor:
        """Whether each moment counts."""
        return self.truth.flatten(1).any(1)


def peephole(seed: int = 0, form: Form = "module") -> Case:
    """Brightness, within one box of space."""
    chance = _drawn(seed)
    box = _patch(_drawn_place(chance, PATCH))
    weights = torch.stack([box, 1 - box.float()]).float()[:, None] / box.sum()
    head = nn.Linear(TIME * SIDE * SIDE, 2, bias=False)
    head.weight.data = weights.flatten(1)
    model = Layers(smooth(BRIGHT), head=nn.Sequential(nn.Flatten(), head), form=form)
    clip = Clip(frames=_noise(chance, 0.6, 0.9))
    network = _network(model, "peephole", ("inside", "outside"))
    return _case(network, clip, "inside", grown(box, 1))


def flash(seed: int = 0, form: Form = "module") -> Case:
    """The brightest moment."""
    chance = _drawn(seed)
    moment = _whole(chance, 0, TIME)
    head = nn.Sequential(
        nn.AdaptiveAvgPool3d((None, 1, 1)), nn.AdaptiveMaxPool3d(1), *linear_head(torch.eye(2))
    )
    model = Layers(smooth(BRIGHT, GREEN, time=1), head=head, form=form)
    frames = _noise(chance, 0.55, 0.65)
    frames[:, moment] += 0.3
    truth = torch.zeros(TIME, SIDE, SIDE, dtype=torch.bool)
    truth[moment] = True
    return _case(
        _network(model, "flash", ("bright", "green")), Clip(frames=frames), "bright", truth
    )


def moving_dot(seed: int = 0, form: Form = "module") -> Case:
    """A bright dot along one path; another goes the other way in the other half."""
    chance = _drawn(seed)
    ways = ("right", "left")
    filters = nn.Conv3d(3, 2, (STEPS, DOT, DOT + STEP * (STEPS - 1)), padding="same")
    paths = torch.stack([_path(way) for way in ways]).float()
    filters.weight.data = (paths / paths[0].sum() / 3)[:, None].repeat(1, 3, 1, 1, 1)
    filters.bias.data.fill_(-0.5)
    head = nn.Sequential(nn.AdaptiveMaxPool3d(1), *linear_head(torch.eye(2)))
    frames, upper = _noise(chance, 0.5, 0.6), _whole(chance, 0, 2)
    tubes = [put_dot(frames, way, chance, upper=number == upper) for number, way in enumerate(ways)]
    flow = torch.zeros(2, TIME, SIDE, SIDE)  # the network is not shown it; tubes follow it
    flow[0] = STEP * (tubes[0].float() - tubes[1].float())
    asked = _whole(chance, 0, 2)
    network = _network(Layers(filters, head=head, form=form), "moving dot", ways)
    return _case(network, Clip(frames=frames, flow=flow), ways[asked], tubes[asked])


def static_shortcut(seed: int = 0, form: Form = "module") -> Case:
    """A green patch of the background; a red dot moves, and is nothing to the network."""
    chance = _drawn(seed)
    head = nn.Sequential(nn.AdaptiveAvgPool3d(1), *linear_head(torch.eye(2)))
    stage = smooth(GREEN, RED_AND_GREEN, bias=-0.1)
    still = torch.rand(1, 1, SIDE, SIDE, generator=chance) * 0.2 + 0.4
    frames = still.repeat(3, TIME, 1, 1)  # without colour
    upper = _whole(chance, 0, 2) == 1
    column = _whole(chance, MARGIN, SIDE - PATCH - MARGIN + 1)
    patch = _patch((_in_half(chance, PATCH, upper), column))
    frames[:, patch] = torch.tensor([0.3, 0.9, 0.3])[:, None]
    _, row, column = _place_of_path(chance, upper=not upper)
    for moment in range(TIME):
        across = min(column + STEP * moment, SIDE - DOT)
        frames[:, moment, row : row + DOT, across : across + DOT] = torch.tensor([1.0, 0.2, 0.2])[
            :, None, None
        ]
    network = _network(Layers(stage, head=head, form=form), "static shortcut", ("green", "yellow"))
    return _case(network, Clip(frames=frames), "green", grown(patch, 2), motion=0.0)


def stripes(seed: int = 0, form: Form = "module") -> Case:
    """Stripes of one direction for a part of the clip; of the other beside, at another time."""
    chance = _drawn(seed)
    ways = ("upright", "level")
    frames = _noise(chance, 0.48, 0.52)
    upper, first = _whole(chance, 0, 2), _whole(chance, 0, 2)
    patches = []
    for number, way in enumerate(ways):
        begin = 0 if number == first else TIME - SHOWN
        patches.append(put_stripes(frames, way, chance, upper=number == upper, begin=begin))
    asked = _whole(chance, 0, 2)
    network = _network(edges_and_stripes(form), "stripes", ways)
    truth = grown(patches[asked], 5, in_time=2)
    return _case(network, Clip(frames=frames), ways[asked], truth)


def zeroed_stream(seed: int = 0, form: Form = "module", *, gated: bool = False) -> Case:
    """Motion; what is made of frames is multiplied by zero, by the head or by a gate before it."""
    chance = _drawn(seed)
    frames_stage = nn.Sequential(smooth(BRIGHT, GREEN), normal(2))
    frames = Layers(frames_stage, head=nn.Identity(), form=form)
    flow = Layers(smooth(RIGHT, DOWN, bias=-0.1), head=nn.Identity(), form=form)
    count = torch.tensor([[1.0, 1, 1, 0], [1, 1, 0, 1]])
    weights = count if gated else count * torch.tensor([0, 0, 1, 1])
    head = nn.Sequential(nn.AdaptiveAvgPool3d(1), *linear_head(weights))
    model = TwoStreams(frames, flow, head, gate=0.0 if gated else 1.0)
    bright, moving = (_patch(place) for place in _two_places(chance))
    clip = _two_stream_clip(chance, bright, moving)
    network = _network(model, "zeroed stream", ("right", "down"), ("frames", "flow"))
    shares: dict[Stream, float] = {"frames": 0.0, "flow": 1.0}
    return _case(network, clip, "right", grown(moving, 2), streams=shares)


def conjunction(seed: int = 0, form: Form = "module") -> Case:
    """A patch that is bright and moves; one is only bright, and one only moves."""
    chance = _drawn(seed)
    frames = Layers(smooth(BRIGHT), head=nn.Identity(), form=form)
    flow = Layers(smooth(RIGHT, bias=-0.1), head=nn.Identity(), form=form)
    both = nn.Conv3d(2, 2, 1)
    both.weight.data = torch.tensor([[1.0, 1], [-1, 2]])[..., None, None, None]
    both.bias.data = torch.tensor([-1.2, -1.2])
    head = nn.Sequential(nn.AdaptiveAvgPool3d(1), *linear_head(torch.eye(2)))
    model = TwoStreams(frames, flow, Layers(both, head=head, form=form))
    together, one, other = (_patch(place) for place in _three_places(chance))
    clip = _two_stream_clip(chance, together | one, together | other)
    network = _network(model, "conjunction", ("both", "motion only"), ("frames", "flow"))
    shares: dict[Stream, float] = {"frames": 0.5, "flow": 0.5}
    return _case(network, clip, "both", grown(together, 2), streams=shares)


def attended(seed: int = 0, form: Form = "module") -> Case:
    """The brightest token; a green one beside is attended to less. No rectifiers."""
    del form
    chance = _drawn(seed)
    frames, masks = _noise(chance, 0.49, 0.51), []
    tokens = torch.randperm(4 * 16, generator=chance)[:2].tolist()
    for token, colour in zip(tokens, ((1.0, 1.0, 1.0), (0.5, 0.9, 0.5)), strict=True):
        time, row, column = token // 16, token // 4 % 4, token % 4
        mask = torch.zeros(TIME, SIDE, SIDE, dtype=torch.bool)
        mask[2 * time :, 8 * row :, 8 * column :][:2, :8, :8] = True
        frames[:, mask] = torch.tensor(colour)[:, None]
        masks.append(mask)
    grid = TokenGrid(size=(TIME // 2, SIDE // 8, SIDE // 8), before=1)
    network = _network(Attending(), "attended", ("bright", "green"), layers=["block"], tokens=grid)
    return _case(network, Clip(frames=frames), "bright", masks[0])


CASES: Mapping[str, Callable[..., Case]] = {
    "peephole": peephole,
    "flash": flash,
    "moving dot": moving_dot,
    "static shortcut": static_shortcut,
    "stripes": stripes,
    "zeroed stream": zeroed_stream,
    "conjunction": conjunction,
    "attended": attended,
}
"""By name; each takes a seed, and the form of its rectifiers."""


def put_dot(frames: Tensor, way: str, chance: Drawing, *, upper: bool) -> Tensor:
    """Let a bright dot go right or left in one half of the picture; its tube in space-time."""
    path = _path(way)
    place = _place_of_path(chance, upper=upper)
    tube = torch.zeros(TIME, SIDE, SIDE, dtype=torch.bool)
    tube[tuple(slice(at, at + n) for at, n in zip(place, path.shape, strict=True))] = path
    frames[:, tube] = 1.0
    return tube


def put_stripes(frames: Tensor, way: str, chance: Drawing, *, upper: bool, begin: int) -> Tensor:
    """Show upright or level stripes in one half of the picture for a while; where they are."""
    row = _whole(chance, 1, 4) + (0 if upper else SIDE // 2 + 1)
    column = _whole(chance, 1, SIDE - STRIPED)
    place = torch.zeros(TIME, SIDE, SIDE, dtype=torch.bool)
    place[begin : begin + SHOWN, row : row + STRIPED, column : column + STRIPED] = True
    frames[:, place] = _waves(way)[place]
    return place


def grown(mask: Tensor, by: int, in_time: int | None = None) -> Tensor:
    """A mask and what lies near it [pixels], and in time [frames]; as much as that if not given."""
    reach = (by if in_time is None else in_time, by, by)
    window = tuple(2 * each + 1 for each in reach)
    return F.max_pool3d(mask[None, None].float(), window, stride=1, padding=reach)[0, 0] > 0


# Clips


def _drawn(seed: int) -> Drawing:
    return torch.Generator().manual_seed(seed)


def _whole(chance: Drawing, low: int, high: int) -> int:
    return int(torch.randint(low, high, (1,), generator=chance))


def _noise(chance: Drawing, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(3, TIME, SIDE, SIDE, generator=chance)


def _drawn_place(chance: Drawing, side: int) -> tuple[int, int]:
    high = SIDE - side - MARGIN + 1
    return _whole(chance, MARGIN, high), _whole(chance, MARGIN, high)


def _patch(place: tuple[int, int]) -> Tensor:
    """A square that stays, from its upper left corner."""
    mask = torch.zeros(TIME, SIDE, SIDE, dtype=torch.bool)
    mask[:, place[0] : place[0] + PATCH, place[1] : place[1] + PATCH] = True
    return mask


def _three_places(chance: Drawing) -> list[tuple[int, int]]:
    """Of squares in three quarters of the picture, so that none is near another."""
    quarters = torch.randperm(4, generator=chance)[:3].tolist()
    return [
        (_in_half(chance, PATCH, quarter < 2), _in_half(chance, PATCH, quarter % 2 == 0))
        for quarter in quarters
    ]


def _two_places(chance: Drawing) -> list[tuple[int, int]]:
    return _three_places(chance)[:2]


def _two_stream_clip(chance: Drawing, bright: Tensor, moving: Tensor) -> Clip:
    """Bright in one place, and moving to the right in another."""
    frames = _noise(chance, 0.45, 0.5)
    frames[:, bright] += 0.25
    flow = 0.2 * torch.rand(2, TIME, SIDE, SIDE, generator=chance) - 0.1
    flow[0, moving] += 4.0
    return Clip(frames=frames, flow=flow)


def _path(way: str) -> Tensor:
    """Of a dot that goes right or left, `time height width`."""
    path = torch.zeros(STEPS, DOT, DOT + STEP * (STEPS - 1), dtype=torch.bool)
    for moment in range(STEPS):
        path[moment, :, STEP * moment : STEP * moment + DOT] = True
    return path if way == "right" else path.flip(0)


def _place_of_path(chance: Drawing, *, upper: bool) -> tuple[int, int, int]:
    """Where a path begins, in one half of the picture."""
    time = _whole(chance, 0, TIME - STEPS + 1)
    far = STEP * (STEPS - 1) + DOT
    column = _whole(chance, MARGIN, SIDE - far - MARGIN + 1)
    return time, _in_half(chance, DOT, upper), column


def _in_half(chance: Drawing, side: int, first: bool) -> int:
    """Where something begins that lies in one half of the picture, off its edge and middle."""
    low = MARGIN if first else SIDE // 2 + 2
    return _whole(chance, low, low + SIDE // 2 - MARGIN - 1 - side)


def _waves(way: str) -> Tensor:
    """Stripes of six pixels, `time height width`."""
    along = torch.arange(SIDE) * (2 * torch.pi / 6)
    wave = 0.5 + 0.45 * along.cos()
    picture = wave[None, :] if way == "upright" else wave[:, None]
    return picture.expand(TIME, SIDE, SIDE)


def _network(
    model: nn.Module,
    name: str,
    labels: tuple[str, ...],
    streams: tuple[Stream, ...] = ("frames",),
    **more: Any,
) -> Network:
    expects = ClipSpec(
        streams=streams, frames=TIME, short_side=SIDE, size=(SIDE, SIDE), flow_scale=4.0, **GREY
    )
    return Network(model, labels=labels, expects=expects, name=name, **more).eval()


def _case(network: Network, clip: Clip, asked: str, truth: Tensor, **known) -> Case:
    return Case(
        name=network.name, network=network, clip=clip, objective=label(asked), truth=truth, **known
    )
