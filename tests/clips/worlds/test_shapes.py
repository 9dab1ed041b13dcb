from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds import shapes
from kinetoscope.clips.worlds.outlines import SHAPES
from kinetoscope.clips.worlds.paths import MOTIONS
from kinetoscope.clips.worlds.shapes import (
    COLOURS,
    DEFAULT_CLASSES,
    Combination,
    ShapeClass,
    check_classes,
    draw_clip,
    make_shapes,
    render,
)
from kinetoscope.clips.worlds.textures import Texture
from kinetoscope.clips.worlds.world import ClipsPerLabel, Wanted
from kinetoscope.errors import CatalogError
from kinetoscope.video.video import open_video

ANYTHING = ShapeClass(label="anything", told_by="both", combinations=(Combination(),))
ONE = ClipsPerLabel(train=1, validation=0, test=1)


def drawn(index=0, *, allowed=ANYTHING, seed=0, pixels=64, **changed):
    wanted = Wanted(seed=seed, label=allowed.label, split="train", index=index)
    return replace(draw_clip(wanted, allowed, size=pixels), **changed)


def many(count=600):
    return [drawn(index) for index in range(count)]


def dependence(first, second):
    """Cramér's V: 0 where two factors are independent, 1 where one tells the other."""
    pairs, ones, others = Counter(zip(first, second, strict=True)), Counter(first), Counter(second)
    total = len(first)
    chi = sum(
        (pairs[one, other] - ones[one] * others[other] / total) ** 2
        / (ones[one] * others[other] / total)
        for one in ones
        for other in others
    )
    return (chi / total / (min(len(ones), len(others)) - 1)) ** 0.5


# Known answers


def test_a_disc_is_where_and_what_it_is_said_to_be():
    plain = Texture(pattern="plain", wavelength=1.0, dark=(200, 0, 0), light=(200, 0, 0))
    ground = Texture(pattern="plain", wavelength=1.0, dark=(0, 40, 90), light=(0, 40, 90))
    clip = drawn(shape="disc", motion="line", direction="right", speed=2.0, size=10.0)
    clip = replace(clip, middle=(0.0, 3.0), texture=plain, background=ground, drift=(0.0, 0.0))
    found = render(clip, size=64, frames=5)
    np.testing.assert_allclose(found.truth["place"][:, 0], 31.5 + 2 * np.arange(-2, 3))
    np.testing.assert_allclose(found.truth["place"][:, 1], 34.5)
    assert tuple(found.frames[2, 34, 31]) == (200, 0, 0)
    assert tuple(found.frames[2, 5, 5]) == (0, 40, 90)
    flow, inside = found.truth["flow"].astype(float), found.truth["mask"].astype(bool)
    assert inside.sum() == pytest.approx(5 * 314, rel=0.02)
    np.testing.assert_allclose(flow[:, inside], np.array([[2.0], [0.0]]).repeat(inside.sum(), 1))
    assert (flow[:, ~inside] == 0).all()


def test_flow_of_a_looming_shape_points_away_from_its_centre():
    found = render(drawn(motion="looming", shape="disc", speed=2.0, size=12.0), size=64, frames=9)
    flow, inside = found.truth["flow"].astype(float), found.truth["mask"][4].astype(bool)
    rows, columns = np.nonzero(inside)
    right, down = (np.array([columns, rows]).T - found.truth["place"][4]).T
    rate = np.exp(0.25 * 2.0 / 12.0) - 1
    np.testing.assert_allclose(flow[0, 4][inside], rate * right, atol=2e-3)
    np.testing.assert_allclose(flow[1, 4][inside], rate * down, atol=2e-3)


def test_half_of_a_pixel_on_the_edge_is_covered():
    white = Texture(pattern="plain", wavelength=1.0, dark=(0, 0, 0), light=(0, 0, 0))
    clip = drawn(shape="square", angle=0.7853981633974483, motion="still", size=10.0)
    clip = replace(clip, middle=(0.5, 0.5), texture=white, drift=(0.0, 0.0))
    clip = replace(clip, background=replace(white, dark=(255, 255, 255), light=(255, 255, 255)))
    frame = render(clip, size=64, frames=2).frames[0, :, :, 0].astype(float)
    row = 255 - frame[32]  # the square is black, with a dark line that is nearly black
    half = 10.0 * np.sqrt(np.pi) / 2
    assert row.sum() / 255 == pytest.approx(2 * half, abs=0.4)


