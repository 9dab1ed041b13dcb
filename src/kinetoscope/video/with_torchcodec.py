"""Can torchcodec read this file too, and does it give the same frames?

It needs a system FFmpeg, and takes the wrong frame in some containers. So it is tried first: its
number of frames, its times and its first picture must be those that PyAV gives, and the times are
checked again with every frame it gives later.
"""

import importlib.util
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinetoscope.tensors import Picture

_log = logging.getLogger(__name__)


class TorchcodecReader:
    """Reads frames of one file by torchcodec, on one thread.

    Args:
        path: the file.
        seconds: when each of its frames is shown.

    Raises:
        RuntimeError: torchcodec can't be used here, or can't open the file.
    """

    def __init__(self, path: Path, seconds: np.ndarray):
        self._decoder: Any = _decoder_class()(
            str(path.absolute()), dimension_order="NHWC", num_ffmpeg_threads=1
        )
        self._seconds = seconds
        # two frames differ in time by more than this [seconds]
        self._same = 0.4 * float(np.diff(seconds).min()) if len(seconds) > 1 else 1e-3
        if len(self._decoder) != len(seconds):
            raise RuntimeError(f"{len(self._decoder)} frames instead of {len(seconds)}")

    def frames(self, indices: Sequence[int]) -> Picture:
        """Frames by increasing index.

        Raises:
            RuntimeError: it gives none, or frames of another time.
        """
        found = self._decoder.get_frames_at(list(indices))
        late = np.abs(found.pts_seconds.numpy() - self._seconds[list(indices)])
        if late.max() > self._same:
            frame = indices[int(np.argmax(late))]
            raise RuntimeError(f"frame {frame} is of another time, by {late.max():.3f} s")
        return found.data


def is_installed() -> bool:
    """Whether there is a torchcodec to try."""
    return importlib.util.find_spec("torchcodec") is not None


def probe(path: Path, seconds: np.ndarray, first: np.ndarray) -> TorchcodecReader | None:
    """A reader for a file if it gives the same as PyAV; None where it does not.

    Args:
        path: the file.
        seconds: when each frame is shown, by PyAV.
        first: the first picture, by PyAV.
    """
    try:
        reader = TorchcodecReader(path, seconds)
        found = reader.frames(sorted({0, len(seconds) // 2, len(seconds) - 1}))[0]
    except (RuntimeError, ValueError, IndexError, OSError, ImportError) as error:
        _log.info("torchcodec does not read %s as PyAV does: %s", path, error)
        return None
    if not torch.equal(found, torch.from_numpy(np.ascontiguousarray(first))):
        _log.info("torchcodec gives another first picture of %s than PyAV does", path)
        return None
    return reader


@cache
def _decoder_class() -> Any:
    # the import fails where there is no FFmpeg that it knows; that is not tried again
    try:
        from torchcodec.decoders import VideoDecoder  # pyright: ignore[reportMissingImports]
    except (ImportError, RuntimeError, OSError):
        return _unusable
    return VideoDecoder


def _unusable(*_: object, **__: object) -> Any:
    raise RuntimeError("torchcodec can't be imported")
