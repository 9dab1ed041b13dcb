import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.open import open_entry
from kinetoscope.errors import CatalogError, EvidenceError, UnknownNameError
from kinetoscope.evidence.scan import read_scan, scan
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read
from kinetoscope.units.unit import Unit
from tests.evidence.boxes import PLACES, SPEC, Brightness

# Known answer


def test_finds_the_largest_answer_of_each_clip_and_its_place(scanned):
    light = scanned.activations("relu").filter(pl.col("channel") == 0)
    assert light["clip"].to_list() == [0, 1, 2, 4, 5, 6]
    expected = [0.6 + 0.05 * number for number in (0, 1, 2, 4, 5, 6)]
    np.testing.assert_allclose(light["maximum"], expected, atol=0.01)
    places = list(zip(light["time"], light["row"], light["column"], strict=True))
    assert places == [place for number, place in enumerate(PLACES) if number != 3]
    field = scanned.receptive_field("relu")
    assert field.box(places[1], (8, 32, 32)) == ((2, 4), (16, 32), (0, 16))


def test_a_model_that_looks_at_clips_by_view_is_scanned_as_any_other(scanned, catalog, tmp_path):
    class Viewing(Brightness):
        def forward(self, frames):
            assert len(frames.view(len(frames), -1)) == len(frames)
            return super().forward(frames)

    labels = ["light", "dark"]
    network = Network(Viewing(), labels=labels, expects=SPEC, name="viewing", layers=["relu"])
    found = scan(network, catalog, tmp_path / "scan")
    torch.testing.assert_close(found.maxima("relu"), scanned.maxima("relu"), equal_nan=True)


def test_keeps_what_the_network_takes_each_clip_for(scanned):
    clips = scanned.clips
    assert clips["predicted"].to_list() == ["light"] * 3 + [None] + ["light"] * 3
    assert clips["label"].to_list() == ["dark"] * 4 + ["light"] * 3
    assert clips["path"][0] == "0 <b>'é.mp4"
    assert clips["start_seconds"][0] == 0.0
    np.testing.assert_allclose(clips["seconds"][0].to_list(), np.arange(8) / 8)
    probabilities = torch.tensor(clips["probabilities"][6].to_list())
    torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0))
    assert clips["probability"][6] == pytest.approx(probabilities.max().item())
    torch.testing.assert_close(scanned.scores[6].softmax(0), probabilities)
    assert scanned.scores[3].isnan().all()


def test_a_video_that_can_not_be_read_is_a_row_with_its_error(scanned, catalog):
    (failure,) = scanned.failures
    assert failure["path"] == "3 <b>'é.mp4"
    assert failure["where"] == "index.csv:5"
    assert "index.csv:5" in failure["error"]
    assert scanned.clips["error"][3] == failure["error"]
    assert len(scanned.clips) == len(catalog)
    assert scanned.maxima("relu")[3].isnan().all()


def test_the_largest_answers_of_all_clips(scanned):
    light, dark, dead = scanned.channel_maxima("relu").tolist()
    assert light == pytest.approx(0.9, abs=0.01)
    assert dark == pytest.approx(0.5, abs=0.01)
    assert dead == 0.0


def test_how_rarely_units_answer(scanned, network, catalog):
    found = scanned.sparsity("relu")
    assert found.clips.tolist() == [1.0, 1.0, 0.0]
    assert found.places.tolist() == [1.0, 1.0, 0.0]
    assert found.places.dtype == found.clips.dtype == torch.float32


def test_the_histogram_of_all_places(scanned):
    found = scanned.histogram("relu")
    assert found.counts.sum(dim=1).tolist() == [6 * 16] * 3  # six clips of 4 x 2 x 2 boxes
    light, dark, dead = found.counts
    assert dead.argmax() == len(dead) // 2
    near = (found.edges[:-1] <= 0.5) & (found.edges[1:] > 0.5)
    assert light[near].item() > 6 * 14  # the grey ones
    assert dark[found.edges[:-1] >= 0.75].sum() == 0


