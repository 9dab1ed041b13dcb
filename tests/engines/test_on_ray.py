import os
import sys

import pytest
import torch

from kinetoscope.engines.on_ray import map_on_ray
from kinetoscope.errors import ClipError, MissingPackageError
from kinetoscope.networks.others.user_file import open_network
from kinetoscope.networks.zoo import build_network

OF_THE_USER = """
from torch import nn


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, frames):
        return self.fc(frames.mean(dim=(2, 3, 4)))


def build():
    return Mine()
"""


class Answering:
    """Work that holds a network."""

    def __init__(self, network):
        self.network = network

    @torch.no_grad()
    def __call__(self, seed):
        if seed == 3:
            raise ClipError("three is refused", got=3, expected="another")
        chance = torch.Generator().manual_seed(seed)
        shape = (2, 3, self.network.expects.frames, *self.network.expects.size)
        frames = torch.rand(shape, generator=chance)
        return self.network.model(frames), os.getpid(), torch.get_num_threads()


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_workers_answer_as_this_process_does_in_the_order_of_the_items(cluster, one_thread):
    work = Answering(build_network("c3d_toy").eval())
    done = list(map_on_ray(work, range(8)))
    assert [each.item for each in done] == list(range(8))
    right = [each for each in done if each.error is None]
    for each in right:
        assert torch.equal(each.answer[0], work(each.item)[0])
    assert os.getpid() not in {each.answer[1] for each in right}
    assert {each.answer[2] for each in right} == {1}
    assert [each.item for each in done if each.error is not None] == [3]
    assert isinstance(done[3].error, ClipError)
    assert done[3].error.expected == "another"
    assert cluster.is_initialized()  # it was there before


@pytest.mark.slow
def test_a_network_of_a_file_of_the_users_travels(cluster, tmp_path):
    (tmp_path / "mine.py").write_text(OF_THE_USER)
    work = Answering(open_network(f"{tmp_path / 'mine.py'}:build"))
    [done] = map_on_ray(work, [1], workers=1, in_order=False)
    assert torch.equal(done.answer[0], work(1)[0])


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_item_alone(cluster):
    def work(number):
        if number == 1:
            os._exit(1)
        return number

    done = {each.item: each for each in map_on_ray(work, range(3), workers=2, in_order=False)}
    assert (done[0].answer, done[2].answer) == (0, 2)
    assert done[1].answer is None
    assert done[1].error is not None


def test_without_the_package_it_says_which_extra_is_wanted(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"kinetoscope\[ray\]"):
        next(map_on_ray(str, [1]))
