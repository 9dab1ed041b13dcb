import csv
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds.seeds import generator_for
from kinetoscope.clips.worlds.world import (
    ClipsPerLabel,
    Drawn,
    World,
    all_wanted,
    check_frames,
    write_world,
)
from kinetoscope.errors import CatalogError, ClipError
from kinetoscope.video.video import open_video


def draw_grey(brightness, wanted):
    """A clip of one grey, a little darker or brighter from clip to clip."""
    words = (wanted.seed, wanted.label, wanted.split, wanted.index)
    grey = brightness + int(20 * generator_for(*words).random())
    frames = np.full((3, 32, 32, 3), grey, dtype=np.uint8)
    return Drawn(frames=frames, factors={"grey": grey}, truth={"grey": np.array([grey])})


def grey_world(*, seed=0, brightness=100):
    clips = ClipsPerLabel(train=2, validation=1, test=1)
    return World(
        name="greys",
        drawing=1,
        settings={"seed": seed, "brightness": brightness},
        wanted=all_wanted(("dark", "light"), clips, seed),
        draw=partial(draw_grey, brightness),
        frames_per_second=10.0,
        notes={"grey": "of every pixel"},
    )


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_world_is_a_catalog_of_videos_with_truth_beside_them(tmp_path):
    folder = write_world(tmp_path / "greys", grey_world())
    catalog = read_catalog(folder)
    assert catalog.labels == ("dark", "light")
    assert [len(catalog.split(split)) for split in ("train", "validation", "test")] == [4, 2, 2]
    for entry in catalog:
        grey = int(entry.more["grey"])
        truth = load_file(entry.path.with_suffix(".truth.safetensors"))
        assert truth["grey"].tolist() == [grey]
        with open_video(entry.path) as video:
            assert video.frame_count == 3
            assert abs(int(video.frame(1).float().mean()) - grey) <= 3


def test_truth_says_how_it_is_to_be_read(tmp_path):
    folder = write_world(tmp_path / "greys", grey_world())
    with safe_open(folder / "dark" / "dark_test_000.truth.safetensors", "numpy") as file:
        assert file.metadata() == {"grey": "of every pixel"}


def test_the_index_has_a_row_a_clip_and_a_column_a_factor(tmp_path):
    folder = write_world(tmp_path / "greys", grey_world())
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "label", "split", "grey"]
    assert [row["path"] for row in rows] == [
        f"{label}/{label}_{name}.mp4"
        for label in ("dark", "light")
        for name in ("train_000", "train_001", "validation_000", "test_000")
    ]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    once, again, other = (
        contents(write_world(tmp_path / name, grey_world(seed=seed)))
        for name, seed in (("once", 0), ("again", 0), ("other", 1))
    )
    assert once == again
    assert once.keys() == other.keys()
    assert once["index.csv"] != other["index.csv"]


@pytest.mark.slow
def test_two_processes_give_the_same_bytes_as_one(tmp_path):
    told = []
    one = write_world(tmp_path / "one", grey_world())
    two = write_world(
        tmp_path / "two", grey_world(), processes=2, progress=lambda *done: told.append(done)
    )
    assert contents(one) == contents(two)
    assert told == [(done, 8) for done in range(1, 9)]


def test_a_world_that_lies_there_is_left_as_it_is(tmp_path):
    folder = write_world(tmp_path / "greys", grey_world())
    (folder / "dark" / "dark_test_000.mp4").write_bytes(b"mine")
    told = []
    assert write_world(folder, grey_world(), progress=lambda *done: told.append(done)) == folder
    assert (folder / "dark" / "dark_test_000.mp4").read_bytes() == b"mine"
    assert not told


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "greys").mkdir()
    write_world(tmp_path / "greys", grey_world())
    assert (tmp_path / "greys" / "world.json").exists()


def foreign(folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")


def unreadable(folder):
    folder.mkdir()
    (folder / "world.json").write_text("{")


def other_seed(folder):
    write_world(folder, grey_world(seed=3))


def older_drawing(folder):
    write_world(folder, replace(grey_world(), drawing=0))


def a_file(folder):
    folder.write_text("mine")


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (foreign, "not a made world of greys"),
        (unreadable, "not a made world of greys"),
        (other_seed, "with another seed"),
        (older_drawing, "with another version of the drawing"),
        (a_file, "not a made world of greys"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_lies_there_is_not_overwritten(tmp_path, make, got):
    make(tmp_path / "there")
    with pytest.raises(CatalogError, match=f"is not overwritten(.|\n)*{got}"):
        write_world(tmp_path / "there", grey_world())
    assert not list(tmp_path.glob(".aside-*"))


def test_nothing_is_left_of_a_world_that_could_not_be_drawn(tmp_path):
    world = replace(grey_world(), draw=partial(draw_grey, "no brightness"))
    with pytest.raises(TypeError):
        write_world(tmp_path / "greys", world)
    assert not list(tmp_path.iterdir())


def test_settings_can_be_read_by_others(tmp_path):
    folder = write_world(tmp_path / "greys", grey_world(seed=5))
    described = json.loads((folder / "world.json").read_text())
    assert described["world"] == "greys"
    assert described["settings"] == {"seed": 5, "brightness": 100}


@pytest.mark.parametrize("counts", [(-1, 1, 1), (0, 3, 0)], ids=str)
def test_refuses_worlds_without_clips(counts):
    train, validation, test = counts
    with pytest.raises(CatalogError, match="has clips"):
        ClipsPerLabel(train=train, validation=validation, test=test)


@pytest.mark.parametrize(("frames", "size"), [(1, 64), (16, 30), (16, 65)])
def test_refuses_clips_that_show_nothing(frames, size):
    with pytest.raises(ClipError, match="can't be made"):
        check_frames(frames, size, least_size=32)
