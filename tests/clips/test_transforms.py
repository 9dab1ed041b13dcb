import pytest
import torch
from einops import rearrange
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from kinetoscope.clips import transforms
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.transforms import Box
from kinetoscope.errors import ClipError
from kinetoscope.video.flow import flow_between

close = torch.testing.assert_close
MARGIN = 6  # what comes in at the edges has no known motion [pixels]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def broken_promise(clip: Clip) -> float:
    """How far frame t + 1, looked up where the flow says, is from frame t: what flow *means*."""
    assert clip.flow is not None
    height, width = clip.size
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    worst = 0.0
    for t in range(clip.time - 1):
        right, down = clip.flow[:, t]
        places = torch.stack(
            [(columns + right + 0.5) * 2 / width - 1, (rows + down + 0.5) * 2 / height - 1], dim=-1
        )
        found = functional.grid_sample(
            clip.frames[None, :, t + 1], places[None], mode="bicubic", align_corners=False
        )[0]
        off = (found - clip.frames[:, t]).abs()[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        worst = max(worst, off.max().item())
    return worst


def computed(clip: Clip) -> Clip:
    """The clip with the flow that is computed from its frames."""
    frames = rearrange(clip.frames, "rgb time height width -> time height width rgb")
    flow = flow_between((frames * 255).round().to(torch.uint8))
    return Clip(frames=clip.frames, flow=flow, seconds=clip.seconds)


CHANGES = {
    "nothing": lambda clip: clip,
    "resize up": lambda clip: transforms.resize(clip, (96, 80)),
    "resize one axis": lambda clip: transforms.resize(clip, (48, 160)),
    "resize short side": lambda clip: transforms.resize_short_side(clip, 60),
    "crop": lambda clip: transforms.crop(clip, Box(top=5, left=9, height=30, width=40)),
    "flip": transforms.flip,
    "shift": lambda clip: transforms.shift(clip, right=2, down=-3),
    "reverse": transforms.reverse,
    "freeze": transforms.freeze,
    "play at double speed": lambda clip: transforms.play(clip, speed=2.0),
    "play at two thirds": lambda clip: transforms.play(clip, speed=2 / 3),
    "flip, reverse, resize": lambda clip: transforms.resize(
        transforms.reverse(transforms.flip(clip)), (40, 96)
    ),
}
WITH_FLOW = CHANGES | {
    "another texture": lambda clip: transforms.retexture(clip, transforms.flip(clip))
}


# known answers


def test_a_flip_mirrors_and_negates_motion_to_the_right():
    frames = torch.zeros(3, 1, 1, 4)
    frames[:, 0, 0, 0] = 1.0
    flow = torch.zeros(2, 1, 1, 4)
    flow[:, 0, 0, 0] = torch.tensor([2.0, 1.0])
    flipped = transforms.flip(Clip(frames=frames, flow=flow))
    assert flipped.flow is not None
    assert flipped.frames[0, 0, 0].tolist() == [0, 0, 0, 1]
    assert flipped.flow[:, 0, 0, 3].tolist() == [-2.0, 1.0]


def test_a_resize_scales_motion_along_each_axis(moving_clip):
    small = transforms.resize(moving_clip(height=48, width=64, right=2.0, down=3.0), (12, 32))
    assert small.flow is not None
    close(small.flow[:, 0, 5, 5], torch.tensor([1.0, 0.75]))
    assert small.size == (12, 32)


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((240, 320), 128, (128, 171)),
        ((320, 240), 128, (171, 128)),
        ((64, 64), 72, (72, 72)),
        ((3, 500), 64, (64, 10667)),
    ],
)
def test_the_short_side_is_met_and_the_long_one_is_in_proportion(size, short_side, expected):
    assert transforms.short_side_size(size, short_side) == expected


@pytest.mark.parametrize(
    ("where", "expected"), [("left", (2, 0)), ("centre", (2, 10)), ("right", (2, 20))]
)
def test_crops_lie_along_the_longer_side(where, expected):
    wide = transforms.box_of(where, (68, 84), (64, 64), source="memory")
    tall = transforms.box_of(where, (84, 68), (64, 64), source="memory")
    assert (wide.top, wide.left) == expected
    assert (tall.left, tall.top) == expected


def test_a_shift_to_the_right_moves_what_is_seen_to_the_right(busy_clip):
    clip = busy_clip()
    moved = transforms.shift(clip, right=3, down=1)
    close(moved.frames[:, :, 1:, 3:], clip.frames[:, :, :-1, :-3])
    close(moved.frames[:, :, 1:, 0], clip.frames[:, :, :-1, 0])


def test_playing_at_double_speed_adds_two_fields_up(busy_clip):
    clip = busy_clip(time=7)
    fast = transforms.play(clip, speed=2.0)
    assert fast.flow is not None
    close(fast.frames, clip.frames[:, ::2])
    close(fast.flow[:, :3], clip.flow[:, 0:6:2] + clip.flow[:, 1:6:2])
    close(fast.flow[:, 3], fast.flow[:, 2])
    assert fast.seconds == clip.seconds[::2]


