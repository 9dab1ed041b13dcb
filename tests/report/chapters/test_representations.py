"""Chapters of what layers say of clips: probes, similarity and maps."""

import json

import pytest
from PIL import Image

from kinetoscope.clips.catalog import Entry
from kinetoscope.evidence.representation.alike import write_similarity
from kinetoscope.evidence.representation.control import scan_with_random_weights
from kinetoscope.evidence.representation.embedding import Laying, write_embedding
from kinetoscope.evidence.representation.placed import write_placed
from kinetoscope.evidence.representation.probes import Probing, write_probes
from kinetoscope.evidence.scan import scan
from kinetoscope.report.chapters.chapters import chapters_part
from kinetoscope.report.chapters.embedding import tell as tell_embedding
from kinetoscope.report.chapters.probes import tell as tell_probes
from kinetoscope.report.chapters.similarity import tell as tell_similarity
from kinetoscope.report.shelf import Shelf
from tests.evidence.representation.made import colour_catalog, colour_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def look_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("look")
    evidence, network = out / "evidence", colour_network()
    catalog = colour_catalog(tmp_path_factory.mktemp("videos"))
    found = scan(network, catalog, evidence / "scan")
    control = scan_with_random_weights(network, catalog, evidence / "scan-random")
    how = Probing(machines=("svm",), folds=3)
    write_probes(found, evidence / "probes", control=control, how=how)
    write_similarity(found, evidence / "similarity", control=control)
    laid = write_embedding(found, catalog, evidence / "embedding", control=control)
    videos = [Entry(path=catalog.entries[0].path), Entry(path=catalog.root / "broken.mp4")]
    write_placed(network, laid, videos, evidence / "placed")
    return out


def part(look_folder, kind):
    from kinetoscope.evidence.evidence import read_evidence

    return read_evidence(look_folder / "evidence" / kind, kind)


def test_all_three_have_a_chapter_and_their_numbers(look_folder, tmp_path):
    found = {each["kind"]: each for each in chapters_part(look_folder, Shelf(tmp_path))}
    assert set(found) == {"probes", "similarity", "embedding"}
    assert {each["question"] for each in found.values()} == {2}
    assert [table["name"] for table in found["embedding"]["tables"]] == ["points", "quality"]
    json.dumps(found, allow_nan=False)


def test_probes_are_summed_up_by_the_first_layer_and_the_best(look_folder, tmp_path):
    told = tell_probes(part(look_folder, "probes"), Shelf(tmp_path)).summary
    assert told["first"]["layer"] == "grey"
    assert told["best"]["layer"] == "colour"
    assert told["best"]["accuracy"]["value"] == 1
    assert told["chance"] == pytest.approx(1 / 3)


def test_similarity_is_summed_up_by_the_ends_and_by_what_learning_changed(look_folder, tmp_path):
    told = tell_similarity(part(look_folder, "similarity"), Shelf(tmp_path)).summary
    assert told["ends"] == ["grey", "colour"]
    assert told["changed_most"] == "grey"
    assert told["left_of_it"] < 0.9


def test_maps_come_with_pictures_and_with_what_was_put_into_them(look_folder, tmp_path):
    told = tell_embedding(part(look_folder, "embedding"), Shelf(tmp_path))
    data, strip = told.data, told.data["pictures"]
    with Image.open(tmp_path / strip["src"]) as picture:
        assert picture.size[0] == strip["columns"] * 48
    assert strip["count"] == len(data["clips"])
    assert "arrays" not in data["maps"][0]
    assert len(data["placed"]["clips"]) == 1
    assert "broken.mp4" in data["placed"]["failures"][0]["path"]
    assert told.summary["best"]["layer"] == "colour"


def test_what_was_put_into_other_maps_is_not_shown(look_folder, tmp_path):
    import shutil

    from kinetoscope.evidence.scan import read_scan
    from tests.evidence.representation.made import colour_catalog

    other = tmp_path / "look" / "evidence"
    shutil.copytree(look_folder / "evidence" / "placed", other / "placed")
    catalog = colour_catalog(tmp_path)
    found = read_scan(look_folder / "evidence" / "scan")
    laid = write_embedding(found, catalog, other / "embedding", how=Laying(most=9))
    assert tell_embedding(laid, Shelf(tmp_path)).data["placed"] is None
