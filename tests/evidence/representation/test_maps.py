import os
import subprocess
import sys
import warnings

import numpy as np
import openTSNE
import pytest
from scipy.spatial.distance import cdist

from kinetoscope.errors import EvidenceError, MissingPackageError
from kinetoscope.evidence.representation.maps import Map, lay_beside, lay_out


def clusters(count=3, each=12, features=8, seed=0):
    """Clips around as many centres, far from each other."""
    numbers = np.random.default_rng(seed)
    of_clip = np.repeat(np.arange(count), each)
    centres = 20 * np.eye(features)[:count]
    return centres[of_clip] + numbers.normal(size=(count * each, features)), of_clip


@pytest.fixture(scope="module")
def laid():
    features, of_clip = clusters()
    return features, of_clip, lay_out(features)


def nearest_label(points, others, labels):
    return labels[cdist(others, points).argmin(axis=1)]


# Known answers


def test_clips_that_are_alike_lie_together(laid):
    _, labels, found = laid
    distances = cdist(found.points, found.points) + 1e9 * np.eye(len(labels))
    assert (labels[distances.argmin(axis=1)] == labels).all()
    assert found.perplexity == pytest.approx(35 / 3)


def test_a_new_clip_lies_near_its_like(laid):
    _, labels, found = laid
    new, truth = clusters(each=4, seed=1)
    points = lay_beside(found, new)
    assert nearest_label(found.points, points, labels).tolist() == truth.tolist()
    alone = lay_beside(found, new[:1])
    np.testing.assert_allclose(alone, points[:1], atol=0.5)


def test_features_beyond_fifty_are_turned_to_those_in_which_clips_differ():
    features, _ = clusters(features=80, each=20)
    found = lay_out(features)
    assert found.features.shape == (60, 50)
    assert 0.9 < found.kept < 1
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(50), atol=1e-9)


@pytest.mark.slow
def test_umap_lays_alike_clips_together_and_new_ones_near_them():
    """Not compiled, in a process of its own: compiling takes longer than these few clips do."""
    pytest.importorskip("umap", reason="needs the extra umap")
    asked = (sys.executable, "-W", "ignore", "-c", UMAP)
    run = subprocess.run(
        asked,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "True True\n"


UMAP = """
import numpy as np
from scipy.spatial.distance import cdist
from kinetoscope.evidence.representation.maps import lay_beside, lay_out
labels, numbers = np.repeat([0, 1], 8), np.random.default_rng(0)
centres = 20 * np.eye(4)[:2]
found = lay_out(centres[labels] + numbers.normal(size=(16, 4)), "umap")
between = cdist(found.points, found.points) + 1e9 * np.eye(16)
new = lay_beside(found, centres + numbers.normal(size=(2, 4)))
nearest = cdist(new, found.points).argmin(axis=1)
print((labels[between.argmin(axis=1)] == labels).all(), labels[nearest].tolist() == [0, 1])
"""


# As openTSNE does it


def test_agrees_with_opentsne(laid):
    features, _, found = laid
    turned = (features - found.centre) @ found.directions.T
    with warnings.catch_warnings(action="ignore"):
        expected = openTSNE.TSNE(
            perplexity=35 / 3,
            initialization="pca",
            neighbors="exact",
            negative_gradient_method="bh",
            n_jobs=1,
            random_state=0,
        ).fit(turned)
        new, _ = clusters(each=4, seed=1)
        beside = expected.transform((new - found.centre) @ found.directions.T, perplexity=5)
    # `transform` has put the points that it was given around the centre, as those here are
    np.testing.assert_allclose(found.points, np.asarray(expected), atol=1e-6)
    np.testing.assert_allclose(lay_beside(found, new), np.asarray(beside), atol=1e-3)


# Promises


def test_the_same_seed_gives_the_same_map(laid):
    features, _, found = laid
    np.testing.assert_array_equal(lay_out(features).points, found.points)


def test_a_map_that_was_kept_is_continued_as_the_one_that_was_made(laid):
    features, _, found = laid
    settings = {name: getattr(found, name) for name in ("method", "kept", "perplexity", "seed")}
    again = Map.from_arrays(found.arrays(), settings)
    np.testing.assert_array_equal(lay_beside(again, features[:3]), lay_beside(found, features[:3]))


def test_new_clips_move_no_old_ones(laid):
    features, _, found = laid
    before = found.points.copy()
    beside = lay_beside(found, features)
    np.testing.assert_array_equal(found.points, before)
    assert np.abs(np.median(beside - before, axis=0)).max() < 0.3
    np.testing.assert_allclose(before.max(axis=0), -before.min(axis=0))


def test_five_clips_are_enough():
    features, _ = clusters(count=1, each=5)
    assert np.isfinite(lay_out(features).points).all()


# Refusals


@pytest.mark.parametrize(
    "features",
    [np.eye(4), np.ones((9, 3))],
    ids=["four clips", "clips that are the same"],
)
def test_refuses_clips_that_can_not_be_laid_out(features):
    with pytest.raises(EvidenceError, match="nothing to lay out"):
        lay_out(features)


def test_refuses_new_clips_as_another_layer_sees_them(laid):
    with pytest.raises(EvidenceError, match="another layer"):
        lay_beside(laid[2], np.zeros((1, 9)))


@pytest.mark.parametrize(("method", "module"), [("tsne", "openTSNE"), ("umap", "umap")])
def test_says_which_package_is_missing(monkeypatch, method, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=f"the package {module}"):
        lay_out(clusters()[0], method)
