from collections import Counter, defaultdict
from dataclasses import replace

import cv2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds import figures
from kinetoscope.clips.worlds.bodies import JOINTS, PARTS
from kinetoscope.clips.worlds.figures import (
    FRAMES_PER_SECOND,
    VIEWS,
    draw_clip,
    make_figures,
    render,
)
from kinetoscope.clips.worlds.mocap import ACTIONS, load_motion
from kinetoscope.clips.worlds.textures import Texture
from kinetoscope.clips.worlds.world import SPLITS, ClipsPerLabel, Wanted
from kinetoscope.errors import CatalogError, UnknownNameError
from kinetoscope.video.video import open_video

pytestmark = pytest.mark.usefixtures("recordings")


def wanted(action="walk", split="train", index=0, seed=0):
    return Wanted(seed=seed, label=action, split=split, index=index)


def drawn(*arguments, size=64, frames=8, **changed):
    return render(draw_clip(wanted(*arguments, **changed), frames=frames), size=size, frames=frames)


def view(clip):
    """The direction of view that an azimuth belongs to."""
    return round(clip.azimuth * VIEWS / 360) % VIEWS


# Promises


@pytest.mark.parametrize("action", ACTIONS)
def test_joints_lie_on_the_person(action):
    truth = drawn(action, index=3).truth
    places = np.rint(truth["joints"]).astype(int)
    assert places.min() >= 0
    assert places.max() < 64
    near = np.stack([cv2.dilate(mask, np.ones((3, 3))) for mask in truth["mask"]])
    time = np.arange(8)[:, None]
    assert (truth["mask"][time, places[..., 1], places[..., 0]] > 0).mean() > 0.97
    assert (near[time, places[..., 1], places[..., 0]] > 0).all()


def test_joints_that_are_visible_lie_on_their_own_limbs():
    limbs = {
        "knee": ("thigh", "shin"),
        "ankle": ("shin", "foot"),
        "elbow": ("upper_arm", "forearm"),
        "wrist": ("forearm",),
    }
    found = Counter()
    for action in ("walk", "cartwheel", "dance_a", "crawl"):
        truth = drawn(action, size=128).truth
        for index, name in enumerate(JOINTS):
            side, _, joint = name.partition("_")
            own = [1 + PARTS.index(f"{side}_{limb}") for limb in limbs.get(joint, ())]
            for time in np.flatnonzero(truth["visible"][:, index]) if own else ():
                right, down = np.rint(truth["joints"][time, index]).astype(int)
                found[truth["mask"][time, down, right] in own] += 1
    assert found[True] > 200
    assert found[True] / found.total() > 0.93


def test_the_far_arm_of_a_walker_is_hidden_at_times_and_the_near_one_less():
    names, hidden = [*JOINTS], Counter()
    for index in range(24):
        clip = draw_clip(wanted("walk", index=index), frames=8)
        if 60 < clip.azimuth < 120:  # seen from the walker's right
            visible = render(clip, size=64, frames=8).truth["visible"]
            for side in ("right", "left"):
                hidden[side] += int((visible[:, names.index(f"{side}_elbow")] == 0).sum())
    assert hidden["left"] > hidden["right"] + 5


def test_masks_match_pixels():
    """On a stage that is green all over, what is red or blue is the person."""
    green = Texture(pattern="plain", wavelength=1.0, dark=(0, 255, 0), light=(0, 255, 0))
    for index in range(4):
        clip = draw_clip(wanted("jump", index=index), frames=8)
        clip = replace(clip, stage=replace(clip.stage, floor=green, wall=green))
        found = render(clip, size=64, frames=8)
        covered = found.frames[..., [0, 2]].max(axis=-1) > 25
        inside = found.truth["mask"] > 0
        assert (covered & inside).sum() / (covered | inside).sum() > 0.85
        assert (covered & inside).sum() / inside.sum() > 0.97


@pytest.mark.parametrize("action", ACTIONS)
def test_every_clip_shows_what_its_action_is_known_by(action):
    motion, heart = load_motion(action), ACTIONS[action].heart
    for index in range(30):
        clip = draw_clip(wanted(action, index=index), frames=20)
        shown = clip.pace * 19 / FRAMES_PER_SECOND
        if heart is not None:
            early = clip.begin - motion.duration_seconds * (clip.begin > heart[0])
            assert early <= heart[0] + 1e-9
            assert early + shown >= heart[1] - 1e-9
        if not motion.loops:  # no more of the first and last pose than there has to be
            spare = motion.duration_seconds - shown
            assert min(0, spare) <= clip.begin <= max(0, spare)


