import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import ClipError, EvidenceError, UnknownNameError
from kinetoscope.evidence.beside.nature import nature_of
from kinetoscope.evidence.beside.reference import Reference, reference_of
from kinetoscope.evidence.stimuli.measures.measuring import measured, standing
from kinetoscope.evidence.stimuli.measures.path import Answered
from kinetoscope.evidence.stimuli.stimulus import Measures
from kinetoscope.units.objective import activation, label, neuron
from kinetoscope.units.reading import SCORES
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted
from tests.evidence.stimuli.made import made_stimulus


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv3d(3, 12, 3, padding=1), nn.ReLU())
        self.second = nn.Conv3d(12, 6, 3, padding=1)

    def forward(self, frames):
        return self.second(self.first(frames))


LAYERS = ["layer.first", "layer.second"]
UNIT = activation(Unit("layer.second", 2))


def network_of_two_layers():
    return planted(TwoLayers(), 6)


def reference_clips(network, count=40):
    generator = torch.Generator().manual_seed(1)
    colours = torch.rand(count, 3, 1, 1, 1, generator=generator)
    noise = 0.3 * torch.rand(count, 3, 8, 16, 16, generator=generator)
    clips = ClipBatch(frames=(colours * 0.7 + noise).clamp(0, 1))
    return clips, reference_of(network, LAYERS, [clips], name="noise")


def noise(seed, objective=UNIT, **rest):
    frames = torch.rand(3, 8, 16, 16, generator=torch.Generator().manual_seed(seed))
    return made_stimulus(objective, frames=frames, best_real=2.0, **rest)


def drifting_grating():
    """Eight pixels long, one pixel per frame to the right."""
    time, place = torch.arange(8.0)[:, None, None], torch.arange(16.0)
    wave = (2 * math.pi / 8 * (place - time)).cos().expand(8, 16, 16)
    return (0.5 + 0.4 * wave).expand(3, 8, 16, 16).contiguous()


def test_a_reference_clip_stands_where_it_stood():
    network = network_of_two_layers()
    clips, reference = reference_clips(network)
    answers = reference.maxima["layer.second"][:, 2]
    best = int(answers.argmax())
    stimulus = made_stimulus(
        UNIT, frames=clips.frames[best], activation=float(answers[best]), best_real=1.0
    )
    (found,) = measured(network, [stimulus], reference=reference)
    assert found.measures.percentile == pytest.approx(39 / 40)
    assert found.measures.units == 6
    assert found.measures.stream_shares == {"frames": 1.0}
    assert found.measures.path_similarity.keys() <= {"layer.first"}


@pytest.mark.slow
def test_each_is_measured_by_itself_whatever_stands_beside_it():
    network = network_of_two_layers()
    _, reference = reference_clips(network)
    stimuli = [
        noise(0),
        noise(1, label("unit 4")),
        noise(2, neuron(Unit("layer.first", 5))),
        noise(3, UNIT - label("unit 0")),
    ]
    asked = {"reference": reference, "draws": 2}
    together = measured(network, stimuli, **asked)
    backwards = measured(network, stimuli[::-1], clips_at_once=3, **asked)[::-1]
    alone = [measured(network, [each], **asked)[0] for each in stimuli]
    for one, other, third in zip(together, backwards, alone, strict=True):
        for again in (other, third):
            _assert_alike(one.measures, again.measures)
    assert together[1].measures.rank is not None
    assert together[3].measures.rank is None  # there is no channel to rank
    assert together[3].measures.stream_shares


def test_without_a_reference_the_rest_is_measured():
    (found,) = measured(network_of_two_layers(), [noise(0)], reference=None)
    assert found.measures.ratio_over_transforms is not None
    assert found.measures.percentile is None
    assert found.measures.path_similarity == {}


def test_what_was_measured_before_is_kept():
    stimulus = noise(0)
    stimulus = replace(stimulus, measures=replace(stimulus.measures, tie_gap=0.5))
    (found,) = measured(network_of_two_layers(), [stimulus], reference=None)
    assert found.measures.tie_gap == 0.5


