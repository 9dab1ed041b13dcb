"""What the pages of specificity and of confusion are told, and that they show it."""

import pytest

from kinetoscope.evidence.evidence import (
    Provenance,
    read_evidence,
    write_answer,
    writing_evidence,
)
from kinetoscope.evidence.failure.confusion import write_confusion
from kinetoscope.evidence.failure.pair_part import Confusing
from kinetoscope.evidence.scan import scan
from kinetoscope.evidence.specificity.specificity import Removing, write_specificity
from kinetoscope.report.chapters.confusion import tell as tell_confusion
from kinetoscope.report.chapters.specificity import tell as tell_specificity
from kinetoscope.report.page import handing_over
from kinetoscope.report.report import write_report
from kinetoscope.report.shelf import Shelf
from kinetoscope.units.layers import list_layers
from tests.evidence.failure.lamps import lamp_catalog, lamp_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    """A look into the network of lamps that measured these two things alone."""
    folder = tmp_path_factory.mktemp("look")
    (folder / "videos").mkdir()
    network, videos = lamp_network(), lamp_catalog(folder / "videos")
    evidence = folder / "evidence"
    with writing_evidence(evidence / "network", "network", Provenance.of(network)) as (_, answer):
        answer["name"], answer["labels"] = network.name, list(network.labels)
        answer["expects"] = network.expects.to_json()
        answer["weights_count"], answer["without_stimuli"] = network.weights_count, []
        answer["layers"] = [layer.to_json() for layer in list_layers(network)]
    found = scan(network, videos, evidence / "scan")
    removing = Removing(clips=6, specific=2, controls=1)
    write_specificity(network, videos, found, evidence / "specificity", removing=removing)
    how = Confusing(units=2, controls=1, neighbours=2)
    write_confusion(network, videos, found, evidence / "confusion", how=how)
    return folder


def told_of(look, tell, kind):
    told = tell(read_evidence(look / "evidence" / kind, kind), Shelf(look))
    handing_over(told.data)  # refuses what is not a number
    handing_over(told.summary)
    return told


def test_every_unit_is_told_with_its_best_labels(look):
    told = told_of(look, tell_specificity, "specificity")
    unit = told.data["unit"]["units:0"]
    assert unit["kind"] == "specific"
    assert unit["best"] == 0
    assert unit["areas"][0] == [0, 1.0, True]
    assert unit["top"] == [[0, 6.0]]
    assert told.data["unit"]["units:4"]["kind"] == "dead"
    assert told.summary["most"]["layer"] == "units"  # the scores are of a label by their making
    assert told.data["scores"] == "label"
    assert told.summary["own"]["specific"]["value"] < 0


def test_the_unit_whose_removal_mends_most_is_told_first(look):
    told = told_of(look, tell_confusion, "confusion")
    assert told.summary["unit"]["unit"] == "units:3"
    assert told.summary["unit"]["mended"] == [1, 1, 1]
    assert told.summary["pair"] == {"one": "left", "other": "right", "taken": [2, 0]}


def test_where_nothing_is_mixed_up_there_is_nothing_to_tell(look, tmp_path):
    found = read_evidence(look / "evidence" / "confusion", "confusion")
    right = {**found.answer, "pairs": [], "worst": [], "wrong": 0}
    write_answer(tmp_path, "confusion", found.provenance, right)
    told = tell_confusion(read_evidence(tmp_path, "confusion"), Shelf(tmp_path))
    assert told.summary == {"wrong": 0, "clips": 18, "pair": None, "unit": None}


def test_the_pages_show_it(look, browser):
    page_file = write_report(look)
    complaints = []
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for address, words in (
        ("chapter/specificity", "The units that are missed most"),
        ("chapter/confusion", "units:3"),
        ("unit/units:0", "What is lost without it"),
        ("unit/units:3", "What it has to do with mistakes"),
        ("overview", "100 % of these mistakes are put right"),
    ):
        page.goto(f"{page_file.as_uri()}#{address}")
        page.locator("main", has_text=words).wait_for()
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, address
    page.close()
    assert complaints == []