def test_playing_at_half_speed_shows_frames_twice_and_no_motion_between(busy_clip):
    clip = busy_clip(time=3)
    slow = transforms.play(clip, speed=0.5)
    assert slow.flow is not None
    close(slow.frames, clip.frames[:, [0, 0, 1, 1, 2]])
    zero = torch.zeros_like(clip.flow[:, 0])
    expected = torch.stack([zero, clip.flow[:, 0], zero, clip.flow[:, 1], clip.flow[:, 1]], dim=1)
    close(slow.flow, expected)


def test_a_frozen_clip_shows_its_middle_and_does_not_move(busy_clip):
    clip = busy_clip(time=5)
    still = transforms.freeze(clip)
    close(still.frames, clip.frames[:, [2]].expand(-1, 5, -1, -1))
    assert still.flow is not None
    assert not still.flow.any()
    assert still.seconds == (clip.seconds[2],) * 5


def test_another_texture_moves_as_the_clip_moves(moving_clip):
    other = moving_clip(right=0.0, down=0.0, time=3)
    shifted = Clip(frames=other.frames.flip(3).contiguous())
    dressed = transforms.retexture(moving_clip(right=2.0, down=-1.0), shifted)
    picture = shifted.frames[:, 1]
    close(dressed.frames[:, -1], picture)
    close(dressed.frames[:, -3, 2:, :-4], picture[:, :-2, 4:], atol=1e-6, rtol=0)


def test_a_texture_on_a_clip_that_stands_still_is_a_still(busy_clip):
    still, other = transforms.freeze(busy_clip(time=5)), busy_clip(time=3, seed=1)
    dressed = transforms.retexture(still, other)
    close(dressed.frames, other.frames[:, [1]].expand(-1, 5, -1, -1), atol=1e-12, rtol=0)
    assert torch.equal(dressed.flow, still.flow)


# slow twins


def test_another_texture_is_followed_pixel_by_pixel(busy_clip):
    clip, other = busy_clip(time=4, height=7, width=8), busy_clip(time=1, height=7, width=8, seed=1)
    clip = Clip(frames=clip.frames, flow=clip.flow.round())  # so that nothing is interpolated
    dressed = transforms.retexture(clip, other)
    for row, column in [(3, 4), (2, 2), (4, 5)]:
        at = [column, row]
        for time in range(3):
            inside = [min(7, max(0, at[0])), min(6, max(0, at[1]))]
            step = clip.flow[:, time, inside[1], inside[0]].tolist()
            at = [at[0] + int(step[0]), at[1] + int(step[1])]
        if 0 <= at[0] < 8 and 0 <= at[1] < 7:
            close(dressed.frames[:, 0, row, column], other.frames[:, 0, at[1], at[0]])


def test_resizing_to_half_averages_where_a_triangle_does():
    row = torch.rand(8, generator=seeded())
    clip = Clip(frames=row.expand(3, 1, 4, 8).contiguous())
    small = transforms.resize(clip, (4, 4)).frames[0, 0, 0]
    for place in range(4):
        centre = 2 * place + 1.0  # in pixels from the left edge
        weights = [max(0.0, 1 - abs(pixel + 0.5 - centre) / 2) for pixel in range(8)]
        expected = sum(w * v for w, v in zip(weights, row.tolist(), strict=True)) / sum(weights)
        assert small[place].item() == pytest.approx(expected, abs=1e-6)


def test_decoded_frames_are_resized_as_clips_are():
    picture = torch.randint(0, 256, (2, 30, 41, 3), generator=seeded(), dtype=torch.uint8)
    clip = Clip(frames=rearrange(picture, "time height width rgb -> rgb time height width") / 255)
    small = transforms.resize_picture(picture, (13, 21))
    expected = transforms.resize(clip, (13, 21)).frames
    found = rearrange(small, "time height width rgb -> rgb time height width") / 255
    close(found, expected, atol=1.01 / 255, rtol=0)


@pytest.mark.parametrize("speed", [0.1, 0.3, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.7])
def test_playing_takes_the_nearest_frame(busy_clip, speed):
    clip = busy_clip(time=12)
    played = transforms.play(clip, speed=speed)
    assert played.time == len([tick for tick in range(200) if tick * speed <= 11 + 1e-6])
    for tick in range(played.time):
        away = [abs(frame - tick * speed) for frame in range(12)]
        nearest = [frame for frame in range(12) if away[frame] < min(away) + 1e-6]
        assert torch.equal(played.frames[:, tick], clip.frames[:, nearest[0]])


# promises


@pytest.mark.parametrize("change", WITH_FLOW.values(), ids=WITH_FLOW)
@pytest.mark.parametrize("motion", [(1.5, -0.5), (-2.0, 1.0), (0.0, 0.0)])
def test_the_flow_of_a_changed_clip_is_the_motion_of_its_frames(moving_clip, change, motion):
    changed = change(moving_clip(right=motion[0], down=motion[1]))
    assert broken_promise(changed) < 0.05


