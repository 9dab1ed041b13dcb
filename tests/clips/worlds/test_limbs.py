import numpy as np
import pytest

from kinetoscope.clips.worlds.bodies import JOINTS, Limbs, draw_body, limbs_of
from kinetoscope.clips.worlds.camera import Camera, looking
from kinetoscope.clips.worlds.limbs import FINER, paint_person, surface_of
from kinetoscope.clips.worlds.mocap import TURNING, Poses
from kinetoscope.clips.worlds.seeds import generator_for


def camera(time=1, azimuth=np.pi / 2, height=0.0):
    axes = looking(azimuth, 0.0)
    places = np.tile(-4 * axes[2] + [0, height, 0], (time, 1))
    return Camera(places=places, axes=axes, focal=80.0, middle=(31.5, 31.5))


def limbs(*ends, radius=0.2):
    """Capsules alone, without a skeleton: each a start and an end."""
    return Limbs(
        joints=np.zeros((1, len(JOINTS), 3)),
        turns=np.tile(np.eye(3), (1, len(TURNING), 1, 1)),
        ends=np.array(ends, dtype=float)[None],
        radii=np.full((len(ends), 2), radius),
    )


def person(seed=0):
    who = draw_body(generator_for("seen", seed))
    turns = np.tile(np.eye(3), (2, len(TURNING), 1, 1))
    return who, limbs_of(who, Poses(places=np.tile([0.0, 0.9, 0.0], (2, 1)), turns=turns))


def test_a_ball_is_seen_as_a_disc_of_its_size():
    found = surface_of(limbs([(0, 0, 0), (0, 0, 0)]), camera(), 64)
    disc = (found.capsule == 0).sum() / FINER**2
    assert disc == pytest.approx(np.pi * (80 * 0.2 / 4) ** 2, rel=0.02)


def test_the_middle_of_a_ball_is_nearest_and_faces_the_camera():
    found = surface_of(limbs([(0, 0, 0), (0, 0, 0)]), camera(), 64)
    nearest = np.argmin(found.away)
    assert found.away[nearest] == pytest.approx(4 - 0.2, abs=1e-3)
    np.testing.assert_allclose(found.facing[nearest], (0, 0, -1), atol=0.05)
    seen = found.capsule >= 0
    np.testing.assert_allclose(np.linalg.norm(found.facing[seen], axis=1), 1)


def test_the_nearer_of_two_balls_hides_the_other_in_either_order():
    near, far = [(0, 0, 1), (0, 0, 1)], [(0.1, 0, -1), (0.1, 0, -1)]
    middle = (64 * FINER) ** 2 // 2 + 64 * FINER // 2
    assert surface_of(limbs(near, far), camera(), 64).capsule[middle] == 0
    assert surface_of(limbs(far, near), camera(), 64).capsule[middle] == 1


def test_two_limbs_that_cross_are_each_in_front_where_they_are_nearer():
    one, other = [(-0.6, 0, 0.5), (0.6, 0, -0.5)], [(-0.6, 0, -0.5), (0.6, 0, 0.5)]
    found = surface_of(limbs(one, other), camera(), 64)
    row = found.in_pixels(found.capsule)[0, 32]
    assert row[24] == 0
    assert row[40] == 1


def test_surfaces_agree_with_rays_that_are_followed():
    """The slow twin: where a ray first meets a ball, by the formula of school."""
    centre, radius, eye = np.array([0.1, 0.2, -0.3]), 0.3, camera()
    found = surface_of(limbs([centre, centre], radius=radius), eye, 64)
    rays = eye.rays(64)
    from_eye = eye.places[0] - centre
    a, b = (rays * rays).sum(axis=-1), (rays * from_eye).sum(axis=-1)
    root = b * b - a * (from_eye @ from_eye - radius**2)
    away = (-b - np.sqrt(np.maximum(root, 0))) / a
    seen = found.in_pixels(found.capsule)[0] == 0
    assert (seen == (root > 0)).mean() > 0.995
    np.testing.assert_allclose(found.in_pixels(found.away)[0][seen], away[seen], atol=0.05)


def test_what_lies_outside_of_the_picture_is_not_seen():
    beside = [(9.0, 0, 0), (9.5, 0, 0)]
    assert (surface_of(limbs(beside), camera(), 64).capsule == -1).all()
    half = surface_of(limbs([(-1.6, 0, 0), (-1.6, 0, 0)], radius=0.4), camera(), 64)
    assert 0 < (half.capsule == 0).sum() / FINER**2 < 0.6 * np.pi * 8**2


def test_cover_is_the_share_of_samples_and_colours_are_those_of_the_clothes():
    who, found = person()
    eye = camera(time=2, height=0.9)
    surface = surface_of(found, eye, 64)
    painted = paint_person(surface, who, found, eye, np.array([0.0, 1.0, 0.0]))
    cover = (surface.capsule >= 0).reshape(2, 64, FINER, 64, FINER).mean(axis=(2, 4))
    np.testing.assert_allclose(painted[..., 3], cover, atol=1e-12)
    assert (painted[cover == 0] == 0).all()
    assert painted[..., :3].max() < 256
    assert painted[..., :3].min() >= 0


def test_the_face_is_in_front_and_hair_behind():
    who, found = person()
    tones = []
    for azimuth in (0.0, np.pi):
        eye = camera(time=2, azimuth=azimuth, height=0.9)
        painted = paint_person(
            surface_of(found, eye, 64), who, found, eye, np.array([0.0, 1.0, 0.0])
        )
        right, down, _ = np.rint(eye.project(found.joints)[0, [*JOINTS].index("head")]).astype(int)
        tones.append(painted[0, down + 1, right, :3])
    skin, hair = (np.array(who.cloths[cloth].dark) for cloth in ("skin", "hair"))
    front, back = (tone / np.linalg.norm(tone) for tone in tones)
    assert front @ skin / np.linalg.norm(skin) > front @ hair / np.linalg.norm(hair)
    assert back @ hair / np.linalg.norm(hair) > back @ skin / np.linalg.norm(skin)
