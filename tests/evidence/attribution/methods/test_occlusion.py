"""Equal to captum and to the definition written out; right where the right answer is known."""

from dataclasses import replace

import pytest
import torch
from captum.attr import Occlusion as Captum
from torch import nn

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import CHANNELS, ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.attribute import method_of
from kinetoscope.evidence.attribution.methods import occlusion
from kinetoscope.evidence.attribution.methods.occlusion import (
    Occlusion,
    OcclusionByTubes,
    OcclusionInSpace,
    OcclusionInTime,
    extent_of,
)
from kinetoscope.evidence.attribution.methods.regions import check_cover
from kinetoscope.evidence.attribution.methods.room import version_bytes
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import FILLINGS, Removal
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.planted import GREY

BOX, STRIDE = (2, 5, 4), (2, 3, 4)
"""The stride divides neither the height nor the time of the clips below."""


class Convolved(nn.Module):
    """Two convolutions and a linear layer, of one stream or of two."""

    def __init__(self, streams):
        super().__init__()
        self.first = nn.ModuleList(nn.Conv3d(CHANNELS[each], 4, 3, padding=1) for each in streams)
        self.second = nn.Conv3d(4 * len(streams), 3, (1, 3, 3), stride=(1, 2, 2))
        self.head = nn.Linear(3, 2)

    def forward(self, *streams):
        towers = [conv(x).relu() for conv, x in zip(self.first, streams, strict=True)]
        return self.head(self.second(torch.cat(towers, 1)).relu_().mean((2, 3, 4)))


def question_of(*streams, model=None, size=(3, 8, 10), flow=False, **options):
    torch.manual_seed(0)
    spec = ClipSpec(streams=streams, frames=size[0], short_side=12, size=size[1:], **GREY)
    model = model or Convolved(streams)
    network = Network(model, labels=["a", "b"], expects=spec, name="small").eval()
    flows = torch.randn(2, *size) if flow or "flow" in streams else None
    clip = Clip(frames=torch.rand(3, *size), flow=flows)
    return Question.about(network, clip, label("b"), **options)


def captum_of(question, streams):
    """Heat of each stream, hidden by captum at once."""
    model = Captum(question.network.model)
    inputs = tuple(question.streams.values())
    found = model.attribute(
        inputs,
        sliding_window_shapes=tuple((len(x[0]), *BOX) for x in inputs),
        strides=tuple((len(x[0]), *STRIDE) for x in inputs),
        target=1,
    )
    return {name: each[0, 0] for name, each in zip(streams, found, strict=True)}


@pytest.mark.parametrize("streams", [("frames",), ("flow",), ("frames", "flow")], ids="+".join)
def test_one_stream_at_a_time_is_what_captum_finds(streams):
    question = question_of(*streams)
    found = Occlusion(box=BOX, stride=STRIDE, together=False).answer(question)
    for name, expected in captum_of(question, streams).items():
        torch.testing.assert_close(found.heat[name], expected, rtol=1e-4, atol=1e-6)
    assert found.facts["boxes computed in full"] == 0


@pytest.mark.parametrize(
    ("filling", "together"), [("grey", False), *[(each, True) for each in FILLINGS]]
)
def test_it_is_the_definition_written_out(filling, together):
    question = question_of("frames", "flow", other=question_of("frames", "flow").clip)
    found = Occlusion(box=BOX, stride=STRIDE, filling=filling, together=together).answer(question)
    removal = Removal.of(question, filling)
    parts = {"both": ("frames", "flow")} if together else {"frames": ("frames",), "flow": ("flow",)}
    for part, streams in parts.items():
        total, count = torch.zeros(question.extent), torch.zeros(question.extent)
        for t in (0, 2):
            for y in (0, 3):
                for x in (0, 4, 8):
                    mask = torch.zeros(1, 1, *question.extent)
                    mask[:, :, t : t + 2, y : y + 5, x : x + 4] = 1
                    with torch.no_grad():
                        value = question.values(removal.apply(dict.fromkeys(streams, mask)))
                    total += mask[0, 0] * (question.value - value)
                    count += mask[0, 0]
        torch.testing.assert_close(found.heat[part], total / count, rtol=1e-4, atol=1e-6)


