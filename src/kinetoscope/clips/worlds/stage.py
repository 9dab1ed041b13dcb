"""Where does it happen: a floor, a wall far behind it, and the shadow of who stands there?"""

import math
from dataclasses import dataclass

import numpy as np
from einops import repeat
from jaxtyping import Float

from kinetoscope.clips.worlds.bodies import Limbs
from kinetoscope.clips.worlds.camera import Camera
from kinetoscope.clips.worlds.seeds import uniform
from kinetoscope.clips.worlds.textures import Texture, draw_texture, muted_colours, paint

Array = np.ndarray
SHADOW = 0.5  # how much of the light a shadow takes
SHADOW_BLUR = 1.1  # [pixels of 64]
POINTS_PER_LIMB = 6


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A floor [m], a wall all around [radians], and where the light comes from."""

    floor: Texture
    wall: Texture
    light: tuple[float, float, float]


def draw_stage(generator: np.random.Generator) -> Stage:
    """Draw a stage at random."""
    azimuth, elevation = uniform(generator, 0, 2 * math.pi), uniform(generator, 0.9, 1.25)
    return Stage(
        floor=draw_texture(
            generator, wavelengths=(0.45, 1.1), colours=muted_colours(generator, contrast=0.16)
        ),
        wall=draw_texture(
            generator, wavelengths=(0.12, 0.4), colours=muted_colours(generator, contrast=0.12)
        ),
        light=(
            math.cos(elevation) * math.cos(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.sin(azimuth),
        ),
    )


def paint_stage(
    stage: Stage, limbs: Limbs, camera: Camera, size: int
) -> Float[Array, "time size size 3"]:
    """The stage in each frame, with the shadow of a person on its floor."""
    rays = camera.rays(size)
    floor = rays[..., 1] < -1e-3
    looks = rays[floor]
    reach = camera.places[0, 1] / -looks[:, 1]
    away = np.linalg.norm(looks, axis=1)
    pixel = reach * away * away / (camera.focal * -looks[:, 1])
    forward = camera.places[:, :1] + reach * looks[:, 0]
    right = camera.places[:, 2:] + reach * looks[:, 2]
    near = 0.72 + 0.36 * np.exp(-reach * reach / 150)
    shadow = 1 - SHADOW * _shadow(stage, limbs, camera, size)[:, floor]
    pictures = repeat(_wall(stage, rays), "... -> time ...", time=len(right)).copy()
    pictures[:, floor] = (
        paint(stage.floor, forward, right, pixel=pixel) * (near * shadow)[..., None]
    )
    return pictures


def _wall(stage: Stage, rays: Float[Array, "size size 3"]) -> Float[Array, "size size 3"]:
    azimuth = np.arctan2(rays[..., 2], rays[..., 0])
    up = rays[..., 1] / np.hypot(rays[..., 0], rays[..., 2])
    return paint(stage.wall, azimuth, up, pixel=0.01)


def _shadow(
    stage: Stage, limbs: Limbs, camera: Camera, size: int
) -> Float[Array, "time size size"]:
    """How much of each pixel is in shadow, were it floor: blots along the limbs, blurred."""
    shares = np.linspace(0, 1, POINTS_PER_LIMB)[:, None]
    start, end = limbs.ends[:, :, None, 0], limbs.ends[:, :, None, 1]
    points = start + shares * (end - start)
    light = np.array(stage.light)
    points = points - points[..., 1:2] / light[1] * light
    right, down, away = np.moveaxis(camera.project(points), -1, 0)
    wide = limbs.radii.mean(axis=1)[:, None] * camera.focal / away
    long = camera.focal * np.linalg.norm(end - start, axis=-1) / away
    blots = 2 * wide * (long + wide) / POINTS_PER_LIMB * -camera.axes[2, 1] * np.ones_like(right)
    ink = _blotted(right, down, blots, size)
    blur = _gaussian(size, SHADOW_BLUR * size / 64)
    return 1 - np.exp(-blur @ ink @ blur.T)


def _blotted(
    right: Float[Array, " time *point"],
    down: Float[Array, " time *point"],
    ink: Float[Array, " time *point"],
    size: int,
) -> Float[Array, "time size size"]:
    """Ink dropped on pixels, shared among the four nearest."""
    pictures = np.zeros((len(right), size + 1, size + 1))
    time = np.broadcast_to(np.arange(len(right))[:, None, None], right.shape)
    left, top = np.floor(right).astype(int), np.floor(down).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            share = (1 - abs(right - left - dx)) * (1 - abs(down - top - dy))
            x, y = np.clip(left + dx, -1, size), np.clip(top + dy, -1, size)
            np.add.at(pictures, (time, y, x), ink * share)
    return pictures[:, :size, :size]


def _gaussian(size: int, sigma: float) -> Float[Array, "size size"]:
    steps = np.arange(size)
    weights = np.exp(-((steps[:, None] - steps) ** 2) / (2 * sigma * sigma))
    return weights / weights.sum(axis=1, keepdims=True).max()
