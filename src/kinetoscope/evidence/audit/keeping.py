"""Which pictures are kept beside an audit: of the clips that it speaks of, and of each cue?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from safetensors.numpy import save_file
from torch import Tensor
from torch.nn.functional import interpolate

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.engines.here import map_here
from kinetoscope.evidence.audit.gathering import Gathered
from kinetoscope.evidence.audit.telling import Told
from kinetoscope.evidence.audit.traits import as_bytes

CLIPS, PICTURES = "clips.safetensors", "pictures.safetensors"

_FRAMES = 8
_LARGEST = 112  # pixels


def keep_clips(
    folder: Path,
    catalog: Catalog,
    spec: ClipSpec,
    videos: Sequence[int],
    clip_cache: ClipCache | None,
) -> dict[str, dict[str, Any]]:
    """Keep a few small frames of the clip in the middle of each video; what is known of each."""

    def frames(entry: Entry) -> UInt8[np.ndarray, "time height width 3"]:
        (clip,) = views_of(entry, spec, cache=clip_cache)
        return few_frames(clip)

    arrays, told = {}, {}
    entries = [catalog.entries[video] for video in videos]
    for video, done in zip(videos, map_here(frames, entries), strict=True):
        if done.answer is not None:
            arrays[str(video)] = done.answer
        told[str(video)] = {
            "path": catalog.relative_path(done.item),
            "label": done.item.label,
            "split": done.item.split,
            "kept": done.answer is not None,
        }
    save_file(arrays, folder / CLIPS)
    return told


def few_frames(clip: Clip) -> UInt8[np.ndarray, "time height width 3"]:
    """Some frames of a clip, evenly spread, small."""
    places = torch.linspace(0, clip.time - 1, min(_FRAMES, clip.time)).round().long()
    frames: Tensor = rearrange(clip.frames[:, places], "rgb time ... -> time rgb ...")
    scale = _LARGEST / max(clip.size)
    if scale < 1:
        size = [max(1, round(side * scale)) for side in clip.size]
        frames = interpolate(frames, size, mode="bilinear", antialias=True, align_corners=False)
    shown = rearrange(frames, "time rgb height width -> time height width rgb")
    return (shown * 255).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()


def keep_pictures(
    folder: Path, findings: Sequence[Told], gathered: Gathered, labels: Sequence[str]
) -> None:
    """Keep the mean picture of the cue of each finding, in its class and in all others."""
    arrays: dict[str, np.ndarray] = {}
    for place, told in enumerate(findings):
        sums = gathered.pictures.get(told.cue)
        if sums is None:
            continue
        own = gathered.counts[labels[told.label]]
        others = sum(gathered.counts.values()) - own
        rest = sums.sum(axis=0) - sums[told.label]
        arrays[f"{place}.own"] = as_bytes(sums[told.label] / own)
        arrays[f"{place}.others"] = as_bytes(rest / max(others, 1))
    save_file(arrays, folder / PICTURES)
