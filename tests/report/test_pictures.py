import math

import pytest
import torch
from torchvision.utils import flow_to_image

from kinetoscope.report.pictures import (
    components_picture,
    enlarged,
    flow_picture,
    frames_picture,
    key_picture,
    readable_speed,
    visible_contrast,
    with_contrast,
)


def constant_flow(right, down, *, size=4):
    return (
        torch.tensor([right, down], dtype=torch.float32)
        .reshape(2, 1, 1, 1)
        .repeat(1, 2, size, size)
    )


@pytest.mark.parametrize(
    ("right", "down", "colour"),
    [
        pytest.param(0.0, 0.0, (255, 255, 255), id="still is white"),
        pytest.param(2.0, 0.0, (255, 0, 0), id="right is red"),
        pytest.param(1.0, 0.0, (255, 128, 128), id="half as fast is half as saturated"),
        pytest.param(4.0, 0.0, (191, 0, 0), id="faster than the scale is darker"),
    ],
)
def test_a_motion_has_the_colour_of_the_wheel(right, down, colour):
    drawn = flow_picture(constant_flow(right, down), full_colour=2.0)
    assert drawn.shape == (2, 4, 4, 3)
    torch.testing.assert_close(drawn[1, 2, 3].int(), torch.tensor(colour).int(), atol=1, rtol=0)


def test_the_wheel_agrees_with_torchvisions():
    torch.manual_seed(0)
    flow = torch.randn(2, 3, 8, 9)
    fastest = flow.norm(dim=0).max()
    theirs = flow_to_image((flow / fastest).permute(1, 0, 2, 3)).permute(0, 2, 3, 1)
    # they scale by the largest of all frames, plus a little
    ours = flow_picture(flow, full_colour=fastest.item() * (1 + 1e-6))
    assert (ours.int() - theirs.int()).abs().max() <= 1


def test_turning_a_motion_by_a_full_circle_passes_every_hue_once():
    angles = torch.linspace(0, 2 * math.pi, 361)[:-1]
    flow = torch.stack([angles.cos(), angles.sin()]).reshape(2, 1, 1, 360) * 0.999
    colours = flow_picture(flow, full_colour=1.0)[0, 0].float() / 255
    steps = (colours - colours.roll(1, dims=0)).abs().sum(dim=1)
    assert steps.max() < 0.2  # where the published wheel closes; elsewhere it is smooth
    assert steps.sort().values[-2] < 0.05
    assert len(colours.mul(255).int().unique(dim=0)) > 300


def test_components_are_right_down_and_speed_on_grey():
    still, right = (
        components_picture(constant_flow(speed, 0.0), full_colour=1.0)[0, 0, 0].tolist()
        for speed in (0.0, 1.0)
    )
    assert still == [128, 128, 128]
    assert right == [255, 128, 255]


def test_the_key_shows_the_colour_of_motion_toward_each_side():
    key = key_picture(65)
    assert key.shape == (1, 65, 65, 3)
    assert key[0, 32, 64].tolist() == flow_picture(constant_flow(1, 0), 1.0)[0, 0, 0].tolist()
    assert key[0, 0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("scale", [0.01, 1.0, 37.0])
def test_the_scale_has_two_digits_and_reaches_the_fastest_motion(scale):
    flow = torch.rand(2, 2, 5, 5) * scale
    speed = readable_speed([flow, flow / 2])
    assert speed >= flow.norm(dim=0).max() * (1 - 1e-5)
    assert speed <= flow.norm(dim=0).max() * 1.11
    assert float(f"{speed:.1e}") == speed


def test_the_scale_of_most_of_the_motion_is_not_that_of_one_pixel():
    flow = torch.zeros(2, 1, 10, 100)
    flow[0] = 1.0
    flow[0, 0, 0, 0] = 50.0
    assert readable_speed([flow], share=0.99) == 1.0


def test_without_motion_there_is_still_a_scale():
    assert readable_speed([torch.zeros(2, 1, 3, 3)]) == 1.0


def test_frames_are_clipped_to_what_a_screen_can_show():
    frames = torch.tensor([-1.0, 0.5, 2.0]).reshape(3, 1, 1, 1)
    assert frames_picture(frames)[0, 0, 0].tolist() == [0, 128, 255]


def test_enlarging_repeats_pixels_and_leaves_large_pictures_alone():
    small = torch.arange(12, dtype=torch.uint8).reshape(1, 2, 2, 3)
    large = enlarged(small, least=5)
    assert large.shape == (1, 6, 6, 3)
    assert torch.equal(large[:, ::3, ::3], small)
    assert torch.equal(large[:, 2::3, 2::3], small)
    assert torch.equal(enlarged(large, least=5), large)


def test_faint_clips_are_made_visible_by_one_stated_factor_and_strong_ones_are_left():
    strong = torch.rand(3, 2, 20, 20)
    faint = 0.5 + (strong - 0.5) / 20
    assert visible_contrast([strong, faint]) == 1.0
    factor = visible_contrast([faint])
    assert factor > 5
    assert with_contrast(faint, factor).sub(0.5).abs().max() > 0.25
    torch.testing.assert_close(with_contrast(strong, 1.0), strong)


def test_a_clip_of_one_colour_keeps_it():
    plain = torch.full((3, 2, 4, 4), 0.25)
    assert visible_contrast([plain]) == 1.0
    torch.testing.assert_close(with_contrast(plain, 3.0), plain)
