import shutil

import pytest
import torch
from torch import nn

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.beside.reference import reference_of
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.evidence.stimuli.jobs import job as jobs
from kinetoscope.evidence.stimuli.jobs.batch import Wanted
from kinetoscope.evidence.stimuli.jobs.chosen import choose, read_words
from kinetoscope.evidence.stimuli.jobs.job import Job, maximize_all
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.stimulus import read_stimuli
from kinetoscope.units.objective import Objective, activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted

pytestmark = pytest.mark.slow

WANTED = Wanted(slowness=(0.0, 10.0), maximizing=Maximizing(steps=3, clips_at_once=4))
JOB = Job(wanted=WANTED)


def network_with_a_dead_unit():
    """Five units, the fourth of which never answers."""
    torch.manual_seed(0)
    convolution = nn.Conv3d(3, 5, 3, padding=1)
    with torch.no_grad():
        convolution.weight[3], convolution.bias[3] = 0.0, -1.0
    return planted(nn.Sequential(convolution, nn.ReLU()), 5, frames=4)


@pytest.fixture(scope="module")
def network():
    return network_with_a_dead_unit()


@pytest.fixture(scope="module")
def objectives(network):
    return choose(network, read_words(["layer", "label:unit 1", "layer:2@centre"]))


@pytest.fixture(scope="module")
def finished(network, objectives, tmp_path_factory):
    """A job that nothing disturbed: its folder, and its outcome."""
    out = tmp_path_factory.mktemp("finished")
    return out, maximize_all(network, objectives, out, job=JOB)


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def names(objectives):
    return [str(each) for each in objectives]


def test_every_objective_has_a_folder_or_a_reason(finished, objectives):
    out, outcome = finished
    assert [str(each.objective) for each in outcome.failures] == ["layer:3"]
    assert names(outcome.made) == [name for name in names(objectives) if name != "layer:3"]
    assert not outcome.left
    folders = {folder.name for folder in (out / "stimuli").iterdir()}
    assert folders == {each.file_name for each in outcome.made}
    stimuli = read_stimuli(out / "stimuli" / "layer-1")
    assert [each.slowness for each in stimuli] == [0.0, 10.0]


def test_what_came_of_it_is_told(finished, objectives):
    out, outcome = finished
    told = read_evidence(out / "maximization", "maximization").answer
    assert told["asked"] == names(objectives)
    assert told["made"] == names(outcome.made)
    assert [each["objective"] for each in told["failures"]] == ["layer:3"]
    assert all(each["reason"] for each in told["failures"])
    assert (told["left"], told["again"], told["reference"]) == ([], [], None)


def test_a_second_job_makes_nothing_anew(finished, network, objectives, monkeypatch):
    out, outcome = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    monkeypatch.setattr(jobs, "map_here", lambda work, items, workers: iter(map(work, items)))
    monkeypatch.setattr(jobs.Maker, "__call__", None)  # not even the dead unit is tried again
    assert maximize_all(network, objectives, out, job=JOB) == outcome
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_what_is_missing_is_made_again_to_the_last_digit(
    finished, network, objectives, tmp_path, lost
):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    shutil.rmtree(out / "maximization")
    shutil.rmtree(sorted((out / "stimuli").iterdir())[lost])
    maximize_all(network, objectives, out, job=JOB)
    assert contents(out) == contents(finished[0])


def test_each_is_written_as_soon_as_its_batch_is_made(network, tmp_path):
    """The second batch breaks off; what was made before it is there."""
    seen = []

    def count(done, total):
        seen.append(len(list((tmp_path / "stimuli").glob("*"))))
        if done > total / 2:
            raise KeyboardInterrupt

    objectives = [activation(Unit("layer", channel)) for channel in (0, 1, 2, 4)]
    with pytest.raises(KeyboardInterrupt):
        maximize_all(network, objectives, tmp_path, job=JOB, progress=count)
    assert sorted(folder.name for folder in (tmp_path / "stimuli").iterdir()) == [
        "layer-0",
        "layer-1",
    ]
    assert not (tmp_path / "maximization").exists()


def test_progress_goes_from_nothing_to_all(network, objectives, tmp_path):
    told = []
    maximize_all(network, objectives, tmp_path, job=JOB, progress=lambda *each: told.append(each))
    done = [each for each, _ in told]
    total = len(objectives) * 2 * 3  # slownesses, steps
    assert done == sorted(done)
    assert (done[0], done[-1], {each for _, each in told}) == (0, total, {total})


def test_answers_are_held_against_a_reference(network, objectives, tmp_path):
    reference = reference_of(network, ["layer"])
    maximize_all(network, objectives, tmp_path, job=JOB, reference=reference)
    for objective in (activation(Unit("layer", 1)), label("unit 1")):
        for stimulus in read_stimuli(tmp_path / "stimuli" / objective.file_name):
            assert stimulus.best_real == pytest.approx(reference.largest(objective))
            assert stimulus.reference == "made clips"
            assert stimulus.measures.percentile is not None
    assert read_evidence(tmp_path / "maximization").answer["reference"] == "made clips"


def test_other_settings_are_another_question(finished, network, objectives, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    other = Job(wanted=Wanted(slowness=(1.0,), maximizing=Maximizing(steps=1)))
    maximize_all(network, objectives, out, job=other)
    assert [each.slowness for each in read_stimuli(out / "stimuli" / "layer-1")] == [1.0]


def test_without_time_everything_is_left_and_made_when_there_is_some(
    network, objectives, tmp_path, finished
):
    none = maximize_all(network, objectives, tmp_path, job=Job(wanted=WANTED, minutes=0.0))
    assert (none.left, none.made) == (objectives, [])
    assert read_evidence(tmp_path / "maximization").answer["left"] == names(objectives)
    outcome = maximize_all(network, objectives, tmp_path, job=Job(wanted=WANTED, minutes=5.0))
    assert names(outcome.made) == names(finished[1].made)
    assert not outcome.left


def test_a_batch_that_breaks_off_is_told_and_tried_again(network, tmp_path, monkeypatch):
    objectives = [activation(Unit("layer", channel)) for channel in (0, 1)]
    with monkeypatch.context() as patch:
        patch.setattr(network.model.layer[0], "forward", _broken)
        patch.setattr(jobs.Maker, "__call__", lambda maker, batch: _broken())
        outcome = maximize_all(network, objectives, tmp_path, job=JOB)
    assert [each.reason for each in outcome.failures] == ["RuntimeError: the disk is on fire"] * 2
    assert read_evidence(tmp_path / "maximization").answer["again"] == names(objectives)
    assert maximize_all(network, objectives, tmp_path, job=JOB).made == objectives


@pytest.mark.usefixtures("cluster")
def test_on_a_cluster_it_is_the_same_to_the_last_digit(finished, network, objectives, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        here = tmp_path / "here"
        maximize_all(network, objectives, here, job=JOB)
        spread = Job(wanted=WANTED, engine="ray")
        outcome = maximize_all(network, objectives, tmp_path / "ray", job=spread)
    finally:
        torch.set_num_threads(before)
    assert outcome == finished[1]
    assert contents(tmp_path / "ray") == contents(here)


def test_refuses_what_the_network_does_not_have_before_anything_is_made(network, tmp_path):
    asked = [activation(Unit("layer", 0)), Objective.parse("label:unit 9")]
    with pytest.raises(UnknownNameError, match="near: unit"):
        maximize_all(network, asked, tmp_path, job=JOB)
    assert not list(tmp_path.iterdir())


def _broken(*anything):
    raise RuntimeError("the disk is on fire")
