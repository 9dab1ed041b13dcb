"""What the page of cues is told, and that it shows it."""

import json

import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.evidence.cues.cues import Asked, write_cues
from kinetoscope.evidence.evidence import Provenance, writing_evidence
from kinetoscope.networks.zoo import build_network
from kinetoscope.report.chapters.cues import tell
from kinetoscope.report.report import write_report
from kinetoscope.report.shelf import Shelf
from kinetoscope.units.layers import list_layers
from tests.squares import videos_of_squares

LAYERS = ("appearance.conv1", "motion.conv1", "fusion", "label")


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    """A look that measured cues and nothing else."""
    folder = tmp_path_factory.mktemp("look")
    catalog = read_catalog(videos_of_squares(folder / "videos", train=2, test=0), split="train")
    network, control = (
        build_network("two_stream_small_toy", labels=["red", "green", "blue"]).eval()
        for _ in range(2)
    )
    asked = Asked(clips=6, stills=1, shuffles=1)
    tell_network(network, folder / "evidence" / "network")
    found = write_cues(
        network, catalog, folder / "evidence" / "cues", layers=LAYERS, asked=asked, control=control
    )
    return folder, found


def tell_network(network, folder):
    """What a report needs to know of it."""
    with writing_evidence(folder, "network", Provenance.of(network)) as (_, answer):
        answer["name"], answer["labels"] = network.name, list(network.labels)
        answer["expects"] = network.expects.to_json()
        answer["weights_count"], answer["without_stimuli"] = network.weights_count, []
        answer["layers"] = [layer.to_json() for layer in list_layers(network, LAYERS)]


@pytest.fixture(scope="module")
def told(look):
    folder, found = look
    return tell(found, Shelf(folder))


@pytest.mark.slow
def test_a_unit_has_its_shares_and_what_is_left_with_their_intervals(told):
    motion = told.data["units"]["motion.conv1"]
    shares = [each for each in motion["motion"] if each is not None]
    assert shares == [[1, 1, 1]] * len(shares)
    assert len(motion["kept"]) == len(told.data["changes"]) - 1
    assert all(len(column) == len(motion["kind"]) for column in motion["kept"])


@pytest.mark.slow
def test_the_summary_is_of_layers_that_both_streams_reach(told):
    json.dumps([told.summary, told.data], allow_nan=False)
    layer = told.summary["layer"]
    assert layer is None or layer["name"] in ("fusion", "label")
    assert told.summary["accuracy"].keys() >= {"whole", "neither", "appearance", "motion"}
    assert told.summary["clips"] == 6


@pytest.mark.slow
def test_the_page_draws_all_of_it(look, browser):
    folder, _ = look
    complaints = []
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{write_report(folder).as_uri()}#chapter/cues")
    page.get_by_role("figure", name="Shares of motion and appearance by layer").wait_for()
    assert page.get_by_role("figure").count() == 3
    page.get_by_role("button", name="frames and flow").click()
    page.get_by_role("figure", name="Shares of flow and frames by layer").wait_for()
    page.get_by_role("button", name="probability of the class").click()
    page.get_by_role("figure", name="What probability owes to what, by class").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto(f"{page.url.split('#')[0]}#overview")
    page.get_by_text("Appearance adds").first.wait_for()
    assert complaints == []
    page.close()