def test_one_unit_is_told_with_its_clips(scanned):
    found = scanned.unit(Unit("relu", 0))
    assert found["clip"].to_list() == [0, 1, 2, 4, 5, 6]
    assert found["label"].to_list() == ["dark"] * 3 + ["light"] * 3
    np.testing.assert_array_equal(
        found["maximum"], scanned.maxima("relu")[found["clip"].to_list(), 0]
    )
    assert len(found["seconds"][0]) == 8
    assert "scores" not in found.columns


def test_the_clips_that_excite_a_unit_most_and_least(scanned):
    assert scanned.top(Unit("relu", 0), 3)["clip"].to_list() == [6, 5, 4]
    assert scanned.top(Unit("relu", 0), 2, lowest=True)["clip"].to_list() == [0, 1]
    assert scanned.top(Unit("relu", 2), 2)["clip"].to_list() == [0, 1]  # of equals the first


def test_of_each_file_one_clip_is_told(network, catalog, tmp_path):
    short = Network(
        network.model,
        labels=network.labels,
        expects=replace(network.expects, frames=2),
        name="planted",
        layers=["relu"],
    )
    found = scan(short, catalog, tmp_path / "scan", clips=4).top(Unit("relu", 0), 9)
    assert found["video"].to_list() == [6, 5, 4, 2, 1, 0]


# Slow twin


def test_agrees_with_each_clip_read_alone(network, catalog, scanned):
    network.eval()
    for number in (0, 5):
        clip = open_entry(catalog.entries[number], network.expects)
        answer = read(network, ClipBatch.of([clip], network.expects), ["relu"])["relu"][0]
        lines = answer.detach().flatten(1)
        near = {"rtol": 1e-4, "atol": 1e-4}  # clips beside others may be rounded otherwise
        torch.testing.assert_close(scanned.maxima("relu")[number], lines.amax(dim=1), **near)
        torch.testing.assert_close(scanned.means("relu")[number], lines.mean(dim=1), **near)


# Promises


def tables(found):
    return [found.clips, *(found.activations(layer) for layer in found.layers)]


@pytest.mark.parametrize(("batch", "workers", "shard"), [(1, 1, 100), (3, 2, 2), (8, 3, 7)])
def test_the_answer_does_not_depend_on_how_the_work_is_cut(
    network, catalog, tmp_path, scanned, batch, workers, shard
):
    other = scan(
        network, catalog, tmp_path / "other", batch=batch, workers=workers, clips_per_shard=shard
    )
    for mine, theirs in zip(tables(scanned), tables(other), strict=True):
        assert_frame_equal(mine, theirs, rel_tol=1e-5)
    assert other.provenance.same_question(scanned.provenance)


def test_a_scan_that_is_there_is_read_and_one_of_other_weights_is_made_anew(
    network, catalog, tmp_path, scanned
):
    before = scanned.folder.stat().st_ctime_ns
    assert_frame_equal(scan(network, catalog, scanned.folder).clips, scanned.clips)
    assert scanned.folder.stat().st_ctime_ns == before
    network.model.boxes.bias.data[2] = 1.0
    changed = Network(
        network.model,
        labels=network.labels,
        expects=network.expects,
        name="planted",
        layers=["relu"],
    )
    assert scan(changed, catalog, scanned.folder).channel_maxima("relu")[2] == 1.0


def test_the_network_comes_back_as_it_went(network, catalog, tmp_path):
    network.train()
    network.model.relu.eval()
    threads = torch.get_num_threads()
    scan(network, catalog, tmp_path / "scan")
    assert network.training
    assert network.model.boxes.training
    assert not network.model.relu.training
    assert torch.get_num_threads() == threads
    assert not any(module._forward_hooks for module in network.modules())


