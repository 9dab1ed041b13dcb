"""How near is a stimulus to what was planted?"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from kinetoscope.evidence.motion.velocity import peak_of, velocity_of_flow, velocity_of_frames
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from tests.evidence.bank import PlantedUnit, Truth

DEGREES, SHARE, ACTIVATION = 5.0, 0.1, 0.95
"""How far direction, and speed and frequency, may be off; how much must be reached."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """How far a stimulus is from what was planted; None where nothing was.

    Args:
        direction: the worse of its streams [degrees].
        speed, frequency: as shares of what was planted.
        activation: as a share of the best.
    """

    direction: float
    speed: float | None
    frequency: float | None
    activation: float

    @property
    def near(self) -> bool:
        """Whether it is what was planted."""
        return (
            self.direction <= DEGREES
            and (self.speed or 0.0) <= SHARE
            and (self.frequency or 0.0) <= SHARE
        )

    @property
    def passes(self) -> bool:
        """Whether besides it excites the unit as the best clip does."""
        return self.near and self.activation >= ACTIVATION


def recovery(unit: PlantedUnit, stimulus: Stimulus) -> Recovery:
    """Measure a stimulus against its unit."""
    off = [_off(truth, stimulus) for truth in unit.truths]
    direction, speed, frequency = (
        max((one for one in each if one is not None), default=None)
        for each in zip(*off, strict=True)
    )
    assert direction is not None
    return Recovery(
        direction=direction,
        speed=speed,
        frequency=frequency,
        activation=stimulus.activation / unit.optimum,
    )


def _off(truth: Truth, stimulus: Stimulus) -> tuple[float, float | None, float | None]:
    x = stimulus.frames if truth.stream == "frames" else stimulus.flow
    assert x is not None
    x = as_polar(x) if truth.polar else x
    velocity = velocity_of_frames(x) if truth.stream == "frames" else velocity_of_flow(x)
    direction, turn = velocity.direction, 360
    peak = None if truth.frequency is None else peak_of(x)
    if truth.texture and peak is not None:
        direction, turn = math.degrees(math.atan2(-peak.down, peak.right)), 180
    return (
        abs((direction - truth.direction + turn / 2) % turn - turn / 2),
        None if truth.speed is None else abs(velocity.speed / truth.speed - 1),
        None if peak is None else abs(peak.frequency / truth.frequency - 1),
    )


def as_polar(x: Tensor) -> Tensor:
    """A stream as seen from the centre: outwards is to the right, clockwise is down."""
    middle = (x.shape[-1] - 1) / 2
    radius = torch.arange(2.0, middle + 1e-6)
    angle = torch.arange(0, 2 * math.pi, 1 / middle)
    around, out = torch.meshgrid(angle, radius, indexing="ij")
    places = torch.stack([out * around.cos(), out * around.sin()], dim=-1) / middle
    places = places.expand(x.shape[1], -1, -1, -1)
    seen = grid_sample(x.transpose(0, 1), places, align_corners=True).transpose(0, 1)
    if len(x) == 3:
        return seen
    right, down = seen
    away = right * around.cos() + down * around.sin()
    return torch.stack([away, down * around.cos() - right * around.sin()])
