import json

import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.evidence.attribution.belief.check import KIND, write_attribution_check
from kinetoscope.report.chapters.chapters import chapters_part
from kinetoscope.report.shelf import Shelf
from tests.evidence.attribution.belief.known import Brightness, Slope, linear, write_noise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def look_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("look")
    weights = torch.zeros(2, 4, 8, 8)
    weights[0, :2, :4, :4], weights[1, 2:, 4:, 4:] = 1.0, 1.0
    catalog = read_catalog(write_noise(out / "videos", each=2))
    write_attribution_check(
        *(linear(*weights).network, catalog, out / "evidence" / KIND),
        methods=[Slope(), Brightness()],
        clips=4,
    )
    return out


def test_tells_the_best_method_and_has_its_numbers_beside_it(look_folder, tmp_path):
    (found,) = chapters_part(look_folder, Shelf(tmp_path))
    assert found["summary"]["methods"] == 2
    assert found["summary"]["recommended"] is None  # of four clips nothing is sure
    assert {table["name"] for table in found["tables"]} == {"methods", "clips"}
    text = (tmp_path / found["data"]).read_text()
    told = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    assert [each["name"] for each in told["methods"]] == ["slope", "brightness"]
    curves = told["methods"][0]["fillings"]["grey"]["curves"]
    assert len(curves["deletion"]) == len(told["shares"])
