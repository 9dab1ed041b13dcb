from dataclasses import replace

import numpy as np
import pytest

from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.representation.clips import Seen
from kinetoscope.evidence.representation.sides import Sides, shuffled
from kinetoscope.evidence.scan import scan
from tests.evidence.representation.made import colour_catalog

LIMITS = {"layers": (), "most": 2000, "seed": 0}


@pytest.fixture(scope="module")
def others(colours, tmp_path_factory):
    """A catalog of other videos, in another order and without blue ones, and its scan."""
    whole = colour_catalog(tmp_path_factory.mktemp("others"), split="train", first=1000)
    kept = [each for each in reversed(whole.entries) if each.label in ("red", "green")]
    catalog = replace(whole, entries=tuple(each for each in kept if each.path.stem != "broken"))
    return catalog, scan(colours, catalog, tmp_path_factory.mktemp("scans") / "scan")


# Known answers


def test_one_scan_is_fitted_to_and_tested_on(colour_scan, colour_videos):
    sides = Sides.of(colour_scan, [colour_videos], None, **LIMITS)
    assert not sides.apart
    assert sides.asked is sides.fitted
    assert sides.fitted.names == ("red", "green", "blue")
    assert sides.left_out == ({"label": "seldom", "groups": 1},)
    assert sides.unlabelled == 1


def test_of_two_scans_one_is_tested_on_with_the_labels_of_the_other(
    colour_scan, colour_videos, others
):
    catalog, other = others
    sides = Sides.of((other, colour_scan), [catalog, colour_videos], None, **LIMITS)
    assert sides.apart
    assert sides.fitted.names == ("red", "green")
    truth = [sides.fitted.names[place] for place in sides.asked.labels.tolist()]
    assert truth == colour_scan.clips["label"].gather(sides.asked.rows).to_list()
    assert "blue" not in truth


def test_shuffled_labels_stay_together_within_a_video():
    videos = np.repeat(np.arange(12), 3)
    labels = np.repeat(np.arange(12) % 4, 3)
    seen = Seen(
        rows=np.arange(36), labels=labels, names=tuple("abcd"), groups=videos, videos=videos
    )
    mixed = shuffled(seen, 0)
    assert all(len(set(mixed[videos == video])) == 1 for video in range(12))
    assert np.bincount(mixed).tolist() == np.bincount(labels).tolist()
    assert (mixed != labels).any()


# Refusals


def test_refuses_to_test_on_what_was_fitted_to(colour_scan, colour_videos):
    with pytest.raises(EvidenceError, match="in both catalogs"):
        Sides.of((colour_scan, colour_scan), [colour_videos, colour_videos], None, **LIMITS)


def test_refuses_a_group_on_both_sides(colour_scan, colour_videos, colours, others, tmp_path):
    def of_one(catalog: Catalog) -> Catalog:
        first, *rest = catalog.entries
        return replace(catalog, entries=(replace(first, group="one person"), *rest))

    catalog, other = others
    with pytest.raises(EvidenceError, match="such as one person"):
        Sides.of((other, colour_scan), [of_one(catalog), of_one(colour_videos)], None, **LIMITS)


def test_refuses_scans_by_two_networks(colour_scan, random_scan):
    with pytest.raises(EvidenceError, match="do not belong together"):
        Sides.of((colour_scan, random_scan), [], None, **LIMITS)


def test_refuses_a_control_of_other_clips(colour_scan, others):
    with pytest.raises(EvidenceError, match="is of other clips"):
        Sides.of(colour_scan, [], others[1], **LIMITS)


def test_refuses_a_layer_that_was_not_scanned(colour_scan):
    with pytest.raises(UnknownNameError, match="near: grey"):
        Sides.of(colour_scan, [], None, **{**LIMITS, "layers": ("gray",)})


def test_refuses_clips_to_test_on_of_none_of_the_labels(colour_scan, colour_videos, others):
    catalog, other = others
    renamed = replace(
        colour_scan,
        folder=colour_scan.folder,
        provenance=colour_scan.provenance,
    )
    renamed.__dict__["clips"] = colour_scan.clips.with_columns(label=None)
    with pytest.raises(EvidenceError, match="none of the labels"):
        Sides.of((other, renamed), [catalog, colour_videos], None, **LIMITS)
