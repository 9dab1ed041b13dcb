import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import RecipeError
from kinetoscope.networks.tasks import among, log_probabilities, own_scores, tasks_of
from kinetoscope.networks.weights import load_network, save_network
from kinetoscope.networks.zoo import build_network

LABELS = ("ucf/run", "hmdb/run", "ucf/jump", "hmdb/eat", "hmdb/hug/long")
TASKS = tasks_of(LABELS)
PARTS = ([0, 2], [1, 3, 4])


def test_a_task_stands_before_the_first_slash():
    assert TASKS == ("ucf", "hmdb", "ucf", "hmdb", "hmdb")
    assert among(TASKS, "ucf").tolist() == [True, False, True, False, False]


def test_probabilities_are_shares_within_each_task():
    scores = torch.randn(4, 5)
    found = log_probabilities(scores, TASKS)
    for part in PARTS:
        torch.testing.assert_close(found[:, part], scores[:, part].log_softmax(dim=1))
    assert torch.equal(log_probabilities(scores, ()), scores.log_softmax(dim=1))


def test_scores_of_another_task_say_nothing_of_this_one():
    scores = torch.randn(2, 5, requires_grad=True)
    log_probabilities(scores, TASKS)[:, [0, 2]].sum().backward()
    assert (scores.grad[:, PARTS[1]] == 0).all()
    assert scores.grad.isfinite().all()


def test_a_clip_is_told_apart_from_those_of_its_own_task_alone():
    scores = torch.tensor([[0.0, 9.0, 1.0, 2.0, 3.0]]).expand(2, -1)
    own = own_scores(scores, torch.tensor([0, 3]), TASKS)
    assert own.argmax(dim=1).tolist() == [2, 1]
    assert own.isinf().sum(dim=1).tolist() == [3, 2]
    assert own_scores(scores, torch.tensor([0, 3]), ()) is scores


def test_a_network_of_several_tasks_is_sure_of_each(clips_for):
    network = build_network("two_stream_small_toy", labels=LABELS, multi_task=True).eval()
    probabilities = network(clips_for(network, 2))
    for part in PARTS:
        torch.testing.assert_close(probabilities[:, part].sum(dim=1), torch.ones(2))
    batch = clips_for(network)
    clip = Clip(frames=batch.frames[0], flow=batch.flow[0])
    assert sum(network.classify(clip).probabilities) == pytest.approx(2)


def test_without_being_told_a_slash_means_nothing(clips_for):
    network = build_network("c3d_toy", labels=LABELS).eval()
    assert network.tasks == ()
    torch.testing.assert_close(network(clips_for(network)).sum(), torch.tensor(1.0))


def test_predictions_of_two_branches_are_averaged_within_each_task(clips_for):
    network = build_network("two_stream_small_toy", labels=LABELS, multi_task=True).eval()
    batch = clips_for(network)
    branches = [log_probabilities(branch, TASKS).exp() for branch in network.branches(batch)]
    torch.testing.assert_close(network(batch), (branches[0] + branches[1]) / 2)


def test_a_saved_network_remembers_its_tasks(tmp_path, clips_for):
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=LABELS, multi_task=True).eval()
    save_network(network, tmp_path / "network.safetensors")
    loaded = load_network(tmp_path / "network.safetensors")
    assert loaded.tasks == TASKS
    batch = clips_for(network)
    torch.testing.assert_close(loaded(batch), network(batch))


def test_refuses_labels_that_carry_no_task():
    with pytest.raises(RecipeError, match="got:      walk, /run"):
        build_network("c3d_toy", labels=["a/walk", "walk", "/run"], multi_task=True)
