"""What is painted on shapes, clothes, floors and walls?

A texture is a formula: a value in [0, 1] at every point of the plane, so it can be moved by any
part of a pixel, turned and scaled without being resampled. Edges are as wide as the pixel that
looks at them, and what is finer than a pixel fades to grey, so that nothing flickers as it moves.
"""

import colorsys
import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from kinetoscope.clips.worlds.seeds import pick, uniform

Pattern = Literal["plain", "stripes", "checks", "dots", "waves", "blotches"]
PATTERNS: tuple[Pattern, ...] = tuple(name for name in get_args(Pattern) if name != "plain")
Colour = tuple[float | int, float | int, float | int]
Points = Float[np.ndarray, "*#place"]


@dataclass(frozen=True, kw_only=True)
class Texture:
    """A pattern on the plane.

    Args:
        pattern: which formula.
        wavelength: from one stripe, dot or check to the next [in the unit of the plane].
        angle: how far it is turned [radians].
        phase: how far it is shifted along and across [wavelengths].
        dark, light: what is painted where the value is 0 and 1, RGB in 0 to 255.
        ripples: of blotches only; direction [radians], frequency [per wavelength] and phase of each
            wave that they are the sum of.
    """

    pattern: Pattern
    wavelength: float
    angle: float = 0.0
    phase: tuple[float, float] = (0.0, 0.0)
    dark: Colour = (0.0, 0.0, 0.0)
    light: Colour = (255.0, 255.0, 255.0)
    ripples: tuple[tuple[float, float, float], ...] = ()


def draw_texture(
    generator: np.random.Generator,
    *,
    wavelengths: tuple[float, float],
    colours: tuple[Colour, Colour],
    patterns: tuple[Pattern, ...] = PATTERNS,
) -> Texture:
    """Draw a texture at random: its pattern, wavelength, angle and phase."""
    pattern = pick(generator, patterns)
    return Texture(
        pattern=pattern,
        wavelength=uniform(generator, *wavelengths),
        angle=uniform(generator, 0, 2 * math.pi),
        phase=(uniform(generator, 0, 1), uniform(generator, 0, 1)),
        dark=colours[0],
        light=colours[1],
        ripples=tuple(_ripple(generator) for _ in range(6)),
    )


def _ripple(generator: np.random.Generator) -> tuple[float, float, float]:
    angle, phase = (uniform(generator, 0, 2 * math.pi) for _ in range(2))
    return angle, uniform(generator, 0.5, 1.2), phase


def muted_colours(generator: np.random.Generator, *, contrast: float) -> tuple[Colour, Colour]:
    """Two tones of one greyish colour, for what should not be looked at.

    Args:
        generator: where the colour comes from.
        contrast: how far the tones lie apart [parts of the range of brightness].
    """
    hue, saturation = uniform(generator, 0, 1), uniform(generator, 0.08, 0.3)
    middle = uniform(generator, 0.35, 0.7)
    dark, light = (
        colorsys.hsv_to_rgb(hue, saturation, middle + sign * contrast / 2) for sign in (-1, 1)
    )
    return _bytes(dark), _bytes(light)


def _bytes(colour: tuple[float, float, float]) -> Colour:
    red, green, blue = (255 * part for part in colour)
    return red, green, blue


def values(texture: Texture, x: Points, y: Points, *, pixel: float | Points = 1.0) -> Points:
    """The texture's value in [0, 1] at points of its plane.

    Args:
        texture: which.
        x: the points, to the right [in the unit of the plane].
        y: the points, down [in the unit of the plane].
        pixel: how wide a pixel is there [in the unit of the plane].
    """
    if texture.pattern == "plain":
        return np.full(x.shape, 0.5)
    turn = 2 * math.pi / texture.wavelength
    along = turn * (x * math.cos(texture.angle) + y * math.sin(texture.angle))
    across = turn * (y * math.cos(texture.angle) - x * math.sin(texture.angle))
    along = along + 2 * math.pi * texture.phase[0]
    across = across + 2 * math.pi * texture.phase[1]
    wave = _wave(texture, along, across)
    share = pixel / texture.wavelength
    edge = 1.0 if texture.pattern == "blotches" else np.maximum(1.0, 1 / (math.pi * share))
    return 0.5 + 0.5 * np.exp(-3.2 * share * share) * np.clip(edge * wave, -1, 1)


def _wave(texture: Texture, along: Points, across: Points) -> Points:
    """A smooth wave in about [-1, 1] whose sign is the pattern."""
    match texture.pattern:
        case "stripes":
            return np.sin(along)
        case "checks":
            return np.sin(along) * np.sin(across)
        case "dots":
            return np.sin(along) + np.sin(across) - 0.4
        case "waves":
            return np.sin(along + 0.9 * np.sin(across))
        case _:
            parts = (
                np.sin(frequency * (along * math.cos(angle) + across * math.sin(angle)) + phase)
                for angle, frequency, phase in texture.ripples
            )
            return sum(parts, np.zeros(along.shape)) / math.sqrt(len(texture.ripples))


def paint(
    texture: Texture, x: Points, y: Points, *, pixel: float | Points = 1.0
) -> Float[np.ndarray, "*#place 3"]:
    """The texture's colour at points of its plane, RGB in 0 to 255."""
    dark, light = np.array(texture.dark), np.array(texture.light)
    return dark + (light - dark) * values(texture, x, y, pixel=pixel)[..., None]