def test_a_label_is_not_ranked_where_the_reference_has_no_scores():
    network = network_of_two_layers()
    _, reference = reference_clips(network)
    tables = {
        kind: {name: table for name, table in getattr(reference, kind).items() if name != SCORES}
        for kind in ("maxima", "means")
    }
    (found,) = measured(
        network, [noise(0, label("unit 1"))], reference=Reference(name="scan", **tables)
    )
    assert found.measures.rank is None


def test_what_the_reference_has_not_got_the_layer_of_stays_open():
    network = network_of_two_layers()
    reference = reference_of(network, ["layer.first"], [reference_clips(network)[0]])
    stimuli = [noise(0), noise(1, activation(Unit("layer.first", 5)))]
    unknown, known = measured(network, stimuli, reference=reference)
    assert unknown.measures.percentile is None
    assert unknown.measures.ratio_over_transforms is not None
    assert known.measures.percentile is not None


def test_a_stimulus_that_needs_a_real_stream_is_not_shown_without_it():
    network = planted(_Both(), 5, streams=("frames", "flow"))
    asked = {"objective": activation(Unit("layer", 0)), "frames": drifting_grating()}
    stimulus = made_stimulus(**asked, held={"flow": "real"}, best_real=1.0)
    (found,) = measured(network, [stimulus], reference=None)
    assert found.measures == Measures(frames_peak=found.measures.frames_peak)
    assert found.measures.frames_peak is not None


def test_the_wave_and_the_distance_from_nature_come_with_it():
    network = network_of_two_layers()
    drifting = drifting_grating()
    still = drifting[:, :1].expand(-1, 8, -1, -1)
    nature = nature_of([Clip(frames=still)], network.expects)
    stimuli = [made_stimulus(UNIT, frames=frames) for frames in (drifting, still.contiguous())]
    moving, standing_still = measured(network, stimuli, reference=None, nature=nature)
    peak = moving.measures.frames_peak
    assert (peak.right, peak.down) == pytest.approx((1 / 8, 0), abs=0.01)
    assert peak.over_time == pytest.approx(-1 / 8, abs=0.01)
    assert moving.measures.flow_peak is None
    assert standing_still.measures.spectrum_distance == pytest.approx(0, abs=1e-3)
    assert moving.measures.spectrum_distance > 1
    alone = nature.distances(drifting, None)
    assert (moving.measures.spectrum_distance, moving.measures.speeds_distance) == alone


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_weights_may_have_another_precision(kind):
    network = network_of_two_layers()
    _, reference = reference_clips(network)
    (exact,) = measured(network, [noise(0)], reference=reference, draws=2)
    (found,) = measured(network.to(kind), [noise(0)], reference=reference, draws=2)
    for name in ("ratio_over_transforms", "specificity"):
        expected = getattr(exact.measures, name)
        assert getattr(found.measures, name) == pytest.approx(expected, rel=0.05, abs=0.05)


def test_no_stimuli_have_no_measures():
    assert measured(network_of_two_layers(), [], reference=None) == []


def test_the_network_comes_back_as_it_went():
    network = network_of_two_layers()
    _, reference = reference_clips(network)
    network.train()
    measured(network, [noise(0)], reference=reference)
    assert all(module.training for module in network.modules())
    assert all(weight.grad is None for weight in network.parameters())


