"""What the page of invariance is told."""

import json
from dataclasses import replace

import pytest

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.evidence.invariance.invariance import QUICK, write_invariance
from kinetoscope.networks.network import Network
from kinetoscope.report.chapters.invariance import tell
from kinetoscope.report.shelf import Shelf
from tests.evidence.boxes import PLACES, SPEC, Brightness, write_video

ASKED = replace(QUICK, clips=3, changes=("speed", "flip"), grid=(4, 2, 2))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("look")
    entries = []
    for number in range(3):
        path = folder / f"{number}.mp4"
        write_video(path, 0.7 + 0.1 * number, PLACES[number])
        entries.append(Entry(path=path, label="light"))
    catalog = Catalog(name="boxes", root=folder, labels=("light",), entries=tuple(entries))
    network = Network(
        Brightness(), labels=["light", "dark"], expects=SPEC, name="planted", layers=("relu",)
    )
    layers = ["boxes", "relu"]
    found = write_invariance(network, catalog, layers, folder / "invariance", ASKED)
    return tell(found, Shelf(folder))


def test_a_unit_has_its_curves_widths_and_what_it_loses(told):
    light = told.data["units"]["relu"]["0"]
    assert set(light["curves"]) == {"speed", "flip"}
    assert light["curves"]["flip"] == [100, 100]
    assert set(light["widths"]) == {"speed"}  # a flip has none
    assert light["clip"] == 2
    assert max(light["space"]) == 100
    assert max(light["time"]) == 100


def test_a_unit_that_nothing_excites_has_none(told):
    assert "2" not in told.data["units"]["relu"]


def test_speeds_beyond_the_video_do_not_count_for_half_widths(told):
    (speed,) = [change for change in told.data["changes"] if change["name"] == "speed"]
    counting = dict(zip(speed["values"], speed["counting"], strict=True))
    assert counting == {0.25: True, 1 / 2: True, 1.0: True, 2.0: True, 4.0: False}


def test_all_is_plain_and_the_summary_says_what_came_out(told):
    json.dumps([told.summary, told.data], allow_nan=False)
    assert told.summary["clips"] == 3
    assert told.summary["speed"]["verdict"] in ("grows", "falls", "neither")
