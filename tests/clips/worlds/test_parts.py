from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds import parts
from kinetoscope.clips.worlds.parts import (
    PART_MOTIONS,
    draw_clip,
    make_parts,
    part_track,
    render,
)
from kinetoscope.clips.worlds.textures import Texture
from kinetoscope.clips.worlds.world import ClipsPerLabel, Wanted
from kinetoscope.errors import ClipError
from kinetoscope.video.video import open_video
from tests.clips.worlds.test_shapes import dependence

ONE = ClipsPerLabel(train=1, validation=0, test=1)


def drawn(label="nodding", index=0, *, seed=0, pixels=64, **changed):
    wanted = Wanted(seed=seed, label=label, split="train", index=index)
    return replace(draw_clip(wanted, size=pixels), **changed)


# Known answers


def test_a_part_is_where_and_what_it_is_said_to_be():
    plain = Texture(pattern="plain", wavelength=1.0, dark=(0, 200, 0), light=(0, 200, 0))
    clip = drawn(shape="disc", motion="still", texture=plain, middle=(0.0, 0.0), seat=(3.0, -2.0))
    clip = replace(clip, part_motion="resting", part_colours=((255.0,) * 3, (0.0,) * 3))
    found = render(clip, size=64, frames=3)
    rows, columns = np.nonzero(found.truth["part"][1])
    assert (columns.mean(), rows.mean()) == pytest.approx((34.5, 29.5), abs=0.2)
    assert len(rows) == pytest.approx(np.pi * clip.part_size**2, rel=0.1)
    assert tuple(found.frames[1, 29, 34]) == (255, 255, 255)
    assert tuple(found.frames[1, 40, 31]) == (0, 200, 0)


@pytest.mark.parametrize(
    ("label", "across", "down"),
    [
        ("resting", 0, 0),
        ("flickering", 0, 0),
        ("nodding", 0, 1),
        ("shaking_fast", 1, 0),
        ("circling_clockwise", 1, 1),
    ],
)
def test_a_part_moves_along_the_axes_of_its_label(label, across, down):
    track, _ = part_track(drawn(label, phase=0.25), frames=41)
    reach = np.ptp(track, axis=0) / 2
    np.testing.assert_allclose(reach, parts.REACH * np.array([across, down]), atol=0.1)


def test_fast_parts_are_back_twice_as_often():
    slow, fast = (part_track(drawn(label), frames=60)[0] for label in ("nodding", "nodding_fast"))
    np.testing.assert_allclose(slow[20:], slow[:-20], atol=1e-9)
    np.testing.assert_allclose(fast[10:], fast[:-10], atol=1e-9)
    assert np.abs(slow[10:] - slow[:-10]).max() > 1


@pytest.mark.parametrize(("label", "turn"), [("clockwise", 1), ("anticlockwise", -1)])
def test_a_circle_goes_round_the_way_its_label_says(label, turn):
    track, _ = part_track(drawn(f"circling_{label}"), frames=20)
    (x, y), (dx, dy) = (track - track.mean(axis=0))[:-1].T, np.diff(track, axis=0).T
    assert (np.sign(x * dy - y * dx) == turn).all()  # clockwise, where down is positive


def test_a_flickering_part_is_seen_half_of_the_time_and_the_others_always():
    for label in PART_MOTIONS:
        _, shown = part_track(drawn(label), frames=40)
        assert shown.mean() == (0.5 if label == "flickering" else 1.0)


# Promises


def test_nothing_but_the_motion_of_the_part_tells_a_label():
    clips = [drawn(label, index) for label in PART_MOTIONS for index in range(120)]
    labels = [clip.part_motion for clip in clips]
    for told in (
        [clip.shape for clip in clips],
        [clip.colour for clip in clips],
        [clip.texture.pattern for clip in clips],
        [clip.background.pattern for clip in clips],
        [clip.motion for clip in clips],
        [clip.direction for clip in clips],
        [clip.part_colours for clip in clips],
        [clip.speed > 0.45 for clip in clips],
        [clip.size > 20 for clip in clips],
        [clip.drift != (0.0, 0.0) for clip in clips],
        [(clip.seat[0] > 0, clip.seat[1] > 0) for clip in clips],
        [(clip.middle[0] > 0, clip.middle[1] > 0) for clip in clips],
    ):
        assert dependence(labels, told) < 0.15


