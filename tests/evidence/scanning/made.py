"""Pieces of a catalog as a scan would leave them, of noise."""

import numpy as np
import torch

from kinetoscope.evidence.answers import Rows
from kinetoscope.evidence.scanning.piece import Shard, write_shard
from kinetoscope.evidence.scanning.summary import summarize

EXTENT = (2, 3, 4)


def layer(channels):
    """What a scan's answer says of a layer, as far as writing it needs to know."""
    return {"name": "made", "channels": channels, "shape": [channels, *EXTENT]}


def noise(clip, channels):
    """What the layer answers to a clip; the second channel is dead."""
    generator = torch.Generator().manual_seed(clip)
    answer = torch.randn(1, channels, *EXTENT, generator=generator).relu()
    answer[:, 1:2] = 0.0
    return answer


def row(clip, error=None):
    """As `Scan.clips` has it."""
    seconds = None if error else [clip / 8.0, clip / 8.0 + 1]
    return {
        "clip": clip,
        "video": clip,
        "path": f"{clip // 2}.mp4",
        "where": f"line {clip}",
        "label": "a",
        "predicted": None if error else "b",
        "probability": None if error else 0.5,
        "probabilities": None if error else [0.5, 0.5],
        "scores": None if error else [1.0, 1.0],
        "start_seconds": seconds and seconds[0],
        "seconds": seconds,
        "error": error,
    }


def rows_of(clips, channels, broken=()):
    """What a group of clips gives."""
    read = [clip for clip in clips if clip not in broken]
    told = [row(clip, "broken" if clip in broken else None) for clip in clips]
    answers = [noise(clip, channels) for clip in read]
    return Rows(told, [summarize(torch.cat(answers), read)] if read else [])


def shards(folder, channels, cuts, broken=()):
    """Shards that end before these clips, each in two groups."""
    made = []
    for number, (first, past) in enumerate(zip([0, *cuts], cuts, strict=False)):
        middle = (first + past) // 2
        groups = (
            [range(first, middle), range(middle, past)] if first < middle else [range(first, past)]
        )
        path = folder / f"{number:05}"
        write_shard(path, [rows_of(group, channels, broken) for group in groups])
        made.append(Shard(path, [channels]))
    return made


def maxima(clips, channels):
    """`clip channel`."""
    return np.stack([noise(clip, channels).flatten(2).amax(2)[0].numpy() for clip in clips])
