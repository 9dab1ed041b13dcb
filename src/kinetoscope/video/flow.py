"""Where does each pixel go from one frame to the next?

DIS is quick and the default; TV-L1 is what the two-stream papers used, two hundred times slower.
Flow is kept on disk beside a key of the file's content and the settings, in half precision.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016; Zach, Pock and
Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007; both as OpenCV has
them.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from kinetoscope.errors import VideoError, unknown_name
from kinetoscope.files import settings_key
from kinetoscope.tensors import Flow, Picture
from kinetoscope.video.array_cache import ArrayCache, cache_folder

FlowMethod = Literal["dis", "tvl1"]

_NO_GUESS: Any = None  # OpenCV's types do not say that this may be left out
_SMALLEST = 16  # DIS matches patches of 8 pixels, on two scales at least


def flow_between(frames: Picture, *, method: FlowMethod = "dis") -> Flow:
    """The motion from each frame to the next; the last one repeated, none in a single frame.

    Args:
        frames: in the order in which they are shown.
        method: `dis` or `tvl1`.

    Returns:
        Right and down [pixels per frame].

    Raises:
        VideoError: the frames are smaller than 16 pixels.
        UnknownNameError: there is no such method.
    """
    estimator = _estimator(method)
    count, height, width, _ = frames.shape
    if min(height, width) < _SMALLEST:
        raise VideoError(
            "frames are too small for optical flow",
            got=f"{height} x {width} pixels",
            expected=f"{_SMALLEST} x {_SMALLEST} or more",
        )
    if count < 2:
        return torch.zeros(2, count, height, width)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames.contiguous().numpy()]
    fields = [estimator.calc(here, there, _NO_GUESS) for here, there in pairwise(grey)]
    found = torch.from_numpy(np.stack([*fields, fields[-1]]))
    return rearrange(found, "time height width channel -> channel time height width").contiguous()


def _estimator(method: str) -> cv2.DenseOpticalFlow:
    if method == "dis":
        return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if method == "tvl1":
        return cv2.optflow.DualTVL1OpticalFlow.create()
    raise unknown_name("way to compute flow", method, get_args(FlowMethod))


class FlowCache:
    """A folder of flow that was computed before, bounded in size; as `ArrayCache`.

    Args:
        folder: made when it is first needed.
        limit_bytes: how large it may grow; each process that writes may pass it by a sixteenth.
    """

    def __init__(self, folder: Path, limit_bytes: int = 8 * 2**30):
        self._arrays = ArrayCache(folder, limit_bytes)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._arrays.folder

    def read(self, key: str) -> Tensor | None:
        """What is kept under a key; None if there is nothing, or nothing that can be read."""
        found = self._arrays.read(key)
        return None if found is None else found.get("flow")

    def keep(self, key: str, flow: Tensor) -> None:
        """Keep a flow in half precision, and make room for it."""
        self._arrays.keep(key, {"flow": flow.half()})


def cached_flow(
    cache: FlowCache | None, content: str, settings: object, compute: Callable[[], Tensor]
) -> Tensor:
    """The flow that a cache keeps, or else computes and keeps; in half precision either way.

    Args:
        cache: None computes it.
        content: key of the file's content.
        settings: everything else that it depends on; has a faithful `repr`.
        compute: makes it.
    """
    if cache is None:
        return compute().half()
    key = f"{content}-{settings_key(settings, cv2.__version__)}"
    found = cache.read(key)
    if found is None:
        found = compute().half()
        cache.keep(key, found)
    return found


def default_flow_cache() -> FlowCache:
    """The user's own."""
    return FlowCache(cache_folder("flow"))
