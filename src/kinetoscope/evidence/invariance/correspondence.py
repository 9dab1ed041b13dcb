"""Does a layer know the same part again in other clips?

The same part is hidden in several clips. If a layer knows the part, hiding it changes the layer's
answer in the same way in all of them: of each channel's mean answer x, hidden x~,

    Delta = mean over pairs of clips i, j of H(sign(x_i - x~_i), sign(x_j - x~_j))

where H is the share of channels whose signs differ. It is held against boxes of the same size
that are hidden anywhere, and move as the part does.

Where a made world tells the truth beside its videos, the parts are its parts: the shape, the
limbs. Elsewhere nobody knows what is the same part; there it is what moves most.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.4. Differs: the mean over all places, since parts are not at the same place; a part is
hidden where it is in each frame.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import short_side_size
from kinetoscope.evidence.intervals import Interval, interval
from kinetoscope.evidence.invariance.occlusion import grey_cover
from kinetoscope.evidence.responses import respond
from kinetoscope.networks.network import Network
from kinetoscope.video.video import open_video

MOVING = "what moves most"
ANYWHERE = "anywhere"

_MOST_PARTS = 3
_DRAWS = 3  # boxes anywhere in each clip
_MASKS = ("mask", "body", "part")

Track = Float[Tensor, "time 2"]
"""Where something is in each frame (right, down) [pixels]."""


@dataclass(frozen=True, kw_only=True)
class Correspondence:
    """How much the changes differ between clips, by the name of what was hidden, and by layer.

    Args:
        clips: in how many clips each part was hidden.
        layers: for each layer and part, Delta.
    """

    clips: dict[str, int]
    layers: dict[str, dict[str, Interval]]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A clip in which something is hidden; the clip's number, and the name of what is hidden."""

    name: str
    number: int
    clip: Clip


def differing(signs: Int[np.ndarray, "clip channel"]) -> Float[np.ndarray, " clip"]:
    """The share of channels whose sign differs, of each clip the mean over the other clips.

    >>> differing(np.array([[1, 1], [1, -1], [-1, -1]])).tolist()
    [0.75, 0.5, 0.75]
    """
    apart = (signs[:, None] != signs[None]).mean(axis=2)
    return apart.sum(axis=1) / (len(signs) - 1)


def tracks_of(entry: Entry, clip: Clip, spec: ClipSpec) -> dict[str, Track]:
    """Where the parts are that the truth beside a video knows of; else what moves most."""
    path = entry.path.with_suffix(".truth.safetensors")
    found = _true_tracks(path, entry, clip, spec) if path.exists() and clip.seconds else {}
    return found or {MOVING: _most_moving(clip).expand(clip.time, 2)}


def correspond(
    networks: Sequence[Network],
    clips: Sequence[Clip],
    tracks: Sequence[Mapping[str, Track]],
    layers: Sequence[str],
    *,
    seed: int = 0,
) -> list[Correspondence]:
    """Hide parts in all clips that have them, and see whether layers change alike.

    Args:
        networks: are shown the same clips.
        clips: as they expect them.
        tracks: of each clip, where its parts are.
        layers: by name.
        seed: of the boxes anywhere.
    """
    counts = Counter(name for each in tracks for name in each)
    names = [name for name, count in counts.most_common(_MOST_PARTS) if count > 1]
    chance = torch.Generator().manual_seed(seed)
    shown: list[Shown] = []
    for number, (clip, own) in enumerate(zip(clips, tracks, strict=True)):
        hidden = {name: own[name] for name in names if name in own}
        for draw, name in product(range(_DRAWS), list(hidden)[:1]):
            hidden[f"{ANYWHERE} {draw}"] = _elsewhere(hidden[name], clip.size, chance)
        for name, track in hidden.items():
            covered = cover(clip, track, networks[0].expects)
            shown.append(Shown(name=name, number=number, clip=covered))
    return [_of_network(network, clips, shown, names, layers) for network in networks]


def cover(clip: Clip, track: Track, spec: ClipSpec) -> Clip:
    """A clip with a grey box, a quarter as high and as wide, that follows a track."""
    grey = grey_cover(clip, spec.mean)
    (height, width), time = clip.size, clip.time
    right, down = track[:, 0].reshape(time, 1, 1), track[:, 1].reshape(time, 1, 1)
    rows, columns = torch.arange(height)[None, :, None], torch.arange(width)[None, None]
    inside = ((rows - down).abs() <= height / 8) & ((columns - right).abs() <= width / 8)
    flow = None if clip.flow is None else torch.where(inside, torch.zeros(()), clip.flow)
    return replace(clip, frames=torch.where(inside, grey.frames, clip.frames), flow=flow)


