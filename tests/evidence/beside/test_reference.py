import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.beside.reference import (
    MADE_CLIPS,
    Reference,
    reference_from_scan,
    reference_of,
)
from kinetoscope.units.objective import Objective, direction
from kinetoscope.units.reading import SCORES, read
from tests.evidence.planted import drifting_gratings, planted

NAN = torch.nan


@pytest.fixture
def reference():
    maxima = torch.tensor([[1.0, 0.0], [NAN, NAN], [3.0, 0.5], [2.0, -1.0]])
    scores = torch.tensor([[0.1, 7.0], [NAN, NAN], [5.0, 0.0], [0.0, 1.0]])
    tables = {"layer": maxima, SCORES: scores}
    return Reference(name="four", maxima=tables, means=tables, labels=("unit 0", "unit 1"))


@pytest.mark.parametrize(
    ("asked", "largest"),
    [
        ("layer:0", 3.0),
        ("layer:1@centre", 0.5),
        ("layer:1@0,0,0", 0.5),
        ("label:unit 1", 7.0),
        ("-layer:0", None),
        ("layer:0 + layer:1", None),
        ("elsewhere:0", None),
    ],
)
def test_what_is_asked_for_alone_has_a_largest_answer(reference, asked, largest):
    assert reference.largest(Objective.parse(asked)) == largest


def test_a_direction_has_none(reference):
    assert reference.largest(direction("layer", (1.0, 2.0))) is None


def test_clips_that_could_not_be_read_do_not_count(reference):
    assert reference.percentile("layer", 0, 2.5) == pytest.approx(2 / 3)
    assert reference.percentile("layer", 0, 1.0) == 0
    assert reference.percentile("layer", 0, 9.0) == 1
    assert reference.channel_maxima("layer").tolist() == [3.0, 0.5]


def test_where_no_clip_could_be_read_nothing_is_known():
    none = torch.full((3, 2), NAN)
    found = Reference(name="none", maxima={"layer": none}, means={"layer": none})
    assert found.largest(Objective.parse("layer:0")) is None
    assert found.percentile("layer", 0, 1.0) is None
    assert found.channel_maxima("layer").isnan().all()


def test_agrees_with_reading_the_layer_clip_by_clip():
    network = planted(drifting_gratings([0, 90]), 2)
    frames = torch.rand(5, 3, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    batches = [ClipBatch(frames=part) for part in frames.split(2)]
    found = reference_of(network, ["layer"], batches, name="noise")
    assert found.name == "noise"
    with torch.no_grad():
        for row, clip in enumerate(frames):
            answer = read(network, ClipBatch(frames=clip[None]), ["layer"])["layer"][0].flatten(1)
            torch.testing.assert_close(found.maxima["layer"][row], answer.amax(1))
            torch.testing.assert_close(found.means["layer"][row], answer.mean(1))
            scores = network.scores(ClipBatch(frames=clip[None]))[0]
            torch.testing.assert_close(found.maxima[SCORES][row], scores)


@pytest.mark.slow
def test_made_clips_excite_a_grating_unit_by_the_grating_it_likes():
    network = planted(drifting_gratings([0, 90, 180, 270], wavelength=6.0), 4)
    found = reference_of(network, ["layer"])
    assert found.name == MADE_CLIPS
    assert found.maxima["layer"].shape == found.means[SCORES].shape
    likes = found.maxima["layer"][8:16].argmax(dim=0)  # wavelength 6, speed 1, eight directions
    assert likes.tolist() == [0, 2, 4, 6]


def test_a_network_comes_back_as_it_went():
    network = planted(drifting_gratings([0]), 1).train()
    reference_of(network, [], [ClipBatch(frames=torch.rand(1, 3, 8, 16, 16))])
    assert network.training


def test_a_scan_fills_it(scanned):
    found = reference_from_scan(scanned)
    assert found.name == "boxes"
    assert found.maxima["relu"].shape == (7, 3)
    assert found.percentile("relu", 0, 100.0) == 1
    unit = Objective.parse("relu:0")
    assert found.largest(unit) == pytest.approx(float(scanned.channel_maxima("relu")[0]))
    label = Objective.parse("label:light")
    assert found.largest(label) == pytest.approx(10 * found.largest(unit), rel=1e-4)


def test_refuses_channels_labels_and_layers_that_are_not_there(reference):
    for ask in (
        lambda: reference.percentile("layer", 2, 0.0),
        lambda: reference.largest(Objective.parse("label:walk")),
        lambda: reference.channel_maxima("elsewhere"),
    ):
        with pytest.raises(UnknownNameError):
            ask()


def test_refuses_tables_that_do_not_fit_each_other():
    with pytest.raises(EvidenceError, match="do not fit"):
        Reference(name="a", maxima={"layer": torch.ones(2, 3)}, means={"layer": torch.ones(3, 2)})
