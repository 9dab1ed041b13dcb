import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.pictures.plane import AtLeast, MeanOfPlaces, PlaneConv


def test_a_convolution_is_followed_by_its_norm_and_a_relu():
    torch.manual_seed(0)
    conv, picture = PlaneConv(3, 4, 3, norm=True).eval(), torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(conv(picture), conv.norm(conv.conv(picture)).relu())
    assert conv.conv.bias is None
    assert conv(picture).shape == (2, 4, 8, 8)


def test_dropout_is_the_last_thing_it_does():
    conv = PlaneConv(3, 4, 1, dropout=0.5)
    assert isinstance(conv.dropout, nn.Dropout)
    assert isinstance(PlaneConv(3, 4, 1).dropout, nn.Identity)


def test_the_mean_of_places_is_a_mean_over_height_and_width():
    maps = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(MeanOfPlaces()(maps), maps.mean(dim=(2, 3)))


def test_pictures_that_are_large_enough_pass_unchanged():
    picture = torch.randn(1, 3, 8, 9)
    assert AtLeast(8)(picture) is picture


def test_refuses_pictures_that_are_too_small():
    with pytest.raises(ClipError, match=r"got:      8 x 7\n  expected: 8 x 8 or more"):
        AtLeast(8)(torch.empty(1, 3, 8, 7))
