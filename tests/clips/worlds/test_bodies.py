import numpy as np
import pytest

from kinetoscope.clips.worlds.bodies import JOINTS, PARTS, draw_body, limbs_of
from kinetoscope.clips.worlds.mocap import TURNING, Poses
from kinetoscope.clips.worlds.seeds import generator_for

SIDES = ("right_", "left_")


def body(seed=0):
    return draw_body(generator_for("a body", seed))


def standing(time=1, **turns):
    """Upright, arms down; `turns` gives a joint another matrix."""
    matrices = np.tile(np.eye(3), (time, len(TURNING), 1, 1))
    for joint, matrix in turns.items():
        matrices[:, [*TURNING].index(joint)] = matrix
    return Poses(places=np.tile([0.0, 0.9, 0.0], (time, 1)), turns=matrices)


def joint(limbs, name):
    return limbs.joints[0, [*JOINTS].index(name)]


def about_right(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def test_who_stands_upright_has_joints_one_above_the_other():
    limbs = limbs_of(body(), standing())
    order = ("right_ankle", "right_knee", "right_hip", "root", "chest", "neck", "head")
    heights = [joint(limbs, name)[1] for name in order]
    assert heights == sorted(heights)
    assert 1.4 < heights[-1] < 1.9
    assert joint(limbs, "right_hip")[2] > 0 > joint(limbs, "left_hip")[2]
    assert joint(limbs, "right_toe")[0] > joint(limbs, "right_ankle")[0]


def test_a_bent_knee_moves_what_is_below_it_and_nothing_above():
    who = body()
    straight, bent = (
        limbs_of(who, standing()),
        limbs_of(who, standing(right_knee=about_right(-1.2))),
    )
    shift = joint(bent, "root") - joint(straight, "root")
    for name in ("right_knee", "left_ankle", "head", "right_wrist"):
        np.testing.assert_allclose(joint(bent, name) - joint(straight, name), shift, atol=1e-12)
    shin = joint(bent, "right_ankle") - joint(bent, "right_knee")
    length = np.linalg.norm(joint(straight, "right_ankle") - joint(straight, "right_knee"))
    np.testing.assert_allclose(shin, length * np.array([-np.sin(1.2), -np.cos(1.2), 0]), atol=1e-9)


def test_turning_the_root_turns_everything():
    who, turn = body(), about_right(0.5)
    upright, leaning = limbs_of(who, standing()), limbs_of(who, standing(root=turn))
    from_root = upright.joints - upright.joints[:, :1]
    np.testing.assert_allclose(
        leaning.joints - leaning.joints[:, :1], from_root @ turn.T, atol=1e-9
    )


def test_the_lowest_limb_touches_the_floor():
    limbs = limbs_of(body(), standing(time=3))
    assert (limbs.ends[..., 1] - limbs.radii).min() == pytest.approx(0, abs=1e-12)


def test_who_stands_upright_is_the_same_on_either_side():
    limbs = limbs_of(body(), standing())
    for name in JOINTS:
        if name.startswith("right_"):
            other = joint(limbs, name.replace(*SIDES))
            np.testing.assert_allclose(joint(limbs, name) * [1, 1, -1], other, atol=1e-12)


def test_longer_legs_make_longer_strides_and_larger_persons():
    tall, small = (max(bodies, key=key) for bodies, key in _extremes())
    poses = standing(time=2)
    poses.places[1, 0] = 1.0
    strides = [np.diff(limbs_of(who, poses).joints[:, 0, 0])[0] for who in (tall, small)]
    assert strides[0] / strides[1] == pytest.approx(tall.stretch["legs"] / small.stretch["legs"])


def _extremes():
    bodies = [body(seed) for seed in range(20)]
    return [
        (bodies, lambda who: who.stretch["legs"]),
        (bodies, lambda who: -who.stretch["legs"]),
    ]


def test_every_part_has_a_capsule_and_every_capsule_a_cloth():
    for seed in range(8):
        who = body(seed)
        assert {capsule.part for capsule in who.capsules} == set(PARTS)
        assert {capsule.cloth for capsule in who.capsules} <= set(who.cloths)


def test_no_two_persons_are_alike():
    drawn = {(tuple(who.stretch.values()), who.cloths["shirt"]) for who in map(body, range(50))}
    assert len(drawn) == 50
    assert body(3) == body(3)
