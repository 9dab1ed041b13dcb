"""What one answer is owed to: a table worked out by hand, and cases whose shares are known."""

import json

import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import freeze
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.gradients import Gradient, GradientTimesInput
from kinetoscope.evidence.attribution.methods.room import version_bytes
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import FILLINGS
from kinetoscope.evidence.attribution.shares import (
    Division,
    motion_heat,
    shares_of,
    time_shares,
)
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

TWO = ("frames", "flow")
EXTENT = (5, 4, 4)


class Look(torch.nn.Module):
    """The mean brightness, once; the mean change of it and of flow, each times its weight."""

    def __init__(self, still=1.0, change=0.0, flow=0.0, product=0.0, offset=0.0):
        super().__init__()
        self.still, self.change, self.flow = still, change, flow
        self.product, self.offset = product, offset

    def forward(self, frames, flow=None):
        bright = frames.mean((1, 2, 3, 4))
        found = self.still * bright + self.offset
        found = found + self.change * frames.diff(dim=2).abs().mean((1, 2, 3, 4))
        if flow is not None:
            right = flow[:, 0].mean((1, 2, 3))
            found = found + self.flow * right + self.product * bright * right
        return found[:, None]


def asked(model, streams=TWO, clip=None, **about):
    """About a clip that grows brighter, on average 0.5 above grey, and moves right by 2."""
    expects = ClipSpec(
        streams=streams,
        frames=5,
        short_side=4,
        size=(4, 4),
        mean=(0.25,) * 3,
        std=(1.0,) * 3,
        flow_scale=1.0,
    )
    network = Network(model, labels=["look"], expects=expects, name="look").eval()
    return Question.about(network, clip or brightening(), label("look"), **about)


def brightening():
    frames = torch.linspace(0.5, 1.0, 5).reshape(1, 5, 1, 1).expand(3, *EXTENT).contiguous()
    flow = torch.zeros(2, *EXTENT)
    flow[0] = 2.0
    return Clip(frames=frames, flow=flow)


def test_a_table_worked_out_by_hand():
    found = shares_of(asked(Look(still=2.0, flow=1.0, product=3.0, offset=1.0)))
    # brightness 0.5 and flow 2: 2 * 0.5 + 1 * 2 + 3 * 0.5 * 2 + 1
    assert found.value == pytest.approx(7.0)
    assert found.values == pytest.approx(
        {"frozen": 2.0, "nothing": 1.0, "frames": 2.0, "flow": 3.0, "neither": 1.0}
    )
    # frames: half of (2 - 1) + (7 - 3), flow: half of (3 - 1) + (7 - 2)
    assert found.streams.adds == pytest.approx({"frames": 2.5, "flow": 3.5})
    assert found.streams.shares == pytest.approx({"frames": 2.5 / 6, "flow": 3.5 / 6})
    assert found.motion.adds == pytest.approx({"appearance": 1.0, "motion": 5.0})
    assert found.motion.shares == pytest.approx({"appearance": 1 / 6, "motion": 5 / 6})


@pytest.mark.parametrize("filling", FILLINGS)
def test_what_streams_add_is_what_is_lost_without_both(filling):
    other = Clip(frames=torch.zeros(3, *EXTENT), flow=torch.zeros(2, *EXTENT))
    question = asked(Look(change=0.3, flow=1.0, product=0.7), other=other)
    found = shares_of(question, filling=filling)
    lost = found.value - found.values["neither"]
    assert sum(found.streams.adds.values()) == pytest.approx(lost, abs=1e-6)
    assert found.filling == filling


@pytest.mark.parametrize("at", range(5))
def test_a_frozen_clip_owes_exactly_nothing_to_motion(at):
    still = freeze(brightening(), at=at)
    found = shares_of(asked(Look(still=0.7, change=5.0, flow=3.0, offset=0.1), clip=still))
    assert found.motion.adds["motion"] == 0
    assert found.motion.shares == {"appearance": 1.0, "motion": 0.0}


def test_a_network_that_sees_single_frames_owes_nothing_to_motion():
    found = shares_of(asked(Look(still=1.0), ("frames",)), stills=5)
    assert found.motion.shares == {"appearance": 1.0, "motion": 0.0}
    assert found.streams is None