@pytest.mark.parametrize(
    "name", ["resize up", "resize one axis", "crop", "flip", "reverse", "play at double speed"]
)
def test_computing_flow_and_changing_the_clip_may_change_places(moving_clip, name):
    clip = moving_clip(height=64, width=80, right=1.0, down=-0.6)
    changed = CHANGES[name](computed(clip))
    again = computed(changed)
    off = (again.flow - changed.flow)[:, :, 2 * MARGIN : -2 * MARGIN, 2 * MARGIN : -2 * MARGIN]
    assert off.abs().mean() < 0.2  # what DIS itself is off by; a wrong sign would be 2 off


def test_the_check_above_notices_a_flow_that_was_not_changed(moving_clip):
    clip = moving_clip()
    flipped = transforms.flip(clip)
    assert broken_promise(Clip(frames=flipped.frames, flow=clip.flow)) > 0.2


@pytest.mark.parametrize("time", [1, 2, 5])
def test_twice_mirrored_or_twice_reversed_is_the_clip_itself(busy_clip, time):
    clip = busy_clip(time=time)
    for change in (transforms.flip, transforms.reverse):
        back = change(change(clip))
        assert torch.equal(back.frames, clip.frames)
        assert torch.equal(back.flow, clip.flow)
        assert back.seconds == clip.seconds


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20))
def test_shifts_that_wrap_add_up(right, down, more_right, more_down):
    clip = Clip(
        frames=torch.rand(3, 2, 5, 7, generator=seeded()),
        flow=torch.randn(2, 2, 5, 7, generator=seeded()),
    )
    twice = transforms.shift(
        transforms.shift(clip, right=right, down=down, edge="wrap"),
        right=more_right,
        down=more_down,
        edge="wrap",
    )
    once = transforms.shift(clip, right=right + more_right, down=down + more_down, edge="wrap")
    assert torch.equal(twice.frames, once.frames)
    assert torch.equal(twice.flow, once.flow)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_a_random_crop_lies_in_the_frame(height, width, seed):
    size = (min(height, 8), min(width, 9))
    place = transforms.random_place(seeded(seed))
    box = transforms.box_of(place, (height, width), size, source="memory")
    assert (box.height, box.width) == size


def test_every_place_comes_up():
    place = transforms.random_place(seeded())
    boxes = {transforms.box_of(place, (5, 6), (4, 4), source="memory") for _ in range(200)}
    assert len(boxes) == 2 * 3


def test_a_shuffled_frame_keeps_the_field_that_started_from_it(busy_clip):
    clip = busy_clip(time=8)
    shuffled = transforms.shuffle(clip, seeded(1))
    order = [clip.seconds.index(second) for second in shuffled.seconds]
    assert sorted(order) == list(range(8))
    assert order != list(range(8))
    assert torch.equal(shuffled.frames, clip.frames[:, order])
    assert torch.equal(shuffled.flow, clip.flow[:, order])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_clip_without_flow_stays_one(moving_clip, change):
    clip = moving_clip()
    alone = change(Clip(frames=clip.frames, seconds=clip.seconds))
    assert alone.flow is None
    assert torch.equal(alone.frames, change(clip).frames)


def test_a_white_clip_stays_in_display_space():
    white = Clip(frames=torch.ones(3, 1, 37, 41))
    assert transforms.resize(white, (13, 29)).frames.max() <= 1


# refusals


@pytest.mark.parametrize(
    "box",
    [Box(top=0, left=0, height=10, width=4), Box(top=0, left=11, height=4, width=4)],
    ids=["too high", "too far right"],
)
def test_a_box_that_reaches_out_of_the_frame_is_refused(busy_clip, box):
    with pytest.raises(ClipError, match="does not fit in the frames of noise"):
        transforms.crop(busy_clip(), box)


@pytest.mark.parametrize("where", ["left", "centre", transforms.random_place(seeded())])
def test_a_crop_larger_than_the_frame_is_refused(where):
    with pytest.raises(ClipError, match="does not fit"):
        transforms.box_of(where, (50, 100), (64, 64), source="memory")


def test_an_empty_box_is_refused():
    with pytest.raises(ClipError, match="a box lies within the frame"):
        Box(top=0, left=-1, height=4, width=4)


def test_a_frame_that_is_not_there_is_refused(busy_clip):
    with pytest.raises(ClipError, match=r"has no such frame\n  got:      frames 9 to 9"):
        transforms.freeze(busy_clip(time=6), at=9)


def test_a_clip_without_motion_or_of_another_size_is_given_no_texture(busy_clip):
    clip = busy_clip()
    with pytest.raises(ClipError, match="got:      no flow"):
        transforms.retexture(Clip(frames=clip.frames), clip)
    with pytest.raises(ClipError, match=r"got:      \(9, 14\) beside \(8, 14\) pixels"):
        transforms.retexture(clip, busy_clip(height=8))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_none_is_refused(busy_clip, speed):
    with pytest.raises(ClipError, match="a speed above 0"):
        transforms.play(busy_clip(), speed=speed)