def test_the_same_clip_with_another_label_differs_in_the_part_alone():
    resting, nodding = (
        render(drawn(index=2, part_motion=label), size=64, frames=20)
        for label in ("resting", "nodding")
    )
    seen = (resting.truth["part"] | nodding.truth["part"]).astype(bool)
    near = np.stack([cv2.dilate(each.astype(np.uint8), np.ones((3, 3))) for each in seen]) > 0
    assert np.array_equal(resting.frames[~near], nodding.frames[~near])
    assert not np.array_equal(resting.frames, nodding.frames)
    assert np.array_equal(resting.truth["body"], nodding.truth["body"])


def test_a_part_is_small():
    shares = []
    for index in range(40):
        found = render(drawn(index=index), size=64, frames=2)
        shares.append(found.truth["part"].mean() / found.truth["body"].mean())
    assert max(shares) < 0.1


@pytest.mark.parametrize("label", ["nodding", "circling_clockwise"])
def test_flow_brings_the_next_frame_of_a_part_back(label):
    clip = drawn(label, pixels=192)
    found = render(clip, size=192, frames=4)
    one, two = found.frames[1:3].astype(np.float32)
    right, down = found.truth["flow"][:, 1].astype(np.float32)
    rows, columns = np.mgrid[:192, :192].astype(np.float32)
    back = cv2.remap(two, columns + right, rows + down, cv2.INTER_CUBIC)
    inside = cv2.erode(found.truth["part"][1], np.ones((3, 3))) > 0
    assert np.abs(back - one)[inside].mean() < 5


def test_a_larger_picture_shows_the_same_clip():
    small, large = (
        render(drawn(index=4, pixels=size), size=size, frames=4).frames.astype(float)
        for size in (64, 128)
    )
    shrunk = large.reshape(4, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small).mean() < 4


def test_a_seed_gives_the_same_clips_and_another_seed_others():
    assert drawn(index=3) == drawn(index=3)
    assert drawn(index=3) != drawn(index=4)
    assert drawn(seed=0) != drawn(seed=1)


def test_a_world_of_parts_is_written_and_can_be_read(tmp_path):
    folder = make_parts(tmp_path / "parts", clips_per_label=ONE, frames=6)
    catalog = read_catalog(folder)
    assert catalog.labels == PART_MOTIONS
    assert Counter(entry.split for entry in catalog) == {"train": 8, "test": 8}
    entry = catalog.entries[0]
    assert entry.more["part_motion"] == entry.label
    truth = load_file(entry.path.with_suffix(".truth.safetensors"))
    assert {name: array.shape for name, array in truth.items()} == {
        "flow": (2, 6, 64, 64),
        "body": (6, 64, 64),
        "part": (6, 64, 64),
        "place": (6, 2),
        "part_place": (6, 2),
        "part_shown": (6,),
    }
    with open_video(entry.path) as video:
        frames = video.frames(range(video.frame_count)).numpy()
    assert (
        np.abs(frames.astype(int) - render(drawn("resting"), size=64, frames=6).frames).mean() < 6
    )


def test_the_drawing_is_the_one_that_its_number_stands_for():
    """Where this fails because clips look different on purpose, count up DRAWING."""
    frames = render(drawn(index=11), size=64, frames=3).frames
    assert parts.DRAWING == 1
    assert abs(int(frames.astype(int).sum()) - 4_123_759) < 20


# Refusals


@pytest.mark.parametrize(("size", "frames"), [(31, 20), (30, 20), (64, 1)])
def test_refuses_clips_that_can_not_be_made(tmp_path, size, frames):
    with pytest.raises(ClipError, match="can't be made"):
        make_parts(tmp_path / "parts", size=size, frames=frames)
    assert not (tmp_path / "parts").exists()
