import copy
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.representation.clips import Seen, learnable, pooled, seen_clips
from kinetoscope.evidence.scan import scan
from kinetoscope.networks.network import Network
from tests.evidence.representation.made import EACH, LABELS


def seen(labels, groups=None, names=("a", "b", "c")):
    labels = np.array(labels)
    groups = np.arange(len(labels)) if groups is None else np.array(groups)
    places = np.arange(len(labels))
    return Seen(rows=places, labels=labels, names=names, groups=groups, videos=places)


# Known answers


def test_clips_that_could_be_read_are_seen_with_their_labels(colour_scan, colour_videos):
    found = seen_clips(colour_scan, colour_videos)
    assert len(found) == EACH * 3 + 2
    assert 3 not in found.rows  # the file that is no video
    assert found.names == (*LABELS, "seldom")
    assert found.labels[:4].tolist() == [0, 1, 2, 0]
    assert found.labels[-2:].tolist() == [-1, 3]


def test_of_too_many_clips_each_label_keeps_as_many(colour_scan):
    found = seen_clips(colour_scan, most=8, seed=1)
    counts = Counter(found.names[place] if place >= 0 else None for place in found.labels.tolist())
    assert counts == {"red": 2, "green": 2, "blue": 2, "seldom": 1, None: 1}
    assert found.rows.tolist() == sorted(found.rows.tolist())


def test_a_very_wide_layer_is_looked_at_with_fewer_clips(colour_scan):
    layers = {"grey": {**colour_scan.layers["grey"], "channels": 2**24}}
    wide = replace(colour_scan, layers=layers)
    assert len(seen_clips(wide, layers=["grey"])) == 4


def test_files_are_groups_and_so_is_what_the_catalog_says(colour_scan, colour_videos):
    plain = seen_clips(colour_scan)
    assert len(set(plain.groups.tolist())) == len(plain)
    entries = tuple(replace(each, group="one person") for each in colour_videos.entries)
    grouped = replace(colour_videos, entries=entries)
    assert set(seen_clips(colour_scan, grouped).groups.tolist()) == {0}


def test_labels_in_a_single_group_are_left_out_and_told():
    found, left_out = learnable(seen([0, 0, 1, 1, 2, 2, -1], groups=[0, 1, 2, 3, 4, 4, 5]))
    assert left_out == [{"label": "c", "groups": 1}]
    assert found.names == ("a", "b")
    assert found.rows.tolist() == [0, 1, 2, 3]


def test_a_layer_is_told_by_its_means_or_its_largest_answers(colour_scan):
    found = seen_clips(colour_scan)
    means, largest = (pooled(colour_scan, "colour", found, pool) for pool in ("mean", "largest"))
    np.testing.assert_array_equal(means, colour_scan.means("colour").numpy()[found.rows])
    assert (largest >= means - 1e-6).all()


# Promises


def test_the_same_seed_chooses_the_same_clips(colour_scan):
    one, same, other = (seen_clips(colour_scan, most=8, seed=seed).rows for seed in (1, 1, 2))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


# Refusals


def test_refuses_a_catalog_that_was_not_scanned(colour_scan, colour_videos):
    fewer = replace(colour_videos, entries=colour_videos.entries[:4])
    with pytest.raises(EvidenceError, match="is not of test"):
        seen_clips(colour_scan, fewer)


def test_refuses_a_layer_that_was_not_scanned(colour_scan):
    with pytest.raises(UnknownNameError, match="near: colour"):
        pooled(colour_scan, "color", seen_clips(colour_scan))


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([0, 0, 0], None, "3 of a, 0 of b"),
        ([0, 0, 1], None, "2 of a, 1 of b"),
        ([0, 0, 1, 1], [0, 1, 2, 2], "2 of a, 1 of b"),
        ([-1, -1], None, "0 of a"),
    ],
    ids=["one label", "a label with one clip", "a label in one group", "no labels"],
)
def test_refuses_clips_that_are_not_of_two_labels(labels, groups, message):
    with pytest.raises(EvidenceError, match=message):
        learnable(seen(labels, groups))


def test_refuses_answers_that_are_not_numbers(colours, colour_videos, tmp_path):
    broken = copy.deepcopy(colours.model)
    broken.colour.bias.data[3] = torch.nan
    network = Network(
        broken, labels=colours.labels, expects=colours.expects, name="broken", layers=["colour"]
    )
    few = Catalog(
        name="few",
        root=colour_videos.root,
        labels=colour_videos.labels,
        entries=colour_videos.entries[:2],
    )
    found = scan(network, few, tmp_path / "scan")
    with pytest.raises(EvidenceError, match="for 2 of 2 clips"):
        pooled(found, "colour", seen_clips(found))


def test_refuses_a_scan_without_a_clip(colours, tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_text("not a video")
    entries = (Entry(path=path, label="red"),)
    empty = Catalog(name="empty", root=tmp_path, labels=("red",), entries=entries)
    with pytest.raises(EvidenceError, match="has no clips"):
        seen_clips(scan(colours, empty, tmp_path / "scan"))