class Weigh(nn.Module):
    """One score is a weighted sum of the clip."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, frames):
        found = (frames * self.weights).flatten(1).sum(1)
        return torch.stack([0 * found, found], dim=1)


def test_of_a_linear_network_it_is_the_sum_within_the_box():
    weights = torch.zeros(3, 2, 4, 4)
    weights[0, 1, 2, 3], weights[1, 1, 0, 0] = 2.0, 1.0
    question = question_of("frames", model=Weigh(weights), size=(2, 4, 4))
    x = question.streams["frames"][0]
    found = Occlusion(box=(1, 2, 2), stride=(1, 2, 2)).answer(question).heat["frames"]
    expected = torch.zeros(2, 4, 4)
    expected[1, 2:, 2:], expected[1, :2, :2] = 2 * x[0, 1, 2, 3], x[1, 1, 0, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_map_is_kept_at_its_own_resolution():
    question = question_of("frames")
    found = Occlusion(box=BOX, stride=BOX).answer(question)
    assert found.native["frames"].shape == (2, 2, 3)
    repeated = found.native["frames"]
    for dim, times in enumerate(BOX):
        repeated = repeated.repeat_interleave(times, dim)
    torch.testing.assert_close(found.heat["frames"], repeated[:3, :8, :10])


class Peephole(nn.Module):
    """Sees the brightness of two frames, at one place."""

    def forward(self, frames):
        seen = frames[:, :, 2:4, 4:8, 8:12].mean((1, 2, 3, 4))
        return torch.stack([-seen, seen], dim=1)


@pytest.mark.parametrize(
    ("method", "reached"),
    [
        (Occlusion(box=(2, 4, 4), stride=(2, 4, 4)), (slice(2, 4), slice(4, 8), slice(8, 12))),
        (OcclusionInTime(frames=2, stride=2), (slice(2, 4), slice(None), slice(None))),
        (OcclusionInSpace(box=(4, 4), stride=(4, 4)), (slice(None), slice(4, 8), slice(8, 12))),
        (
            OcclusionByTubes(box=(2, 4, 4), stride=(2, 4, 4)),
            (slice(2, 4), slice(4, 8), slice(8, 12)),
        ),
    ],
    ids=lambda given: getattr(given, "name", ""),
)
def test_finds_when_and_where_the_network_looks(method, reached):
    question = question_of("frames", model=Peephole(), size=(6, 12, 16), flow=True)
    white = Clip(frames=torch.ones(3, 6, 12, 16), flow=torch.zeros(2, 6, 12, 16))
    found = method.answer(question.of(white)).heat["frames"]
    expected = torch.zeros(6, 12, 16)
    expected[reached] = 2.0  # white, with a mean of 0.5 and a deviation of 0.25
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_hiding_what_speaks_against_a_label_has_heat_below_zero():
    question = question_of("frames", model=Peephole(), size=(6, 12, 16))
    white = question.of(Clip(frames=torch.ones(3, 6, 12, 16))).asking(label("a"))
    found = Occlusion(box=(2, 4, 4), stride=(2, 4, 4)).answer(white).heat["frames"]
    assert found[2:4, 4:8, 8:12].max() < -1.9


class Passing(nn.Module):
    """How bright a dot is that goes right, two pixels a frame."""

    def forward(self, frames):
        seen = sum(frames[:, :, t, 4:6, 2 * t : 2 * t + 2].mean((1, 2, 3)) for t in range(6))
        return torch.stack([0 * seen, seen], dim=1)


def test_a_tube_stays_on_what_moves():
    frames, flow = torch.full((3, 6, 12, 16), 0.5), torch.zeros(2, 6, 12, 16)
    flow[0] = 2.0
    for t in range(6):
        frames[:, t, 4:6, 2 * t : 2 * t + 2] = 1.0
    question = question_of("frames", model=Passing(), size=(6, 12, 16))
    moving = question.of(Clip(frames=frames, flow=flow))
    tubes = OcclusionByTubes(box=(6, 2, 2), stride=(6, 2, 2)).answer(moving).heat["frames"]
    still = OcclusionInSpace(box=(2, 2), stride=(2, 2)).answer(moving).heat["frames"]
    path = torch.zeros(6, 12, 16)
    for t in range(6):
        path[t, 4:6, 2 * t : 2 * t + 2] = 12.0
    torch.testing.assert_close(tubes, path, rtol=0, atol=1e-4)  # one tube holds all of the dot
    assert still.max() == pytest.approx(2.0, abs=1e-4)  # a column, one moment of it


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_how_many_boxes_are_run_together_does_not_matter(at_once, monkeypatch):
    question = question_of("frames", "flow")
    expected = Occlusion(box=BOX, stride=STRIDE).answer(question)
    monkeypatch.setattr(occlusion, "AT_ONCE", at_once)
    found = Occlusion(box=BOX, stride=STRIDE).answer(question)
    torch.testing.assert_close(found.heat["both"], expected.heat["both"], rtol=1e-5, atol=1e-6)


def test_boxes_are_run_in_full_where_the_clips_own_pass_can_not_be_kept(caplog):
    question, method = question_of("frames"), Occlusion(box=BOX, stride=STRIDE)
    clip = 4 * question.streams["frames"].numel()
    one = version_bytes(question, gradients=False)
    wide, narrow = (
        method.answer(replace(question, memory=memory)) for memory in (2**30, 4 * clip + one)
    )
    assert wide.facts["boxes computed in full"] == 0
    assert narrow.facts["boxes computed in full"] == narrow.facts["boxes"]
    assert "boxes are computed in full" in caplog.text
    torch.testing.assert_close(narrow.heat, wide.heat)


def test_a_channel_of_a_layer_can_be_asked_for():
    question = question_of("frames")
    asked = question.asking(activation(Unit("second", 1)))
    found = Occlusion(box=(3, 8, 10), stride=(3, 8, 10)).answer(asked)
    blank = {"frames": torch.zeros(1, 3, 3, 8, 10)}
    with torch.no_grad():
        fall = asked.value - asked.values(blank).item()
    torch.testing.assert_close(found.heat["frames"], torch.full((3, 8, 10), fall))


class Sneaky(nn.Module):
    """Writes to one tensor through another, after it was seen by a third."""

    def forward(self, frames):
        x = frames * 2
        x.flatten(1)[:, :50].add_(1.0)
        return torch.stack([x.mean((1, 2, 3, 4)), x.square().mean((1, 2, 3, 4))], dim=1)


def test_a_network_that_can_not_be_followed_is_run_in_full():
    question = question_of("frames", model=Sneaky())
    found = Occlusion(box=BOX, stride=STRIDE, together=False).answer(question)
    expected = captum_of(question, ("frames",))["frames"]
    torch.testing.assert_close(found.heat["frames"], expected, rtol=1e-4, atol=1e-5)
    assert found.facts["boxes computed in full"] == found.facts["boxes"]


@pytest.mark.parametrize(
    ("settings", "axis"),
    [
        ({"box": (4, 5, 4)}, "4 frames"),
        ({"box": (2, 9, 4)}, "9 rows"),
        ({"box": (2, 5, 11)}, "11 columns"),
        ({"box": (2, 0, 4)}, "0 rows"),
        ({"box": BOX, "stride": (3, 3, 4)}, "3 frames"),
        ({"box": BOX, "stride": (2, 3, 5)}, "5 columns"),
        ({"box": BOX, "stride": (2, 0, 4)}, "0 rows"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", [Occlusion, OcclusionByTubes])
def test_boxes_that_do_not_fit_or_skip_pixels_are_refused_at_once(method, settings, axis):
    question = question_of("frames", flow=True)
    question.network.model.forward = None  # nothing is computed
    with pytest.raises(ClipError, match=axis):
        method(**settings).answer(question)


def test_a_stride_past_the_end_of_a_box_as_long_as_the_clip_skips_nothing():
    found = Occlusion(box=(3, 8, 10), stride=(9, 9, 99)).answer(question_of("frames"))
    assert found.facts["boxes"] == 1


def test_tubes_without_flow_are_refused_at_once():
    question = question_of("frames")
    question.network.model.forward = None
    with pytest.raises(ClipError, match="follow the flow"):
        OcclusionByTubes().answer(question)


def test_a_filling_that_is_not_there_is_refused():
    question = question_of("frames")
    with pytest.raises(UnknownNameError, match="freeze"):
        Occlusion(filling="freez").check(question.network, question.objective)


@pytest.mark.parametrize("name", ["occlusion", "occlusion-in-time", "occlusion-in-space"])
@pytest.mark.parametrize("frames", [1, 16])
def test_sizes_that_are_not_given_fit_the_clip(name, frames):
    spec = ClipSpec(frames=frames, short_side=9, size=(9, 12))
    check_cover(extent_of(spec), *method_of(name).sizes(spec))


def test_sizes_that_are_not_given_are_a_quarter_in_time_and_a_seventh_in_space():
    assert Occlusion().sizes(ClipSpec()) == ((4, 16, 16), (4, 8, 8))
    assert Occlusion(box=(2, 6, 6)).sizes(ClipSpec()) == ((2, 6, 6), (2, 3, 3))
