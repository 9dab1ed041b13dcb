import numpy as np
from polars.testing import assert_frame_equal

from kinetoscope.evidence.scanning.piece import CLIPS, clip_table, read_clips
from tests.evidence.scanning.made import EXTENT, maxima, row, shards


def test_a_shard_gives_back_some_channels_of_the_clips_that_could_be_read(tmp_path):
    [shard] = shards(tmp_path, 5, [6], broken=(0, 3))
    assert shard.read().tolist() == [1, 2, 4, 5]
    block = shard.block(0, range(2, 4), EXTENT)
    np.testing.assert_array_equal(block.maximum, maxima([1, 2, 4, 5], 5).T[2:4])
    assert block.mean.shape == block.at.shape == (2, 4)


def test_a_shard_has_a_row_for_each_clip(tmp_path):
    [shard] = shards(tmp_path, 5, [3], broken=(1,))
    expected = clip_table([row(0), row(1, "broken"), row(2)])
    assert_frame_equal(shard.clips(), expected)
    assert read_clips(expected).tolist() == [0, 2]


def test_a_shard_without_a_clip_that_could_be_read_adds_nothing(tmp_path):
    [shard] = shards(tmp_path, 5, [2], broken=(0, 1))
    assert shard.block(0, range(1, 4), EXTENT).maximum.shape == (3, 0)
    sums = shard.sums(0)
    assert sums.above.tolist() == [0] * 5
    assert sums.counts.shape == (5, 99)
    assert not sums.counts.any()


def test_a_shard_is_complete_or_absent(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("kinetoscope.evidence.scanning.piece.save", stop)
    try:
        shards(tmp_path, 5, [2])
    except KeyboardInterrupt:
        assert list(tmp_path.iterdir()) == []
    assert not list(tmp_path.rglob(CLIPS))
