import math

import pytest
import torch

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.tuning.drawn import draw, drawn_clips
from kinetoscope.evidence.tuning.grid import Condition, Grid

SPEC = ClipSpec(streams=("frames", "flow"), frames=6, short_side=32, size=(32, 48))
GRID = Grid(
    directions=4, speeds=(1.0, 2.0), wavelengths=(16.0, 8.0), sizes=(0.5, 1.0), repetitions=2
)


def shown(kind, direction=0.0, speed=0.0, detail=0.0, number=0):
    condition = Condition(kind=kind, direction=direction, speed=speed, detail=detail)
    return draw(condition, number, GRID, SPEC)


def test_a_grating_is_a_sine_that_drifts_up_at_90_degrees():
    frames, flow = shown("gratings", 90.0, 2.0, 16.0)
    y, t = torch.meshgrid(torch.arange(32.0) - 15.5, torch.arange(6.0) - 2.5, indexing="ij")
    expected = 0.5 + 0.4 * (2 * math.pi / 16 * (-y - 2 * t)).sin()
    assert torch.allclose(frames[0, :, :, 0].T, expected, atol=1e-5)
    assert torch.allclose(frames, frames[:1, :, :, :1].expand_as(frames), atol=1e-5)
    assert torch.allclose(flow[0], torch.zeros(()), atol=1e-6)
    assert torch.allclose(flow[1], torch.tensor(-2.0))


@pytest.mark.parametrize("wavelength", [16.0, 8.0, 4.0])
def test_all_gratings_have_the_same_contrast(wavelength):
    frames = torch.cat([shown("gratings", 0.0, 0.3, wavelength, n)[0] for n in (0, 1)])
    assert frames.max() - frames.min() == pytest.approx(0.8, abs=0.02)


def test_phases_of_a_grating_are_spread_evenly():
    first, second = (shown("gratings", 0.0, 1.0, 16.0, number)[0] for number in (0, 1))
    assert torch.allclose(first + second, torch.ones(()), atol=1e-5)


@pytest.mark.parametrize("kind", ["dots", "discs"])
def test_whole_pixels_of_motion_move_the_picture_by_whole_pixels(kind):
    frames, flow = shown(kind, 0.0, 2.0, 1.0)
    assert torch.allclose(frames[:, 1:, :, 2:], frames[:, :-1, :, :-2], atol=1e-5)
    assert torch.allclose(flow[:, :, 8, 8], torch.tensor([[2.0], [0.0]]))
    assert frames.std() > 0.05


def test_the_same_dots_move_in_every_direction():
    there, back = shown("dots", 0.0, 1.0)[0], shown("dots", 180.0, 1.0)[0]
    assert torch.allclose(there, back.flip(1), atol=1e-6)
    assert not torch.allclose(there, shown("dots", 0.0, 1.0, number=1)[0], atol=0.1)


def test_a_disc_is_in_the_middle_at_half_time_and_alone_has_flow():
    frames, flow = shown("discs", 0.0, 2.0, 0.5)
    moving = flow[0] > 0
    assert moving.float().mean() == pytest.approx(math.pi * 8**2 / (32 * 48), rel=0.05)
    assert torch.equal(moving, flow[0] == 2)
    grey = (frames - 0.5).abs().amax(0) < 1e-6
    assert grey[:, 0].all()
    columns = moving.float().mean((0, 1)) @ torch.arange(48.0) / moving.float().mean((0, 1)).sum()
    assert columns == pytest.approx(23.5, abs=1.01)  # the last flow is repeated


def test_what_stands_still_stands_still():
    for kind, detail in (("gratings", 8.0), ("dots", 0.0), ("discs", 0.5)):
        frames, flow = shown(kind, detail=detail)
        assert torch.allclose(frames, frames[:, :1].expand_as(frames), atol=1e-6)
        assert not flow.any()


def test_the_blank_is_grey():
    frames, flow = shown("blank")
    assert torch.allclose(frames, torch.tensor(0.5))
    assert not flow.any()


@pytest.mark.parametrize("streams", [("frames",), ("flow",), ("frames", "flow")], ids="+".join)
def test_clips_are_the_same_in_batches_of_any_size_and_have_the_streams_asked_for(streams):
    spec = ClipSpec(streams=streams, frames=3, short_side=16, size=(16, 16))
    whole = list(drawn_clips(GRID, spec, batch=1000))
    parts = list(drawn_clips(GRID, spec, batch=7))
    assert len(whole) == 1
    assert max(len(part) for part in parts) == 7
    for stream in ("frames", "flow"):
        found = getattr(whole[0], stream)
        assert (found is not None) == (stream in streams)
        if found is not None:
            assert torch.equal(found, torch.cat([getattr(part, stream) for part in parts]))
