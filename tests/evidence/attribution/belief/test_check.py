"""The whole of it, on a network whose right answer is known and methods that give it or do not."""

import json

import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.belief.check import KIND, write_attribution_check
from kinetoscope.evidence.attribution.methods.gradients import Gradient
from kinetoscope.evidence.evidence import read_evidence
from tests.evidence.attribution.belief.known import Brightness, Slope, linear, write_noise

pytestmark = pytest.mark.slow


class Misfit(Slope):
    name = "misfit"

    def check(self, network, objective):
        raise ClipError("misfit fits nothing", got="a network", expected="none")


class Stumbles(Slope):
    name = "stumbles"

    def answer(self, question):
        raise ClipError("stumbles on every clip", got="a clip", expected="none")


@pytest.fixture(scope="module")
def network():
    """Looks at the upper left, for one label early and for the other late."""
    weights = torch.zeros(2, 4, 8, 8)
    weights[0, :2, :4, :4], weights[1, 2:, :4, :4] = 1.0, 0.9
    return linear(*weights).network


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return read_catalog(write_noise(tmp_path_factory.mktemp("look") / "videos"))


@pytest.fixture(scope="module")
def found(network, catalog, tmp_path_factory):
    (catalog.root / "dots" / "dots9.mp4").write_text("not a video")
    videos = read_catalog(catalog.root)
    told = []
    evidence = write_attribution_check(
        *(network, videos, tmp_path_factory.mktemp("look") / KIND),
        methods=[Brightness(), Stumbles(), Slope(), Misfit()],
        clips=7,
        progress=lambda done, of: told.append((done, of)),
    )
    return evidence, told


def test_the_right_method_is_ranked_first_and_recommended(found):
    answer = found[0].answer
    assert [each["name"] for each in answer["methods"]] == ["slope", "brightness"]
    assert answer["recommended"] == "slope"
    first, last = answer["methods"]
    assert first["gain"]["low"] > 0.3
    assert first["fillings"]["grey"]["sensitivity_n"]["value"] == pytest.approx(1, abs=1e-4)
    assert first["fillings"]["grey"]["infidelity"]["value"] == pytest.approx(0, abs=1e-6)
    assert first["fillings"]["grey"]["completeness_gap"]["value"] == pytest.approx(0, abs=1e-5)
    assert first["another_label"]["value"] < 0.5
    assert last["another_label"]["value"] == pytest.approx(1)


def test_methods_that_refuse_and_videos_that_cannot_be_read_are_listed(found):
    answer = found[0].answer
    refused = {each["method"]: each["reason"] for each in answer["refused"]}
    assert set(refused) == {"misfit", "stumbles"}
    assert "fits nothing" in refused["misfit"]
    assert [each["path"] for each in answer["failures"]] == ["dots/dots9.mp4"]
    assert answer["clips"] == answer["tell"]["grey"] == 6


def test_curves_of_methods_stand_beside_those_of_orders_that_know_nothing(found):
    answer = found[0].answer
    own, random = (
        each["fillings"]["grey"]["curves"]
        for each in (answer["methods"][0], answer["controls"]["random"])
    )
    for way, ends in (("deletion", [1, 0]), ("insertion", [0, 1])):
        assert [own[way][0], own[way][-1]] == ends == [random[way][0], random[way][-1]]
    assert own["deletion"][2] < random["deletion"][2]
    assert own["insertion"][2] > random["insertion"][2]


def test_every_number_stands_in_a_table(found):
    evidence, told = found
    lines = (evidence.folder / "methods.csv").read_text().splitlines()
    assert lines[0] == "method,measure,filling,value,low,high"
    assert any(line.startswith("slope,gain,,") for line in lines)
    assert (evidence.folder / "clips.csv").read_text().count("slope,gain") == 6
    assert told[-1][0] <= told[-1][1]
    json.dumps(evidence.answer, allow_nan=False)


def test_what_is_there_already_is_read(found, network, catalog):
    evidence, _ = found
    before = evidence.folder.stat().st_ctime_ns
    again = write_attribution_check(
        *(network, read_catalog(catalog.root), evidence.folder),
        methods=[Brightness(), Stumbles(), Slope(), Misfit()],
        clips=7,
    )
    assert again.answer == evidence.answer == read_evidence(evidence.folder, KIND).answer
    assert evidence.folder.stat().st_ctime_ns == before


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"methods": [Misfit()]}, "fits nothing"),
        ({"methods": [Gradient(), Gradient()]}, "by their names"),
        ({"fillings": ["gray"]}, "filling"),
        ({"fillings": []}, "stands in"),
        ({"methods": [Slope()], "clips": 1}, "hold against"),
    ],
    ids=["no method fits", "twice", "filling", "no filling", "one clip"],
)
def test_refuses_before_anything_is_computed(network, catalog, tmp_path, wrong, error):
    with pytest.raises((ClipError, UnknownNameError), match=error):
        write_attribution_check(network, catalog, tmp_path / "look", **wrong)
    assert not (tmp_path / "look").exists()
