import pytest
import torch
from torch import nn

from kinetoscope.evidence.beside.reference import Reference
from kinetoscope.evidence.stimuli.jobs import batch as batch_module
from kinetoscope.evidence.stimuli.jobs.batch import (
    Maker,
    Wanted,
    batches,
    kind_of,
    largest_answers,
)
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.units.objective import Objective
from tests.evidence.planted import planted

parse = Objective.parse


def told(found):
    return [[str(each) for each in batch] for batch in found]


def test_objectives_of_the_same_layers_or_of_the_same_place_share_a_batch():
    assert kind_of(parse("late:1")) == kind_of(parse("late:2")) != kind_of(parse("early:1"))
    assert kind_of(parse("late:1@centre")) == kind_of(parse("late:2@centre"))
    assert kind_of(parse("late:1@centre")) != kind_of(parse("late:1"))
    assert kind_of(parse("late:1@centre")) != kind_of(parse("late:1@0,1,2"))


def test_batches_come_in_the_order_of_their_most_important_objective():
    names = ["label:a", "late:0", "early:0", "late:1", "early:1", "late:2", "label:b"]
    assert told(batches([parse(name) for name in names], clips=2, at_once=4)) == [
        ["label:a", "label:b"],
        ["late:0", "late:1"],
        ["early:0", "early:1"],
        ["late:2"],
    ]


def test_an_objective_of_more_clips_than_fit_has_a_batch_of_its_own():
    found = batches([parse("late:0"), parse("late:1")], clips=8, at_once=4)
    assert told(found) == [["late:0"], ["late:1"]]


def test_largest_answers_are_of_objectives_and_of_each_goal_of_a_sum():
    maxima = torch.tensor([[1.0, 5.0], [2.0, 3.0]])
    reference = Reference(name="clips", maxima={"late": maxima}, means={"late": maxima})
    both = parse("late:0 - 0.5 * late:1")
    assert largest_answers(reference, [both, parse("early:0")]) == {
        parse("late:0"): 2.0,
        parse("late:1"): 5.0,
    }
    assert largest_answers(None, [both]) == {}


def maker(**rest):
    torch.manual_seed(0)
    network = planted(nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.ReLU()), 4, frames=4)
    wanted = Wanted(slowness=(0.0,), maximizing=Maximizing(steps=4), seeds=rest.pop("seeds", 1))
    return Maker(network=network, wanted=wanted, **rest)


BATCH = tuple(parse(f"layer:{channel}") for channel in range(4))


@pytest.mark.slow
def test_only_as_many_are_begun_as_will_be_ready(monkeypatch):
    """An objective takes ten seconds; in 25 there is time for two, the first ones."""
    now = [100.0]
    monkeypatch.setattr(batch_module, "time", lambda: now[0])
    work = maker(deadline=125.0)
    monkeypatch.setattr(Maker, "_tried", lambda self, objective: 10.0)
    assert list(work(BATCH).stimuli) == list(BATCH[:2])
    now[0] = 125.0
    assert not work(BATCH).stimuli


def test_how_long_one_takes_is_told_by_two_of_its_steps(monkeypatch):
    """Each step of a clip takes a quarter of a second; four of them, a second."""
    ticks = iter(range(1000))
    monkeypatch.setattr(batch_module, "time", lambda: next(ticks) / 4)
    assert maker(deadline=1e9)._tried(BATCH[0]) == 1.0


@pytest.mark.slow
def test_other_seeds_tell_how_stable_the_slowest_stimulus_is():
    made = maker(seeds=2)(BATCH[:1])
    [stimulus] = made.stimuli[BATCH[0]]
    assert stimulus.seed == 0
    assert stimulus.measures.activation_spread is not None
    assert maker()(BATCH[:1]).stimuli[BATCH[0]][0].measures.activation_spread is None


@pytest.mark.slow
def test_a_tied_stimulus_tells_what_being_tied_costs():
    class Both(nn.Module):
        def forward(self, frames, flow):
            return (frames.diff(dim=2)[:, :1] + 1) * (flow[:, 1:, 1:] + 1)

    network = planted(Both(), 1, streams=("frames", "flow"), frames=4, flow_scale=1.0)
    free, tied = (
        Maker(
            network=network,
            wanted=Wanted(slowness=(0.0,), maximizing=Maximizing(steps=20, tie=tie)),
        )(BATCH[:1]).stimuli[BATCH[0]][0]
        for tie in (0.0, 100.0)
    )
    assert free.measures.tie_gap is None
    assert tied.measures.tie_gap == pytest.approx(1 - tied.activation / free.activation, rel=1e-4)
    assert tied.measures.tie_gap > 0
