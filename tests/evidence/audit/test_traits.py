import numpy as np
import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.audit.traits import (
    CUES,
    PICTURE,
    SIDE,
    background_vector,
    border_vector,
    calm_pixels,
    caption_vector,
    edges_of,
    margin_of,
    over_time,
    picture_vector,
    small_movie,
    static_contours,
    traits_of,
)


def passing(time=8, side=64):
    """A light square passes over grey."""
    grey = np.full((time, side, side), 0.5)
    for t in range(time):
        grey[t, 20:36, 6 * t : 6 * t + 16] = 0.9
    return grey


def clip_of(grey):
    frames = torch.from_numpy(np.repeat(grey[None], 3, axis=0)).float()
    return Clip(frames=frames)


def captioned(grey):
    shown = grey.copy()
    shown[:, 44:51, 8:40] = 0.05
    shown[:, 46:49, 10:38:3] = 0.95
    return shown


def test_a_caption_is_found_where_it_stands_and_what_passes_is_not():
    contours = static_contours(captioned(passing()))
    rows, columns = np.nonzero(contours)
    assert rows.min() >= 43
    assert rows.max() <= 51
    assert columns.min() >= 7
    assert not static_contours(passing()).any()


def test_what_stands_still_inside_of_something_that_grows_is_no_caption():
    grey = np.full((8, 64, 64), 0.5)
    rows, columns = np.mgrid[:64, :64] - 31.5
    far = np.hypot(rows, columns)
    for t in range(8):
        grey[t][far < 8 + 2 * t] = 0.9
    grey[:, 30:34, 30:34] = 0.1
    assert not static_contours(grey).any()
    still = np.repeat(grey[:1], 8, axis=0)
    assert static_contours(still).any()


def test_a_border_is_no_caption():
    grey = passing()
    grey[:, :3], grey[:, :, :3] = 1.0, 1.0
    assert not static_contours(grey).any()


def test_where_all_moves_all_is_calm():
    noise = np.random.default_rng(0).random((8, 64, 64))
    assert calm_pixels(noise).mean() > 0.99
    assert not calm_pixels(passing())[28, 20]
    assert calm_pixels(passing())[5, 5]


def test_the_background_does_not_know_what_passes_over_it():
    vectors = []
    for grey in (passing(), np.full((8, 64, 64), 0.5)):
        movie = np.repeat(grey[..., None], 3, axis=3)
        calm = calm_pixels(grey)
        vectors.append(background_vector(np.median(movie, axis=0), calm))
    np.testing.assert_allclose(*vectors, atol=1e-9)


def test_the_border_knows_only_the_margin():
    movie = np.repeat(passing()[..., None], 3, axis=3)
    inside = movie.copy()
    inside[:, 10:-10, 10:-10] = 0.2
    framed = movie.copy()
    framed[:, :4] = 1.0
    plain, same, other = (border_vector(each) for each in (movie, inside, framed))
    assert len(plain) == 4 * (4 * 3 + 1)
    np.testing.assert_allclose(plain[:12], same[:12])
    np.testing.assert_allclose(other[:12], 1.0)  # the four pieces on top
    assert other[12] == pytest.approx(0.5)  # from there to what lies below


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_edges_are_told_by_orientation(degrees):
    rows, columns = np.mgrid[:32, :32]
    angle = np.radians(degrees + 5)  # in the middle of a bin of 22.5 degrees, nearly
    picture = np.sin(0.5 * (np.cos(angle) * columns + np.sin(angle) * rows))
    strength = edges_of(picture, np.ones((32, 32), dtype=bool)).sum(axis=(1, 2))
    assert strength.argmax() == degrees // 22.5


def test_colours_of_a_cell_are_its_mean():
    picture = np.zeros((64, 64, 3))
    picture[:8, 8:16] = [1.0, 0.5, 0.0]
    vector = picture_vector(picture)
    assert len(vector) == 8 * 8 * 3 + 4 * 4 * 8
    np.testing.assert_allclose(vector[3:6], [1.0, 0.5, 0.0])
    assert np.abs(vector[6:192]).max() == 0


def test_caption_vector_names_cell_and_sum():
    contours = np.zeros((64, 64), dtype=bool)
    contours[:8, :4] = True  # half of the first of 64 cells
    vector = caption_vector(contours)
    assert vector[0] == pytest.approx(np.sqrt(0.5))
    assert vector[64] == pytest.approx(np.sqrt(0.5))
    assert vector[67] == pytest.approx(np.sqrt(0.5 / 64))


@pytest.mark.parametrize(
    ("time", "height", "width"),
    [(1, 32, 32), (20, 112, 112), (5, 64, 171), (3, 240, 100), (4, 14, 12)],
)
def test_clips_of_any_size_have_as_many_numbers(time, height, width):
    frames = torch.rand(3, time, height, width, generator=torch.Generator().manual_seed(0))
    clip = Clip(frames=frames)
    vectors, shown = traits_of(clip)
    assert {cue: len(vectors[cue]) for cue in CUES} == {
        "single frame": 320,
        "background": 120,
        "border": 52,
        "caption": 68,
        "camera": 10,
    }
    assert all(np.isfinite(each).all() for each in vectors.values())
    assert all(each.shape == (PICTURE, PICTURE, 3) for each in shown.values())
    assert max(small_movie(clip).shape[1:3]) <= SIDE


@pytest.mark.parametrize("time", [1, 4, 7])
def test_the_median_over_time_is_numpys(time):
    values = np.random.default_rng(0).random((time, 5, 6, 3))
    np.testing.assert_allclose(over_time(values), np.median(values, axis=0))


def test_the_margin_is_a_sixteenth():
    assert margin_of(64, 128).sum() == 64 * 128 - 56 * 112


def test_a_caption_changes_neither_border_nor_background():
    plain, _ = traits_of(clip_of(passing()))
    shown, _ = traits_of(clip_of(captioned(passing())))
    np.testing.assert_allclose(plain["border"], shown["border"], atol=1e-6)
    assert np.abs(plain["caption"] - shown["caption"]).max() > 0.5
    assert np.abs(plain["background"] - shown["background"]).max() < 0.2
