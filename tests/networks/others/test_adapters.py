import pytest
import torch
from torch import nn
from torchvision.models import video

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.others.adapters import FrameByFrame, as_network, without_in_place
from kinetoscope.networks.zoo import build_network

SMALL = ClipSpec(frames=4, short_side=16, size=(16, 16))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 4, 3),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def test_the_module_itself_is_used_and_left_as_it_was(module):
    module.eval()
    network = as_network(module, labels=["a", "b"], expects=SMALL, name="mine")
    assert network.model is module
    assert network.name == "mine"
    assert module[1].inplace
    assert not any(each.training for each in network.modules())
    network.classify(Clip(frames=torch.rand(3, 4, 16, 16)))
    assert not any(each.training for each in network.modules())


def test_scores_are_the_modules_own(module):
    network = as_network(module, labels=["a", "b"], expects=SMALL)
    clip = torch.rand(2, 3, 4, 16, 16)
    torch.testing.assert_close(
        network.scores(ClipBatch(frames=clip)), module((clip - 0.45) / 0.225)
    )


def test_what_is_not_said_is_found_out(module):
    network = as_network(module, labels=["a", "b"])
    assert network.name == "Sequential"
    assert network.expects == ClipSpec()
    assert network.layers == ("0", "2", "4")


def test_layers_may_be_chosen(module):
    network = as_network(module, labels=["a", "b"], expects=SMALL, layers=["0"])
    assert network.layers == ("0",)


def test_every_published_layer_of_torchvisions_is_found_in_it_too():
    with torch.device("meta"):
        published = build_network("r3d_18")
        plain = video.r3d_18()
    network = as_network(plain, labels=published.labels, expects=published.expects)
    found = [layer for layer in network.layers if layer in published.layers]
    assert found == list(published.layers)
    assert len(network.layers) == len(set(network.layers))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("r3d_18", (4, 32, 48)),
        pytest.param("mc3_18", (4, 32, 48), marks=pytest.mark.slow),
        pytest.param("r2plus1d_18", (4, 48, 32), marks=pytest.mark.slow),
        pytest.param("s3d", (16, 224, 256), marks=pytest.mark.slow),
        pytest.param("swin3d_t", (4, 32, 64), marks=pytest.mark.slow),
        pytest.param("mvit_v2_s", (16, 224, 224), marks=pytest.mark.slow),
    ],
)
def test_torchvisions_networks_answer_the_same_with_nothing_done_in_place(name, shape):
    torch.manual_seed(0)
    plain = getattr(video, name)(num_classes=3).eval()
    network = build_network(f"torchvision:{name}", labels=3).eval()
    network.model.load_state_dict(plain.state_dict())
    clip = torch.rand(1, 3, *shape)
    with torch.no_grad():
        torch.testing.assert_close(network.model(clip), plain(clip), rtol=1e-4, atol=1e-4)


def test_a_picture_network_is_shown_every_frame():
    torch.manual_seed(0)
    pictures = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    network = as_network(FrameByFrame(pictures), labels=["a", "b"])
    clip = torch.rand(2, 3, 5, 16, 16)
    each = torch.stack([pictures(clip[:, :, time]) for time in range(5)])
    torch.testing.assert_close(network.model(clip), each.mean(dim=0))
    assert network.layers == ("model.0", "model.1", "model.3")


def test_in_place_layers_can_be_told_to_keep_what_they_were_given():
    module = nn.Sequential(nn.Conv3d(3, 4, 3), nn.ReLU(inplace=True), nn.Dropout(inplace=True))
    assert without_in_place(module) is module
    assert not module[1].inplace
    assert not module[2].inplace


def test_refuses_labels_that_do_not_fit(module):
    with pytest.raises(ClipError, match=r"got:      3 labels\n  expected: 2"):
        as_network(module, labels=["a", "b", "c"], expects=SMALL)


def test_refuses_a_layer_that_is_not_there():
    module = nn.Sequential()
    module.add_module("conv", nn.Conv3d(3, 2, 3))
    module.add_module("mean", nn.AdaptiveAvgPool3d(1))
    module.add_module("flat", nn.Flatten())
    with pytest.raises(UnknownNameError, match="near: conv"):
        as_network(module, labels=["a", "b"], expects=SMALL, layers=["conv1"])
