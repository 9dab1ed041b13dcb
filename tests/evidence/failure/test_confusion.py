import csv
from dataclasses import replace

import pytest
import torch

from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.failure.confusion import objectives_of_pairs, write_confusion
from kinetoscope.evidence.failure.nearest import nearest_clips, neighbours_part
from kinetoscope.evidence.failure.pair_part import Confusing
from kinetoscope.evidence.failure.tables import write_tables
from kinetoscope.evidence.scan import scan
from kinetoscope.units.objective import Objective

from .lamps import BLAMED, lamp_catalog, lamp_network

HOW = Confusing(units=2, controls=2, neighbours=3)
TO_BLAME = f"units:{BLAMED}"


@pytest.fixture(scope="module")
def told(lamps, lamp_videos, lamps_scanned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("told") / "confusion"
    return write_confusion(lamps, lamp_videos, lamps_scanned, folder, how=HOW)


@pytest.fixture(scope="module")
def pair(told):
    (found,) = told.answer["worst"]
    return found


def test_the_unit_that_is_to_blame_is_named_first(pair):
    assert (pair["one"], pair["other"]) == ("left", "right")
    assert pair["pushing"][0]["unit"] == TO_BLAME
    assert pair["pushing"][0]["push"] > 10
    for clip in pair["clips"]:
        assert (clip["label"], clip["predicted"]) == ("left", "right")
        assert clip["units"][0]["unit"] == TO_BLAME
        assert clip["units"][0]["typical"] == 0  # no clip that is recognized lights that lamp


def test_removing_it_undoes_the_confusion(pair):
    before, change = pair["before"], pair["removed"][TO_BLAME]
    assert before["taken"][0] == pytest.approx(2 / 12)
    assert change["taken"][0] == pytest.approx(-2 / 12)
    assert change["right"][0] == pytest.approx(2 / 12)
    assert change["mended"] == [1.0, 1.0, 1.0]
    assert change["lifted"][1] > 5


def test_removing_units_at_random_does_not(pair):
    assert pair["random"]
    assert pair["control"]["taken"] == [0, 0, 0]
    assert pair["control"]["mended"] == [0, 0, 0]


def test_the_units_that_tell_the_two_apart_are_named(pair):
    assert {each["unit"] for each in pair["apart"]} == {"units:0", "units:1"}
    for each in pair["apart"]:
        assert pair["removed"][each["unit"]]["margin"][0] < 0


def test_the_nearest_clips_of_a_mistaken_one_are_told_with_chance_beside(told, pair):
    assert told.answer["neighbours"]["layer"] == "units"
    assert not told.answer["neighbours"]["training"]
    for clip in pair["clips"]:
        assert len(clip["neighbours"]) == 3
        assert clip["neighbours"][0]["label"] == "left"  # the other misleading one
        assert clip["path"] not in {each["path"] for each in clip["neighbours"]}
    assert pair["neighbours"]["wrong_by_chance"] == pytest.approx(1 / 3)


def test_what_to_maximize_is_both_labels_and_what_tells_them_apart(told):
    found = list(map(str, objectives_of_pairs(told)))
    expected = ["label:left", "label:right", "label:left - label:right", "label:right - label:left"]
    assert found == expected == told.answer["worst"][0]["objectives"]
    assert [str(Objective.parse(each)) for each in found] == found


def test_neighbours_may_be_looked_for_among_other_clips(
    lamps, lamp_videos, lamps_scanned, tmp_path
):
    (tmp_path / "train").mkdir()
    training = replace(lamp_catalog(tmp_path / "train", each=2, blamed=0), name="training")
    told = write_confusion(
        lamps, lamp_videos, lamps_scanned, tmp_path / "told", training=training, how=HOW
    )
    assert told.answer["neighbours"]["training"]
    assert told.answer["neighbours"]["catalog"].startswith("training")
    near = told.answer["worst"][0]["clips"][0]["neighbours"]
    assert near[0]["path"].startswith("left")
    assert (tmp_path / "told-training" / "evidence.json").exists()
    among = scan(lamps, training, tmp_path / "scan", layers=["units"])
    again = write_confusion(
        lamps, lamp_videos, lamps_scanned, tmp_path / "again", training=among, how=HOW
    )
    assert again.answer["worst"][0]["clips"][0]["neighbours"] == near


def test_a_pair_that_is_asked_for_is_told_though_it_is_never_mixed_up(
    lamps, lamp_videos, lamps_scanned, tmp_path
):
    told = write_confusion(
        lamps, lamp_videos, lamps_scanned, tmp_path / "told", pairs=[("right", "low")], how=HOW
    )
    (pair,) = told.answer["worst"]
    assert pair["clips"] == pair["pushing"] == []
    assert pair["neighbours"] is None
    assert pair["before"]["right"][0] == 1
    assert pair["removed"][pair["apart"][0]["unit"]]["margin"][0] < 0


def test_a_unit_may_answer_its_mean_instead(lamps, lamp_videos, lamps_scanned, tmp_path):
    how = replace(HOW, replacement="mean")
    told = write_confusion(lamps, lamp_videos, lamps_scanned, tmp_path / "told", how=how)
    assert told.answer["worst"][0]["removed"][TO_BLAME]["mended"][0] == 1


def test_the_numbers_stand_beside_it_and_evidence_that_is_there_is_read(
    told, lamps, lamp_videos, lamps_scanned
):
    with (told.folder / "removals.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["unit"] == TO_BLAME]
    assert float(rows[0]["mended_value"]) == 1
    names = {path.stem for path in told.folder.glob("*.csv")}
    assert names == {"pairs", "removals", "clips", "neighbours"}
    before = (told.folder / "evidence.json").stat().st_mtime_ns
    again = write_confusion(lamps, lamp_videos, lamps_scanned, told.folder, how=HOW)
    assert (told.folder / "evidence.json").stat().st_mtime_ns == before
    assert again.answer == told.answer


def test_a_network_that_is_always_right_has_no_pairs(lamps, tmp_path):
    (tmp_path / "videos").mkdir()
    videos = lamp_catalog(tmp_path / "videos", each=2, blamed=0)
    found = scan(lamps, videos, tmp_path / "scan")
    told = write_confusion(lamps, videos, found, tmp_path / "told")
    assert told.answer["pairs"] == told.answer["worst"] == []
    assert told.answer["wrong"] == 0
    assert objectives_of_pairs(told) == []


def test_where_nothing_is_mixed_up_there_are_no_tables(told, tmp_path):
    write_tables(tmp_path, {**told.answer, "pairs": [], "worst": []})
    assert list(tmp_path.glob("*.csv")) == []


def test_no_neighbours_of_no_clips(lamps, lamps_scanned):
    found = nearest_clips(lamps, lamps_scanned, None, "units", {}, 3)
    assert found == {}
    assert neighbours_part([], found, lamps_scanned, 0) is None


def test_refuses_clips_whose_labels_the_network_does_not_know(lamps, lamp_videos, tmp_path):
    entries = tuple(replace(each, label="dim") for each in lamp_videos.entries[:2])
    videos = replace(lamp_videos, entries=entries)
    found = scan(lamps, videos, tmp_path / "scan")
    with pytest.raises(EvidenceError, match="label that the network knows"):
        write_confusion(lamps, videos, found, tmp_path / "told")


def test_refuses_a_pair_that_is_not_there_and_a_scan_of_another_network(
    lamps, lamp_videos, lamps_scanned, tmp_path
):
    with pytest.raises(UnknownNameError, match="not two labels"):
        write_confusion(
            lamps, lamp_videos, lamps_scanned, tmp_path / "told", pairs=[("left", "lift")]
        )
    other = lamp_network()
    with torch.no_grad():
        other.model.label.bias += 1
    with pytest.raises(EvidenceError, match="is not of"):
        write_confusion(other, lamp_videos, lamps_scanned, tmp_path / "told")
