from functools import partial

import pytest
import torch

from kinetoscope.networks.files.checkpoints import Checkpoint
from kinetoscope.networks.files.identify import labels_of, networks_of
from kinetoscope.networks.listings import ZOO
from kinetoscope.networks.zoo import build_network
from tests.networks.files import foreign


def of_library(name, rename, settings=None, **options):
    """A checkpoint without memory, as the library that `rename` is of has it."""
    with torch.device("meta"):
        state = build_network(name, **options).model.state_dict()
    tensors = foreign.renamed(state, rename)
    return Checkpoint(tensors=tensors, kind="", container="", settings=settings)


pooled = partial(foreign.pytorchvideo, pooled=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rename", "options"),
    [
        ("slowfast_r50_8x8", foreign.pyslowfast, {}),
        ("slowfast_r50_4x16", foreign.pyslowfast, {"labels": 7}),
        ("slowfast_r50_8x8", pooled, {}),
        ("c2d_r101_32x2", foreign.caffe2, {}),
        ("vgg16_flow", str, {}),
        ("two_stream_vgg16", str, {"labels": 11}),
        ("c3d", str, {}),
        ("r3d_18", str, {"labels": 3}),
    ],
)
def test_a_network_is_known_by_its_tensors(name, rename, options):
    assert networks_of(of_library(name, rename, **options)) == [name]


@pytest.mark.slow
def test_networks_that_only_clips_tell_apart_are_all_named_unless_settings_say_which():
    both = ["slow_r50_4x16", "slow_r50_8x8"]
    assert networks_of(of_library("slow_r50_8x8", foreign.pyslowfast)) == both
    for name, told in zip(both, ((4, 16), (8, 8)), strict=True):
        settings = "DATA:\n  NUM_FRAMES: {}\n  SAMPLING_RATE: {}\n".format(*told)
        found = of_library("slow_r50_8x8", foreign.pyslowfast, settings)
        assert networks_of(found) == [name]
        settings = "dict(type='SampleFrames', clip_len={}, frame_interval={})".format(*told)
        found = of_library("slow_r50_8x8", foreign.mmaction2, settings)
        assert networks_of(found) == [name]
    either = ["i3d_r50", "i3d_r50_32x2"]
    assert networks_of(of_library("i3d_r50", foreign.caffe2)) == either
    assert networks_of(of_library("i3d_r50", pooled)) == either[:1]
    assert networks_of(of_library("i3d_r50", foreign.mmaction2)) == either[1:]
    assert all(name in ZOO for name in both)


def test_weights_of_nobody_are_of_no_network():
    tensors = {"somewhere.weight": torch.ones(1)}
    assert networks_of(Checkpoint(tensors=tensors, kind="", container="")) == []


def test_labels_are_counted_where_it_is_known_what_scores_them():
    def holding(**tensors):
        return Checkpoint(tensors=tensors, kind="", container="")

    assert labels_of(holding(**{"fc.weight": torch.ones(5, 2)})) == 5
    assert labels_of(of_library("slow_toy", foreign.pyslowfast, labels=4)) == 4
    assert labels_of(holding(**{"somewhere.weight": torch.ones(5, 2)})) is None


@pytest.mark.parametrize("depth", [18, 50])
def test_networks_for_pictures_are_known_by_their_depth(depth):
    blocks = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth]
    names = [
        f"base_model.layer{stage}.{block}.conv{place}.weight"
        for stage, count in enumerate(blocks, 1)
        for block in range(count)
        for place in range(1, 3 if depth == 18 else 4)
    ]
    tensors = {name: torch.ones(1) for name in [*names, "new_fc.weight"]}
    found = networks_of(Checkpoint(tensors=tensors, kind="", container=""))
    assert found == [f"frames_resnet{depth}"]


def test_a_file_of_ours_says_it():
    saved = Checkpoint(tensors={}, kind="", container="", about={"name": "c3d_toy"})
    assert networks_of(saved) == ["c3d_toy"]
