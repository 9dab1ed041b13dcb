import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.blocks import Consensus, Conv, Hidden, Label, Sample, check_least


def test_a_layer_is_its_convolution_norm_and_relu():
    layer = Conv(2, 3, norm=True).eval()
    layer.norm.running_mean.uniform_()
    x = torch.randn(1, 2, 4, 5, 6)
    torch.testing.assert_close(layer(x), layer.norm(layer.conv(x)).clamp(min=0))
    assert layer.conv.bias is None


def test_a_layer_keeps_its_size_unless_told_otherwise():
    x = torch.randn(1, 2, 4, 6, 8)
    assert Conv(2, 3, kernel=(1, 3, 5))(x).shape == (1, 3, 4, 6, 8)
    assert Conv(2, 3, stride=(2, 2, 2))(x).shape == (1, 3, 2, 3, 4)
    assert Conv(2, 3, padding=(0, 0, 0))(x).shape == (1, 3, 2, 4, 6)


def test_a_relu_keeps_what_its_convolution_answered():
    layer, kept = Conv(2, 3), []
    layer.conv.register_forward_hook(lambda module, taken, answer: kept.append(answer))
    layer(torch.randn(1, 2, 4, 4, 4))
    assert kept[0].min() < 0


def test_a_hidden_layer_is_a_linear_one_over_all_it_sees():
    hidden, x = Hidden(2, 3, kernel=(1, 4, 5)).eval(), torch.randn(2, 2, 1, 4, 5)
    linear = nn.functional.linear(x.flatten(1), hidden.conv.weight.flatten(1), hidden.conv.bias)
    torch.testing.assert_close(hidden(x).flatten(1), linear.clamp(min=0))


def test_scores_are_averaged_over_places_before_softmax():
    maps = Label(4, 3)(torch.randn(2, 4, 2, 3, 5))
    torch.testing.assert_close(Consensus()(maps), maps.mean(dim=(2, 3, 4)))


def test_a_sample_takes_every_few_frames():
    clip = torch.arange(12.0).reshape(1, 1, 12, 1, 1)
    assert Sample(5, start=2)(clip).flatten().tolist() == [2, 7]


@pytest.mark.parametrize("least", [(5, 4, 4), (4, 5, 4), (4, 4, 5)], ids=str)
def test_refuses_clips_that_are_too_small(least):
    check_least(torch.zeros(1, 3, 4, 4, 4), (4, 4, 4))
    with pytest.raises(ClipError, match=r"got:      4 frames of 4 x 4"):
        check_least(torch.zeros(1, 3, 4, 4, 4), least)
