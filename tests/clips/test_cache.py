import errno
import logging
import os
from dataclasses import replace

import pytest
import torch

from kinetoscope.clips import cache as module
from kinetoscope.clips.cache import ClipCache, default_clip_cache, views_of
from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.open import open_entry_views
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import VideoError

SPEC = ClipSpec(streams=("frames", "flow"), frames=4, stride=2, short_side=32, size=(28, 28))


@pytest.fixture
def entry(write_video):
    return Entry(path=write_video(), label="moving", where="index.csv:2")


@pytest.fixture
def cache(tmp_path):
    return ClipCache(tmp_path / "kept")


@pytest.fixture
def opened(monkeypatch):
    """Which files were opened as videos, one after the other."""
    paths = []

    def noting(entry, *rest, **settings):
        paths.append(entry.path)
        return open_entry_views(entry, *rest, **settings)

    monkeypatch.setattr(module, "open_entry_views", noting)
    return paths


def assert_same(left, right):
    assert len(left) == len(right)
    for mine, theirs in zip(left, right, strict=True):
        assert torch.equal(mine.frames, theirs.frames)
        assert (mine.flow is None) == (theirs.flow is None)
        assert mine.flow is None or torch.equal(mine.flow, theirs.flow)
        assert (mine.seconds, mine.source) == (theirs.seconds, theirs.source)


def kept(cache):
    return sorted(cache.folder.glob("*/*.safetensors"))


@pytest.mark.parametrize("streams", [("frames",), ("flow",), ("frames", "flow")])
@pytest.mark.parametrize(("clips", "crops"), [(1, 1), (3, 1), (2, 3)])
def test_a_clip_is_the_same_to_the_last_bit_whether_it_was_kept_or_not(
    entry, cache, opened, streams, clips, crops
):
    spec = replace(SPEC, streams=streams)
    never = open_entry_views(entry, spec, clips=clips, crops=crops)
    first = cache.views(entry, spec, clips=clips, crops=crops)
    again = ClipCache(cache.folder).views(entry, spec, clips=clips, crops=crops)
    assert opened == [entry.path]
    assert_same(first, never)
    assert_same(again, never)
    assert [clip.frames.dtype for clip in again] == [torch.float32] * clips * crops


def test_the_channels_of_a_pixel_lie_side_by_side(entry, cache):
    spec = replace(SPEC, streams=("frames", "flow"))
    (opened,) = cache.views(entry, spec)
    (again,) = cache.views(entry, spec)
    for frames in (opened.frames, again.frames):
        assert frames.movedim(0, -1).is_contiguous()
    assert again.flow.movedim(0, -1).is_contiguous()


def test_the_same_content_under_another_name_is_the_same_clip(entry, cache, opened, tmp_path):
    cache.views(entry, SPEC)
    copy = replace(entry, path=tmp_path / "elsewhere.mp4")
    copy.path.write_bytes(entry.path.read_bytes())
    (found,) = cache.views(copy, SPEC)
    assert opened == [entry.path]
    assert found.source == str(copy.path)


def test_a_file_that_was_changed_is_another_clip(entry, cache, opened, write_video):
    before = cache.views(entry, SPEC)
    assert write_video(right=-1.5) == entry.path
    after = cache.views(entry, SPEC)
    assert len(opened) == 2
    assert not torch.equal(before[0].frames, after[0].frames)
    assert_same(after, open_entry_views(entry, SPEC))


def test_what_was_changed_in_place_and_is_as_long_as_before_is_another_clip(
    entry, cache, opened, write_video
):
    cache.views(entry, SPEC)
    content = entry.path.read_bytes()
    stat = entry.path.stat()
    entry.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(entry.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    cache.views(entry, SPEC)
    assert len(opened) == 2


def test_two_networks_that_normalize_differently_share_a_clip(entry, cache, opened):
    cache.views(entry, SPEC)
    other = replace(SPEC, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0), flow_scale=SPEC.flow_scale + 1)
    cache.views(entry, other)
    assert len(opened) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"size": (24, 24)},
        {"short_side": 40},
        {"frames": 5},
        {"stride": 1},
        {"streams": ("frames",)},
        {"frames_per_second": 4.0},
        {"when_short": "loop"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_spec_is_another_clip(entry, cache, opened, other):
    cache.views(entry, SPEC)
    spec = replace(SPEC, **other)
    assert_same(cache.views(entry, spec), open_entry_views(entry, spec))
    assert len(opened) == 2


def test_another_span_and_other_views_are_other_clips(entry, cache, opened):
    cache.views(entry, SPEC)
    cache.views(replace(entry, start_seconds=1.0, end_seconds=2.0), SPEC)
    cache.views(entry, SPEC, clips=2)
    cache.views(entry, SPEC, crops=3)
    assert len(opened) == 4
    assert len(kept(cache)) == 4


def test_a_video_is_read_whole_once_and_not_by_each_process(entry, cache, monkeypatch):
    cache.views(entry, SPEC)
    module._content.cache_clear()  # as in a new process
    monkeypatch.setattr(module, "content_key", None)
    cache.views(entry, SPEC)


def test_a_damaged_file_is_opened_anew_and_mended(entry, cache, opened):
    whole = cache.views(entry, SPEC)
    (path,) = kept(cache)
    content = bytearray(path.read_bytes())
    content[-10] ^= 255
    for damage in (bytes(content), bytes(content[:100]), b""):
        path.write_bytes(damage)
        assert_same(cache.views(entry, SPEC), whole)
        count = len(opened)
        assert_same(cache.views(entry, SPEC), whole)
        assert len(opened) == count
    assert len(opened) == 4


def test_a_folder_does_not_grow_beyond_its_limit(entry, tmp_path):
    one = ClipCache(tmp_path / "one")
    one.views(entry, SPEC)
    size = kept(one)[0].stat().st_size
    cache = ClipCache(tmp_path / "kept", limit_bytes=3 * size)
    for second in range(8):
        cache.views(replace(entry, start_seconds=second / 8), SPEC)
    assert sum(path.stat().st_size for path in cache.folder.glob("*/*")) <= 3 * size * 17 / 16
    assert kept(cache)


def test_a_full_disk_costs_time_and_not_the_clip(entry, cache, opened, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kinetoscope.video.array_cache.save_file", full)
    with caplog.at_level(logging.WARNING):
        assert_same(cache.views(entry, SPEC), open_entry_views(entry, SPEC))
    assert os.strerror(errno.ENOSPC) in caplog.text
    assert not kept(cache)
    cache.views(entry, SPEC)
    assert len(opened) == 2


def test_a_file_that_is_no_video_is_refused_with_its_line_and_not_kept(entry, cache):
    entry.path.write_text("not a video")
    missing = replace(entry, path=entry.path.with_name("missing.mp4"))
    for wrong in (entry, missing):
        with pytest.raises(VideoError, match=r"index\.csv:2"):
            cache.views(wrong, SPEC)
    assert not kept(cache)


def test_without_a_cache_videos_are_opened(entry):
    assert_same(views_of(entry, SPEC), open_entry_views(entry, SPEC))


def test_the_cache_of_the_user_lies_where_the_environment_says(entry, tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "mine"))
    cache = default_clip_cache()
    views_of(entry, SPEC, cache=cache)
    assert cache.folder == tmp_path / "mine" / "clips"
    assert kept(cache)
    assert list((tmp_path / "mine" / "flow").rglob("*.safetensors"))
