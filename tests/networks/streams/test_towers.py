import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.streams.towers import (
    Stage,
    Tower,
    answers_of,
    channels_at,
    cut,
    fused_after,
    layers_of,
    scoring,
)


def widened(name, after):
    return Stage(name=name, build=lambda before: nn.Conv3d(before, after, 1), after=after)


STAGES = (
    widened("conv1", 4),
    Stage(name="pool1", build=lambda before: nn.MaxPool3d((1, 2, 2))),
    widened("conv2", 6),
    *scoring(3),
)


def tower(stages=STAGES, stream="flow", chunk=2):
    return Tower(stages, stream=stream, chunk=chunk, least=(chunk, 4, 4)).eval()


@torch.no_grad()
def test_a_tower_goes_on_where_it_stopped():
    made, flow = tower(), torch.rand(1, 2, 4, 8, 8)
    halfway = made.run(flow, until="pool1")
    assert halfway.shape == (1, 4, 2, 4, 4)
    assert torch.equal(made.run(halfway, after="pool1"), made(flow))


def test_answers_are_known_before_there_are_weights():
    found = answers_of(STAGES, stream="flow", chunk=2, clip=(4, 8, 8))
    assert found == {
        "conv1": (4, 2, 8, 8),
        "pool1": (4, 2, 4, 4),
        "conv2": (6, 2, 4, 4),
        "label": (3, 2, 4, 4),
        "consensus": (3,),
    }


def test_a_stage_that_says_nothing_of_channels_answers_as_many_as_it_takes():
    assert [channels_at(STAGES, layer) for layer in layers_of(STAGES)] == [4, 4, 6, 3]


def test_what_streams_met_in_is_taken_by_the_next_stage():
    wide = fused_after(STAGES, "pool1", 8)
    assert tower(wide).conv2.in_channels == 8
    assert tower(wide).conv1.out_channels == 4


def test_a_tower_of_frames_sees_the_middle_one_of_each_chunk():
    shown = tower(stream="frames", chunk=3).prepare(torch.arange(6.0).reshape(1, 1, 6, 1, 1))
    assert shown.flatten().tolist() == [1, 4]


def test_refuses_a_layer_that_is_not_there():
    with pytest.raises(UnknownNameError, match=r"near: .*conv2"):
        cut(STAGES, "conv3")


def test_refuses_a_clip_of_which_nothing_is_left():
    with pytest.raises(ClipError, match="2 frames of 4 x 4 or more"):
        tower()(torch.rand(1, 2, 2, 2, 8))