def test_several_clips_of_a_video_have_a_row_each(network, catalog, tmp_path):
    short = Network(
        network.model,
        labels=network.labels,
        expects=replace(network.expects, frames=2),
        name="planted",
        layers=["relu"],
    )
    found = scan(short, catalog, tmp_path / "scan", clips=4, clips_per_shard=8, batch=3)
    assert (
        found.clips["video"].to_list()
        == [0] * 4 + [1] * 4 + [2] * 4 + [3] + [4] * 4 + [5] * 4 + [6] * 4
    )
    light = found.maxima("relu")[4:8, 0]
    assert light.argmax() == 1
    np.testing.assert_allclose(found.clips["start_seconds"][:4], [0.0, 0.25, 0.5, 0.75])


def test_progress_ends_with_all_videos(network, catalog, tmp_path):
    told = []
    scan(network, catalog, tmp_path / "scan", batch=2, progress=lambda *done: told.append(done))
    assert told[0] == (0, 7)
    assert told[-1] == (7, 7)
    assert told == sorted(told)


def test_a_scan_of_nothing_but_broken_videos_is_complete(network, catalog, tmp_path):
    broken = replace(catalog, entries=(catalog.entries[3],) * 2)
    found = scan(network, broken, tmp_path / "scan")
    assert len(found.failures) == 2
    assert found.channel_maxima("relu").isnan().all()


class StoppedError(Exception):
    pass


def test_a_scan_that_is_interrupted_goes_on_where_it_was(network, catalog, tmp_path, scanned):
    folder, opened = tmp_path / "again" / "scan", []

    def stop_after(count):
        def progress(done, total):
            opened.append(done)
            if done >= count:
                raise StoppedError

        return progress

    for count in (3, 6):
        with pytest.raises(StoppedError):
            scan(
                network,
                catalog,
                folder,
                clips_per_shard=3,
                batch=1,
                workers=1,
                progress=stop_after(count),
            )
        assert not folder.exists()
        with pytest.raises(EvidenceError):
            read_scan(folder)
    assert opened == [0, 1, 2, 3, 3, 4, 5, 6]
    found = scan(network, catalog, folder, clips_per_shard=3, batch=1)
    for mine, theirs in zip(tables(found), tables(scanned), strict=True):
        assert_frame_equal(mine, theirs, rel_tol=1e-5)
    assert [path.name for path in folder.parent.iterdir()] == ["scan"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "clips.parquet",
        "evidence.json",
        "layer-000",
    ]


def scan_of_noise(listed: str, folder: str, progress=None):
    """One clip a shard, by a network whose weights a seed gives."""
    torch.manual_seed(0)
    toy = build_network("single_frame_toy")
    settings = {"clips_per_shard": 1, "batch": 1, "workers": 2, "progress": progress}
    return scan(toy, read_catalog(listed), Path(folder), **settings)


def scan_slowly(listed: str, folder: str):
    """To be killed: says how many videos are done, and waits a little after each."""
    scan_of_noise(listed, folder, lambda done, _: (print(done, flush=True), time.sleep(0.05)))


@pytest.mark.slow
def test_a_scan_that_is_killed_ends_with_the_same_evidence(catalog, tmp_path):
    listed = tmp_path / "index.csv"
    rows = [f'"{entry.path}",{entry.label}' for entry in catalog]
    listed.write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    killed, whole = tmp_path / "killed" / "scan", tmp_path / "whole" / "scan"
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_scan; "
    code += "test_scan.scan_slowly(*sys.argv[2:])"
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(listed), str(killed)]
    for after in (2, 5):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        while int(process.stdout.readline()) < after:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert not killed.exists()
    done = []
    mine = scan_of_noise(str(listed), str(killed), lambda *counts: done.append(counts))
    assert done[0][0] >= 4
    theirs = scan_of_noise(str(listed), str(whole))
    for left, right in zip(tables(mine), tables(theirs), strict=True):
        assert_frame_equal(left, right, rel_tol=1e-5)
    texts = [(folder / "evidence.json").read_text() for folder in (killed, whole)]
    assert texts[0] == texts[1]
    assert [path.name for path in killed.parent.iterdir()] == ["scan"]


