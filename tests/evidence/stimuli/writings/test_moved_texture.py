import pytest
import torch
from torch.nn import functional

from kinetoscope.errors import ClipError
from kinetoscope.evidence.motion.velocity import velocity_of_flow, velocity_of_frames
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.writings.moved_texture import (
    MovedTexture,
    carried,
    spline,
    warped,
)
from kinetoscope.evidence.stimuli.writings.writing import Sheet
from kinetoscope.units.unit import Unit
from tests.evidence.planted import drifting_gratings, planted

BOUNDS = {"frames": 2.0, "flow": 0.5}
FLOW_SCALE = 4.0


def sheet(streams=("frames", "flow"), *, keys=("a", "b"), chi=0.0, extent=(6, 16, 20)):
    channels = {"frames": 3, "flow": 2}
    return Sheet(
        shapes={stream: (channels[stream], *extent) for stream in streams},
        bounds={stream: BOUNDS[stream] for stream in streams},
        darkest=torch.full((1, 3, 1, 1, 1), -1.5),
        brightest=torch.full((1, 3, 1, 1, 1), 1.5),
        keys=keys,
        chi=torch.full((len(keys),), chi),
        flow_scale=FLOW_SCALE,
    )


def moved(draft, steps, pull, rate=0.05):
    for _ in range(steps):
        clips = draft.draw()
        leaves = {stream: x.detach().requires_grad_() for stream, x in clips.items()}
        pull(leaves).backward()
        draft.pull({stream: leaf.grad for stream, leaf in leaves.items() if leaf.grad is not None})
        draft.step(rate)
    return {stream: x.detach() for stream, x in draft.draw().items()}


def restless(leaves):
    """Brighter and darker by turns, and faster everywhere."""
    return -sum((100 * leaf.sin().diff(dim=2)).square().sum() for leaf in leaves.values())


