import csv
import math
from dataclasses import replace

import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.representation.alike import write_similarity
from kinetoscope.evidence.representation.clips import pooled, seen_clips
from kinetoscope.evidence.representation.similarity import unbiased_cka
from kinetoscope.evidence.scan import scan
from tests.evidence.representation.made import colour_network


@pytest.fixture(scope="module")
def turned(colours, colour_videos, tmp_path_factory):
    """The same network with red, green and blue in another order, and twice as large."""
    other = colour_network()
    weight = other.model.colour.weight.data
    other.model.colour.weight.data = 2 * weight[[2, 0, 1, 3]]
    return scan(other, colour_videos, tmp_path_factory.mktemp("scans") / "turned")


@pytest.fixture(scope="module")
def written(colour_scan, random_scan, turned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("look") / "similarity"
    return write_similarity(colour_scan, folder, other=turned, control=random_scan)


def test_a_network_whose_units_are_in_another_order_says_the_same(written):
    grey, colour = range(2)
    between = written.answer["between"]
    assert between[grey][grey]["value"] == pytest.approx(1)
    assert between[colour][colour]["value"] == pytest.approx(1)
    assert between[grey][colour]["value"] < 0.5
    assert written.answer["other"] == {"name": "colours", "layers": ["grey", "colour"]}


def test_layers_of_one_network_are_held_against_each_other(written, colour_scan):
    within = written.answer["within"]
    assert within[0][0]["value"] == pytest.approx(1)
    assert within[0][1]["value"] == pytest.approx(within[1][0]["value"])
    seen = seen_clips(colour_scan)
    grey, colour = (_tensor(pooled(colour_scan, layer, seen)) for layer in ("grey", "colour"))
    assert within[0][1]["value"] == pytest.approx(unbiased_cka(grey, colour))
    assert within[0][1]["low"] < within[0][1]["value"] < within[0][1]["high"]


def _tensor(array):
    import torch

    return torch.from_numpy(array)


def test_controls_stand_beside_it(written):
    answer = written.answer
    assert answer["random"][0][0]["value"] < 0.9  # any mixture of colours is more than grey
    assert abs(answer["shuffled"]["value"]) < 0.3
    assert answer["biased"][0][1] > answer["within"][0][1]["value"]


def test_the_numbers_are_beside_it_as_csv(written):
    for name in ("within", "between", "random"):
        with (written.folder / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["layer"], row["with"]) for row in rows][1] == ("grey", "colour")
        assert float(rows[1]["similarity"]) == written.answer[name][0][1]["value"]


def test_alone_there_is_nothing_between(colour_scan, tmp_path):
    found = write_similarity(colour_scan, tmp_path / "similarity", pool="largest")
    assert found.answer["between"] is None
    assert found.answer["random"] is None
    assert found.answer["videos"] == len(seen_clips(colour_scan))
    assert not math.isnan(found.answer["within"][0][1]["value"])
    again = write_similarity(colour_scan, tmp_path / "similarity", pool="largest")
    assert again == found


def test_refuses_scans_of_other_clips(colour_scan, colours, colour_videos, tmp_path):
    few = replace(colour_videos, entries=colour_videos.entries[:3])
    other = scan(colours, few, tmp_path / "scan")
    with pytest.raises(EvidenceError, match="of different clips"):
        write_similarity(colour_scan, tmp_path / "similarity", other=other)
    with pytest.raises(EvidenceError, match="too few videos"):
        write_similarity(other, tmp_path / "similarity")