def _of_network(
    network: Network,
    clips: Sequence[Clip],
    shown: Sequence[Shown],
    names: Sequence[str],
    layers: Sequence[str],
) -> Correspondence:
    own = respond(network, _batches(clips, network.expects), layers).mean
    covered = respond(
        network, _batches([each.clip for each in shown], network.expects), layers
    ).mean
    numbers = [each.number for each in shown]
    of_name = {
        name: [place for place, each in enumerate(shown) if each.name == name] for name in names
    }
    draws = [
        [place for place, each in enumerate(shown) if each.name == f"{ANYWHERE} {draw}"]
        for draw in range(_DRAWS)
    ]
    found: dict[str, dict[str, Interval]] = {}
    for layer in layers:
        signs = (own[layer][numbers] - covered[layer]).sign().int().numpy()
        found[layer] = {
            name: interval(differing(signs[places]), np.mean) for name, places in of_name.items()
        }
        anywhere = np.mean([differing(signs[places]) for places in draws], axis=0)
        found[layer][ANYWHERE] = interval(anywhere, np.mean)
    return Correspondence(clips={name: len(of_name[name]) for name in names}, layers=found)


def _batches(clips: Sequence[Clip], spec: ClipSpec, count: int = 8) -> Iterator[ClipBatch]:
    for first in range(0, len(clips), count):
        yield ClipBatch.of(clips[first : first + count], spec)


def _elsewhere(track: Track, size: tuple[int, int], chance: torch.Generator) -> Track:
    """The same path about another middle, anywhere in the frame."""
    height, width = size
    middle = torch.rand(2, generator=chance) * torch.tensor([width - 1.0, height - 1.0])
    return track - track.mean(dim=0) + middle


def _most_moving(clip: Clip) -> Tensor:
    """The middle of the box in which most moves, of the size of a cover (right, down)."""
    if clip.flow is not None:
        moved = clip.flow.norm(dim=0).sum(dim=0)
    else:
        moved = clip.frames.diff(dim=1).abs().sum(dim=(0, 1))
    box = [max(1, length // 4) for length in clip.size]
    sums = functional.avg_pool2d(moved[None, None], box, stride=1)[0, 0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return torch.tensor([column + (box[1] - 1) / 2, row + (box[0] - 1) / 2])


def _true_tracks(path: Path, entry: Entry, clip: Clip, spec: ClipSpec) -> dict[str, Track]:
    """The middle of each part in each frame; without those that are not seen in all of them."""
    with open_video(entry.path) as video:
        frames = np.abs(np.asarray(video.seconds)[:, None] - np.asarray(clip.seconds)).argmin(
            axis=0
        )
        size = video.size
    tracks: dict[str, Track] = {}
    with safe_open(path, framework="pt") as truth:
        notes = (truth.metadata() or {}).get("part_names", "").split()
        for name in (name for name in _MASKS if name in truth.keys()):  # noqa: SIM118 - no mapping
            mask = truth.get_tensor(name)[frames.tolist()]
            for part in mask.unique().tolist():
                told = notes[part - 1] if 0 < part <= len(notes) else _word(name)
                places = _middles(mask == part) if part else None
                if places is not None:
                    tracks[told] = _in_clip(places, size, spec)
    return tracks


def _word(mask: str) -> str:
    return "the object" if mask == "mask" else f"its {mask}"


def _middles(inside: Tensor) -> Track | None:
    """Of a part in each frame [pixels of the video]; None where it is not seen in one of them."""
    if not inside.flatten(1).any(dim=1).all():
        return None
    return torch.stack([each.nonzero().float().mean(dim=0).flip(0) for each in inside])


def _in_clip(places: Track, size: tuple[int, int], spec: ClipSpec) -> Track:
    """From pixels of the video to those of the clip: resized, and the centre cut out."""
    resized = short_side_size(size, spec.short_side)
    scale = torch.tensor([resized[1] / size[1], resized[0] / size[0]])
    cut = torch.tensor([(resized[axis] - spec.size[axis] + 1) // 2 for axis in (1, 0)])
    return (places + 0.5) * scale - 0.5 - cut
