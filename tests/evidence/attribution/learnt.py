"""A small network that learns to tell moving dots and stripes, and clips with one of each.

It trains for some twenty seconds. Where the thing is that was asked for is known; whether that is
what the network has learnt to look at is not.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label
from tests.evidence.attribution.planted import (
    SHOWN,
    SIDE,
    TIME,
    Case,
    Drawing,
    grown,
    put_dot,
    put_stripes,
)
from tests.evidence.planted import GREY

TOLD = ("right", "left", "upright", "level")
STEPS, CLIPS_PER_STEP = 300, 16


def learnt(seed: int = 0) -> Network:
    """A small network that tells which way a dot goes, or which way stripes lie."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(_model(), labels=TOLD, expects=_expected(), name="learnt")
    chance = torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=STEPS)
    network.train()
    for _ in range(STEPS):
        batch, places = _batch(network, chance)
        loss = nn.functional.cross_entropy(network.scores(batch), places)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def _expected() -> ClipSpec:
    return ClipSpec(
        frames=TIME, short_side=SIDE, size=(SIDE, SIDE), mean=GREY["mean"], std=GREY["std"]
    )


def _model() -> nn.Module:
    """Three convolutions, the mean, and a linear head."""
    return nn.Sequential(
        *(nn.Conv3d(3, 8, 3, padding=1, bias=False), nn.BatchNorm3d(8), nn.ReLU()),
        nn.MaxPool3d((1, 2, 2)),
        *(nn.Conv3d(8, 16, 3, padding=1, bias=False), nn.BatchNorm3d(16), nn.ReLU()),
        nn.MaxPool3d(2),
        *(nn.Conv3d(16, 16, 3, padding=1, bias=False), nn.BatchNorm3d(16), nn.ReLU()),
        *(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, len(TOLD))),
    )


def _batch(network: Network, chance: Drawing) -> tuple[ClipBatch, Tensor]:
    """Clips with one thing each."""
    places = torch.randint(len(TOLD), (CLIPS_PER_STEP,), generator=chance)
    clips = []
    for place in places.tolist():
        frames = _background(chance)
        put(frames, TOLD[place], chance, upper=bool(torch.rand((), generator=chance) < 0.5))
        clips.append(Clip(frames=frames))
    return ClipBatch.of(clips, network.expects), places


def _background(chance: Drawing) -> Tensor:
    return 0.45 + 0.1 * torch.rand(3, TIME, SIDE, SIDE, generator=chance)


def put(frames: Tensor, what: str, chance: Drawing, *, upper: bool) -> Tensor:
    """Show a thing in one half of the picture; where it is."""
    if what in ("right", "left"):
        return put_dot(frames, what, chance, upper=upper)
    begin = int(torch.randint(TIME - SHOWN + 1, (), generator=chance))
    return put_stripes(frames, what, chance, upper=upper, begin=begin)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene(Case):
    """A dot and stripes in one clip.

    Args:
        other: the label of what is not asked for.
    """

    other: str


def scene_of_two(network: Network, seed: int) -> Scene:
    """A dot and stripes in one clip; asked is one of them by turns."""
    chance = torch.Generator().manual_seed(10_000 + seed)
    frames = _background(chance)
    pair = [TOLD[seed // 2 % 2], TOLD[2 + seed // 4 % 2]]
    places = [
        put(frames, what, chance, upper=(seed + number) % 2 == 0)
        for number, what in enumerate(pair)
    ]
    return Scene(
        name="learnt",
        network=network,
        clip=Clip(frames=frames),
        objective=label(pair[seed % 2]),
        other=pair[1 - seed % 2],
        truth=grown(places[seed % 2], 2, in_time=1),
    )


@torch.inference_mode()
def accuracy(network: Network, clips: int = 200) -> float:
    """On fresh clips with one thing."""
    chance = torch.Generator().manual_seed(99)
    right = 0
    for _ in range(0, clips, CLIPS_PER_STEP):
        batch, places = _batch(network, chance)
        right += int((network.scores(batch).argmax(1) == places).sum())
    return right / (-(-clips // CLIPS_PER_STEP) * CLIPS_PER_STEP)
