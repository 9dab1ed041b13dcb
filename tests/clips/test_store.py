from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinetoscope.clips import sampling
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.open import open_entry
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.store import ClipStore
from kinetoscope.clips.transforms import random_place
from kinetoscope.video.flow import FlowCache

SPEC = ClipSpec(streams=("frames", "flow"), frames=5, stride=2, short_side=24, size=(20, 22))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def catalog_of(*paths: Path, **rest) -> Catalog:
    entries = tuple(
        Entry(path=path, label=path.stem, where=f"index.csv:{line}", **rest)
        for line, path in enumerate(paths, start=2)
    )
    labels = tuple(path.stem for path in paths)
    return Catalog(name="made", root=paths[0].parent, labels=labels, entries=entries)


def same(one, two) -> bool:
    return (
        torch.equal(one.frames, two.frames)
        and one.seconds == two.seconds
        and (one.flow is two.flow is None or torch.equal(one.flow, two.flow))
    )


SPECS = {
    "stride 2": SPEC,
    "stride 1": replace(SPEC, stride=1),
    "one frame": replace(SPEC, frames=1),
    "frames alone": replace(SPEC, streams=("frames",)),
    "half the rate": replace(SPEC, frames_per_second=4.0, stride=1),
    "twice the rate": replace(SPEC, frames_per_second=16.0, stride=3),
    "short, repeated": replace(SPEC, frames=9, stride=3),
    "short, looped": replace(SPEC, frames=9, stride=3, when_short="loop"),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_clip_is_the_same_from_memory_from_disk_and_by_itself(write_video, spec):
    catalog = catalog_of(write_video("a.mp4", time=14), write_video("b.mp4", time=4, right=-1.0))
    memory, disk = (ClipStore(catalog, spec, limit_bytes=limit) for limit in (2**30, 0))
    assert memory.held_bytes > 0
    assert disk.held_bytes == 0
    for index in range(2):
        assert same(memory.centre(index), disk.centre(index))
        for seed in range(4):
            draw = seeded(seed)
            alone = open_entry(
                catalog.entries[index],
                spec,
                sampling=sampling.random(draw),
                crop=random_place(draw),
            )
            assert same(memory.draw(index, seeded(seed)), alone)
            assert same(disk.draw(index, seeded(seed)), alone)


def test_a_clip_of_other_steps_has_the_motion_of_a_stride_stretched_to_each(write_video):
    catalog = catalog_of(write_video("a.mp4", time=20, right=0.5))
    store, disk = (ClipStore(catalog, SPEC, limit_bytes=limit) for limit in (2**30, 0))

    def slower_and_slower(available, spec):
        return [0, 4, 7, 9, 10]

    found = store.cut(0, slower_and_slower)
    exact = disk.cut(0, slower_and_slower)
    assert torch.equal(found.frames, exact.frames)
    kept = ClipStore(catalog, SPEC).cut(0, lambda available, spec: [0, 2, 4, 6, 8])
    torch.testing.assert_close(found.flow[:, 0], kept.flow[:, 0] * 2)
    # an even motion of half a pixel a frame, at half the size
    middle = found.flow[:, :, 6:-6, 6:-6].median(dim=3).values.median(dim=2).values
    expected = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.25])
    torch.testing.assert_close(middle[0], expected, atol=0.15, rtol=0)
    assert (found.flow - exact.flow).abs()[:, :, 6:-6, 6:-6].median() < 0.1


def test_only_a_span_is_held(write_video):
    path = write_video("a.mp4", time=40)
    store = ClipStore(catalog_of(path, start_seconds=1.0, end_seconds=3.0), SPEC)
    seconds = {second for seed in range(30) for second in store.draw(0, seeded(seed)).seconds}
    assert (min(seconds), max(seconds)) == (1.0, 2.875)
    whole = ClipStore(catalog_of(path), SPEC)
    assert store.held_bytes == whole.held_bytes * 16 / 40


def test_the_first_videos_are_held_as_far_as_the_limit_goes(write_video):
    paths = [write_video(f"{name}.mp4", time=10) for name in "abc"]
    whole = ClipStore(catalog_of(*paths), SPEC).held_bytes
    store = ClipStore(catalog_of(*paths), SPEC, limit_bytes=whole - 1)
    assert store.held_bytes == whole * 2 / 3
    assert len(store) == 3


def test_flow_is_found_again_in_the_cache(write_video, tmp_path):
    catalog = catalog_of(write_video("a.mp4", time=14))
    cache = FlowCache(tmp_path / "flow", limit_bytes=2**24)
    first, second = (ClipStore(catalog, SPEC, flow_cache=cache).centre(0) for _ in range(2))
    assert same(first, second)
    assert same(first, ClipStore(catalog, SPEC).centre(0))


def test_a_bad_video_is_listed_and_the_others_keep_their_labels(write_video, tmp_path):
    broken, short = tmp_path / "broken.mp4", write_video("short.mp4", time=2)
    broken.write_text("not a video")
    catalog = catalog_of(
        write_video("a.mp4"), broken, tmp_path / "gone.mp4", short, write_video("b.mp4")
    )
    for limit in (2**30, 0):
        told = []
        store = ClipStore(
            catalog,
            replace(SPEC, when_short="error"),
            limit_bytes=limit,
            on_progress=lambda done, total, told=told: told.append((done, total)),
        )
        assert [entry.label for entry in store.entries] == ["a", "b"]
        assert [store.label_index(index) for index in range(len(store))] == [0, 4]
        assert [entry.label for entry, _ in store.failures] == ["broken", "gone", "short"]
        for (entry, message), line in zip(store.failures, (3, 4, 5), strict=True):
            assert message.startswith(f"index.csv:{line}: ")
            assert entry.path.name in message
        assert told == [(done, 5) for done in range(1, 6)]


def test_a_crop_that_never_fits_is_listed(write_video):
    store = ClipStore(catalog_of(write_video("a.mp4")), replace(SPEC, size=(24, 60)))
    assert "does not fit in the frames" in store.failures[0][1]
    assert len(store) == 0


def test_what_is_in_memory_is_not_read_again(write_video):
    catalog = catalog_of(write_video("a.mp4", time=14), write_video("b.mp4", time=4, right=-1.0))
    store = ClipStore(catalog, SPEC, limit_bytes=2**30)
    before = [store.draw(index, seeded(index)) for index in range(2)]
    for entry in catalog.entries:
        entry.path.unlink()
    after = [store.draw(index, seeded(index)) for index in range(2)]
    assert all(same(one, two) for one, two in zip(before, after, strict=True))
