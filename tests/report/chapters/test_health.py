import json

import pytest
import torch
from torch import nn

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.evidence.health.health import write_health
from kinetoscope.evidence.scan import scan
from kinetoscope.networks.network import Network
from kinetoscope.report.chapters import health
from kinetoscope.report.shelf import Shelf
from tests.evidence.boxes import PLACES, SPEC, Brightness, write_video


class Twice(Brightness):
    """Light, dark, dead; then light again."""

    def __init__(self):
        super().__init__()
        old = self.boxes
        self.boxes = nn.Conv3d(3, 4, (2, 16, 16), stride=(2, 16, 16))
        with torch.no_grad():
            self.boxes.weight[:] = old.weight[[0, 1, 2, 0]]
            self.boxes.bias[:] = old.bias[[0, 1, 2, 0]]


@pytest.fixture
def network():
    return Network(Twice(), labels=["light", "dark"], expects=SPEC, name="twice", layers=["relu"])


@pytest.fixture
def scanned(network, tmp_path):
    entries = []
    for number, place in enumerate(PLACES[:5]):
        write_video(tmp_path / f"{number}.mp4", 0.6 + 0.05 * number, place)
        entries.append(Entry(path=tmp_path / f"{number}.mp4", label="light"))
    catalog = Catalog(name="five", root=tmp_path, labels=("light",), entries=tuple(entries))
    return scan(network, catalog, tmp_path / "scan")


def test_the_page_tells_what_is_dead_and_what_is_there_twice(network, scanned, tmp_path):
    found = write_health(network, scanned, tmp_path / "health")
    told = health.tell(found, Shelf(tmp_path))
    assert told.summary["units"] == 4
    assert (told.summary["dead"], told.summary["most_dead"]) == (1, "relu")
    assert (told.summary["alike"], told.summary["by_chance"]) == (1, 0)
    (layer,) = told.data["layers"]
    assert layer["of_units"]["in_clips"] == [1.0, 1.0, 0.0, 1.0]
    assert layer["of_units"]["nearest"][0] == 3
    (filters,) = told.data["filters"]
    assert filters["units"] is None  # the layer before the scanned one
    assert [strip["count"] for strip in filters["strips"]] == [2, 2, 2, 2]
    assert all((tmp_path / strip["src"]).is_file() for strip in filters["strips"])
    json.dumps({**told.summary, **told.data}, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "filters", "expected"),
    [
        ("motion.conv1.conv", 4, "motion.conv1"),
        ("motion.conv1", 4, "motion.conv1"),
        ("motion.conv1.conv", 5, None),
        ("motion.conv10", 4, None),
    ],
)
def test_filters_are_those_of_the_block_around_them(name, filters, expected):
    layers = [{"layer": "motion.conv1", "channels": 4}, {"layer": "motion", "channels": 9}]
    assert health._units_of(name, filters, layers) == expected
