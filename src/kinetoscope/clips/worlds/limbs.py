"""What is seen of a person: which limb is in front, in which colour, in every pixel?

Every capsule is drawn as the round solid that it is: a sample's distance from the capsule's axis
gives how far its surface bulges towards the camera, and which way it faces. The nearest surface
wins, so limbs cross each other as they should, and they are lit as if they were round.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from kinetoscope.clips.worlds.bodies import JOINTS, Body, Capsule, Limbs
from kinetoscope.clips.worlds.camera import Camera
from kinetoscope.clips.worlds.mocap import TURNING
from kinetoscope.clips.worlds.textures import paint

Array = np.ndarray
FINER = 3  # samples along either side of a pixel
AMBIENT = 0.6  # brightness of what faces away from the light
HAIRLINE = (0.5, -0.1)  # hair grows above this height, or behind this depth [radii of the head]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What is nearest in each sample of the pictures, sample by sample in one row.

    Args:
        shape: of the pictures in samples: time, height, width.
        capsule: which capsule; -1 where there is none.
        away: how far its surface is from the camera [m]; infinite where there is none.
        facing: where its surface faces, in the camera's axes; undefined where there is none.
    """

    shape: tuple[int, int, int]
    capsule: Int[Array, " sample"]
    away: Float[Array, " sample"]
    facing: Float[Array, "sample 3"]

    def in_pixels(self, known: Array) -> Array:
        """Of something known of every sample, what is known of each pixel's centre."""
        return known.reshape(self.shape)[:, FINER // 2 :: FINER, FINER // 2 :: FINER]


def surface_of(limbs: Limbs, camera: Camera, size: int) -> Surface:
    """Find what is nearest in every sample; a pixel has FINER x FINER."""
    shape = (len(limbs.ends), size * FINER, size * FINER)
    samples = math.prod(shape)
    surface = Surface(
        shape=shape,
        capsule=np.full(samples, -1),
        away=np.full(samples, np.inf),
        facing=np.empty((samples, 3)),
    )
    ends = camera.project(limbs.ends)
    radii = FINER * camera.focal * limbs.radii / ends[..., 2]
    ends[..., :2] = FINER * ends[..., :2] + (FINER - 1) / 2
    for index, metres in enumerate(limbs.radii):
        _add(surface, index, ends[:, index], radii[:, index], metres)
    return surface


def _add(
    surface: Surface,
    index: int,
    ends: Float[Array, "time 2 3"],
    radii: Float[Array, "time 2"],
    metres: Float[Array, "2"],
) -> None:
    """Add one capsule wherever it is nearer than what is there."""
    rows, columns = _window(ends[..., :2], radii, surface.shape[1])
    start, along = ends[:, 0, :, None, None], (ends[:, 1] - ends[:, 0])[..., None, None]
    right, down = columns[:, None, :] - start[:, 0], rows[:, :, None] - start[:, 1]
    length = np.maximum(along[:, 0] ** 2 + along[:, 1] ** 2, 1e-9)
    share = np.clip(right * (along[:, 0] / length) + down * (along[:, 1] / length), 0, 1)
    right, down = right - share * along[:, 0], down - share * along[:, 1]
    radius = radii[:, 0, None, None] + share * (radii[:, 1] - radii[:, 0])[:, None, None]
    inside = right * right + down * down < radius * radius
    inside &= ((rows >= 0) & (rows < surface.shape[1]))[:, :, None]
    inside &= ((columns >= 0) & (columns < surface.shape[2]))[:, None, :]
    found = np.flatnonzero(inside)
    time, row, column = np.unravel_index(found, inside.shape)
    share, radius = share.ravel()[found], radius.ravel()[found]
    right, down = right.ravel()[found] / radius, down.ravel()[found] / radius
    bulge = np.sqrt(np.maximum(1 - right * right - down * down, 0))
    away = ends[time, 0, 2] + share * (ends[:, 1, 2] - ends[:, 0, 2])[time]
    away = away - bulge * (metres[0] + share * (metres[1] - metres[0]))
    at = (time * surface.shape[1] + rows[time, row]) * surface.shape[2] + columns[time, column]
    nearer = np.flatnonzero(away < surface.away[at])
    at = at[nearer]
    surface.capsule[at], surface.away[at] = index, away[nearer]
    surface.facing[at] = np.stack([right[nearer], down[nearer], -bulge[nearer]], axis=1)


def _window(
    ends: Float[Array, "time 2 2"], radii: Float[Array, "time 2"], fine: int
) -> tuple[Int[Array, "time rows"], Int[Array, "time columns"]]:
    """Rows and columns that a capsule may reach: as many in each frame, some beyond the picture."""
    low = np.floor((ends - radii[..., None]).min(axis=1)).astype(int)
    high = np.ceil((ends + radii[..., None]).max(axis=1)).astype(int)
    columns, rows = np.minimum((high - low).max(axis=0) + 1, fine)
    return low[:, 1:] + np.arange(rows), low[:, :1] + np.arange(columns)


def paint_person(
    surface: Surface, body: Body, limbs: Limbs, camera: Camera, light: Float[Array, "3"]
) -> Float[Array, "time height width 4"]:
    """The person's colours in each pixel, and last how much of the pixel the person covers.

    The colours are those of a picture on black: where half is covered, they are half as bright.

    Args:
        surface: what is nearest.
        body: whom it shows.
        limbs: where the limbs are.
        camera: from where it is seen.
        light: where the light comes from, in the world.
    """
    seen = np.flatnonzero(surface.capsule >= 0)
    seen = seen[np.argsort(surface.capsule[seen], kind="stable")]
    edges = np.searchsorted(surface.capsule[seen], np.arange(len(body.capsules) + 1))
    colours = np.ones((len(seen), 4))
    for index, capsule in enumerate(body.capsules):
        mine = slice(*edges[index : index + 2])
        colours[mine, :3] = _cloth(body, capsule, seen[mine], surface, limbs, camera)
    facing = surface.facing[seen]
    lit = np.clip(facing @ (camera.axes @ light), 0, 1)
    colours[:, :3] *= ((AMBIENT + (1 - AMBIENT) * lit) * (0.75 - 0.25 * facing[:, 2]))[:, None]
    return _in_pixels(colours, seen, surface.shape)


def _in_pixels(
    colours: Float[Array, "seen 4"], seen: Int[Array, " seen"], shape: tuple[int, int, int]
) -> Float[Array, "time height width 4"]:
    """The mean of each pixel's samples, those that are not seen being 0."""
    time, row, column = np.unravel_index(seen, shape)
    pixels = (shape[0], shape[1] // FINER, shape[2] // FINER)
    pixel = np.ravel_multi_index((time, row // FINER, column // FINER), pixels)
    sums = [np.bincount(pixel, each, math.prod(pixels)) for each in colours.T]
    return np.stack(sums, axis=1).reshape(*pixels, 4) / FINER**2


def _cloth(
    body: Body,
    capsule: Capsule,
    samples: Int[Array, " sample"],
    surface: Surface,
    limbs: Limbs,
    camera: Camera,
) -> Float[Array, "#sample 3"]:
    """The colours of a capsule's cloth, not yet lit."""
    texture = body.cloths[capsule.cloth]
    if texture.pattern == "plain" and capsule.cloth != "head":
        return np.array([texture.dark], dtype=float)
    time, *_ = np.unravel_index(samples, surface.shape)
    turns = camera.axes @ limbs.turns[:, [*TURNING].index(capsule.joint)]
    if capsule.cloth == "head":
        forward, up, _ = _turned_back(turns[time], surface.facing[samples])
        hair = (up > HAIRLINE[0]) | (forward < HAIRLINE[1])
        return np.where(hair[:, None], texture.light, np.array(texture.dark, dtype=float))
    joint = camera.seen(limbs.joints)[:, [*JOINTS].index(capsule.joint)]
    place = _seen(samples, surface, camera) - joint[time]
    forward, up, right = _turned_back(turns[time], place)
    around = np.arctan2(right, forward) * max(capsule.radii)
    above = JOINTS["chest"][1][1] if capsule.joint == "chest" else 0.0
    return paint(texture, around, up + above, pixel=0.01)


def _seen(
    samples: Int[Array, " sample"], surface: Surface, camera: Camera
) -> Float[Array, "sample 3"]:
    """Where samples of the surface are, in the camera's axes [m]."""
    _, row, column = np.unravel_index(samples, surface.shape)
    away = surface.away[samples]
    right = ((column - (FINER - 1) / 2) / FINER - camera.middle[0]) / camera.focal * away
    down = ((row - (FINER - 1) / 2) / FINER - camera.middle[1]) / camera.focal * away
    return np.stack([right, down, away], axis=1)


def _turned_back(
    turns: Float[Array, "sample 3 3"], vectors: Float[Array, "sample 3"]
) -> tuple[Float[Array, " sample"], ...]:
    """Vectors of the camera's axes in the axes of what was turned: forward, up, right."""
    return tuple((turns[:, :, axis] * vectors).sum(axis=1) for axis in range(3))
