import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetoscope.errors import ClipError
from kinetoscope.evidence.motion.velocity import velocity_of_flow, velocity_of_frames
from kinetoscope.evidence.stimuli.robustness import Robustness, Transform
from kinetoscope.evidence.stimuli.tie import tie_term
from tests.evidence.moved import grid, moved_texture, texture, turning_texture

SIZE = (6, 20, 24)
VIEWS = {
    "shift": Transform(right=3, down=-2, later=1),
    "scale": Transform(scale=1.2, right=1),
    "rotation": Transform(rotation=25.0, down=2),
    "pan": Transform(pan=(0.8, -0.5)),
    "all": Transform(later=-1, right=-2, down=1, scale=0.9, rotation=-15.0, pan=(-0.4, 0.6)),
}
views = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)


def seen(view, clip, size=SIZE):
    frames, flow = clip
    found = view({"frames": frames, "flow": flow / 5}, size, flow_scale=5.0)
    return found["frames"], 5 * found["flow"]


def canvas_size(size=SIZE, margin=14, time_margin=1):
    return (size[0] + 2 * time_margin, size[1] + 2 * margin, size[2] + 2 * margin)


def acted(view, velocity):
    """What a view does to a velocity [right, down; pixels per frame], by complex numbers."""
    turned = complex(*velocity) * complex(
        math.cos(math.radians(view.rotation)), -math.sin(math.radians(view.rotation))
    )
    moved = view.scale * turned + complex(*view.pan)
    return moved.real, moved.imag


@views
def test_frames_are_those_of_the_formula(view):
    """Of a texture that is known between its pixels too."""
    velocity = (0.7, -0.3)
    frames, _ = seen(view, moved_texture(velocity, canvas_size()))
    time, down, right = grid(SIZE)
    place = torch.complex(right - view.pan[0] * time, down - view.pan[1] * time) / view.scale
    angle = math.radians(view.rotation)
    place = place * complex(math.cos(angle), math.sin(angle)) + complex(view.right, view.down)
    time = time + view.later
    expected = texture(place.real - velocity[0] * time, place.imag - velocity[1] * time)
    assert (frames[0, 0] - expected).abs().max() < (1e-5 if view.shifts_only else 0.06)


@views
def test_flow_is_acted_upon_as_the_motion_of_the_frames_is(view):
    velocity = (0.7, -0.3)
    frames, flow = seen(view, moved_texture(velocity, canvas_size()))
    expected = torch.tensor(acted(view, velocity)).reshape(1, 2, 1, 1, 1).expand_as(flow)
    torch.testing.assert_close(flow, expected)
    there, told = velocity_of_frames(frames[0]), velocity_of_flow(flow[0])
    assert (there.right, there.down) == pytest.approx((told.right, told.down), abs=0.06)


@views
def test_flow_explains_the_frames_of_every_view(view):
    frames, flow = seen(view, turning_texture(0.06, canvas_size()))
    missed, wrong = (tie_term(frames, each, flow_scale=1.0, bound=1.0) for each in (flow, -flow))
    assert missed < 0.1 * wrong


def test_a_quarter_turn_is_that_of_the_picture_and_of_its_vectors():
    x = torch.randn(1, 3, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    to_the_right = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1, 1).expand(1, 2, 2, 5, 5)
    found = Transform(rotation=90.0)({"frames": x, "flow": to_the_right}, (2, 5, 5))
    torch.testing.assert_close(found["frames"], x.rot90(1, (3, 4)))
    upwards = torch.tensor([0.0, -1.0]).reshape(1, 2, 1, 1, 1).expand_as(to_the_right)
    torch.testing.assert_close(found["flow"], upwards)


def test_a_shift_alone_is_a_slice_of_the_same_memory():
    x = torch.randn(2, 3, 8, 10, 12)
    found = Transform(later=1, right=2, down=-2)({"frames": x}, (6, 6, 6))["frames"]
    assert torch.equal(found, x[:, :, 2:8, 0:6, 5:11])
    assert found.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    plain = Robustness.plain()({"flow": x[:, :2]}, (6, 6, 6))["flow"]
    assert torch.equal(plain, x[:, :2, 1:7, 2:8, 3:9])


@views
def test_a_clip_is_seen_the_same_alone_and_in_a_batch(view):
    x = torch.randn(3, 2, *canvas_size(), generator=torch.Generator().manual_seed(0))
    batch = view({"flow": x}, SIZE, flow_scale=1.0)["flow"]
    alone = view({"flow": x[1:2]}, SIZE, flow_scale=1.0)["flow"]
    assert torch.equal(batch[1:2], alone)


