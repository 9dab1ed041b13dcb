"""How many versions fit: counted by hand, measured in a process of its own, kept by all."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.methods.room import batches, version_bytes, versions_at_once
from kinetoscope.units.objective import activation
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.methods.rectified import asked

CLIP = 4 * 3 * 4 * 12 * 12
"""Of frames alone [bytes]."""

BESIDE = 1.15


class Chain(nn.Module):
    """Each step answers with as much as it is given; sines keep it for the way back."""

    def forward(self, frames):
        for _ in range(6):
            frames = frames.sin()
        return frames.flatten(1)[:, :3]


class Caching(Chain):
    """Looks at values, or replaces a buffer in every pass."""

    def __init__(self, *, looks):
        super().__init__()
        self.looks = looks
        self.register_buffer("last", torch.zeros(1))

    def forward(self, frames):
        if self.looks and float(frames.detach().sum()) > 1e9:
            return frames.flatten(1)[:, :3]
        self.last = frames.detach().mean()
        return super().forward(frames)


# Known answer


def test_without_gradients_two_answers_live_beside_the_clip_and_its_copy():
    found = version_bytes(asked(("frames",), model=Chain()), gradients=False)
    assert found == pytest.approx(BESIDE * 4 * CLIP, rel=0.01)


def test_with_gradients_every_answer_is_kept_and_two_slopes_come_back():
    found = version_bytes(asked(("frames",), model=Chain()), gradients=True)
    assert found == pytest.approx(BESIDE * 10 * CLIP, rel=0.12)


def test_what_comes_after_the_objectives_layer_takes_nothing():
    near, far = (
        version_bytes(asked(objective=objective), gradients=True)
        for objective in (activation(Unit("body.frames.stages.0", 0)), None)
    )
    assert near < far


def test_as_many_go_as_fit_and_no_more_than_are_of_use():
    question = asked(("frames",), model=Chain())
    one = version_bytes(question, gradients=True)
    for memory, expected in ((4 * CLIP + one, 1), (4 * CLIP + 3 * one - 1, 2), (2**40, 32)):
        assert versions_at_once(replace(question, memory=memory), gradients=True) == expected
    assert versions_at_once(replace(question, memory=2**40), gradients=True, most=7) == 7
    held = replace(question, memory=4 * CLIP + 3 * one)
    assert versions_at_once(held, gradients=True, beside=one + 1) == 1
    assert versions_at_once(question, gradients=True) >= 1


def test_batches_are_cut_from_the_first_to_the_last_and_no_small_rest_is_left():
    assert list(batches(5, 2)) == [slice(0, 1), slice(1, 3), slice(3, 5)]
    assert list(batches(9, 8)) == [slice(0, 4), slice(4, 9)]
    assert list(batches(3, 32)) == [slice(0, 3)]


# Promise


@pytest.mark.parametrize("looks", [False, True], ids=["caches", "looks at values"])
def test_any_model_is_measured_and_keeps_its_buffers(looks):
    model = Caching(looks=looks)
    before = model.last
    found = version_bytes(asked(("frames",), model=model), gradients=True)
    assert model.last is before
    plain = version_bytes(asked(("frames",), model=Chain()), gradients=True)
    assert found == pytest.approx(plain, rel=0.15)


def test_a_network_is_measured_once():
    question = asked()
    version_bytes(question, gradients=True)
    calls = []
    question.network.model.register_forward_hook(lambda *_: calls.append(1))
    version_bytes(question, gradients=True)
    assert not calls


MEASURED = """
import sys
from pathlib import Path
import torch
from torch import nn
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.methods.integrated_gradients import IntegratedGradients
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

def told(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))

torch.set_num_threads(1)
stages = [m for n in range(4) for m in (nn.Conv3d(8 if n else 3, 8, 3, padding=1), nn.ReLU())]
model = nn.Sequential(*stages, nn.AdaptiveAvgPool3d(1), nn.Flatten())
spec = ClipSpec(frames=8, short_side=64, size=(64, 64))
network = Network(model, labels=list("abcdefgh"), expects=spec, name="n").eval()
memory = int(sys.argv[1])
clip = Clip(frames=torch.rand(3, 8, 64, 64))
question = Question.about(network, clip, label("a"), memory=memory)
IntegratedGradients(steps=1).answer(question)  # what libraries take once
Path("/proc/self/clear_refs").write_text("5")
before = told("VmRSS")
IntegratedGradients(steps=16).answer(question)
print((told("VmHWM") - before) / memory)
"""
"""Most of what is taken, of what may be."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_a_bound_is_kept_and_used():
    at_once = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is let go of is given back
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, str(120 * 2**20)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | at_once,
    )
    assert 0.4 < float(found.stdout) < 1.05


# Refusal


@pytest.mark.parametrize("gradients", [False, True])
def test_a_bound_below_one_version_is_refused_with_what_one_needs(gradients):
    question = asked()
    one = version_bytes(question, gradients=gradients)
    clip = 4 * 5 * 4 * 12 * 12
    with pytest.raises(ClipError, match="does not fit in this memory") as refused:
        versions_at_once(replace(question, memory=4 * clip + one - 1), gradients=gradients)
    assert f"{(4 * clip + one) / 2**20:.1f} MiB" in refused.value.expected
