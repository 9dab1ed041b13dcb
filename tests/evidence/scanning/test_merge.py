from dataclasses import replace

import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.scan import scan
from kinetoscope.evidence.scanning.merge import merge_scans
from kinetoscope.networks.network import Network
from tests.evidence.boxes import SPEC, Brightness

SETTINGS = {"batch": 2, "workers": 2, "clips_per_shard": 3}


@pytest.fixture
def parts(network, catalog, tmp_path):
    """A scan of each of three parts of the catalog, the last one first."""
    folders = [tmp_path / f"part-{which}" for which in (2, 0, 1)]
    for which, folder in zip((2, 0, 1), folders, strict=True):
        scan(network, catalog, folder, part=(which, 3), **SETTINGS)
    return folders


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def test_parts_make_the_same_files_as_one_scan_of_all(network, catalog, parts, tmp_path):
    whole = scan(network, catalog, tmp_path / "whole", **SETTINGS)
    merged = merge_scans(parts, tmp_path / "merged")
    assert files(merged.folder) == files(whole.folder)
    assert merged.failures == whole.failures
    assert merged.provenance == whole.provenance


def test_what_was_merged_is_not_scanned_again(network, catalog, parts, tmp_path):
    merged = merge_scans(parts, tmp_path / "merged")
    before = merged.folder.stat().st_ctime_ns
    scan(network, catalog, merged.folder, progress=lambda *_: pytest.fail("it is scanned"))
    assert merged.folder.stat().st_ctime_ns == before


def test_a_part_has_the_numbers_of_the_whole(network, catalog, tmp_path):
    part = scan(network, catalog, tmp_path / "part", part=(1, 3), **SETTINGS)
    assert part.clips["clip"].to_list() == part.clips["video"].to_list() == [2, 3]
    assert part.maxima("relu").shape == (2, 3)
    assert part.maxima("relu").isnan().any(dim=1).tolist() == [False, True]


def test_refuses_parts_of_which_one_is_missing(parts, tmp_path):
    with pytest.raises(EvidenceError, match="no part with videos 2 to 3"):
        merge_scans(parts[:2], tmp_path / "merged")
    with pytest.raises(EvidenceError, match="no part with videos 4 to 6"):
        merge_scans(parts[1:], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_refuses_a_part_that_is_named_twice(parts, tmp_path):
    with pytest.raises(EvidenceError, match="videos 2 to 3 twice"):
        merge_scans([*parts, parts[2]], tmp_path / "merged")


def test_refuses_parts_of_different_scans(parts, catalog, network, tmp_path):
    for name, other in {
        "weights": (Network(Brightness(), labels=["a", "b"], expects=SPEC, name="x"), catalog),
        "catalog": (network, replace(catalog, entries=catalog.entries[1:])),
    }.items():
        scan(*other, tmp_path / name, layers=["relu"], part=(2, 3), **SETTINGS)
        with pytest.raises(EvidenceError, match="are not parts of one scan"):
            merge_scans([*parts[1:], tmp_path / name], tmp_path / "merged")


def test_refuses_a_scan_of_a_whole_catalog(scanned, tmp_path):
    with pytest.raises(EvidenceError, match="is no scan of a part"):
        merge_scans([scanned.folder], tmp_path / "merged")


def test_refuses_to_merge_nothing(tmp_path):
    with pytest.raises(EvidenceError, match="no scan is to be merged"):
        merge_scans([], tmp_path / "merged")