class TestStanding:
    def test_agrees_with_the_definition_written_out(self):
        generator = torch.Generator().manual_seed(0)
        reference = torch.rand(30, 7, generator=generator) * torch.arange(1, 8)
        stimulus = 3 * torch.rand(7, generator=generator)
        z = []
        for channel in range(7):
            answers = reference[:, channel].tolist()
            mean = sum(answers) / 30
            deviation = (sum((a - mean) ** 2 for a in answers) / 30) ** 0.5
            z.append((stimulus[channel].item() - mean) / deviation)
        for channel in range(7):
            found = standing(stimulus, Answered(reference), channel)
            others = [z[other] for other in range(7) if other != channel]
            assert found.specificity == pytest.approx(z[channel] - max(others), abs=1e-4)
            assert found.rank == sorted(z, reverse=True).index(z[channel]) + 1
            assert found.units == 7

    def test_exactly_one_unit_is_first_and_only_it_is_specific(self):
        generator = torch.Generator().manual_seed(2)
        reference, stimulus = (
            torch.rand(30, 9, generator=generator),
            torch.rand(9, generator=generator),
        )
        found = [standing(stimulus, Answered(reference), channel) for channel in range(9)]
        assert sorted(each.rank for each in found) == list(range(1, 10))
        assert [each.rank == 1 for each in found] == [each.specificity > 0 for each in found]

    def test_channels_that_never_vary_and_clips_that_were_not_read_count_for_nothing(self):
        generator = torch.Generator().manual_seed(3)
        reference, stimulus = (
            torch.rand(30, 4, generator=generator),
            torch.rand(4, generator=generator),
        )
        more = torch.cat([reference, torch.zeros(30, 2)], dim=1)
        more = torch.cat([more, torch.full((2, 6), torch.nan)])
        found = standing(torch.cat([stimulus, torch.tensor([9.0, 0.0])]), Answered(more), 1)
        assert found == standing(stimulus, Answered(reference), 1)
        assert standing(torch.ones(6), Answered(more), 4) is None

    def test_a_unit_alone_has_no_standing(self):
        assert standing(torch.ones(1), Answered(torch.rand(9, 1)), 0) is None
        assert standing(torch.ones(3), Answered(torch.full((9, 3), torch.nan)), 0) is None


def test_what_a_neuron_sees_is_measured_at_its_place():
    network = network_of_two_layers()
    _, reference = reference_clips(network)
    box = ((2, 7), (6, 11), (6, 11))  # of the neuron at 4, 8, 8
    frames = torch.rand(3, 5, 5, 5)
    whole = torch.full((3, 8, 16, 16), 0.5)
    whole[:, 2:7, 6:11, 6:11] = frames
    objective = neuron(Unit("layer.second", 1))
    cut, uncut = (
        measured(network, [made_stimulus(objective, best_real=1.0, **rest)], reference=reference)[0]
        for rest in ({"frames": frames, "box": box}, {"frames": whole})
    )
    assert cut.measures.rank == uncut.measures.rank
    assert cut.measures.ratio_over_transforms == pytest.approx(
        uncut.measures.ratio_over_transforms, rel=1e-5
    )


class TestRefusals:
    def test_of_a_channel_that_is_not_there(self):
        network = network_of_two_layers()
        _, reference = reference_clips(network)
        with pytest.raises(UnknownNameError, match=r"layer\.second:6"):
            measured(network, [noise(0, activation(Unit("layer.second", 6)))], reference=reference)

    def test_of_a_reference_of_another_network(self):
        network = network_of_two_layers()
        table = {name: torch.rand(20, 5) for name in LAYERS}
        with pytest.raises(EvidenceError, match="answers of 5 channels"):
            measured(network, [noise(0)], reference=Reference(name="b", maxima=table, means=table))

    def test_of_a_stimulus_of_another_network(self):
        stimulus = made_stimulus(UNIT, frames=torch.rand(3, 8, 20, 20))
        with pytest.raises(ClipError, match="3 x 8 x 16 x 16"):
            measured(network_of_two_layers(), [stimulus], reference=None)


class _Both(nn.Module):
    def forward(self, frames, flow):
        return torch.cat([frames, flow], dim=1)


def _assert_alike(one, other):
    for name in ("ratio_over_transforms", "percentile", "rank", "units", "specificity"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-4)
    for name in ("path_similarity", "stream_shares"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-3)
