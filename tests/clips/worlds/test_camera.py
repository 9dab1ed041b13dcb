import numpy as np
import pytest

from kinetoscope.clips.worlds.camera import Camera, framed, looking

FORWARD, UP, RIGHT = np.eye(3)


def watching(azimuth=0.0, elevation=0.0, distance=5.0):
    axes = looking(azimuth, elevation)
    return Camera(places=-distance * axes[2:], axes=axes, focal=50.0, middle=(31.5, 31.5))


def test_from_the_front_the_right_hand_is_on_the_left():
    right, down, away = watching().project(RIGHT[None])[0]
    assert right == pytest.approx(31.5 - 10)
    assert down == pytest.approx(31.5)
    assert away == pytest.approx(5)


def test_from_the_right_forward_is_to_the_right():
    right, down, _ = watching(azimuth=np.pi / 2).project(FORWARD[None])[0]
    assert right == pytest.approx(31.5 + 10)
    assert down == pytest.approx(31.5)


def test_up_is_up_and_near_is_large():
    ahead = watching()
    assert ahead.project(UP[None])[0, 1] == pytest.approx(31.5 - 10)
    assert ahead.project((UP + 2.5 * FORWARD)[None])[0, 1] == pytest.approx(31.5 - 20)


@pytest.mark.parametrize("azimuth", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("elevation", [0.0, 0.7])
def test_axes_are_at_right_angles(azimuth, elevation):
    axes = looking(azimuth, elevation)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(axes[0], axes[1]), axes[2], atol=1e-12)


def test_rays_meet_the_points_that_are_projected_to_their_pixel():
    camera = watching(azimuth=0.6, elevation=0.3)
    ray = camera.rays(64)[20, 41]
    point = camera.places[0] + 3.7 * ray
    np.testing.assert_allclose(camera.project(point[None])[0], [41, 20, 3.7])


def test_what_is_framed_fills_the_picture_and_stays_in_it():
    points = np.random.default_rng(0).uniform(-1, 1, (6, 20, 3))
    radii = np.full(20, 0.1)
    camera = framed(
        points, radii, np.zeros((6, 3)), axes=looking(1.0, 0.2), distance=5.0, size=64, fill=0.9
    )
    places = camera.project(points)
    reach = (camera.focal * radii / places[..., 2])[..., None]
    low = (places[..., :2] - reach).min(axis=(0, 1))
    high = (places[..., :2] + reach).max(axis=(0, 1))
    assert (high - low).max() == pytest.approx(0.9 * 64)
    np.testing.assert_allclose((low + high) / 2, 31.5)


def test_a_camera_that_glides_along_sees_what_glides_along_in_one_place():
    targets = np.outer(np.arange(4), [0.3, 0.0, -0.2])
    points = targets[:, None] + np.array([[0.0, 0.5, 0.0], [0.2, -0.5, 0.1]])
    camera = framed(
        points, np.zeros(2), targets, axes=looking(2.0, 0.3), distance=4.0, size=64, fill=0.8
    )
    places = camera.project(points)
    np.testing.assert_allclose(places, np.broadcast_to(places[:1], places.shape))
