import pytest
import torch

from kinetoscope.evidence.motion.shared_motion import find_shared_motion
from tests.evidence.motion.test_velocity import drifting
from tests.evidence.waves import drifting_wave


def texture():
    noise = torch.randn(48, 48, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.avg_pool2d(noise[None], 3, 1, 1)[0]


@pytest.mark.parametrize(("right", "down"), [(0.5, -0.25), (3.0, 1.0), (-4.0, 3.0)])
def test_waves_together_tell_a_motion_at_which_each_repeats_itself(right, down):
    found = find_shared_motion(drifting(texture(), right, down), beside=(right, down))
    assert (found.right, found.down) == pytest.approx((right, down), abs=0.05)
    assert found.share > 0.6
    assert found.beside == pytest.approx(found.share, abs=0.02)
    assert found.against < 0.3


def test_of_a_wave_alone_the_slowest_motion_across_its_stripes():
    clip = drifting_wave(wavelength=8.0, speed=1.5, degrees=90.0, side=32, soft=False)
    found = find_shared_motion(clip)
    assert (found.right, found.down) == pytest.approx((0, -1.5), abs=0.1)


def test_flicker_goes_either_way():
    stripes = torch.sin(torch.arange(32.0)).expand(1, 12, 32, 32)
    found = find_shared_motion(torch.cos(torch.arange(12.0))[None, :, None, None] * stripes)
    assert found.against == pytest.approx(found.share, abs=0.02)


def test_there_is_none_without_slopes():
    assert find_shared_motion(torch.ones(3, 4, 8, 8)) is None
