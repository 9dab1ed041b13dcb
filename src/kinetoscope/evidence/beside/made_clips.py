"""What can units be held against where there is no catalog?

Clips that are made, with their true motion: gratings and textures that drift, grow, turn and sway,
shapes that move over a ground, flicker, plain colours, still pictures.

Source: Movshon, Thompson and Tolhurst, J. Physiol. 283, 1978, for gratings over directions, speeds
and wavelengths, by which neurons are held against each other. Differs: coloured textures and shapes
beside gratings.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from jaxtyping import Float

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.seeds import generator_for, uniform
from kinetoscope.clips.worlds.textures import Colour, Texture, draw_texture
from kinetoscope.evidence.beside.scenes import Glide, Scene, Surface, Sway, draw_scene

Numbers = np.random.Generator


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
