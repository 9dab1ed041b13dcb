"""From where is a scene seen, and where in the picture is a point of it?

World axes are forward, up, right [m]; the picture's are right, down, and away from the camera. The
centre of the first pixel is at (0, 0). A camera keeps its direction and its lens during a clip, and
may glide at an even pace.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera.

    Args:
        places: where it is in each frame [m].
        axes: the picture's axes in the world: right, down, away.
        focal: how large a metre is, seen from a metre away [pixels].
        middle: where the line of sight meets the picture [pixels: right, down].
    """

    places: Float[Array, "time 3"]
    axes: Float[Array, "3 3"]
    focal: float
    middle: tuple[float, float]

    def seen(self, points: Float[Array, "time *more 3"]) -> Float[Array, "time *more 3"]:
        """Points in the camera's own axes: right, down, away [m]."""
        more = (1,) * (points.ndim - 2)
        return (points - self.places.reshape(-1, *more, 3)) @ self.axes.T

    def project(self, points: Float[Array, "time *more 3"]) -> Float[Array, "time *more 3"]:
        """Where points are in the picture: right, down [pixels], and how far away [m]."""
        right, down, away = np.moveaxis(self.seen(points), -1, 0)
        scale = self.focal / away
        return np.stack(
            [self.middle[0] + right * scale, self.middle[1] + down * scale, away], axis=-1
        )

    def rays(self, size: int) -> Float[Array, "size size 3"]:
        """Where each pixel looks, in the world; one metre along the line of sight."""
        steps = np.arange(size, dtype=float)
        right, down = np.meshgrid(
            (steps - self.middle[0]) / self.focal, (steps - self.middle[1]) / self.focal
        )
        return np.stack([right, down, np.ones_like(right)], axis=-1) @ self.axes


def looking(azimuth: float, elevation: float) -> Float[Array, "3 3"]:
    """The picture's axes for a camera at an azimuth and elevation [radians] around the scene.

    From azimuth 0 one sees the scene from the front; from a quarter turn, from its right.
    """
    away = -np.array(
        [
            math.cos(elevation) * math.cos(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.sin(azimuth),
        ]
    )
    right = np.cross(away, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(away, right), away])


def framed(
    points: Float[Array, "time point 3"],
    radii: Float[Array, " point"],
    targets: Float[Array, "time 3"],
    *,
    axes: Float[Array, "3 3"],
    distance: float,
    size: int,
    fill: float,
) -> Camera:
    """The camera at a distance [m] from its targets whose picture these points fill.

    Args:
        points: what has to be in the picture in every frame.
        radii: how far around each point it reaches [m].
        targets: what the camera glides along with.
        axes: where it looks.
        distance: from the targets [m].
        size: of the picture [pixels].
        fill: how much of the picture the points take up, at most 1.
    """
    wide = Camera(places=targets - distance * axes[2], axes=axes, focal=1.0, middle=(0.0, 0.0))
    seen = wide.project(points)
    around = (radii / seen[..., 2])[..., None]
    low = (seen[..., :2] - around).min(axis=(0, 1))
    high = (seen[..., :2] + around).max(axis=(0, 1))
    focal = fill * size / float((high - low).max())
    right, down = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(places=wide.places, axes=axes, focal=focal, middle=(float(right), float(down)))
