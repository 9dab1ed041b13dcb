import numpy as np
import pytest
import torch

from kinetoscope.clips.catalog import Catalog, Entry, read_catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.store import ClipStore
from kinetoscope.errors import CatalogError, UnknownNameError
from kinetoscope.training.drawing import StoredVideos, open_material, parted, when, where
from kinetoscope.training.recipe import Augmentation, Recipe
from tests.squares import COLOURS, videos_of_squares

SPEC = ClipSpec(frames=4, stride=2)


def places(chances, available=20, spec=SPEC, **settings):
    return when(Augmentation(**settings), np.array(chances))(available, spec)


def recipe(folder, **settings):
    return Recipe(network="two_stream_small_toy", catalog=str(folder), **settings)


def test_clips_start_everywhere_equally_often():
    rng = np.random.default_rng(0)
    starts = [places(rng.random(2))[0] for _ in range(500)]
    counts = np.bincount(starts)
    assert len(counts) == 14  # 20 frames, of which a clip reaches over 7
    assert counts.min() > 15


def test_jitter_keeps_clips_near_the_centre():
    rng = np.random.default_rng(0)
    starts = {places(rng.random(2), jitter_frames=2)[0] for _ in range(200)}
    assert starts == {4, 5, 6, 7, 8}


def test_without_jitter_a_clip_lies_at_the_centre():
    assert places([0.9, 0.9], jitter_frames=0) == [6, 8, 10, 12]


def test_a_clip_of_double_speed_takes_every_other_frame():
    assert places([0.0, 0.5], speed=(2.0, 2.0)) == [0, 4, 8, 12]
    assert places([0.0, 0.5], speed=(0.5, 0.5)) == [0, 1, 2, 3]


@pytest.mark.parametrize("available", [3, 7, 8, 20])
def test_no_clip_is_sped_past_the_end_of_its_video(available):
    found = places([0.99, 0.99], available=available, speed=(1.0, 4.0))
    assert found[-1] <= max(available - 1, 6)


def test_crops_lie_everywhere_equally_often():
    rng = np.random.default_rng(0)
    boxes = [where(rng.random(2))((34, 36), (32, 32)) for _ in range(200)]
    assert {(box.top, box.left) for box in boxes} == {(t, le) for t in range(3) for le in range(5)}


def test_a_catalog_without_splits_is_trained_on_whole(tmp_path):
    entries = tuple(Entry(path=tmp_path / f"{n}.mp4", label="walk") for n in range(9))
    films = Catalog(name="films", root=tmp_path, labels=("walk",), entries=entries)
    train, held, test = parted(films, recipe(tmp_path, validation_fraction=0.0))
    assert (train, held, test) == (films, None, None)


def test_refuses_a_split_that_is_not_there(tmp_path):
    films = read_catalog(videos_of_squares(tmp_path, train=2, test=1))
    with pytest.raises(UnknownNameError, match="near: test"):
        parted(films, recipe(tmp_path, test_split="tset"))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("planted"), train=4, test=2, broken=1)


def test_videos_are_drawn_in_the_order_that_is_asked_for(videos):
    spec = ClipSpec(streams=("frames", "flow"), frames=4, short_side=32, size=(32, 32))
    catalog = read_catalog(videos, split="test")
    drawn = StoredVideos(ClipStore(catalog, spec), Augmentation())
    order = np.array([4, 0, 4])
    batch, rows = drawn.draw(order, np.random.default_rng(0).random((3, 4)))
    assert rows.tolist() == [0, 1, 2]
    reddest = batch.frames[:, :, :, 8:14, 8:14].mean(dim=(2, 3, 4)).argmax(dim=1).tolist()
    colours = [list(COLOURS).index(catalog.labels[label]) for label in drawn.truth[order]]
    assert reddest == colours
    assert batch.flow.shape == (3, 2, 4, 32, 32)


def test_a_clip_at_the_centre_is_the_stores(videos):
    spec = ClipSpec(frames=4, short_side=32, size=(32, 32))
    store = ClipStore(read_catalog(videos, split="test"), spec)
    drawn = StoredVideos(store, Augmentation(jitter_frames=0))
    batch, _ = drawn.draw(np.array([2]), np.full((1, 4), 0.5))
    assert torch.equal(batch.frames[0], store.centre(2).frames)
    assert torch.equal(drawn.centre(np.array([2])).frames, batch.frames)


def test_a_bad_video_is_listed_and_the_rest_is_used(videos):
    material = open_material(recipe(videos, test_split="test"), progress=False)
    (error,) = material.errors()
    assert error["path"] == "broken-0.mp4"
    assert "index.csv" in error["where"]
    assert error["error"]
    assert len(material.train) + len(material.validation) == 12
    assert len(material.test) == 6


def test_too_many_bad_videos_are_refused_and_named(videos):
    with pytest.raises(CatalogError, match=r"(?s)1 of 13.*broken-0\.mp4.*bad_videos_allowed"):
        open_material(recipe(videos, bad_videos_allowed=0.02), progress=False)


def test_the_key_names_the_videos_and_not_their_folder(videos, tmp_path):
    elsewhere = videos_of_squares(tmp_path, train=4, test=2, broken=1)
    first, second, other = (
        open_material(recipe(folder, seed=seed), progress=False).key
        for folder, seed in ((videos, 0), (elsewhere, 0), (videos, 1))
    )
    assert first == second != other


def test_the_motion_of_a_clip_of_double_speed_is_that_between_its_frames(videos):
    spec = ClipSpec(streams=("frames", "flow"), frames=3, short_side=32, size=(32, 32))
    store = ClipStore(read_catalog(videos, split="test"), spec)
    slow = store.cut(0, lambda available, spec: [2, 3, 4, 5])
    fast = store.cut(0, lambda available, spec: [2, 4, 8])
    torch.testing.assert_close(fast.flow[:, 0], 2 * slow.flow[:, 0])
    torch.testing.assert_close(fast.flow[:, 1], 4 * slow.flow[:, 2])
    torch.testing.assert_close(fast.flow[:, 2], fast.flow[:, 1])


def test_a_video_that_fails_later_is_left_out_of_its_batch_and_listed(tmp_path):
    catalog = read_catalog(videos_of_squares(tmp_path, train=1, test=0))
    spec = ClipSpec(frames=4, short_side=32, size=(32, 32))
    drawn = StoredVideos(ClipStore(catalog, spec, limit_bytes=0), Augmentation())
    catalog.entries[1].path.unlink()
    batch, rows = drawn.draw(np.array([0, 1, 2]), np.full((3, 4), 0.5))
    assert rows.tolist() == [0, 2]
    assert len(batch) == 2
    assert [row["path"] for row in drawn.errors()] == [catalog.entries[1].path.name]
    with pytest.raises(CatalogError, match="can be opened any more"):
        drawn.draw(np.array([1]), np.full((1, 4), 0.5))
