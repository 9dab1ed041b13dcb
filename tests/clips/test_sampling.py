from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.clips import sampling
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError

# What a spec is made of. It is made in the test: its checks draw from `random`, which a strategy
# must not do.
settings = st.fixed_dictionaries(
    {
        "frames": st.integers(1, 40),
        "stride": st.integers(1, 9),
        "when_short": st.sampled_from(["repeat-last", "loop"]),
    }
)
seeds = st.integers(0, 2**32)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


every_sampling = st.one_of(
    st.just(sampling.centre()),
    st.just(sampling.segments()),
    st.builds(lambda seed: sampling.random(seeded(seed)), seeds),
    st.builds(lambda seed: sampling.segments(seeded(seed)), seeds),
    st.builds(lambda which: sampling.uniform(which, of=5), st.integers(0, 4)),
    st.builds(sampling.starting_at, st.integers(0, 500)),
    st.just(sampling.dense(sampling.centre())),
)


# known answers


def test_one_clip_lies_in_the_middle():
    assert sampling.centre()(20, ClipSpec(frames=4)) == [8, 9, 10, 11]


def test_evenly_spread_clips_reach_both_ends():
    spec = ClipSpec(frames=4, stride=2)
    clips = [sampling.uniform(which, of=10)(300, spec) for which in range(10)]
    assert clips[0] == [0, 2, 4, 6]
    assert clips[-1] == [293, 295, 297, 299]


def test_a_segment_gives_its_central_frame():
    assert sampling.segments()(9, ClipSpec(frames=3)) == [1, 4, 7]


def test_a_dense_clip_spreads_over_sixty_four_frames():
    places = sampling.dense(sampling.centre())(64, ClipSpec(frames=16, stride=3))
    assert places == [1 + 4 * frame for frame in range(16)]


@pytest.mark.parametrize(
    ("when_short", "expected"),
    [("repeat-last", [0, 1, 2, 2, 2, 2, 2]), ("loop", [0, 1, 2, 0, 1, 2, 0])],
)
def test_a_short_video_is_filled_up_as_the_spec_says(when_short, expected):
    spec = ClipSpec(frames=7, when_short=when_short)
    assert sampling.fit(sampling.centre()(3, spec), 3, spec, source="a.mp4") == expected


def test_ntsc_brought_to_thirty_shows_no_frame_twice_for_half_a_minute():
    ntsc = [frame * 1001 / 30000 for frame in range(400)]
    assert sampling.timeline(ntsc, frames_per_second=30.0)[:400] == list(range(400))


def test_a_doubled_rate_shows_every_frame_twice():
    fifteen = [frame / 15 for frame in range(32)]
    expected = [frame for frame in range(32) for _ in range(2)]
    assert sampling.timeline(fifteen, frames_per_second=30.0) == expected


def test_a_variable_rate_is_brought_to_an_even_one():
    seconds = [0.0, 0.1, 0.2, 1.0, 1.1]  # the frame at 0.2 stands still for 0.8 s
    assert sampling.timeline(seconds, frames_per_second=5.0) == [0, 2, 2, 2, 3, 3, 4]


def test_a_span_between_two_frames_has_the_one_on_screen():
    assert sampling.timeline([0.0, 1.0, 2.0], span=(1.3, 1.4)) == [1]
    assert sampling.timeline([0.0, 1.0, 2.0], span=(2.5, None)) == [2]


def test_a_span_of_a_file_that_does_not_start_at_zero_is_in_display_time():
    assert sampling.timeline([5.0, 5.5, 6.0], span=(5.5, None)) == [1, 2]


# slow twins


@given(st.integers(1, 300), settings, st.integers(1, 12))
def test_spread_starts_agree_with_fractions(available, given_settings, count):
    spec = ClipSpec(**given_settings)
    room = max(0, available - ((spec.frames - 1) * spec.stride + 1))
    for which in range(count):
        start = sampling.uniform(which, of=count)(available, spec)[0]
        exact = Fraction(which * room, count - 1) if count > 1 else Fraction(room, 2)
        assert abs(start - exact) <= Fraction(1, 2)


