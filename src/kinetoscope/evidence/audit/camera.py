"""How does the camera move: the picture as a whole, from frame to frame?

In the outermost eighth of the frame, where the background is seen rather than who acts, optical
flow is explained by a shift, a turn and a zoom (RANSAC, so that a part which moves otherwise does
not count), as finely as flow can be trusted: what moves near the margin drags the flow there along
by tenths of a pixel, and would else be taken for the camera. What is kept of a clip is how it moves
on average, and how much that changes from step to step.

Source: Fischler and Bolles, "Random Sample Consensus", Communications of the ACM 1981, as OpenCV
has it for similarities; the outer frame for camera motion as in Wang and Schmid, "Action
Recognition with Improved Trajectories", ICCV 2013, section 3.1, which removes it there.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Float

from kinetoscope.clips.clip import Clip
from kinetoscope.video.flow import flow_between

CAMERA = (
    "speed",
    "right",
    "down",
    "turn",
    "zoom",
    "jolt",
    "uneven right",
    "uneven down",
    "uneven turn",
    "uneven zoom",
)
"""Speeds in hundredths of the longer side a frame, turns in degrees, zoom in per cent; `jolt` is
how much the shift changes from one step to the next."""

_MARGIN = 8  # the part of a side
_OFF = 0.2  # a point that is off by less belongs to the motion [pixels]
_FINEST = 0.4  # shift, at the border also by turn and zoom, in whole multiples [pixels]
_POINTS = 256  # at most, for each step
_STEPS = 15
_SMALLEST = 16  # in smaller pictures no flow is found [pixels]


def camera_motion(
    clip: Clip, movie: Float[np.ndarray, "time height width 3"]
) -> Float[np.ndarray, " trait"]:
    """How the whole picture moves, as `CAMERA` names it.

    Args:
        clip: whose flow is used, where it has one.
        movie: its frames, of which flow is computed where it has none.
    """
    if clip.flow is None and min(movie.shape[1:3]) < _SMALLEST:
        return np.zeros(len(CAMERA))
    if clip.flow is None:
        flow = flow_between(torch.from_numpy(np.rint(movie[: _STEPS + 1] * 255).astype(np.uint8)))
    else:
        flow = clip.flow[:, : _STEPS + 1]
    return summary(steps_of(flow.cpu().numpy().astype(np.float32)))


def steps_of(flow: Float[np.ndarray, "2 time height width"]) -> Float[np.ndarray, "step 4"]:
    """Of each step: right, down, turn and zoom.

    The last field of a clip repeats that before it, and is left out.
    """
    height, width = flow.shape[2:]
    points = margin_points(height, width)
    columns, rows = points[:, 0].astype(int), points[:, 1].astype(int)
    start = points - np.array([(width - 1) / 2, (height - 1) / 2])
    longer = max(height, width)
    fine = np.array([100 / longer, 100 / longer, np.degrees(2 / longer), 200 / longer]) * _FINEST
    steps = [_step(start, flow[:, t, rows, columns].T) for t in range(max(1, flow.shape[1] - 1))]
    found = np.stack(steps) * np.array([100 / longer, 100 / longer, 1.0, 1.0])
    return np.rint(found / fine) * fine


def margin_points(height: int, width: int) -> Float[np.ndarray, "point 2"]:
    """Places all over the margin (right, down) [pixels]."""
    inside = np.zeros((height, width), dtype=bool)
    row, column = max(2, height // _MARGIN), max(2, width // _MARGIN)
    inside[row:-row, column:-column] = True
    rows, columns = np.nonzero(~inside)
    every = max(1, -(-len(rows) // _POINTS))
    return np.stack([columns[::every], rows[::every]], axis=1).astype(float)


def _step(
    start: Float[np.ndarray, "point 2"], moved: Float[np.ndarray, "point 2"]
) -> Float[np.ndarray, " 4"]:
    """Right and down [pixels], turn [degrees], zoom [per cent]."""
    found, _ = cv2.estimateAffinePartial2D(
        start.astype(np.float32),
        (start + moved).astype(np.float32),
        method=cv2.RANSAC,
        ransacReprojThreshold=_OFF,
    )
    if found is None:
        return np.zeros(4)
    along, up = found[0, 0], found[1, 0]
    zoom = 100 * np.log(max(np.hypot(along, up), 1e-6))
    return np.array([found[0, 2], found[1, 2], np.degrees(np.arctan2(up, along)), zoom])


def summary(steps: Float[np.ndarray, "step 4"]) -> Float[np.ndarray, " trait"]:
    """What `CAMERA` names, of all steps of a clip."""
    shift = steps[:, :2]
    jolts = np.diff(shift, axis=0)
    jolt = float(np.hypot(*jolts.T).mean()) if len(jolts) else 0.0
    speed = float(np.hypot(*shift.T).mean())
    return np.array([speed, *steps.mean(axis=0), jolt, *steps.std(axis=0)])
