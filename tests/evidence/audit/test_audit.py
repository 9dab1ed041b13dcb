import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import CatalogError, EvidenceError, UnknownNameError
from kinetoscope.evidence.audit.audit import write_audit
from kinetoscope.evidence.audit.gathering import gather
from kinetoscope.evidence.audit.listing import joined, last_layer
from kinetoscope.evidence.scan import read_scan
from tests.evidence.audit.conftest import EACH, SIDE, SPEC

pytestmark = pytest.mark.slow


def path_of(catalog, video):
    return catalog.entries[video].path.name


def test_finds_what_was_planted_gravest_first(looked):
    grave = [
        (each["cue"], each["label"])
        for each in looked.answer["findings"]
        if each["cue"] not in ("single frame", "background", "bit rate")
    ]
    assert grave == [("caption", "captioned"), ("border", "framed")]
    cues = [each["cue"] for each in looked.answer["findings"]]
    assert cues == sorted(
        cues, key=["caption", "border", "bit rate", "background", "single frame"].index
    )


def test_a_finding_stands_beside_shuffled_labels_with_clips_and_pictures(looked, peculiar):
    for place, each in enumerate(looked.answer["findings"]):
        assert each["area"]["low"] > each["shuffled"][1]
        assert all(peculiar.entries[video].label == each["label"] for video in each["telling"])
        if (each["cue"], each["label"]) == ("border", "framed"):
            pictures = load_file(looked.folder / "pictures.safetensors")
            own, others = pictures[f"{place}.own"], pictures[f"{place}.others"]
            assert own[0].mean(axis=0) == pytest.approx([230, 204, 51], abs=20)
            assert np.abs(own[0].astype(int) - others[0]).mean() > 40


def test_finds_copies_across_splits_also_mirrored(looked, peculiar):
    duplicates = looked.answer["duplicates"]
    found = {
        tuple(path_of(peculiar, video) for video in pair["videos"]): pair["view"]
        for pair in duplicates["pairs"]
    }
    assert found == {
        ("plain 0 <é>.mp4", f"plain {EACH - 1} <é>.mp4"): "plain",
        ("framed 0 <é>.mp4", f"framed {EACH - 1} <é>.mp4"): "mirrored",
    }
    assert (duplicates["count"], duplicates["across"], duplicates["contrary"]) == (2, 2, 0)


def test_lists_what_is_too_small_and_what_can_not_be_read(looked):
    answer = looked.answer
    assert answer["small"] == [{"label": "single", "clips": 1}, {"label": "absent", "clips": 0}]
    assert [each["where"] for each in answer["failures"]] == ["list:3b"]
    assert (answer["videos"], answer["clips"]) == (3 * EACH + 2, 3 * EACH + 1)
    assert {each["label"] for each in answer["told"]} == {"captioned", "framed", "plain"}


def test_suspects_come_with_what_they_would_rather_be(looked, peculiar):
    suspects = looked.answer["suspects"]
    assert suspects["layer"] == "relu"
    assert 0 <= suspects["accuracy"] <= 1
    assert suspects["count"] == len(suspects["list"])
    rows = np.array(suspects["joint"]["rows"])
    assert rows.sum() - np.trace(rows) == suspects["count"]
    for each in suspects["list"]:
        assert each["rather"] != peculiar.entries[each["video"]].label


def test_every_clip_that_is_spoken_of_is_kept(looked):
    shown, arrays = looked.answer["shown"], load_file(looked.folder / "clips.safetensors")
    spoken = {
        str(video) for pair in looked.answer["duplicates"]["pairs"] for video in pair["videos"]
    }
    assert spoken <= shown.keys() == arrays.keys()
    for video, frames in arrays.items():
        assert frames.dtype == np.uint8
        assert frames.shape == (8, SIDE, SIDE, 3)
        assert shown[video]["clip"] == int(video)


def test_tables_hold_all_rows(looked):
    cues = pl.read_csv(looked.folder / "cues.csv")
    assert len(cues) == len(looked.answer["told"]) == 8 * 3
    assert len(pl.read_csv(looked.folder / "duplicates.csv")) == 2
    assert len(pl.read_csv(looked.folder / "suspects.csv")) == looked.answer["suspects"]["count"]


def test_evidence_that_is_there_is_read_and_the_same_seed_gives_the_same(
    looked, peculiar, watcher, tmp_path
):
    scanned = read_scan(looked.folder.parent / "scan")
    told = []
    again = write_audit(
        watcher,
        peculiar,
        looked.folder,
        scan=scanned,
        shuffles=3,
        progress=lambda done, _: told.append(done),
    )
    assert told == []
    assert again == looked
    anew = write_audit(
        watcher,
        peculiar,
        tmp_path / "audit",
        scan=scanned,
        shuffles=3,
        clip_cache=ClipCache(tmp_path / "clips"),
    )
    assert anew.answer == looked.answer
    assert json.dumps(anew.answer)


def test_without_a_scan_labels_are_not_looked_at(peculiar, watcher, tmp_path):
    some = replace(peculiar, entries=peculiar.entries[:12])
    found = write_audit(watcher, some, tmp_path / "audit", shuffles=1).answer
    assert found["suspects"] is None
    assert found["told"] == []  # one class alone
    assert all(each["clip"] is None for each in found["shown"].values())


def test_clips_without_a_label_are_only_looked_at_for_copies(peculiar, watcher, tmp_path):
    bare = tuple(
        replace(entry, label=None) for entry in peculiar.entries if "plain" in entry.path.name
    )
    catalog = Catalog(name="bare", root=peculiar.root, labels=(), entries=bare)
    found = write_audit(watcher, catalog, tmp_path / "audit", shuffles=1).answer
    assert found["unlabelled"] == EACH
    assert found["duplicates"]["count"] == 1
    assert found["findings"] == []


def test_refuses_a_scan_of_something_else_and_a_layer_that_was_not_scanned(
    looked, peculiar, watcher, tmp_path
):
    scanned = read_scan(looked.folder.parent / "scan")
    with pytest.raises(EvidenceError, match="is not of"):
        write_audit(watcher, peculiar.split("train"), tmp_path / "audit", scan=scanned)
    with pytest.raises(UnknownNameError, match="scanned layer"):
        write_audit(watcher, peculiar, tmp_path / "audit", scan=scanned, layer="fusion")
    assert last_layer(scanned) == "relu"


def test_refuses_a_catalog_of_which_nothing_can_be_read(peculiar, watcher, tmp_path):
    broken = replace(peculiar, entries=peculiar.entries[3:4])
    with pytest.raises(CatalogError, match="no video of peculiar can be read"):
        gather(broken, SPEC)
    with pytest.raises(CatalogError):
        write_audit(watcher, broken, tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


def test_groups_of_the_catalog_are_joined(peculiar):
    entries = [replace(entry, group=name) for entry, name in zip(peculiar, "aba", strict=False)]
    assert set(joined(entries, [])) >= {(0, 2)}