def smooth(generator, *shape, apart):
    """Noise without fine detail, so that bilinear sampling hardly matters."""
    sides = [side // apart + 2 for side in shape[-2:]]
    coarse = torch.randn(*shape[:-2], *sides, generator=generator)
    flat = coarse.flatten(0, -3)[None]
    fine = functional.interpolate(flat, size=shape[-2:], mode="bicubic", align_corners=True)
    return fine.reshape(shape)


# Known answers


def test_without_motion_every_frame_is_the_middle_of_the_texture():
    texture = torch.rand(2, 3, 12 + 2 * 3, 10 + 2 * 5)
    places = carried(torch.zeros(2, 2, 4, 12, 10), 5)
    frames = warped(texture, places, 3, 5)
    expected = texture[:, :, None, 3:-3, 5:-5].expand(-1, -1, 5, -1, -1)
    torch.testing.assert_close(frames, expected)


@pytest.mark.parametrize("velocity", [(1, 0), (0, -2), (-1, 2)], ids=str)
def test_whole_pixels_a_frame_shift_the_texture_by_whole_pixels(velocity):
    right, down = velocity
    texture, margin = torch.rand(1, 3, 12 + 2 * 6, 10 + 2 * 6), 6
    motion = torch.tensor([float(right), float(down)]).reshape(1, 2, 1, 1, 1)
    frames = warped(texture, carried(motion.expand(1, 2, 4, 12, 10), 5), margin, margin)
    for time in range(5):
        x, y = margin - right * (time - 2), margin - down * (time - 2)
        expected = texture[:, :, y : y + 12, x : x + 10]
        torch.testing.assert_close(frames[:, :, time], expected, rtol=1e-4, atol=1e-5)


def test_a_texture_that_moves_farther_than_its_margin_comes_back_mirrored_and_moves_on():
    texture = torch.rand(1, 3, 12, 10)
    motion = torch.tensor([3.0, 0.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 4, 12, 10)
    frames = warped(texture, carried(motion, 5), 0, 0)
    torch.testing.assert_close(
        frames[:, :, 1:, :, 3:], frames[:, :, :-1, :, :-3], atol=1e-5, rtol=0
    )


def test_the_weights_of_a_spline_add_to_one_and_pass_on_what_is_straight():
    weights = spline(17, 4)
    knots = torch.arange(-1.0, 6.0) * 4
    torch.testing.assert_close(weights.sum(1), torch.ones(17))
    torch.testing.assert_close(weights @ knots, torch.arange(17.0))
    assert (weights >= 0).all()


# Slow twin


def test_a_place_is_the_sum_of_the_motions_on_the_way():
    """Follow one pixel from frame to frame, by hand, to where it ends in the last one."""
    generator = torch.Generator().manual_seed(0)
    motion = smooth(generator, 1, 2, 3, 24, 24, apart=12)
    places = carried(motion, 4)
    places = places - places[:, :, -1:]  # as if the last frame were the texture
    for row, column in ((8, 9), (12, 15)):
        at = torch.tensor([column, row], dtype=torch.float)
        for time in range(3):
            at = at + bilinear(motion[0, :, time], *at.tolist())
        found = places[0, :, 0, row, column] + torch.tensor([column, row])
        torch.testing.assert_close(found, at, atol=0.03, rtol=0)


def bilinear(field, right, down):
    x, y = int(right), int(down)
    a, b = right - x, down - y
    rows = (1 - b) * field[:, y] + b * field[:, y + 1]
    return (1 - a) * rows[:, x] + a * rows[:, x + 1]


# Promises


def test_flow_carries_every_frame_into_the_next():
    generator = torch.Generator().manual_seed(3)
    texture = smooth(generator, 1, 3, 48, 48, apart=6)
    motion = smooth(generator, 1, 2, 5, 32, 32, apart=12)
    frames = warped(texture, carried(motion, 6), 8, 8)
    right, down = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="xy")
    for time in range(5):
        to = torch.stack([right, down])[None] + motion[:, :, time]
        grid = 2 * to.permute(0, 2, 3, 1) / 31 - 1
        followed = functional.grid_sample(frames[:, :, time + 1], grid, align_corners=True)
        inside = (grid.abs() < 1).all(3)[:, None].expand_as(followed)
        missed = (followed - frames[:, :, time])[inside].square().mean()
        assert missed < 2e-3 * frames.var()
        assert missed < 0.05 * frames.diff(dim=2).square().mean()


def test_both_streams_stay_within_their_bounds_at_every_draw():
    draft = MovedTexture().begin(sheet())
    longest = {"frames": 0.0, "flow": 0.0}

    def watched(leaves):
        for stream, x in leaves.items():
            longest[stream] = max(longest[stream], x.norm(dim=1).max().item())
        return -sum(x.sum() for x in leaves.values())

    clips = moved(draft, 30, watched, rate=0.1)
    assert longest["frames"] <= 2.0 * (1 + 1e-5)
    assert longest["flow"] <= 0.5 * (1 + 1e-5)
    assert clips["frames"].abs().max() <= 1.5 * (1 + 1e-5)
    assert longest["flow"] > 0.45  # it went there


def test_the_last_field_is_that_before_it():
    flow = MovedTexture().begin(sheet()).draw()["flow"]
    assert flow.shape == (2, 2, 6, 16, 20)
    assert torch.equal(flow[:, :, -1], flow[:, :, -2])


def test_slower_means_a_shorter_reach():
    fastest = []
    for chi in (0.0, 1.0, 8.0):
        clips = moved(MovedTexture().begin(sheet(chi=chi)), 60, lambda x: -x["flow"][:, 0].sum())
        fastest.append(clips["flow"].norm(dim=1).max().item())
    assert fastest == pytest.approx([0.5, 0.5 / 2**0.5, 0.5 / 3], rel=1e-3)


def test_a_clip_does_not_depend_on_its_neighbours():
    whole = moved(MovedTexture().begin(sheet(keys=("a", "b", "c"))), 10, restless)
    alone = moved(MovedTexture().begin(sheet(keys=("b",))), 10, restless)
    for stream, x in alone.items():
        torch.testing.assert_close(x[0], whole[stream][1], atol=1e-4, rtol=1e-3)


def test_clips_that_are_kept_go_on_as_they_would_have():
    whole, some = (MovedTexture().begin(sheet(keys=("a", "b", "c"))) for _ in range(2))
    moved(whole, 5, restless)
    moved(some, 5, restless)
    some.keep(torch.tensor([0, 2]))
    expected, found = moved(whole, 5, restless), moved(some, 5, restless)
    for stream, x in found.items():
        torch.testing.assert_close(x, expected[stream][[0, 2]], atol=1e-4, rtol=1e-3)


def test_one_frame_shows_the_texture_and_its_motion_to_a_next_one():
    clips = MovedTexture().begin(sheet(extent=(1, 8, 8))).draw()
    assert clips["frames"].shape == (2, 3, 1, 8, 8)
    assert clips["flow"].shape == (2, 2, 1, 8, 8)


def test_a_stream_that_is_not_made_pulls_nothing():
    clips = MovedTexture().begin(sheet(("frames",))).draw()
    assert set(clips) == {"frames"}


@pytest.mark.slow
def test_a_unit_that_likes_a_drifting_grating_gets_a_texture_that_drifts():
    directions = (0, 135, 240)
    layer = drifting_gratings(directions, wavelength=8.0, frames=5, side=9)
    draft = MovedTexture().begin(sheet(keys=("a", "b", "c"), extent=(5, 20, 20)))
    each = torch.arange(3)
    clips = moved(draft, 40, lambda x: -layer(x["frames"])[each, each].mean())
    for place, direction in enumerate(directions):
        seen = velocity_of_frames(clips["frames"][place])
        assert abs((seen.direction - direction + 180) % 360 - 180) < 10
        assert seen.speed == pytest.approx(1.0, rel=0.15)
        # Flow tells the same motion; of stripes, only that across them is seen in frames.
        told = velocity_of_flow(clips["flow"][place] * FLOW_SCALE)
        across = (told.right * seen.right + told.down * seen.down) / seen.speed
        assert across == pytest.approx(seen.speed, rel=0.15)


@pytest.mark.slow
def test_in_an_ascent_slower_textures_excite_less_and_none_depends_on_its_neighbours():
    network = planted(drifting_gratings((20, 250), wavelength=8.0, frames=5, side=9), 2, frames=6)
    asked = Maximizing(steps=30, writing=MovedTexture())
    units = [Unit("layer", 0), Unit("layer", 1)]
    both = maximize(network, units, slowness=[0.0, 1.0, 10.0], settings=asked).stimuli
    alone = maximize(network, units[1:], slowness=[0.0, 1.0, 10.0], settings=asked).stimuli
    for own in (both[:3], both[3:]):
        reached = [stimulus.mean_activation for stimulus in own]
        rough = [stimulus.frames.diff(dim=1).square().sum().item() for stimulus in own]
        assert reached == sorted(reached, reverse=True)
        assert rough == sorted(rough, reverse=True)
    for mine, theirs in zip(alone, both[3:], strict=True):
        assert mine.writing == "moved-texture"
        torch.testing.assert_close(mine.frames, theirs.frames, atol=1e-3, rtol=1e-3)


# Refusals


def test_refuses_a_network_that_sees_flow_only():
    with pytest.raises(ClipError, match="nothing to move"):
        MovedTexture().begin(sheet(("flow",)))


@pytest.mark.parametrize(
    "settings", [{"apart": (0, 4, 4)}, {"fastest": 0.0}, {"margin": -0.1}], ids=str
)
def test_refuses_settings_that_move_nothing(settings):
    with pytest.raises(ClipError, match="can't be moved so"):
        MovedTexture(**settings)