def test_labels_of_the_demo_are_told_by_appearance_by_motion_and_by_both():
    assert Counter(one.told_by for one in DEFAULT_CLASSES) == {
        "appearance": 3,
        "motion": 3,
        "both": 2,
    }
    right, left = (one for one in DEFAULT_CLASSES if one.told_by == "both")
    told = {
        (one.label, each.colours, each.directions)
        for one in (right, left)
        for each in one.combinations
    }
    assert told == {
        ("red_right_or_blue_left", ("red",), ("right",)),
        ("red_right_or_blue_left", ("blue",), ("left",)),
        ("red_left_or_blue_right", ("red",), ("left",)),
        ("red_left_or_blue_right", ("blue",), ("right",)),
    }


# Promises


def brought_back(clip, size):
    """How far frame 1 is from frame 2 brought back by its flow, and from frame 2 itself."""
    found = render(clip, size=size, frames=4)
    one, two = found.frames[1:3].astype(np.float32)
    right, down = found.truth["flow"][:, 1].astype(np.float32)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    back = cv2.remap(two, columns + right, rows + down, cv2.INTER_CUBIC)
    border = np.pad(np.zeros((size - 16, size - 16), dtype=bool), 8, constant_values=True)
    inside = cv2.erode(found.truth["mask"][1], np.ones((3, 3))) > 0
    outside = cv2.dilate(found.truth["mask"][1:3].max(axis=0), np.ones((5, 5))) == 0
    error, change = (np.abs(each - one).mean(axis=-1) for each in (back, two))
    return error, change, inside & ~border, outside & ~border


@pytest.mark.parametrize("motion", MOTIONS)
def test_flow_brings_the_next_frame_of_a_shape_back(motion):
    for shape in SHAPES:
        clip = drawn(motion=motion, shape=shape, pixels=192)
        error, change, inside, _ = brought_back(clip, 192)
        assert error[inside].mean() < 4
        assert motion == "still" or error[inside].mean() < 0.5 * change[inside].mean()


def test_flow_brings_the_next_frame_of_a_drifting_background_back():
    error, change, _, outside = brought_back(drawn(drift=(1.5, -0.75), pixels=192), 192)
    assert error[outside].mean() < 0.3 * change[outside].mean()


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_match_pixels(shape):
    green = Texture(pattern="plain", wavelength=1.0, dark=(0, 255, 0), light=(0, 255, 0))
    found = render(drawn(shape=shape, background=green), size=64, frames=3)
    covered = np.abs(found.frames.astype(int) - (0, 255, 0)).max(axis=-1) > 115
    assert (covered == found.truth["mask"].astype(bool)).mean() > 0.995


def test_factors_are_independent_of_each_other():
    clips = many()
    names = ("shape", "colour", "motion", "direction", "turn")
    found = {name: [getattr(clip, name) for clip in clips] for name in names}
    found["pattern"] = [clip.texture.pattern for clip in clips]
    found["background"] = [clip.background.pattern for clip in clips]
    found["drifts"] = [clip.drift != (0.0, 0.0) for clip in clips]
    found["fast"] = [clip.speed > 1.6 for clip in clips]
    found["large"] = [clip.size > 11.75 for clip in clips]
    for one in found:
        for other in found:
            assert one == other or dependence(found[one], found[other]) < 0.15, (one, other)


def test_nothing_but_what_a_label_stands_for_tells_it():
    labels, backgrounds, places, sizes = [], [], [], []
    for allowed in DEFAULT_CLASSES:
        for index in range(100):
            clip = drawn(index, allowed=allowed)
            labels.append(allowed.label)
            backgrounds.append((clip.background.pattern, clip.drift != (0.0, 0.0)))
            places.append((clip.middle[0] > 0, clip.middle[1] > 0))
            sizes.append((clip.size > 11.75, clip.speed > 1.6))
    assert dependence(labels, backgrounds) < 0.12
    assert dependence(labels, places) < 0.12
    assert dependence(labels, sizes) < 0.12


