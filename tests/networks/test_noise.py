import torch
from torch import nn

from kinetoscope.networks.noise import frozen_noise


def test_every_pass_meets_the_same_noise_and_nothing_is_left_behind():
    model, ones = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)).train(), torch.ones(64)
    before = torch.get_rng_state()
    with frozen_noise(model, 1):
        first, again = model(ones), model(ones)
    with frozen_noise(model, 2):
        other = model(ones)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model._forward_pre_hooks