@pytest.mark.parametrize("streams", [("frames",), TWO])
def test_a_network_that_sees_only_change_owes_all_to_motion(streams):
    found = shares_of(asked(Look(still=0.0, change=1.0, flow=1.0), streams))
    assert found.motion.shares == {"appearance": 0.0, "motion": 1.0}


def test_a_stream_that_is_multiplied_by_zero_owns_exactly_nothing():
    found = shares_of(asked(Look(still=1.3, flow=0.0)))
    assert found.streams.adds["flow"] == 0
    assert found.streams.shares == {"frames": 1.0, "flow": 0.0}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Look(still=2.0, flow=-0.3), "takes away"),
        (Look(still=-1.0, flow=-1.0), "speaks against"),
        (Look(still=0.1, flow=0.1, offset=100.0), "too little"),
        (Look(still=0.0), "too little"),
    ],
    ids=["opposite signs", "both against", "lost in the offset", "nothing at all"],
)
def test_where_there_is_no_whole_the_reason_stands_for_the_shares(model, reason):
    found = shares_of(asked(model))
    for division in (found.streams, found.motion):
        assert division.shares is None
        assert reason in division.why_not


def test_float_noise_is_nothing_and_the_sum_stays():
    found = Division.of({"frames": 3.0, "flow": 1e-7}, largest=3.0)
    assert found.adds == {"frames": 3.0 + 1e-7, "flow": 0.0}


def test_the_time_of_all_parts_adds_up_to_one():
    heat = {"frames": torch.zeros(*EXTENT), "flow": torch.zeros(*EXTENT)}
    heat["frames"][1, 0, 0], heat["frames"][1, 0, 1], heat["flow"][4] = 4.0, -9.0, 0.75
    assert time_shares(heat) == {"frames": (0, 0.25, 0, 0, 0), "flow": (0, 0, 0, 0, 0.75)}
    assert time_shares({"both": -heat["flow"]}) is None


def test_shares_are_plain_values_with_the_time_of_an_attribution():
    question = asked(Look(change=1.0, flow=1.0))
    found = shares_of(question, GradientTimesInput().answer(question))
    told = json.loads(json.dumps(found.to_json()))
    assert told["time"] == {part: list(each) for part, each in found.time.items()}
    assert told["motion"]["adds"] == found.motion.adds
    assert told["stills"] == 3


def test_the_batch_changes_nothing():
    model = Look(still=0.6, change=1.0, flow=0.3)
    clip = 4 * 5 * 80
    one = version_bytes(asked(model), gradients=False)
    narrow, wide = (
        shares_of(asked(model, memory=4 * clip + count * one)).values for count in (1, 30)
    )
    assert narrow == pytest.approx(wide, rel=1e-6)


@pytest.mark.parametrize("stills", [None, 2])
def test_a_frozen_clip_has_no_heat_of_motion(stills):
    question = asked(Look(change=2.0, flow=1.0), clip=freeze(brightening()))
    found = motion_heat(question, GradientTimesInput(), stills=stills)
    assert not found.whole.any()


def test_the_heat_of_motion_is_the_heat_less_that_of_the_stills():
    question = asked(Look(still=1.0, flow=2.0))
    found = motion_heat(question, GradientTimesInput())
    # brightness has a slope in every frame alike, so that all of its heat is that of the stills
    torch.testing.assert_close(found.heat["frames"], torch.zeros(EXTENT))
    torch.testing.assert_close(
        found.heat["flow"], GradientTimesInput().answer(question).heat["flow"]
    )
    assert found.facts["stills"] == 5
    assert found.method == "motion of gradient-x-input"


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ClipError, match="stills"):
        shares_of(asked(Look()), stills=0)
    with pytest.raises(ClipError, match="stills"):
        motion_heat(asked(Look()), Gradient(), stills=0)
    with pytest.raises(UnknownNameError, match="freeze"):
        shares_of(asked(Look()), filling="freezing")
    with pytest.raises(ClipError, match="swapped"):
        shares_of(asked(Look()), filling="swap")
