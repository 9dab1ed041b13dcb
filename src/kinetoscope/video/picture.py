"""How does a decoded frame become an RGB picture that stands upright?

The colour matrix and the range are those the file states (ITU-R BT.601, limited range, where it
states none, as FFmpeg has it). A display matrix, which phones write instead of turning the pixels,
is applied to the pixels.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """What has to be done to the pixels, in this order, so that the picture stands upright.

    Args:
        transpose: swap rows and columns.
        flip_rows, flip_columns: turn upside down, mirror.
        degrees: the turn that the file states, clockwise.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    degrees: int = 0

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """The picture upright: a view of the one given, `height width 3`."""
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width once upright [pixels]."""
        return (width, height) if self.transpose else (height, width)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """How a frame must be turned, from its display matrix.

    A matrix that turns by anything but quarters is taken for the nearest quarter turn.
    """
    side_data: Any = frame.side_data  # its type does not say that it takes these keys
    try:
        matrix = side_data[Type.DISPLAYMATRIX]
    except KeyError:
        return Orientation()
    # x' = a x + c y and y' = b x + d y, with x to the right and y down
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix)[:36])
    return _orientation(a, b, c, d)


def _orientation(a: int, b: int, c: int, d: int) -> Orientation:
    degrees = round(math.degrees(math.atan2(b, a))) % 360
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_rows=d < 0, flip_columns=a < 0, degrees=degrees)
    return Orientation(transpose=True, flip_rows=b < 0, flip_columns=c < 0, degrees=degrees)


class Painter:
    """Converts frames of one video, and keeps the tables that the conversion needs."""

    def __init__(self):
        self._reformatter = VideoReformatter()
        # PyAV keeps a frame whose side data were looked at until the next garbage collection, so
        # it is done once a turn, not once a frame
        self._orientations: dict[int, Orientation] = {}

    def orientation(self, frame: av.VideoFrame) -> Orientation:
        """How a frame must be turned."""
        if frame.rotation not in self._orientations:
            self._orientations[frame.rotation] = orientation_of(frame)
        return self._orientations[frame.rotation]

    def paint(self, frame: av.VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
        """The frame as RGB, `height width 3`, upright; a view of memory the frame owns.

        Args:
            frame: as decoded.
            size: height and width to resize to in the same pass [pixels], of the upright picture.
        """
        orientation = self.orientation(frame)
        height, width = orientation.size(*size) if size else (frame.height, frame.width)
        # one thread: starting more costs several times what the conversion does
        converted = self._reformatter.reformat(
            frame, width=width, height=height, format="rgb24", threads=1
        )
        plane = converted.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        return orientation.apply(rows[:, : 3 * width].reshape(height, width, 3))
