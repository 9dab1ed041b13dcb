"""How does a plane with a texture look as it moves?

A texture is a formula: where a point of the picture lay in the plane at rest says what is seen
there. So a plane is moved by any part of a pixel, grows and turns without being resampled, and the
frames come with their true motion. What lies in front covers what is behind.

Source: Koenderink and van Doorn, "Invariant properties of the motion parallax field", Optica Acta
22, 1975, for the ways in which a small plane moves: drift, growth, turn and shear.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.textures import Texture, paint

Field = Float[np.ndarray, "..."]
"""A value at every point; time, height and width, or 1 where it is the same along one."""


class Motion(ABC):
    """How a plane moves; the middle of the clip, in space and time, is its origin."""

    @abstractmethod
    def origin(self, x: Field, y: Field, time: Field) -> tuple[Field, Field]:
        """Where in the plane at rest the points lie that are seen at a time [pixels; frames]."""

    @abstractmethod
    def flow(self, x: Field, y: Field, time: Field) -> tuple[Field, Field]:
        """How the points move until the next frame, right and down [pixels]."""


@dataclass(frozen=True, kw_only=True)
class Glide(Motion):
    """Drift, growth and turn.

    Args:
        right, down: [pixels per frame].
        growth: by what the plane is larger each frame.
        turn: clockwise as seen on the screen [radians per frame].
    """

    right: float = 0.0
    down: float = 0.0
    growth: float = 1.0
    turn: float = 0.0

    def origin(self, x: Field, y: Field, time: Field) -> tuple[Field, Field]:
        a, b = self._column(-time)
        x, y = x - time * self.right, y - time * self.down
        return a * x - b * y, b * x + a * y

    def flow(self, x: Field, y: Field, time: Field) -> tuple[Field, Field]:
        a, b = self._column(np.ones(1))
        x, y = x - time * self.right, y - time * self.down
        return (a - 1) * x - b * y + self.right, b * x + (a - 1) * y + self.down

    def _column(self, time: Field) -> tuple[Field, Field]:
        length, angle = self.growth**time, self.turn * time
        return length * np.cos(angle), length * np.sin(angle)


@dataclass(frozen=True, kw_only=True)
class Sway(Motion):
    """Shear: stripes of the plane slide past each other, as far as a sine wave says.

    Args:
        speed: of the fastest stripe [pixels per frame].
        wavelength: from one stripe to the next that moves alike [pixels].
        angle: how far the stripes are turned from level [radians].
        beat: how often they go forth and back [cycles per frame]; 0 for stripes that go on.
    """

    speed: float
    wavelength: float
    angle: float = 0.0
    beat: float = 0.0

    def origin(self, x: Field, y: Field, time: Field) -> tuple[Field, Field]:
        right, down = self._along(self._slide(x, y, time))
        return x - right, y - down

    def flow(self, x: Field, y: Field, time: Field) -> tuple[Field, Field]:
        return self._along(self._slide(x, y, time + 1) - self._slide(x, y, time))

    def _slide(self, x: Field, y: Field, time: Field) -> Field:
        across = y * math.cos(self.angle) - x * math.sin(self.angle)
        phase = 2 * math.pi * across / self.wavelength
        if self.beat == 0:
            return self.speed * time * np.sin(phase)
        reach = self.speed / (2 * math.sin(math.pi * self.beat))
        return reach * np.sin(phase - 2 * math.pi * self.beat * time)

    def _along(self, far: Field) -> tuple[Field, Field]:
        return far * math.cos(self.angle), far * math.sin(self.angle)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A texture that moves, and covers what is behind it.

    Args:
        texture: what is painted on it.
        motion: of the surface.
        half: of a shape, half its width and height [pixels]; None for all of the plane.
        round: whether the shape is an ellipse rather than a box.
        beat: how often its contrast turns round [cycles per frame].
    """

    texture: Texture
    motion: Motion = Glide()
    half: tuple[float, float] | None = None
    round: bool = False
    beat: float = 0.0

    def cover(self, x: Field, y: Field) -> Field:
        """How much of each pixel it covers, at points of the plane at rest."""
        if self.half is None:
            return np.ones_like(x)
        across, along = x / self.half[0], y / self.half[1]
        far = np.hypot(across, along) if self.round else np.maximum(abs(across), abs(along))
        return np.clip((1 - far) * min(self.half) + 0.5, 0, 1)


Scene = tuple[Surface, ...]
"""Surfaces, the farthest first."""


def draw_scene(scene: Scene, spec: ClipSpec) -> tuple[Tensor, Tensor]:
    """The frames of a scene, RGB in [0, 1], and their flow [pixels per frame]."""
    time, y, x = (np.arange(length) - (length - 1) / 2 for length in (spec.frames, *spec.size))
    time, y, x = time[:, None, None], y[:, None], x[None, :]
    # the last flow is repeated
    ahead = np.minimum(time, time[max(0, spec.frames - 2)])
    frames = np.zeros((3, spec.frames, *spec.size))
    flow = np.zeros((2, spec.frames, *spec.size))
    for surface in scene:
        at = surface.motion.origin(x, y, time)
        frames += surface.cover(*at) * (_painted(surface, at, time) - frames)
        seen = surface.cover(*surface.motion.origin(x, y, ahead)) >= 0.5
        motion = np.stack(np.broadcast_arrays(*surface.motion.flow(x, y, ahead), flow[0])[:2])
        flow = np.where(seen, motion, flow)
    return torch.from_numpy(frames).float().clamp(0, 1), torch.from_numpy(flow).float()


def _painted(surface: Surface, at: tuple[Field, Field], time: Field) -> Field:
    """The colours of a surface at points of its plane, `rgb time height width`."""
    colour = np.moveaxis(paint(surface.texture, *at), -1, 0) / 255
    if surface.beat == 0:
        return colour
    tones = np.array([surface.texture.dark, surface.texture.light])
    middle = tones.mean(axis=0)[:, None, None, None] / 255
    return middle + (colour - middle) * np.cos(2 * math.pi * surface.beat * time)
