import csv
import json

import numpy as np
import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import CatalogError, EvidenceError
from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.cues.changes import changes_for
from kinetoscope.evidence.cues.classes import chance, class_cues
from kinetoscope.evidence.cues.cues import Asked, write_cues
from kinetoscope.evidence.cues.layers import measure_layer, most
from kinetoscope.evidence.cues.partners import draw_partners
from kinetoscope.evidence.cues.showing import Showing
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network
from tests.evidence.planted import GREY, Planted
from tests.squares import videos_of_squares

from .moving import Looks, Streams, moving_clips

ONE = ClipSpec(frames=8, short_side=16, size=(16, 16), **GREY)
TWO = ClipSpec(
    streams=("frames", "flow"), frames=8, short_side=16, size=(16, 16), flow_scale=1.0, **GREY
)


def planted(layer, expects, labels):
    network = Network(
        Planted(layer), labels=labels, expects=expects, name="planted", layers=["layer"]
    )
    return network.eval()


def shown(network, clips, labels, **rest):
    """What a network answers to clips, and who stands in for whom."""
    partners = draw_partners(labels, 0)
    every = changes_for(network.expects.streams, stills=3, shuffles=3, seed=0)
    showing = Showing(clips=clips, partners=partners, changes=every, layers=["layer"], **rest)
    return showing.to(network), partners


@pytest.fixture(scope="module")
def looks():
    """A layer of units that see redness, motion to the right, their product, and nothing."""
    clips, labels = moving_clips()
    network = planted(Looks(), ONE, ["red", "right", "both", "nothing"])
    answers, partners = shown(network, clips, labels)
    return measure_layer("layer", answers, partners, 0)


# planted units


def test_a_static_shortcut_owes_nothing_to_motion_and_does_not_mind_shuffling(looks):
    assert looks.shares.motion.at(0).to_json() == {"value": 0, "low": 0, "high": 0}
    for change in (changes.SHUFFLED, changes.REVERSED, changes.FROZEN, changes.OWN_TEXTURE):
        assert looks.shares.kept[change].value[0] == pytest.approx(1, abs=1e-6)
    assert looks.shares.kept[changes.OTHER_TEXTURE].value[0] < 0.95
    assert looks.factors.kinds[0] == "static"


def test_a_direction_selective_unit_is_found_by_reversal(looks):
    kept = looks.shares.kept
    assert kept[changes.REVERSED].value[1] < 0.1
    assert kept[changes.FROZEN].value[1] == 0
    assert kept[changes.SHUFFLED].value[1] < 0.8
    assert looks.shares.motion.low[1] > 0.85
    assert looks.factors.kinds[1] == "dynamic"


def test_a_unit_that_needs_both_owes_to_both(looks):
    assert 0.4 < looks.shares.motion.value[2] < 0.9
    assert looks.shares.interplay.low[2] > 0.05
    assert looks.shares.appearance_adds.low[2] > 0


def test_a_silent_unit_has_no_shares(looks):
    told = looks.to_json(0)
    assert told["silent"] == 1
    assert told["kinds"]["silent"] == 1
    assert told["measured"] == 3
    assert np.isnan(looks.shares.motion.value[3])


def test_the_most_driven_units_come_first(looks):
    ranked = most([looks])
    assert ranked["motion"][0]["unit"] == "layer:1"
    assert ranked["appearance"][-1]["unit"] == "layer:1"
    assert {each["unit"] for each in ranked["joint"]} == {"layer:0", "layer:1", "layer:2"}


def test_clips_that_do_not_move_have_no_motion_share():
    clips, labels = moving_clips(8)
    still = [
        next(iter(changes_for(("frames",), stills=1, shuffles=0, seed=0)[1].clips([c], [c])))
        for c in clips
    ]
    answers, partners = shown(planted(Looks(), ONE, list("abcd")), still, labels)
    found = measure_layer("layer", answers, partners, 0)
    assert found.shares.motion.value[0] == 0
    assert np.isnan(found.shares.motion.value[1])  # it says nothing


@pytest.mark.parametrize("silent", ["frames", "flow"])
def test_a_stream_of_weight_zero_has_a_share_of_exactly_zero(silent):
    clips, labels = moving_clips()
    weights = [[0.0, 1.0]] if silent == "frames" else [[1.0, 0.0]]
    network = planted(Streams(weights), TWO, ["a"])
    answers, partners = shown(network, clips, labels)
    shares = measure_layer("layer", answers, partners, 0).shares
    expected = 1.0 if silent == "frames" else 0.0
    for each in (shares.flow, shares.motion):
        assert each.at(0).to_json() == {"value": expected, "low": expected, "high": expected}
    swapped = changes.FRAMES_SWAPPED if silent == "frames" else changes.FLOW_SWAPPED
    assert shares.kept[swapped].value.tolist() == [1]


def test_answers_do_not_depend_on_the_batch():
    clips, labels = moving_clips(6)
    network = planted(Looks(), ONE, list("abcd"))
    one, other = (shown(network, clips, labels, batch=batch)[0] for batch in (1, 4))
    for change in one:
        np.testing.assert_allclose(
            one[change].units["layer"], other[change].units["layer"], rtol=1e-6, atol=1e-7
        )


# classes