@given(
    st.lists(st.floats(0.01, 0.5), min_size=1, max_size=40),
    st.floats(1, 60),
    st.floats(-3, 3),
)
def test_each_tick_has_the_nearest_frame(steps, rate, start):
    seconds = [start]
    for step in steps:
        seconds.append(seconds[-1] + step)
    for tick, frame in enumerate(sampling.timeline(seconds, frames_per_second=rate)):
        when = start + tick / rate
        assert abs(seconds[frame] - when) <= min(abs(each - when) for each in seconds) + 1e-5


# promises


@given(every_sampling, st.integers(1, 200), settings)
def test_every_frame_of_a_clip_is_in_the_video(choose, available, given_settings):
    spec = ClipSpec(**given_settings)
    places = sampling.fit(choose(available, spec), available, spec, source="a.mp4")
    assert len(places) == spec.frames
    assert all(0 <= place < available for place in places)
    if spec.when_short == "repeat-last":
        assert places == sorted(places)


@given(every_sampling, st.integers(1, 200), settings)
def test_a_long_video_is_never_filled_up(choose, available, given_settings):
    spec = ClipSpec(**given_settings)
    places = choose(available, spec)
    if max(places) < available:
        assert sampling.fit(places, available, spec, source="a.mp4") == places


@given(st.integers(1, 200), settings, seeds)
def test_a_random_segment_frame_lies_in_its_segment(available, given_settings, seed):
    spec = ClipSpec(**given_settings)
    edges = [part * available // spec.frames for part in range(spec.frames + 1)]
    places = sampling.segments(seeded(seed))(available, spec)
    for place, (low, high) in zip(places, pairwise(edges), strict=True):
        assert low <= place < max(low + 1, high)


def test_every_start_comes_up_and_none_that_does_not_fit():
    generator, spec = seeded(), ClipSpec(frames=4)
    starts = Counter(sampling.random(generator)(8, spec)[0] for _ in range(300))
    assert sorted(starts) == [0, 1, 2, 3, 4]
    assert min(starts.values()) > 30


def test_one_number_is_drawn_whatever_the_length():
    short, long, spec = seeded(3), seeded(3), ClipSpec(frames=16)
    sampling.random(short)(5, spec)
    sampling.random(long)(500, spec)
    assert torch.equal(short.get_state(), long.get_state())


def test_the_same_seed_gives_the_same_clip():
    spec = ClipSpec(frames=8, stride=2)
    one, two = (sampling.random(seeded(7))(300, spec) for _ in range(2))
    assert one == two


@given(st.integers(1, 100), st.floats(1, 60))
def test_an_own_rate_leaves_every_frame_once(count, rate):
    seconds = [frame / rate for frame in range(count)]
    assert sampling.timeline(seconds) == list(range(count))
    if count > 1:
        assert sampling.timeline(seconds, frames_per_second=rate) == list(range(count))


# refusals


def test_a_short_video_is_refused_where_the_spec_says_so():
    spec = ClipSpec(frames=16, stride=2, when_short="error")
    with pytest.raises(ClipError) as caught:
        sampling.fit(sampling.centre()(12, spec), 12, spec, source="golf.mp4")
    message = str(caught.value)
    assert "golf.mp4 is too short" in message
    assert "got:      12 frames" in message
    assert "expected: 31 frames or more" in message


@pytest.mark.parametrize(("which", "of"), [(3, 3), (-1, 2), (0, 0)])
def test_a_clip_that_is_not_among_those_spread_is_refused(which, of):
    with pytest.raises(ClipError, match="there is no such clip"):
        sampling.uniform(which, of=of)


@pytest.mark.parametrize("span", [(4.0, None), (None, 0.0), (2.0, 1.0), (-2.0, -1.0)])
def test_a_span_outside_of_the_video_is_refused(span):
    with pytest.raises(ClipError, match="no frames in the span"):
        sampling.timeline([0.0, 1.0, 2.0], span=span, source="a.mp4")