def test_neither_colour_nor_direction_tells_the_labels_that_need_both():
    both = [one for one in DEFAULT_CLASSES if one.told_by == "both"]
    clips = [(one.label, drawn(index, allowed=one)) for one in both for index in range(80)]
    labels = [label for label, _ in clips]
    colours, directions = (
        [getattr(clip, name) for _, clip in clips] for name in ("colour", "direction")
    )
    assert dependence(labels, directions) < 1e-9
    assert dependence(labels, colours) < 1e-9
    assert dependence(labels, list(zip(colours, directions, strict=True))) == pytest.approx(1)


def test_colours_are_equally_bright():
    for tone in (0, 1):
        bright = [np.dot((0.299, 0.587, 0.114), colour[tone]) for colour in COLOURS.values()]
        assert np.ptp(bright) < 2


def test_a_larger_picture_shows_the_same_clip():
    wanted = Wanted(seed=0, label="anything", split="test", index=4)
    small, large = (
        render(draw_clip(wanted, ANYTHING, size=size), size=size, frames=4).frames.astype(float)
        for size in (64, 128)
    )
    shrunk = large.reshape(4, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small).mean() < 4


def test_a_seed_gives_the_same_clips_and_another_seed_others():
    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert drawn(3, seed=0) != drawn(3, seed=1)


def test_a_world_of_shapes_is_written_and_can_be_read(tmp_path):
    folder = make_shapes(tmp_path / "shapes", clips_per_label=ONE, frames=6)
    catalog = read_catalog(folder)
    assert catalog.labels == tuple(one.label for one in DEFAULT_CLASSES)
    assert len(catalog) == 2 * len(DEFAULT_CLASSES)
    entry = catalog.entries[0]
    assert entry.more["shape"] == "ring"
    truth = load_file(entry.path.with_suffix(".truth.safetensors"))
    assert truth["flow"].shape == (2, 6, 64, 64)
    assert truth["flow"].dtype == np.float16
    assert truth["mask"].shape == (6, 64, 64)
    with open_video(entry.path) as video:
        frames = video.frames(range(video.frame_count)).numpy()
    clip = draw_clip(Wanted(seed=0, label="ring", split="train", index=0), DEFAULT_CLASSES[0])
    assert np.abs(frames.astype(int) - render(clip, size=64, frames=6).frames).mean() < 6


# Refusals


def one_label(label, **allowed):
    return ShapeClass(label=label, told_by="both", combinations=(Combination(**allowed),))


@pytest.mark.parametrize(
    "classes",
    [
        (one_label("a"), one_label("b")),
        (one_label("a", shapes=("disc",)), one_label("a", shapes=("ring",))),
        (one_label("a", motions=("line",)), one_label("b", colours=("red",))),
        (
            one_label("a", motions=("still",), directions=("up",)),
            one_label("b", motions=("still",), directions=("down",)),
        ),
    ],
    ids=["all in both", "same name", "red lines in both", "still has no direction"],
)
def test_refuses_labels_that_can_not_be_told_apart(classes):
    with pytest.raises(CatalogError, match="can't be told apart"):
        check_classes(classes)


@pytest.mark.parametrize(
    "classes",
    [(one_label("a", motions=("line",)), one_label("b", motions=("circle",))), DEFAULT_CLASSES],
    ids=["by motion", "the demo's"],
)
def test_accepts_labels_that_can_be_told_apart(classes):
    check_classes(classes)


def test_refuses_a_label_that_allows_nothing():
    with pytest.raises(CatalogError, match="allows no clip"):
        check_classes([one_label("a", shapes=())])
    with pytest.raises(CatalogError, match="allows no clip"):
        check_classes([ShapeClass(label="a", told_by="both", combinations=())])


def test_refuses_a_world_without_labels():
    with pytest.raises(CatalogError, match="has labels"):
        make_shapes("nowhere", classes=())


def test_the_drawing_is_the_one_that_its_number_stands_for():
    """Where this fails because clips look different on purpose, count up DRAWING."""
    frames = render(drawn(11), size=64, frames=3).frames
    assert shapes.DRAWING == 1
    assert abs(int(frames.astype(int).sum()) - 4_052_391) < 20
