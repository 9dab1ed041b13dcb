import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.beside.reference import Reference, reference_of
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.measures.measuring import measured
from kinetoscope.evidence.stimuli.measures.path import (
    OTHERS,
    SUSPICIOUS,
    TOP,
    Answered,
    Natural,
    layers_before,
    natural_clips,
    path_similarity,
    suspicious,
)
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.stimulus import Measures
from kinetoscope.units.objective import activation
from kinetoscope.units.reading import SCORES
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted
from tests.evidence.stimuli.fooling import FOOLED, ORDINARY, fooling_network, natural_batches


def two_kinds(clips=40, channels=12, seed=0):
    """Answers of a layer to clips of two kinds by turns, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randn(2, channels, generator=generator)
    noise = torch.randn(clips, channels, generator=generator)
    answers = kinds[torch.arange(clips) % 2] + 0.5 * noise
    natural = Natural(torch.arange(0, 18, 2), torch.arange(1, clips, 2))
    return answers.double(), kinds.double(), natural


@pytest.mark.slow
def test_the_fooled_unit_is_flagged_and_ordinary_ones_are_not():
    network = fooling_network()
    layers = ["filters", "gates", "units"]
    reference = reference_of(network, layers, natural_batches(), name="natural")
    silent = reference.maxima["filters"][:, -1]  # the detector of what an ascent makes
    assert silent.max() == 0
    asked = [activation(Unit("units", channel)) for channel in (FOOLED, ORDINARY, 6)]
    best = {each: reference.largest(each) for each in asked}
    made = maximize(network, asked, slowness=[1.0], best_real=best, settings=Maximizing(steps=40))
    fooled, *ordinary = measured(network, made.stimuli, reference=reference, draws=1)
    assert fooled.ratio > 1
    assert fooled.measures.path_similarity["gates"] < 0
    assert suspicious(fooled.measures)
    for stimulus in ordinary:
        assert stimulus.measures.path_similarity["gates"] > 0.7
        assert not suspicious(stimulus.measures)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_definition_written_out(seed):
    answers, _, natural = two_kinds(seed=seed)
    stimulus = torch.randn(12, generator=torch.Generator().manual_seed(seed)).double()
    found = path_similarity(stimulus, Answered(answers), natural)

    def apart(row):
        return ((row - answers.mean(0)) / answers.std(0, correction=0)).numpy()

    def rho(one, other):
        return spearmanr(apart(one), apart(other)).statistic

    top, others = natural.top.tolist(), natural.others.tolist()
    same = [rho(answers[i], answers[j]) for i in top for j in top if i < j]
    between = [rho(answers[i], answers[j]) for i in top for j in others]
    own = [rho(stimulus, answers[i]) for i in top]
    same, between, own = (sum(each) / len(each) for each in (same, between, own))
    assert found == pytest.approx((own - between) / (same - between), abs=1e-9)


def test_ranks_that_are_shared_are_shared_as_in_the_definition():
    answers, _, natural = two_kinds()
    answers = answers.round()
    answers[:, 4] = 0  # never varies
    stimulus = torch.tensor([3.0, 3, 3, 0, 2, 0, 0, -1, -1, 5, 0, 0]).double()
    deviation = answers.std(0, correction=0).clamp(min=1e-6 * answers.std(0, correction=0).max())
    apart = (torch.cat([answers, stimulus[None]]) - answers.mean(0)) / deviation
    rho = torch.tensor(spearmanr(apart.T.numpy()).statistic)
    top, others = natural.top, natural.others
    same = (rho[top][:, top].sum() - len(top)) / (len(top) * (len(top) - 1))
    between = rho[top][:, others].mean()
    expected = (rho[-1, top].mean() - between) / (same - between)
    assert path_similarity(stimulus, Answered(answers), natural) == pytest.approx(
        expected.item(), abs=1e-9
    )


def test_what_a_unit_likes_is_near_one_and_what_others_like_is_zero():
    answers, kinds, natural = two_kinds()
    assert path_similarity(kinds[0], Answered(answers), natural) > 1
    others = [path_similarity(answers[i], Answered(answers), natural) for i in natural.others]
    assert sum(others) / len(others) == pytest.approx(0, abs=1e-9)
    own = [path_similarity(answers[i], Answered(answers), natural) for i in range(18, 40, 2)]
    assert sum(own) / len(own) == pytest.approx(1, abs=0.15)


def test_the_measure_of_a_channel_and_the_order_of_clips_change_nothing():
    answers, _, natural = two_kinds()
    stimulus = torch.randn(12, generator=torch.Generator().manual_seed(5)).double()
    before = path_similarity(stimulus, Answered(answers), natural)
    measure, zero = torch.linspace(0.1, 30, 12).double(), torch.linspace(-9, 9, 12).double()
    again = path_similarity(stimulus * measure + zero, Answered(answers * measure + zero), natural)
    assert again == pytest.approx(before, abs=1e-9)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    moved = Natural(*(order.argsort()[places] for places in (natural.top, natural.others)))
    assert path_similarity(stimulus, Answered(answers[order]), moved) == pytest.approx(
        before, abs=1e-9
    )


@pytest.mark.parametrize("noise", [0.0, 1.0], ids=["all alike", "no kinds"])
def test_a_layer_that_does_not_tell_clips_apart_is_left_out(noise):
    answers = 1 + noise * torch.randn(40, 12, generator=torch.Generator().manual_seed(0)).double()
    natural = Natural(torch.arange(9), torch.arange(9, 40))
    assert path_similarity(torch.arange(12).double(), Answered(answers), natural) is None


def test_clips_that_could_not_be_read_count_for_nothing():
    answers, kinds, natural = two_kinds()
    before = path_similarity(kinds[0], Answered(answers), natural)
    broken = torch.cat([answers, torch.full((3, 12), torch.nan).double()])
    assert path_similarity(kinds[0], Answered(broken), natural) == pytest.approx(before)


class TestNaturalClips:
    def test_are_those_that_excite_the_unit_and_those_that_excite_others(self):
        maxima = torch.zeros(40, 2)
        maxima[5:25, 0] = torch.linspace(2, 1, 20)
        maxima[20:, 1] = torch.linspace(1, 2, 20)
        found = natural_clips(Answered(maxima), 0)
        assert found.top.tolist() == list(range(5, 5 + TOP))
        assert found.others.tolist() == list(range(40 - TOP, 40))

    def test_are_fewer_where_there_are_few(self):
        maxima = torch.rand(16, 3, generator=torch.Generator().manual_seed(0))
        maxima[3] = torch.nan
        found = natural_clips(Answered(maxima), 1)
        assert len(found.top) == 3
        assert 3 not in [*found.top.tolist(), *found.others.tolist()]
        assert not set(found.top.tolist()) & set(found.others.tolist())

    def test_of_others_are_no_more_than_can_be_looked_at(self):
        maxima = torch.rand(2000, 100, generator=torch.Generator().manual_seed(0))
        assert len(natural_clips(Answered(maxima), 0).others) <= OTHERS

    @pytest.mark.parametrize(
        "maxima",
        [torch.zeros(40, 2), torch.rand(6, 2), torch.rand(40, 1)],
        ids=["a dead unit", "too few clips", "no other unit"],
    )
    def test_there_are_none(self, maxima):
        assert natural_clips(Answered(maxima), 0) is None


class TestLayersBefore:
    def test_come_in_the_order_of_computation(self):
        network = fooling_network()
        empty = {name: torch.zeros(1, 2) for name in ("units", "filters", SCORES, "gates")}
        reference = Reference(name="none", maxima=empty, means=empty)
        assert layers_before(network, reference, ["units", "filters", SCORES]) == {
            "units": ("filters", "gates"),
            "filters": (),
            SCORES: ("filters", "gates", "units"),
        }

    def test_do_not_see_another_stream(self):
        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.seen, self.moved = nn.Conv3d(3, 3, 3, padding=1), nn.Conv3d(2, 3, 3, padding=1)
                self.later, self.both = nn.Conv3d(3, 3, 1), nn.Conv3d(3, 3, 1)

            def forward(self, frames, flow):
                seen, moved = self.seen(frames), self.later(self.moved(flow))
                return self.both(seen + moved)

        network = planted(Two(), 3, streams=("frames", "flow"))
        names = [f"layer.{name}" for name in ("seen", "moved", "later", "both")]
        empty = {name: torch.zeros(1, 3) for name in names}
        reference = Reference(name="none", maxima=empty, means=empty)
        before = layers_before(network, reference, names)
        assert before["layer.later"] == ("layer.moved",)
        assert before["layer.both"] == tuple(names[:3])

    def test_refuses_a_layer_that_the_reference_has_not_got(self):
        reference = Reference(name="none", maxima={}, means={})
        with pytest.raises(UnknownNameError, match="units"):
            layers_before(fooling_network(), reference, ["units"])


def test_the_last_layer_before_the_units_decides():
    assert not suspicious(Measures())
    assert suspicious(Measures(path_similarity={"early": 1.0, "late": SUSPICIOUS - 0.01}))
    assert not suspicious(Measures(path_similarity={"early": -1.0, "late": SUSPICIOUS}))
