"""What can units be held against where there is no catalog?

Clips that are made: gratings and textures that drift, grow, turn and sway, shapes that move over a
ground, flicker, plain colours, still pictures. Every texture is a formula that is moved by any part
of a pixel without being resampled, so frames come with their true motion.

Source: Movshon, Thompson and Tolhurst, J. Physiol. 283, 1978, for gratings over directions, speeds
and wavelengths, by which neurons are held against each other; Koenderink and van Doorn, Optica Acta
22, 1975, for the ways in which a plane moves: drift, growth, turn and shear. Differs: coloured
textures and shapes beside gratings.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.seeds import generator_for, uniform
from kinetoscope.clips.worlds.textures import Colour, Texture, draw_texture, paint

Field = Float[np.ndarray, "..."]
"""A value at every point; time, height and width, or 1 where it is the same along one."""

Numbers = np.random.Generator


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


def made_clips(spec: ClipSpec, *, seed: int = 0, batch: int = 8) -> Iterator[ClipBatch]:
    """Make the clips, in display space: the streams of a spec, at its size and length.

    Args:
        spec: what the clips must be.
        seed: of textures, colours and places. A clip is the same whatever stands beside it.
        batch: clips at once.
    """
    scenes = made_scenes(spec, seed=seed)
    for first in range(0, len(scenes), batch):
        drawn = [draw_scene(scene, spec) for scene in scenes[first : first + batch]]
        frames, flow = (torch.stack(stream) for stream in zip(*drawn, strict=True))
        yield ClipBatch(
            frames=frames if "frames" in spec.streams else None,
            flow=flow if "flow" in spec.streams else None,
        )


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


# What is made


def made_scenes(spec: ClipSpec, *, seed: int = 0) -> list[Scene]:
    """All that is made, kind after kind."""
    made = []
    for kind in KINDS:
        numbers = generator_for(seed, kind.__name__)
        made += kind(spec, numbers)
    return made


_SPEEDS = (0.5, 1.0, 2.0, 4.0)
_WAVELENGTHS = (6.0, 12.0, 24.0, 48.0)
_TURNS = tuple(math.radians(45 * eighth) for eighth in range(8))
_BLACK, _WHITE = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)


def gratings(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Stripes in eight directions, at all speeds at which they are not seen going backward."""
    return [
        (Surface(texture=_sine(wavelength, angle), motion=_drift(speed, angle)),)
        for wavelength, speed, angle in product(_WAVELENGTHS, _SPEEDS, _TURNS)
        if speed < 0.4 * wavelength
    ]


