import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kinetoscope.evidence.health.figures import Control, missed
from kinetoscope.evidence.health.health import write_health
from kinetoscope.evidence.scan import scan
from kinetoscope.networks.network import Network
from tests.evidence.boxes import SPEC, Brightness

LAYERS = ("relu",)


class WithCopies(Brightness):
    """Light, dark, dead; then light again, and light at half the strength."""

    def __init__(self):
        super().__init__()
        old = self.boxes
        self.boxes = nn.Conv3d(3, 5, (2, 16, 16), stride=(2, 16, 16))
        with torch.no_grad():
            for channel, (source, scale) in enumerate([(0, 1), (1, 1), (2, 1), (0, 1), (0, 0.5)]):
                self.boxes.weight[channel] = scale * old.weight[source]
                self.boxes.bias[channel] = scale * old.bias[source]


def made(model, name="copies"):
    return Network(model, labels=["light", "dark"], expects=SPEC, name=name, layers=LAYERS).eval()


@pytest.fixture
def network():
    return made(WithCopies())


@pytest.fixture
def written(network, scanned, tmp_path):
    return write_health(network, scanned, tmp_path / "health")


# Known answer


def test_the_dead_unit_and_the_copies_are_found(written):
    (layer,) = written.answer["layers"]
    assert layer["dead"] == [2]
    assert layer["dead_share"] == pytest.approx(0.2)
    assert layer["missed"] == pytest.approx(1 - 0.05 ** (1 / 6))
    assert [group["channels"] for group in layer["groups"]] == [[0, 3, 4]]
    assert layer["groups"][0]["correlation"] == pytest.approx([1.0, 1.0, 1.0])
    assert layer["alike"] == 2
    assert layer["by_chance"]["alike"] == 0


def test_how_sparse_units_are_is_told_of_live_ones(written):
    (layer,) = written.answer["layers"]
    assert layer["in_clips"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert layer["in_places"]["value"] == pytest.approx(1.0)  # every box is grey at least


def test_the_numbers_are_kept_in_tables(written):
    units = pl.read_csv(written.folder / "units.csv")
    assert units["dead"].to_list() == [False, False, True, False, False]
    assert units["group"].to_list() == [0, None, None, 0, 0]
    assert units["in_places"][2] == 0.0
    assert pl.read_csv(written.folder / "layers.csv")["alike"].to_list() == [2]


def test_the_first_filters_are_kept_as_they_are(written, network):
    (found,) = written.answer["filters"]
    assert (found["layer"], found["stream"]) == ("boxes", "frames")
    assert found["shape"] == [5, 3, 2, 16, 16]
    assert found["colour"][:2] == pytest.approx([0.0, 0.0], abs=1e-9)
    kernels = load_file(written.folder / "filters.safetensors")["boxes"]
    assert torch.equal(kernels, network.model.boxes.weight)


@pytest.mark.parametrize(("clips", "expected"), [(0, 1.0), (1, 0.95), (59, 0.0495)])
def test_what_a_unit_that_seems_dead_may_still_answer_to(clips, expected):
    assert missed(clips) == pytest.approx(expected, abs=1e-4)


# Promises


def test_a_control_could_have_come_out_otherwise(network, catalog, scanned, tmp_path):
    other = made(Brightness(), "control")
    control = Control(network=other, catalog=catalog, clips=4)
    answer = write_health(network, scanned, tmp_path / "health", control=control).answer
    sampled = answer["layers"][0]["sampled"]
    assert (sampled["network"]["alike"], sampled["control"]["alike"]) == (2, 0)
    assert (sampled["network"]["channels"], sampled["control"]["channels"]) == (5, 3)
    assert (answer["control"], answer["sample"]) == ("control", 4)
    assert [failure["path"][0] for failure in answer["failures"]] in ([], ["3"])


def test_evidence_that_is_there_is_read(network, scanned, written):
    before = written.folder.stat().st_ctime_ns
    assert write_health(network, scanned, written.folder) == written
    assert written.folder.stat().st_ctime_ns == before


def test_the_same_seed_gives_the_same_evidence(network, scanned, written, tmp_path):
    again = write_health(network, scanned, tmp_path / "again")
    assert again.answer == written.answer


def test_a_catalog_that_can_not_be_read_has_no_figures(network, catalog, tmp_path):
    unread = catalog.entries[3]
    none = type(catalog)(name="none", root=catalog.root, labels=catalog.labels, entries=(unread,))
    found = scan(network, none, tmp_path / "scan")
    (layer,) = write_health(network, found, tmp_path / "health").answer["layers"]
    assert layer["clips"] == 0
    assert layer["groups"] == []
    assert layer["in_clips"]["value"] is None
    assert layer["missed"] == 1.0