class Direction(torch.nn.Module):
    """Left or right, by flow alone."""

    def forward(self, frames, flow):
        right = flow[:, 0, :, 4:].mean(dim=(1, 2, 3))
        return torch.stack([-right, right], dim=1) * 10 + torch.tensor([0.1, 0.0])


def test_the_accuracy_of_a_class_is_laid_out_by_hand():
    clips, labels = moving_clips(8)
    network = planted(Direction(), TWO, ["left", "right"])
    answers, _ = shown(network, clips, labels)
    truth = torch.tensor([["left", "right"].index(label) for label in labels])
    whole, left, right = class_cues(network, answers, truth, 0)
    assert (whole["label"], whole["clips"], left["label"]) == (None, 8, "left")
    accuracy = {change: each["value"] for change, each in whole["accuracy"].items()}
    assert accuracy[changes.AS_IT_IS] == 1
    assert accuracy[changes.REVERSED] == 0
    assert accuracy[changes.FLOW_SWAPPED] == 0  # the other clip goes the other way
    assert accuracy[changes.FROZEN] == 0.5  # all are taken for the left
    assert right["accuracy"][changes.FROZEN]["value"] == 0
    # without either 0.5, with appearance alone 0.5, with motion alone 1
    added = {player: each["value"] for player, each in whole["accuracy_adds"].items()}
    assert added == {"appearance": 0, "motion": 0.5, "frames": 0, "flow": 0.5}
    assert right["accuracy_adds"]["motion"] == {"value": 1, "low": 1, "high": 1}


def test_labels_that_are_not_known_are_left_out():
    clips, labels = moving_clips(4)
    network = planted(Direction(), TWO, ["left", "right"])
    answers, _ = shown(network, clips, labels)
    rows = class_cues(network, answers, torch.tensor([0, -1, 0, -1]), 0)
    assert [(row["label"], row["clips"]) for row in rows] == [(None, 2), ("left", 2)]
    assert class_cues(network, answers, torch.full((4,), -1), 0) == []
    assert chance(network, torch.tensor([0, -1])) == 0.5
    assert chance(network, torch.tensor([-1])) is None


# the evidence


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    folder = videos_of_squares(tmp_path_factory.mktemp("cues") / "videos", train=2, broken=1)
    return read_catalog(folder, split="train")


@pytest.fixture(scope="module")
def toys():
    return [
        build_network("two_stream_small_toy", labels=["red", "green", "blue"]).eval()
        for _ in range(2)
    ]


ASKED = Asked(clips=7, shuffles=1, stills=1)  # one more than can be read


@pytest.mark.slow
def test_evidence_is_written_once_with_its_control_and_tables(squares, toys, tmp_path):
    network, control = toys
    told = []
    layers = ("motion.conv1", "fusion", "label")
    found = write_cues(
        network,
        squares,
        tmp_path / "cues",
        layers=layers,
        asked=ASKED,
        control=control,
        progress=lambda done, total: told.append((done, total)),
    )
    answer = found.answer
    assert [layer["name"] for layer in answer["layers"]] == list(layers)
    assert answer["layers"][0]["motion"]["value"] == 1
    assert answer["layers"][1]["control"]["kinds"].keys() == answer["layers"][1]["kinds"].keys()
    assert [row["label"] for row in answer["classes"]] == [None, "red", "green", "blue"]
    assert answer["classes"][0]["control"]["accuracy"].keys() == set(answer["changes"])
    assert [failure["path"] for failure in answer["failures"]] == ["broken-0.mp4"]
    assert told[-1] == (22, 22)
    json.dumps(answer, allow_nan=False)
    with (found.folder / "units.csv").open() as file:
        units = list(csv.DictReader(file))
    assert len(units) == sum(layer["channels"] for layer in answer["layers"])
    assert {"motion_low", "kept_frozen_high", "both", "kind"} < units[0].keys()
    header = (found.folder / "layers.csv").read_text().splitlines()[0].split(",")
    assert {"control_motion_low", "kinds_joint", "kept_frozen", "static_high"} < set(header)
    again = write_cues(
        network,
        squares,
        tmp_path / "cues",
        layers=layers,
        asked=ASKED,
        control=control,
        progress=lambda done, total: pytest.fail("it is there"),
    )
    assert again.answer == answer


@pytest.mark.slow
def test_a_network_of_frames_alone_needs_flow_only_to_move_textures(squares, tmp_path):
    network = build_network("c3d_toy", labels=["red", "green", "blue"]).eval()
    found = write_cues(network, squares, tmp_path / "cues", layers=("conv1a",), asked=ASKED)
    (layer,) = found.answer["layers"]
    assert "flow" not in layer
    assert layer["control"] is None
    assert "frames blank" not in found.answer["changes"]
    assert found.answer["classes"][0]["control"] is None


def test_a_control_of_other_labels_is_refused_before_videos_are_opened(squares, toys, tmp_path):
    other = build_network("two_stream_small_toy", labels=["a", "b", "c"])
    with pytest.raises(EvidenceError, match="is no control for"):
        write_cues(toys[0], squares, tmp_path / "cues", control=other)
    assert not (tmp_path / "cues").exists()


def test_a_single_clip_is_refused(squares, toys, tmp_path):
    with pytest.raises(CatalogError, match="no clip to take another appearance from"):
        write_cues(toys[0], squares, tmp_path / "cues", layers=("fusion",), asked=Asked(clips=1))