def textures(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Coloured textures in eight directions; every other one is noise of all wavelengths."""
    return [
        (Surface(texture=_noise(numbers, spec), motion=_drift(speed, angle)),)
        if (place + round(angle / _TURNS[1])) % 2
        else (Surface(texture=_any(numbers), motion=_drift(speed, angle)),)
        for (place, speed), angle in product(enumerate(_SPEEDS), _TURNS)
    ]


def growth_and_turn(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Textures that come near, go away, and turn either way."""
    rim, long = min(spec.size) / 2, max(1.0, spec.frames / 2)
    made = []
    for speed, sign in product(_SPEEDS, (1, -1)):
        growth = sign * min(speed / rim, math.log(4) / long)  # no more than fourfold by the end
        for motion in (
            Glide(growth=math.exp(growth)),
            Glide(turn=sign * min(0.5, speed / rim)),
        ):
            made += [(Surface(texture=_noise(numbers, spec), motion=motion),)]
    return made


def swaying(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Textures of which stripes slide past each other, on and on or forth and back."""
    return [
        (
            Surface(
                texture=_noise(numbers, spec),
                motion=Sway(speed=speed, wavelength=wavelength, angle=angle, beat=beat),
            ),
        )
        for speed, wavelength, angle, beat in product(
            (1.0, 3.0), _WAVELENGTHS[1:], _TURNS[:4:2], (0.0, 0.1)
        )
    ]


def shapes(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Boxes, discs and bars that move through the middle, over a ground that stands still."""
    made = []
    for number, (speed, angle) in enumerate(product(_SPEEDS, _TURNS)):
        half = uniform(numbers, 0.1, 0.3) * min(spec.size)
        shape = Surface(
            texture=_any(numbers),
            motion=_drift(speed, angle),
            half=(half, half * (1.0, 1.0, 0.3)[number % 3]),
            round=number % 2 == 0,
        )
        made.append((Surface(texture=_any(numbers)), shape))
    return made


def flicker(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Plain pictures and gratings whose contrast turns round."""
    return [
        (Surface(texture=texture, beat=beat),)
        for beat in (0.05, 0.1, 0.25, 0.5)
        for texture in (
            replace(_sine(1e6, 0.0), phase=(0.25, 0.0)),
            *(
                _sine(wavelength, angle)
                for wavelength in _WAVELENGTHS[:2]
                for angle in _TURNS[:4:2]
            ),
        )
    ]


def plain_colours(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Every colour of red, green and blue at none, half and all."""
    tones = (0.0, 127.5, 255.0)
    return [
        (Surface(texture=Texture(pattern="plain", wavelength=1.0, dark=colour, light=colour)),)
        for colour in product(tones, tones, tones)
    ]


def still_pictures(spec: ClipSpec, numbers: Numbers) -> list[Scene]:
    """Gratings and textures that do not move."""
    stripes = product(_WAVELENGTHS[:3], _TURNS[:4])
    return [
        *((Surface(texture=_sine(wavelength, angle)),) for wavelength, angle in stripes),
        *((Surface(texture=_any(numbers)),) for _ in range(6)),
        *((Surface(texture=_noise(numbers, spec)),) for _ in range(6)),
    ]


KINDS: tuple[Callable[[ClipSpec, Numbers], list[Scene]], ...] = (
    gratings, textures, growth_and_turn, swaying, shapes, flicker, plain_colours, still_pictures,
)  # fmt: skip


def _drift(speed: float, angle: float) -> Glide:
    return Glide(right=speed * math.cos(angle), down=-speed * math.sin(angle))


def _sine(wavelength: float, angle: float) -> Texture:
    """Stripes across an angle [radians, counter-clockwise], so that a drift along it is seen."""
    return Texture(
        pattern="blotches",
        wavelength=wavelength,
        angle=-angle,
        dark=_BLACK,
        light=_WHITE,
        ripples=((0.0, 1.0, 0.0),),
    )


def _any(numbers: Numbers) -> Texture:
    return draw_texture(numbers, wavelengths=(6.0, 40.0), colours=_two_colours(numbers))


def _noise(numbers: Numbers, spec: ClipSpec) -> Texture:
    """Waves of as much energy in every octave, from 5 pixels to the size of the clip."""
    octaves = max(1.0, math.log2(max(spec.size) / 5))
    ripples = tuple(
        (
            uniform(numbers, 0, 2 * math.pi),
            2 ** -uniform(numbers, 0, octaves),
            uniform(numbers, 0, 2 * math.pi),
        )
        for _ in range(32)
    )
    dark, light = _two_colours(numbers)
    return Texture(pattern="blotches", wavelength=5.0, dark=dark, light=light, ripples=ripples)


def _two_colours(numbers: Numbers) -> tuple[Colour, Colour]:
    """A darker and a lighter one, of any hue, as far apart as a screen can show."""
    away = np.array([uniform(numbers, -1, 1) for _ in range(3)])
    away *= 127.5 / max(abs(away).max(), 1e-6)
    dark, light = sorted((127.5 - away, 127.5 + away), key=sum)
    return _colour(dark), _colour(light)


def _colour(tones: Float[np.ndarray, " rgb"]) -> Colour:
    red, green, blue = tones.tolist()
    return red, green, blue
