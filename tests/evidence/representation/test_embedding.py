import csv

import numpy as np
import pytest
from safetensors.numpy import load_file

from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.representation.embedding import Laying, read_map, write_embedding
from kinetoscope.evidence.representation.map_quality import neighbours_of
from tests.evidence.representation.made import EACH

CLIPS = 3 * EACH + 2


@pytest.fixture(scope="module")
def written(colour_scan, colour_videos, random_scan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("look") / "embedding"
    return write_embedding(colour_scan, colour_videos, folder, control=random_scan)


@pytest.fixture
def maps(written):
    return {each["layer"]: each for each in written.answer["maps"]}


# Known answers


def test_labels_lie_together_as_the_layer_sees_them_that_tells_them_apart(maps):
    colour, grey = maps["colour"], maps["grey"]
    assert colour["in_features"]["value"] > 0.5  # of nine neighbours five can have the same label
    assert grey["in_features"]["value"] < 0.4
    assert colour["in_features"]["low"] > colour["shuffled"]["high"]
    assert colour["agreement"]["value"] == pytest.approx(colour["in_features"]["value"], abs=0.15)
    assert colour["lost"]["value"] == pytest.approx(
        colour["in_features"]["value"] - colour["agreement"]["value"]
    )
    assert grey["random"]["value"] > grey["in_features"]["value"]


def test_how_far_a_map_can_be_trusted_is_told_beside_a_scattered_one(maps):
    for each in maps.values():
        assert each["trustworthiness"]["low"] > each["scattered"]["high"]


def test_each_clip_is_told_with_its_place_and_its_cell(written, maps):
    answer = written.answer
    assert len(answer["clips"]) == CLIPS
    first = {"row": 0, "path": "0.mp4", "label": "red", "predicted": "red"}
    assert answer["clips"][0] == first
    assert answer["neighbours"] == neighbours_of(CLIPS)
    colour = maps["colour"]
    assert len(colour["points"]) == CLIPS
    assert sorted(set(colour["cells"])) == sorted(colour["cells"])
    assert (colour["columns"], colour["rows"]) == (5, 4)


def test_pictures_and_numbers_are_beside_it(written):
    pictures = load_file(written.folder / written.answer["pictures"])["pictures"]
    assert pictures.shape == (CLIPS, 48, 48, 3)
    with (written.folder / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * CLIPS
    assert rows[0]["label"] == "red"
    with (written.folder / "quality.csv").open(newline="") as file:
        assert [row["layer"] for row in csv.DictReader(file)] == ["grey", "colour"]


def test_a_map_is_read_back(written, maps):
    found = read_map(written, "colour", "tsne")
    np.testing.assert_allclose(found.points, maps["colour"]["points"], atol=1e-4)
    assert found.features.shape == (CLIPS, 4)


# Promises


def test_evidence_that_is_there_is_read(written, colour_scan, colour_videos, random_scan):
    before = written.folder.stat().st_ctime_ns
    again = write_embedding(colour_scan, colour_videos, written.folder, control=random_scan)
    assert again == written
    assert written.folder.stat().st_ctime_ns == before


def test_a_layer_that_is_the_same_for_all_clips_is_told(colour_scan, colour_videos, tmp_path):
    class Still(type(colour_scan)):
        def means(self, layer):
            found = super().means(layer)
            return found * 0 if layer == "grey" else found

    still = Still(**{name: getattr(colour_scan, name) for name in colour_scan.__dataclass_fields__})
    found = write_embedding(still, colour_videos, tmp_path / "embedding", how=Laying(most=9))
    assert [each["layer"] for each in found.answer["maps"]] == ["colour"]
    assert found.answer["failures"][0]["layer"] == "grey"


def test_clips_without_labels_have_a_map_without_agreement(colour_scan, colour_videos, tmp_path):
    import copy

    nameless = copy.copy(colour_scan)
    nameless.__dict__["clips"] = colour_scan.clips.with_columns(label=None)
    found = write_embedding(nameless, colour_videos, tmp_path / "embedding", layers=["colour"])
    (each,) = found.answer["maps"]
    assert each["agreement"] is None
    assert each["in_features"] is None
    assert each["trustworthiness"]["value"] > 0.7


# Refusals


def test_refuses_a_layer_that_was_not_scanned(colour_scan, colour_videos, tmp_path):
    with pytest.raises(UnknownNameError, match="near: colour"):
        write_embedding(colour_scan, colour_videos, tmp_path / "embedding", layers=["color"])


def test_refuses_a_map_that_is_not_there(written):
    with pytest.raises(EvidenceError, match="grey by tsne"):
        read_map(written, "colour", "umap")
