import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kinetoscope.evidence.scanning import table as module
from kinetoscope.evidence.scanning.histogram import PLACES, bins_of
from kinetoscope.evidence.scanning.table import CHANNELS, LayerTable, write_layer
from tests.evidence.scanning.made import EXTENT, layer, maxima, noise, shards

CHANNELS_COUNT, BROKEN = 7, (2, 9)
READ = [clip for clip in range(11) if clip not in BROKEN]


@pytest.fixture
def pieces(tmp_path):
    return shards(tmp_path / "shards", CHANNELS_COUNT, [4, 8, 11], BROKEN)


@pytest.fixture(params=[2**21, 2 * len(READ)], ids=["one file", "two channels a file"])
def written(request, tmp_path, pieces, monkeypatch):
    monkeypatch.setattr(module, "_FILE_ROWS", request.param)
    monkeypatch.setattr(module, "_GROUP_ROWS", len(READ))
    write_layer(tmp_path / "scan" / "layer-000", pieces, 0, layer(CHANNELS_COUNT))
    files = list((tmp_path / "scan" / "layer-000").glob("0*.parquet"))
    assert len(files) == (1 if request.param > 100 else 4)
    return tmp_path / "scan"


def test_rows_come_by_channel_then_clip(written):
    found = LayerTable.in_folder(written, "layer-000").rows()
    assert found["channel"].to_list() == [c for c in range(CHANNELS_COUNT) for _ in READ]
    assert found["clip"].to_list() == READ * CHANNELS_COUNT
    expected = maxima(READ, CHANNELS_COUNT)
    np.testing.assert_array_equal(found["maximum"].to_numpy(), expected.T.reshape(-1))


def test_the_place_of_the_largest_answer_is_told_by_axis(written):
    found = LayerTable.in_folder(written, "layer-000").rows()
    for each in found.sample(20, seed=0).iter_rows(named=True):
        answer = noise(each["clip"], CHANNELS_COUNT)[0, each["channel"]]
        place = (each["time"], each["row"], each["column"])
        assert place == np.unravel_index(answer.argmax().item(), EXTENT)


@pytest.mark.parametrize("channel", range(CHANNELS_COUNT))
def test_one_channel_is_what_all_rows_say_of_it(written, channel):
    table = LayerTable.in_folder(written, "layer-000")
    expected = table.rows().filter(pl.col("channel") == channel)
    assert_frame_equal(table.rows(channels=range(channel, channel + 1)), expected)


def test_a_stretch_of_channels_and_single_columns(written):
    table = LayerTable.in_folder(written, "layer-000")
    expected = table.rows().filter(pl.col("channel").is_between(1, 4))
    assert_frame_equal(table.rows(channels=range(1, 5)), expected)
    assert table.rows("mean").columns == ["mean"]
    assert_frame_equal(table.rows("mean", channels=range(1, 5)), expected.select("mean"))


def test_one_channel_of_many_reads_one_file_alone(written):
    table = LayerTable.in_folder(written, "layer-000")
    for path in table.paths[1:]:
        path.write_bytes(b"not looked at")
    assert len(table.rows(channels=range(1))) == len(READ)


def test_what_is_added_up_over_all_clips(written):
    found = pl.read_parquet(written / "layer-000" / CHANNELS)
    answers = np.concatenate([noise(clip, CHANNELS_COUNT).flatten(2).numpy() for clip in READ])
    np.testing.assert_array_equal(found["largest"], answers.max(axis=(0, 2)))
    np.testing.assert_array_equal(found["above"], (answers > 1e-6).sum(axis=(0, 2)))
    np.testing.assert_array_equal(found["excited"], (answers > 1e-6).any(axis=2).sum(axis=0))
    assert found["clips"].unique().to_list() == [len(READ)]
    assert found["places"].unique().to_list() == [len(READ) * 24]
    assert PLACES > 24  # so that all are counted
    counts = np.stack(found["histogram"].to_list())
    for channel in range(CHANNELS_COUNT):
        expected = np.bincount(bins_of(answers[:, channel]).reshape(-1), minlength=99)
        np.testing.assert_array_equal(counts[channel], expected)


def test_how_the_catalog_was_cut_into_shards_does_not_matter(tmp_path, written):
    other = shards(tmp_path / "other", CHANNELS_COUNT, [1, 6, 7, 11], BROKEN)
    write_layer(tmp_path / "again" / "layer-000", other, 0, layer(CHANNELS_COUNT))
    for path in (written / "layer-000").iterdir():
        again = tmp_path / "again" / "layer-000" / path.name
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_a_layer_of_a_hundred_thousand_units_takes_little_room(tmp_path):
    pieces = shards(tmp_path / "shards", 100_000, [2, 4])
    write_layer(tmp_path / "scan" / "layer-000", pieces, 0, layer(100_000))
    table = LayerTable.in_folder(tmp_path / "scan", "layer-000")
    size = sum(path.stat().st_size for path in (tmp_path / "scan" / "layer-000").iterdir())
    assert size < 100_000 * 4 * 16 + 100_000 * 40
    found = table.rows(channels=range(99_999, 100_000))
    np.testing.assert_array_equal(found["maximum"], maxima(range(4), 100_000)[:, -1])
