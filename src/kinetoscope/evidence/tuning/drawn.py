"""How are the stimuli of a grid drawn, as clips that a network takes?

Nothing but what a condition names differs between two clips: all gratings have the same contrast,
and the same dots and textures move in every direction at every speed. They are formulas of place
and time, so a motion of any part of a pixel is exact, and so is their flow.

Source: as grid.py; for dots that wrap round the border, so that their density stays the same:
Newsome and Pare, J. Neuroscience 8, 1988.
"""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.seeds import generator_for, uniform
from kinetoscope.clips.worlds.textures import Colour, Texture, draw_texture, values
from kinetoscope.evidence.beside.scenes import Glide, Scene, Surface, draw_scene
from kinetoscope.evidence.tuning.grid import Condition, Grid

_CONTRAST = 0.8
_GREY = (127.5, 127.5, 127.5)
_DOT = 1.5
"""Of a dot, how far from its middle it has fallen to 0.6 of its contrast [pixels]."""
_COVERED = 0.15
"""Which part of the picture dots cover."""


def drawn_clips(
    grid: Grid, spec: ClipSpec, *, seed: int = 0, batch: int = 8
) -> Iterator[ClipBatch]:
    """Draw every clip of a grid, in its order, a few at a time, in display space.

    Args:
        grid: which stimuli.
        spec: what the clips must be.
        seed: of phases, dots and textures.
        batch: clips at once.
    """
    shown = grid.shown
    for first in range(0, len(shown), batch):
        some = shown[first : first + batch]
        drawn = [draw(condition, number, grid, spec, seed=seed) for condition, number in some]
        frames, flow = (torch.stack(stream) for stream in zip(*drawn, strict=True))
        yield ClipBatch(
            frames=frames if "frames" in spec.streams else None,
            flow=flow if "flow" in spec.streams else None,
        )


def draw(
    condition: Condition, number: int, grid: Grid, spec: ClipSpec, *, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Frames, RGB in [0, 1], and flow [pixels per frame] of one clip."""
    angle = math.radians(condition.direction)
    motion = Glide(right=condition.speed * math.cos(angle), down=-condition.speed * math.sin(angle))
    match condition.kind:
        case "blank":
            return draw_scene((Surface(texture=_plain()),), spec)
        case "gratings":
            phase = number / grid.repetitions
            return draw_scene((Surface(texture=_sine(condition, phase), motion=motion),), spec)
        case "dots":
            return _dots(motion, spec, generator_for(seed, "dots", number))
        case _:
            scene = _disc(condition.detail, motion, spec, generator_for(seed, "discs", number))
            return draw_scene(scene, spec)


def _plain() -> Texture:
    return Texture(pattern="plain", wavelength=1.0, dark=_GREY, light=_GREY)


def _sine(condition: Condition, phase: float) -> Texture:
    """Stripes across the direction; textures pale where they are fine, which is made up for."""
    sine = partial(Texture, pattern="blotches", wavelength=condition.detail)
    waves = ((0.0, 1.0, 0.0),)
    crest = values(sine(ripples=waves), np.full(1, condition.detail / 4), np.zeros(1))
    dark, light = _tones(_CONTRAST / (2 * crest.item() - 1))
    return sine(
        angle=-math.radians(condition.direction),
        phase=(phase, 0.0),
        dark=dark,
        light=light,
        ripples=waves,
    )


def _tones(contrast: float) -> tuple[Colour, Colour]:
    dark, light = 127.5 * (1 - contrast), 127.5 * (1 + contrast)
    return (dark, dark, dark), (light, light, light)


def _disc(size: float, motion: Glide, spec: ClipSpec, numbers: np.random.Generator) -> Scene:
    """A textured disc that is in the middle at half time; as large as the clip, a whole plane."""
    side = min(spec.size)
    texture = draw_texture(
        numbers, wavelengths=(max(6.0, side / 12), side / 5), colours=_tones(_CONTRAST)
    )
    half = None if size >= 1 else (size * side / 2, size * side / 2)
    return (
        Surface(texture=_plain()),
        Surface(texture=texture, motion=motion, half=half, round=True),
    )


def _dots(motion: Glide, spec: ClipSpec, numbers: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Black and white dots that all move alike, and come in again where they left."""
    height, width = spec.size
    count = max(2, round(_COVERED * height * width / (math.pi * _DOT**2)))
    places = np.array(
        [[uniform(numbers, 0, width), uniform(numbers, 0, height)] for _ in range(count)]
    )
    time = np.arange(spec.frames) - (spec.frames - 1) / 2
    across = _bells(places[:, 0] + motion.right * time[:, None], width)
    down = _bells(places[:, 1] + motion.down * time[:, None], height)
    down[:, ::2] *= -1
    grey = 0.5 + _CONTRAST / 2 * np.clip(np.einsum("tdy,tdx->tyx", down, across), -1, 1)
    flow = torch.tensor([motion.right, motion.down])[:, None, None, None]
    frames = torch.from_numpy(grey).float().expand(3, -1, -1, -1)
    return frames.clone(), flow.expand(2, *grey.shape).clone()


def _bells(middles: np.ndarray, length: int) -> np.ndarray:
    """A bell around each place on a ring, `time dot place`."""
    away = (np.arange(length) - middles[..., None] + length / 2) % length - length / 2
    return np.exp(-(away**2) / (2 * _DOT**2))
