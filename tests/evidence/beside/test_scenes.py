import pytest
import torch

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.textures import Texture
from kinetoscope.evidence.beside.scenes import Glide, Surface, Sway, draw_scene

SPEC = ClipSpec(streams=("frames", "flow"), frames=8, short_side=32, size=(32, 32))
TINY = ClipSpec(frames=2, short_side=4, size=(4, 4))

HILLS = Texture(
    pattern="blotches",
    wavelength=14.0,
    ripples=((0.3, 1.0, 0.0), (1.5, 0.8, 1.0), (2.6, 1.1, 2.0)),
)
MOTIONS = [
    Glide(right=0.7, down=-0.4),
    Glide(growth=1.06),
    Glide(turn=0.05),
    Glide(right=0.5, growth=0.96, turn=-0.03),
    Sway(speed=1.0, wavelength=24.0, angle=0.4),
    Sway(speed=1.0, wavelength=24.0, angle=2.0, beat=0.1),
]


@pytest.mark.parametrize("motion", MOTIONS, ids=str)
def test_flow_leads_from_each_frame_to_the_next(motion):
    """What is seen at a point is seen in the next frame where the flow leads."""
    frames, flow = draw_scene((Surface(texture=HILLS, motion=motion),), SPEC)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    right, down = flow[0, 2] + columns, flow[1, 2] + rows
    places = torch.stack([right, down], dim=-1) / 31 * 2 - 1
    led = torch.nn.functional.grid_sample(
        frames[None, :, 3], places[None], mode="bicubic", align_corners=True
    )[0]
    within = (places.abs() < 0.9).all(dim=-1)
    assert within.sum() > 400
    missed, change = (
        (picture - frames[:, 2])[:, within].abs().mean() for picture in (led, frames[:, 3])
    )
    assert missed < 0.15 * change


def test_the_last_flow_is_repeated():
    for motion in MOTIONS:
        _, flow = draw_scene((Surface(texture=HILLS, motion=motion),), SPEC)
        assert torch.equal(flow[:, -1], flow[:, -2])


def test_a_shape_moves_and_its_ground_does_not():
    shape = Surface(texture=HILLS, motion=Glide(right=1.0), half=(4.0, 4.0))
    _, flow = draw_scene((Surface(texture=shape.texture), shape), SPEC)
    assert flow[0, 3, 16, 16] == 1
    assert flow[0, 3, 2, 2] == 0
    assert flow[1].abs().max() == 0


def test_contrast_turns_round_and_flow_does_not_notice():
    frames, flow = draw_scene((Surface(texture=HILLS, beat=0.5),), SPEC)
    torch.testing.assert_close(frames[:, 0] - 0.5, 0.5 - frames[:, 1], atol=1e-5, rtol=0)
    assert flow.abs().max() == 0
