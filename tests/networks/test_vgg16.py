import pytest
import torch
from torch import nn
from torchvision.models.vgg import make_layers

from kinetoscope.errors import WeightsError
from kinetoscope.networks.vgg16 import load_vgg16, mean_filter
from kinetoscope.networks.zoo import build_network

A, B, C, D, E = 2, 3, 4, 5, 6  # the toy's channels
TOY = "two_stream_vgg16_toy"


class Pictures(nn.Module):
    """torchvision's VGG-16, in the toy's widths."""

    def __init__(self):
        super().__init__()
        stages = [A, A, "M", B, B, "M", C, C, C, "M", D, D, D, "M", E, E, E, "M"]
        self.features = make_layers(stages)
        hidden, labels = 8, 1000
        self.classifier = nn.Sequential(
            *(nn.Linear(E * 2 * 2, hidden), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, labels)),
        )

    def forward(self, pictures):
        return self.classifier(self.features(pictures).flatten(1))


@pytest.fixture
def pictures(tmp_path):
    torch.manual_seed(0)
    pictures = Pictures().eval()
    torch.save(pictures.state_dict(), tmp_path / "vgg16.pth")
    return pictures, tmp_path / "vgg16.pth"


@torch.no_grad()
def test_a_tower_answers_what_torchvision_answers(pictures):
    model, path = pictures
    network = build_network("vgg16_frames_toy").eval()
    match = load_vgg16(network, path)
    assert set(match.left) == {"label.conv.weight", "label.conv.bias"}
    found, frame = {}, torch.randn(2, 3, 64, 64)
    for layer in ("conv5_3", "pool5", "fc7"):
        network.layer(layer).register_forward_hook(
            lambda module, taken, answer, layer=layer: found.update({layer: answer})
        )
    network.model(frame[:, :, None])
    torch.testing.assert_close(found["conv5_3"][:, :, 0], model.features[:-1](frame))
    torch.testing.assert_close(found["pool5"][:, :, 0], model.features(frame))
    hidden = model.classifier[:5](model.features(frame).flatten(1))
    torch.testing.assert_close(found["fc7"].flatten(1), hidden)


@torch.no_grad()
def test_flow_filters_are_the_mean_of_the_colours(pictures):
    model, path = pictures
    network = build_network(TOY).eval()
    load_vgg16(network, path)
    colours = model.features[0].weight
    motion = network.model.motion.conv1_1.conv
    for channel in range(6):
        assert torch.equal(motion.weight[:, channel, 0], colours.mean(dim=1))
    equal = torch.full((1, 6, 1, 1, 1), 0.7)  # six equal channels give six times the mean filter
    answer = nn.functional.conv3d(equal, motion.weight[:, :, :, 1:2, 1:2])
    torch.testing.assert_close(answer.flatten(), 6 * 0.7 * colours.mean(dim=1)[:, 1, 1])


def test_the_mean_filter_of_twenty_channels_answers_twenty_times_the_mean():
    colours, value = torch.randn(4, 3, 3, 3), torch.rand(1, 1, 8, 8)
    wide = nn.functional.conv2d(value.expand(-1, 20, -1, -1), mean_filter(colours, 20))
    mean = nn.functional.conv2d(value, colours.mean(dim=1, keepdim=True))
    torch.testing.assert_close(wide, 20 * mean)


@pytest.mark.parametrize("fusion", ["conv", "sum", "concatenation", "late"])
def test_both_towers_and_both_predictions_start_from_pictures(pictures, fusion):
    model, path = pictures
    network = build_network(TOY, fusion=fusion)
    match = load_vgg16(network, path)
    towers = network.model
    for tower in (towers.appearance, towers.motion):
        assert torch.equal(tower.conv5_3.conv.weight[:, :, 0], model.features[28].weight)
    fused = towers.appearance if fusion == "late" else towers
    for branch in (fused, towers.motion):
        assert torch.equal(branch.fc7.conv.weight.flatten(1), model.classifier[3].weight)
    assert ("fc6.conv.weight" in match.left) == (fusion == "concatenation")


def test_refuses_weights_of_another_network(tmp_path):
    torch.save({"features.0.weight": torch.zeros(9, 3, 3, 3)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"0 of 30 tensors; missing: conv1_1\.conv\.bias"):
        load_vgg16(build_network("vgg16_frames_toy"), tmp_path / "w.pth")
