"""How are the clips kept that a report shows?

Each once, however many units it excites, in one compressed file: frames as they are, byte for byte,
and flow in half precision, to 1/64 pixel per frame, which is finer than it can be found. Of ten
frames of 64 x 64 pixels about 70 kB remain of 290.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from kinetoscope.clips.clip import Clip

_STEPS = 64  # of flow, in a pixel


def keep_clip(path: Path, clip: Clip) -> None:
    """Write a clip as `.npz`: `frames`, time height width rgb; `flow`, 2 time height width."""
    frames = (clip.frames * 255).round().to(torch.uint8)
    arrays = {"frames": rearrange(frames, "rgb time height width -> time height width rgb")}
    if clip.flow is not None:
        arrays["flow"] = (clip.flow * _STEPS).round().div(_STEPS).half()
    write_arrays(path, {key: array.numpy() for key, array in arrays.items()})


def kept_clip(path: Path) -> dict[str, Tensor]:
    """Read what `keep_clip` has written."""
    with np.load(path, allow_pickle=False) as found:
        return {key: torch.from_numpy(found[key]) for key in found.files}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as one compressed `.npz`; the same arrays give the same bytes."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(arrays))
