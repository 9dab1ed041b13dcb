import pytest
import torch
from torch import nn
from torchvision import models

from kinetoscope.errors import RecipeError, UnknownNameError
from kinetoscope.networks.streams.picture_tower import parts_in_a_row, stages
from kinetoscope.networks.streams.towers import Tower, layers_of
from kinetoscope.networks.zoo import build_network


def on_meta(name):
    with torch.device("meta"):
        return models.get_model(name, weights=None)


def planned(name, *, stream="frames", gathered=1):
    return stages(name, labels=3, stream=stream, chunk=2, size=64, gathered=gathered, dropout=0.0)


@pytest.mark.parametrize(
    ("name", "first", "last", "count"),
    [
        ("resnet18", "conv1", "layer4", 8),
        ("wide_resnet50_2", "conv1", "layer4", 8),
        ("googlenet", "conv1", "inception5b", 16),
        ("inception_v3", "Conv2d_1a_3x3", "Mixed_7c", 18),
        ("efficientnet_b0", "features", "features", 1),
    ],
)
def test_parts_that_run_one_after_the_other_are_found(name, first, last, count):
    options = (
        {"aux_logits": False, "init_weights": False}
        if "inception" in name or name == "googlenet"
        else {}
    )
    with torch.device("meta"):
        parts = parts_in_a_row(models.get_model(name, weights=None, **options))
    assert (parts[0], parts[-1], len(parts)) == (first, last, count)


@pytest.mark.parametrize(
    "name", ["alexnet", "densenet121", "swin_t", "vit_b_16", "shufflenet_v2_x0_5"]
)
def test_networks_that_do_more_have_no_parts_in_a_row(name):
    assert parts_in_a_row(on_meta(name)) == ()


class Skips(nn.Module):
    """Its maps go around its second part as well as through it."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.mean = (
            nn.Conv2d(3, 3, 1),
            nn.Conv2d(3, 3, 1),
            nn.AdaptiveAvgPool2d(1),
        )

    def forward(self, x):
        x = self.one(x)
        return self.mean(x + self.two(x)).flatten(1)


def test_a_shortcut_around_a_part_is_seen():
    assert parts_in_a_row(Skips()) == ()


@torch.no_grad()
def test_stages_answer_frame_by_frame_what_the_parts_answer():
    torch.manual_seed(0)
    tower = Tower(planned("resnet18"), stream="frames", chunk=2, least=(2, 32, 32)).eval()
    frames = torch.randn(1, 3, 4, 64, 64)
    whole = tower.run(frames, until="layer4")
    for place, frame in enumerate((1, 3)):
        alone = tower.run(frames[:, :, frame : frame + 1].expand(-1, -1, 2, -1, -1), until="layer4")
        torch.testing.assert_close(whole[:, :, place : place + 1], alone)


@torch.no_grad()
def test_a_network_of_other_kinds_is_one_stage():
    torch.manual_seed(0)
    made = planned("nin_toy", stream="flow", gathered=2)
    assert layers_of(made) == ("features", "gather", "average", "dropout", "label")
    tower = Tower(made, stream="flow", chunk=2, least=(4, 8, 8)).eval()
    flow = torch.randn(1, 2, 4, 64, 64)
    stacked = flow.permute(0, 2, 1, 3, 4).reshape(2, 4, 64, 64)  # u1 v1 u2 v2 of two chunks
    features = tower.features.pictures(stacked)
    found = tower.run(flow, until="gather")
    torch.testing.assert_close(found.flatten(), features.amax(dim=0))


def test_the_first_layer_sees_every_field_of_flow():
    tower = Tower(planned("resnet18", stream="flow"), stream="flow", chunk=2, least=(2, 32, 32))
    assert tower.conv1.in_channels == 4
    assert torch.equal(tower.conv1.weight[:, 0], tower.conv1.weight[:, 3])


@pytest.mark.slow
def test_refuses_to_concatenate_where_a_layer_takes_so_many_channels():
    options = {"appearance": "resnet18", "motion": "resnet18", "fusion": "concatenation"}
    with torch.device("meta"):
        build_network("two_stream_inception_toy", **options, fuse_after="layer4")
        with pytest.raises(RecipeError, match="can't be concatenated before layer4"):
            build_network("two_stream_inception_toy", **options, fuse_after="layer3")


def test_refuses_a_network_that_is_not_there():
    with pytest.raises(UnknownNameError, match=r"near: .*resnet50"):
        planned("resnet5")
