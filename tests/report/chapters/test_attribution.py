import shutil

import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.evidence.anatomy import write_anatomy
from kinetoscope.evidence.attribution.attribute import method_of
from kinetoscope.evidence.attribution.writing import write_attributions
from kinetoscope.networks.zoo import build_network
from kinetoscope.report.chapters.attribution import tell
from kinetoscope.report.report import write_report
from kinetoscope.report.shelf import Shelf
from kinetoscope.units.layers import list_layers
from tests.squares import COLOURS, videos_of_squares
from tests.watched import Watched


@pytest.fixture(scope="module")
def look_folder(tmp_path_factory):
    """Three clips, seen by a method with heat of its own resolution and by one without."""
    folder = tmp_path_factory.mktemp("attributed")
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=sorted(COLOURS)).eval()
    catalog = read_catalog(videos_of_squares(folder / "videos", train=1, test=0))
    methods = [method_of("grad-cam"), method_of("gradient-x-input")]
    evidence = folder / "evidence"
    write_attributions(network, catalog, evidence / "attribution", methods=methods)
    write_anatomy(network, list_layers(network), evidence / "network")
    return folder


@pytest.fixture(scope="module")
def found(look_folder):
    from kinetoscope.evidence.evidence import read_evidence

    return read_evidence(look_folder / "evidence" / "attribution")


def test_every_part_has_its_heat_and_native_maps_are_small(found, tmp_path):
    told = tell(found, Shelf(tmp_path))
    extent = found.answer["extent"]
    for clip in told.data["clips"]:
        for question in clip["questions"]:
            by_layer, by_pixel = question["answers"]
            for part in by_layer["parts"].values():
                assert part["native"]["count"] == part["heat"]["count"] == extent[0]
                assert part["native"]["height"] == part["native_extent"][1] < extent[1]
                assert (tmp_path / part["heat"]["src"]).is_file()
            assert set(by_pixel["parts"]) == {"frames", "flow"}
            assert all(part["native"] is None for part in by_pixel["parts"].values())


def test_the_summary_counts_clips_and_tells_the_share_of_motion(found, tmp_path):
    summary = tell(found, Shelf(tmp_path)).summary
    clips = found.answer["clips"]
    assert summary["clips"] == 3
    assert summary["wrong"] == sum(clip["label"] != clip["predicted"] for clip in clips)
    assert summary["methods"] == ["grad-cam", "gradient-x-input"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 400])
def test_a_clip_is_chosen_and_its_heat_drawn_as_it_was_found(look_folder, tmp_path, browser, width):
    shutil.copytree(look_folder / "evidence", tmp_path / "evidence")
    page = write_report(tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context, page.as_uri())
    watched.go("chapter/attribution")
    main = watched.page.locator("main")
    last = main.locator(".heat-thumbnail").last
    last.click()
    assert last.get_attribute("aria-pressed") == "true"
    assert main.locator(".heat-over").count() > 0
    main.get_by_role("button", name="as found").click()
    assert "found pixel by pixel" in main.inner_text()
    main.get_by_role("button", name="off").click()
    assert main.locator(".heat-over").count() == 0
    main.locator(".strip-stack").click(position={"x": 2, "y": 30})
    assert main.locator(".strips input").input_value() == "0"
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert "NaN" not in main.inner_text()
    watched.check()
    context.close()
