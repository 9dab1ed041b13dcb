import numpy as np
import pytest

from kinetoscope.evidence.audit.duplicates import (
    clusters_of,
    correlation,
    find_pairs,
    motion_correlation,
)
from kinetoscope.evidence.audit.hashes import VIEWS, as_small, hash_of, view_of
from tests.evidence.audit.test_hashes import scene


def looked_at(clips):
    views = {view: [view_of(clip, view) for clip in clips] for view in VIEWS}
    hashes = {view: np.stack([hash_of(clip) for clip in own]) for view, own in views.items()}
    small = {view: np.stack([as_small(clip, 16) for clip in own]) for view, own in views.items()}
    return hashes, small


def noisy(clip, seed=0):
    return np.clip(clip + np.random.default_rng(seed).normal(0, 0.03, clip.shape), 0, 1)


def test_finds_copies_mirrored_and_cropped_ones_and_nothing_else():
    clips = [scene(seed) for seed in range(12)]
    clips += [noisy(clips[0]), noisy(clips[1])[:, :, ::-1], noisy(view_of(clips[2], "cropped"))]
    clips.insert(0, noisy(view_of(clips[3], "cropped")))  # the earlier one is the cropped one
    found = {(pair.one, pair.other): pair.view for pair in find_pairs(*looked_at(clips))}
    assert found == {
        (1, 13): "plain",
        (2, 14): "mirrored",
        (3, 15): "cropped",
        (0, 4): "cropped",
    }


def test_pictures_that_are_the_same_everywhere_are_no_copies():
    assert find_pairs(*looked_at([np.full((4, 32, 32), level) for level in (0.0, 0.0, 0.5)])) == []


def test_tells_another_moment_of_one_scene_from_a_copy():
    ground = scene(0)
    clips = []
    for top in (4, 4, 40):  # something small moves right, in the last clip elsewhere
        clip = ground.copy()
        for time, frame in enumerate(clip):
            frame[top : top + 10, 10 * time : 10 * time + 10] = 1 - top / 80
        clips.append(clip)
    pairs = {(pair.one, pair.other): pair for pair in find_pairs(*looked_at(clips), similar=0.5)}
    assert not pairs[0, 1].same_recording
    assert pairs[0, 2].same_recording


def test_correlations_are_those_of_numpy():
    numbers = np.random.default_rng(0)
    one, other = (numbers.integers(0, 256, (3, 4, 8, 8)).astype(np.uint8) for _ in range(2))
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(correlation(one, other), expected, atol=1e-5)
    changes = [each - each.mean(axis=1, keepdims=True) for each in (one, other)]
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*changes, strict=True)]
    np.testing.assert_allclose(motion_correlation(one, other), expected, atol=1e-5)


def test_what_stands_still_has_no_motion_to_compare():
    still = np.repeat(np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8), 4, axis=1)
    assert np.isnan(motion_correlation(still, still)[0])
    assert correlation(still, still)[0] == pytest.approx(1)


def test_clips_that_are_joined_by_pairs_are_one_cluster():
    clusters = clusters_of(6, [(0, 3), (3, 5)])
    assert len({clusters[0], clusters[3], clusters[5]}) == 1
    assert len(set(clusters)) == 4
    assert len(set(clusters_of(3, []))) == 3