@views
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=str)
def test_gradients_go_back_to_where_values_came_from(view, layout):
    """Of a view that is linear: <y, V x> = <V' y, x>."""
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *canvas_size(), generator=chance).double()
    x = x.contiguous(memory_format=layout).requires_grad_()
    y = torch.randn(2, 3, *SIZE, generator=chance).double()
    found = (y * view({"frames": x}, SIZE)["frames"]).sum()
    (back,) = torch.autograd.grad(found, x)
    torch.testing.assert_close((back * x).sum(), found)


def test_a_view_depends_on_the_step_and_the_seed_alone():
    robust = Robustness(scale=0.1, rotation=10.0, time_shift=2, pan=1.0)
    assert robust.drawn(3, 7, 4) == robust.drawn(3, 7, 4)
    assert robust.drawn(3, 7, 4) != robust.drawn(4, 7, 4)
    assert robust.drawn(3, 7, 4) != robust.drawn(3, 8, 4)


def test_by_default_every_shift_up_to_the_stride_is_drawn_and_nothing_else():
    drawn = [Robustness().drawn(step, 0, 2) for step in range(300)]
    assert {view.right for view in drawn} == {view.down for view in drawn} == {-2, -1, 0, 1, 2}
    assert len({(view.right, view.down) for view in drawn}) == 25
    assert all(view.shifts_only and view.later == 0 for view in drawn)
    assert Robustness().margin(2, (10, 10)) == 2
    assert {Robustness(shift=0).drawn(step, 0, 5) for step in range(9)} == {Robustness.plain()}


@given(
    robust=st.builds(
        Robustness,
        shift=st.none() | st.integers(0, 5),
        scale=st.floats(0, 0.5),
        rotation=st.floats(0, 45),
        time_shift=st.integers(0, 3),
        pan=st.floats(0, 2),
    ),
    size=st.tuples(st.integers(1, 6), st.integers(1, 30), st.integers(1, 30)),
    step=st.integers(0, 500),
)
@settings(max_examples=60, deadline=None)
def test_no_view_reaches_past_the_margins(robust, size, step):
    margin, early = robust.margin(3, size), robust.time_margin
    extent = canvas_size(size, margin, early)
    view = robust.drawn(step, 0, 3)
    ones = torch.nn.functional.pad(torch.ones(1, 1, *extent), (9, 9, 9, 9, 9, 9))
    found = view({"frames": ones}, size, flow_scale=1.0)["frames"]
    assert found.min() > 1 - 1e-4
    assert view({"frames": torch.ones(1, 1, *extent)}, size)["frames"].shape == (1, 1, *size)


def test_views_use_the_margin_that_they_ask_for():
    robust = Robustness(shift=1, scale=0.2, rotation=20.0)
    margin = robust.margin(1, (20, 20))
    corner = Transform(right=1, down=1, scale=1 / 1.2, rotation=20.0)
    fits, tight = (torch.ones(1, 1, 1, *[20 + 2 * each] * 2) for each in (margin, margin - 1))
    corner({"frames": fits}, (1, 20, 20))
    with pytest.raises(ClipError, match="no room for this view of frames"):
        corner({"frames": tight}, (1, 20, 20))


def test_half_precision_is_seen_as_well():
    x = torch.randn(1, 2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    view = Transform(scale=1.1, rotation=5.0)
    found = view({"flow": x.half()}, (3, 6, 6))["flow"]
    assert found.dtype == torch.float16
    torch.testing.assert_close(
        found.float(), view({"flow": x}, (3, 6, 6))["flow"], atol=5e-3, rtol=0
    )


@pytest.mark.parametrize(
    "wrong",
    [{"shift": -1}, {"scale": -0.1}, {"rotation": 60.0}, {"pan": math.inf}, {"time_shift": -1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_refuses_views_that_can_not_be_drawn(wrong):
    with pytest.raises(ClipError, match="by nothing or by something"):
        Robustness(**wrong)


def test_refuses_to_pan_over_flow_of_an_unknown_measure():
    with pytest.raises(ClipError, match="unknown measure"):
        Transform(pan=(1.0, 0.0))({"flow": torch.zeros(1, 2, 2, 12, 12)}, (2, 6, 6))


def test_refuses_a_margin_for_a_pan_of_unknown_length():
    with pytest.raises(ClipError, match="depends on the frames"):
        Robustness(pan=1.0).margin(1, (6, 6))


@pytest.mark.parametrize(
    "extent", [(4, 7, 8), (5, 8, 8), (4, 6, 8), (3, 8, 8)], ids=["odd", "odd time", "side", "time"]
)
def test_refuses_clips_without_room(extent):
    with pytest.raises(ClipError, match="no room"):
        Transform(later=1, right=1, down=1)({"frames": torch.zeros(1, 3, *extent)}, (2, 6, 6))
