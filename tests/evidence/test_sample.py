from collections import Counter

import pytest
import torch

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import CatalogError
from kinetoscope.evidence.sample import open_sample
from tests.squares import COLOURS, videos_of_squares

SPEC = ClipSpec(frames=4, short_side=32, size=(32, 32))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """Three videos a label, and a file that is none."""
    folder = tmp_path_factory.mktemp("sample") / "videos"
    return read_catalog(videos_of_squares(folder, train=0, test=3, broken=1))


def test_labels_are_as_equal_as_can_be_and_clips_in_the_order_of_the_catalog(catalog):
    found = open_sample(catalog, SPEC, len(COLOURS) + 1)
    assert sorted(Counter(found.labels).values()) == [1] * (len(COLOURS) - 1) + [2]
    assert list(found.videos) == sorted(found.videos)
    (own,) = views_of(found.entries[1], SPEC)
    assert torch.equal(found.clips[1].frames, own.frames)


def test_a_video_that_can_not_be_read_is_told_and_another_takes_its_place(catalog):
    found = open_sample(catalog, SPEC, 1000)
    assert len(found) == len(catalog) - 1
    (failure,) = found.failures
    assert "broken" in failure["path"]
    assert failure["path"] in failure["error"]


def test_a_seed_gives_one_sample_and_another_seed_another(catalog, tmp_path):
    cache = ClipCache(tmp_path)
    first, again = (open_sample(catalog, SPEC, 4, seed=1, clip_cache=cache) for _ in range(2))
    assert first.videos == again.videos
    others = {
        open_sample(catalog, SPEC, 4, seed=seed, clip_cache=cache).videos for seed in range(6)
    }
    assert len(others) > 1


def test_the_truth_is_a_place_among_labels_or_none(catalog):
    found = open_sample(catalog, SPEC, 4)
    known = list(found.labels[:1])
    assert set(found.truth(known).tolist()) == {0, -1}


def test_batches_hold_every_clip_once(catalog):
    found = open_sample(catalog, SPEC, 5)
    sizes = [len(batch) for batch in found.batches(SPEC, 2)]
    assert sum(sizes) == len(found)
    assert max(sizes) == 2


def test_a_catalog_of_which_nothing_can_be_read_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(CatalogError, match=r"no video .* can be read"):
        open_sample(read_catalog(tmp_path), SPEC, 3)