@pytest.mark.slow
def test_a_scan_of_real_videos_of_people(shared_data, network, tmp_path):
    videos = read_catalog(shared_data / "depth_actions", split="test")
    few = replace(videos, entries=videos.entries[::8])
    start = time.process_time()
    found = scan(network, few, tmp_path / "scan")
    assert time.process_time() - start < 60
    assert not found.failures
    assert not found.maxima("relu").isnan().any()


def test_a_network_without_labels_is_scanned(network, catalog, tmp_path):
    silent = Network(
        network.model, labels=(), expects=network.expects, name="silent", layers=["relu"]
    )
    found = scan(silent, catalog, tmp_path / "scan")
    assert found.labels == ()
    assert found.scores is None
    assert found.clips["predicted"].is_null().all()
    assert found.channel_maxima("relu")[0] == pytest.approx(0.9, abs=0.01)
    assert len(found.top(Unit("relu", 0))) == 6


def test_labels_that_the_network_does_not_know_are_kept(network, catalog, tmp_path):
    entries = tuple(replace(entry, label="juggling") for entry in catalog)
    other = replace(catalog, labels=("juggling",), entries=entries)
    found = scan(network, other, tmp_path / "scan")
    assert set(found.clips["label"]) == {"juggling"}
    assert set(found.clips["predicted"].drop_nulls()) <= {"light", "dark"}


def test_an_older_scan_can_be_read(scanned, tmp_path):
    """Written a shard after the other, each by clip."""
    answer = json.loads((scanned.folder / "evidence.json").read_text())
    answer["answer"]["layers"][0]["file"] = "layer-000.parquet"
    folder = tmp_path / "older"
    rows = scanned.activations("relu").sort("clip", "channel")
    for number, clips in enumerate([range(3), range(3, 7)]):
        shard = folder / "shards" / f"{number:05}"
        shard.mkdir(parents=True)
        scanned.clips.filter(pl.col("clip").is_in(clips)).write_parquet(shard / "clips.parquet")
        own = rows.filter(pl.col("clip").is_in(clips))
        own.write_parquet(shard / "layer-000.parquet")
    (folder / "evidence.json").write_text(json.dumps(answer))
    found = read_scan(folder)
    assert_frame_equal(found.clips, scanned.clips)
    assert_frame_equal(found.activations("relu"), scanned.activations("relu"))
    assert_frame_equal(found.unit(Unit("relu", 1)), scanned.unit(Unit("relu", 1)))
    for name in ("maxima", "means", "channel_maxima"):
        mine, theirs = (getattr(each, name)("relu") for each in (found, scanned))
        torch.testing.assert_close(mine, theirs, equal_nan=True)
    assert found.histogram("relu") is None
    assert found.sparsity("relu") is None


# Refusals


def test_refuses_a_layer_that_is_not_there(network, catalog, tmp_path):
    with pytest.raises(UnknownNameError, match="near: relu"):
        scan(network, catalog, tmp_path / "scan", layers=["rely"])
    assert not list(tmp_path.iterdir())


def test_refuses_to_tell_of_a_layer_that_was_not_scanned(scanned):
    with pytest.raises(UnknownNameError, match="no scanned layer is called boxes"):
        scanned.activations("boxes")


def test_refuses_to_tell_of_a_unit_that_is_not_there(scanned):
    with pytest.raises(UnknownNameError, match="a channel from 0 to 2 of relu"):
        scanned.unit(Unit("relu", 3))


def test_refuses_a_part_that_is_not_there(network, catalog, tmp_path):
    with pytest.raises(CatalogError, match="have no part 4/4"):
        scan(network, catalog, tmp_path / "scan", part=(4, 4), batch=1)
    assert not list(tmp_path.iterdir())


def test_refuses_a_folder_without_a_scan(tmp_path):
    with pytest.raises(EvidenceError, match="holds no evidence"):
        read_scan(tmp_path)