def test_no_person_and_no_view_is_in_two_splits():
    views, persons = defaultdict(set), defaultdict(set)
    for split in SPLITS:
        for action in ("walk", "kick"):
            for index in range(24):
                clip = draw_clip(wanted(action, split, index), frames=8)
                views[split].add(view(clip))
                persons[split].add((clip.subject, tuple(clip.body.stretch.values())))
    for each in (views, persons):
        assert not each["train"] & each["test"]
        assert not each["train"] & each["validation"]
        assert not each["validation"] & each["test"]
    assert len(views["train"]) == 12
    for tested in views["test"]:
        assert {(tested - 1) % VIEWS, (tested + 1) % VIEWS} <= views["train"]


def test_a_person_performs_every_action_once():
    first, second = (
        [draw_clip(wanted(action, index=index), frames=8) for index in range(6)]
        for action in ("walk", "roll")
    )
    assert [clip.body for clip in first] == [clip.body for clip in second]
    assert len({clip.subject for clip in first}) == 6
    assert all(one.stage != other.stage for one, other in zip(first, second, strict=True))


def test_every_action_is_seen_from_every_view_of_its_split_as_often():
    for split, views in (("train", 12), ("test", 6)):
        seen = Counter(view(draw_clip(wanted("spin", split, i), frames=8)) for i in range(24))
        assert len(seen) == views
        assert set(seen.values()) == {24 // views}


def test_the_person_stays_in_the_picture_and_fills_much_of_it():
    for action in ("run", "cartwheel", "getup_faceup"):
        for index in range(4):
            inside = drawn(action, index=index).truth["mask"] > 0
            assert not inside[:, [0, -1]].any()
            assert not inside[:, :, [0, -1]].any()
            rows, columns = (np.ptp(np.nonzero(inside)[axis]) + 1 for axis in (1, 2))
            assert max(rows, columns) > 46


def test_a_larger_picture_shows_the_same_clip():
    small, large = (drawn("kick", size=size).frames.astype(float) for size in (64, 128))
    shrunk = large.reshape(8, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small).mean() < 6


def test_a_seed_gives_the_same_clips_and_another_seed_others():
    one, again, other = (drawn("punch", seed=seed).frames for seed in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).mean() > 0.5


def test_a_world_of_figures_is_written_and_can_be_read(tmp_path):
    folder = make_figures(
        tmp_path / "figures",
        clips_per_label=ClipsPerLabel(train=1, validation=0, test=1),
        actions=("walk", "backflip"),
        frames=6,
    )
    catalog = read_catalog(folder)
    assert catalog.labels == ("walk", "backflip")
    entry = catalog.entries[-1]
    assert (entry.split, entry.group) == ("test", "test_000")
    truth = load_file(entry.path.with_suffix(".truth.safetensors"))
    assert truth["mask"].shape == (6, 64, 64)
    assert truth["joints"].shape == (6, len(JOINTS), 2)
    assert truth["away"].shape == truth["visible"].shape == (6, len(JOINTS))
    with safe_open(entry.path.with_suffix(".truth.safetensors"), "numpy") as file:
        assert file.metadata()["joint_names"].split() == list(JOINTS)
        assert file.metadata()["part_names"].split() == list(PARTS)
    with open_video(entry.path) as video:
        frames = video.frames(range(video.frame_count)).numpy()
    again = drawn("backflip", "test", frames=6).frames
    assert np.abs(frames.astype(int) - again).mean() < 5


# Refusals


def test_refuses_actions_that_were_not_recorded():
    with pytest.raises(UnknownNameError, match="near: walk"):
        make_figures("nowhere", actions=("walking",))


@pytest.mark.parametrize("actions", [(), ("walk", "walk")], ids=["none", "twice"])
def test_refuses_worlds_without_actions_or_with_one_twice(actions):
    with pytest.raises(CatalogError, match="has actions"):
        make_figures("nowhere", actions=actions)


def test_the_drawing_is_the_one_that_its_number_stands_for():
    """Where this fails because clips look different on purpose, count up DRAWING."""
    frames = drawn("spinkick", "test", 5, frames=3).frames
    assert figures.DRAWING == 1
    assert abs(int(frames.astype(int).sum()) - 2_919_133) < 20
