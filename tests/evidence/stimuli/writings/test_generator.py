import pytest
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.writings.generator import Generated, Generator, GeneratorConfig
from kinetoscope.evidence.stimuli.writings.writing import Sheet
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted

SPEC = ClipSpec(streams=("frames", "flow"), frames=4, short_side=12, size=(12, 12), flow_scale=4.0)
BOUNDS = {"frames": 1.2, "flow": 0.5}
DARKEST, BRIGHTEST = -1.0, 3.0


def generator(expects=SPEC, **settings):
    torch.manual_seed(5)
    made = Generator(GeneratorConfig(expects=expects, **{"code": 6, "width": 4, **settings}))
    made.last.weight.data.mul_(20)
    made.code_mean.normal_()
    made.code_deviation.uniform_(0.5, 2)
    made.mean_clip[:3] = 0.25
    made.spread.fill_(0.2)
    return made


def sheet(streams=("frames", "flow"), *, keys=("a", "b"), extent=(4, 12, 12), bounds=BOUNDS):
    channels = {"frames": 3, "flow": 2}
    return Sheet(
        shapes={stream: (channels[stream], *extent) for stream in streams},
        bounds={stream: bounds[stream] for stream in streams},
        darkest=torch.full((1, 3, 1, 1, 1), DARKEST),
        brightest=torch.full((1, 3, 1, 1, 1), BRIGHTEST),
        keys=keys,
        chi=torch.zeros(len(keys)),
        flow_scale=4.0,
    )


FREE = {"frames": 1e3, "flow": 1e3}


def moved(draft, steps, fall, rate=0.05):
    for _ in range(steps):
        leaves = {stream: x.detach().requires_grad_() for stream, x in draft.draw().items()}
        fall(leaves).backward()
        draft.pull({stream: leaf.grad for stream, leaf in leaves.items() if leaf.grad is not None})
        draft.step(rate)
    return {stream: x.detach() for stream, x in draft.draw().items()}


def brightness(leaves):
    return sum(x.sin().sum() for x in leaves.values())


# Known answers


def test_a_generator_that_draws_the_mean_clip_gives_it_in_the_units_of_the_network():
    own = generator()
    own.last.weight.data.zero_()
    own.mean_clip[3:] = 1.0
    clips = Generated(generator=own).begin(sheet()).draw()
    in_units = DARKEST + 0.25 * (BRIGHTEST - DARKEST)
    torch.testing.assert_close(clips["frames"], torch.full((2, 3, 4, 12, 12), in_units))
    torch.testing.assert_close(clips["flow"], torch.full((2, 2, 4, 12, 12), 1.0 / 4.0))


def test_a_part_of_a_clip_is_the_centre_of_what_is_drawn():
    writing = Generated(generator=generator())
    whole = writing.begin(sheet(bounds=FREE)).draw()
    part = writing.begin(sheet(bounds=FREE, extent=(2, 6, 4))).draw()
    for stream, x in part.items():
        torch.testing.assert_close(x, whole[stream][:, :, 1:3, 3:9, 4:8])


def test_a_larger_clip_is_enlarged_and_its_motion_with_it():
    own = generator()
    own.last.weight.data.zero_()
    own.mean_clip[3:] = 1.0
    clips = Generated(generator=own).begin(sheet(bounds=FREE, extent=(4, 15, 13))).draw()
    torch.testing.assert_close(clips["flow"], torch.full((2, 2, 4, 15, 13), 1.25 / 4.0))


def test_a_longer_clip_stands_still_before_and_after():
    writing = Generated(generator=generator(SPEC))
    short = writing.begin(sheet(bounds=FREE)).draw()
    long = writing.begin(sheet(bounds=FREE, extent=(5, 12, 12))).draw()
    torch.testing.assert_close(long["frames"][:, :, :4], short["frames"])
    torch.testing.assert_close(long["frames"][:, :, 4], short["frames"][:, :, 3])
    torch.testing.assert_close(long["flow"][:, :, :3], short["flow"][:, :, :3])
    assert (long["flow"][:, :, 3:] == 0).all()


# Slow twin


def test_a_step_is_the_published_one():
    """y <- 0.99 y - step g / mean |g| around the mean code, within three deviations of it."""
    own = generator()
    draft = Generated(generator=own).begin(sheet(bounds=FREE, keys=("a",)))
    away = draft._away.detach().clone().requires_grad_()
    drawn = own(own.code_mean + away * own.code_deviation) * own.spread + own.mean_clip
    frames = DARKEST + drawn[:, :3] * (BRIGHTEST - DARKEST)
    frames.clamp(DARKEST, BRIGHTEST).square().sum().backward()
    g = away.grad
    expected = (0.99 * away - 0.05 * 3 * g / g.abs().mean()).clamp(-3, 3)
    moved(draft, 1, lambda x: x["frames"].square().sum())
    torch.testing.assert_close(draft._away, expected)


# Promises


@pytest.mark.parametrize(
    ("streams", "frames", "size"),
    [
        (("frames",), 1, (7, 5)),
        (("flow",), 10, (16, 24)),
        (("flow", "frames"), 3, (9, 17)),
        (("frames",), 2, (1, 1)),
    ],
    ids=str,
)
def test_clips_of_any_spec_can_be_drawn(streams, frames, size):
    spec = ClipSpec(streams=streams, frames=frames, short_side=32, size=size)
    own = generator(spec)
    clips = own.clips(torch.randn(2, 6))
    assert list(clips) == list(streams)
    for stream, x in clips.items():
        assert x.shape == (2, {"frames": 3, "flow": 2}[stream], frames, *size)


def test_a_large_clip_begins_as_a_small_volume():
    config = GeneratorConfig(expects=ClipSpec())
    assert config.extents == [
        *((16, 112, 112), (8, 56, 56), (4, 28, 28), (4, 14, 14), (4, 7, 7)),
        (4, 4, 4),
    ]
    assert config.widths == [16, 32, 64, 128, 128, 128]


def test_both_streams_and_the_code_stay_within_their_bounds():
    draft = Generated(generator=generator()).begin(sheet())

    def watched(leaves):
        for stream, x in leaves.items():
            assert x.norm(dim=1).max() <= BOUNDS[stream] * (1 + 1e-5)
        assert leaves["frames"].min() >= DARKEST
        return brightness(leaves)

    moved(draft, 30, watched, rate=0.2)
    assert draft._away.abs().max() <= 3


def test_the_code_of_a_generator_that_nobody_likes_goes_back_to_the_mean():
    draft = Generated(generator=generator()).begin(sheet())
    before = draft._away.detach().abs().sum()
    moved(draft, 50, lambda x: 0 * x["frames"].sum())
    assert draft._away.detach().abs().sum() == pytest.approx(before.item() * 0.99**50, rel=1e-4)


def test_a_planted_unit_likes_the_clip_of_its_code_better_than_those_of_64_random_codes():
    own = generator()
    torch.manual_seed(1)
    unit = nn.Sequential(nn.Conv3d(3, 1, 3), nn.ReLU())
    codes = own.code_mean + torch.randn(64, 6) * own.code_deviation
    drawn = DARKEST + own.clips(codes)["frames"] * (BRIGHTEST - DARKEST)
    best = unit(sheet().project("frames", drawn)).mean(dim=(1, 2, 3, 4)).max()
    draft = Generated(generator=own).begin(sheet())
    clips = moved(draft, 60, lambda x: -unit(x["frames"]).mean())
    assert (unit(clips["frames"]).mean(dim=(1, 2, 3, 4)) > best).all()


def test_a_clip_does_not_depend_on_its_neighbours():
    writing = Generated(generator=generator())
    whole = moved(writing.begin(sheet(keys=("a", "b", "c"))), 10, brightness)
    alone = moved(writing.begin(sheet(keys=("b",))), 10, brightness)
    for stream, x in alone.items():
        torch.testing.assert_close(x[0], whole[stream][1], atol=1e-4, rtol=1e-3)


def test_clips_that_are_kept_go_on_as_they_would_have():
    writing = Generated(generator=generator())
    whole, some = (writing.begin(sheet(keys=("a", "b", "c"))) for _ in range(2))
    moved(whole, 5, brightness)
    moved(some, 5, brightness)
    some.keep(torch.tensor([0, 2]))
    expected, found = moved(whole, 5, brightness), moved(some, 5, brightness)
    for stream, x in found.items():
        torch.testing.assert_close(x, expected[stream][[0, 2]], atol=1e-4, rtol=1e-3)


def test_the_generator_comes_back_as_it_went():
    own = generator().train()
    moved(Generated(generator=own).begin(sheet()), 2, brightness)
    assert own.training
    assert all(weight.requires_grad and weight.grad is None for weight in own.parameters())


def test_its_settings_name_the_weights():
    first, second = Generated(generator=generator()), Generated(generator=generator(width=5))
    assert first.to_json()["name"] == "generator"
    assert first.to_json() == Generated(generator=generator()).to_json()
    assert first.to_json()["generator"] != second.to_json()["generator"]


def test_an_ascent_in_its_code_excites_a_unit():
    network = planted(nn.Conv3d(3, 2, 3, padding=1), 2, frames=4, short_side=12, size=(12, 12))
    writing, unit = Generated(generator=generator(network.expects)), Unit("layer", 1)
    first, last = (
        maximize(
            network,
            [unit],
            slowness=[0.0],
            settings=Maximizing(steps=steps, travel=travel, writing=writing),
        ).stimuli[0]
        for steps, travel in ((1, 1e-6), (30, 2.5))
    )
    assert last.writing == "generator"
    assert last.mean_activation > first.mean_activation + 0.1


# Refusals


def test_refuses_to_draw_a_stream_that_was_not_learned():
    spec = ClipSpec(frames=4, short_side=12, size=(12, 12))
    writing = Generated(generator=generator(spec))
    with pytest.raises(ClipError, match="another kind"):
        writing.begin(sheet())
    assert set(writing.begin(sheet(("frames",))).draw()) == {"frames"}


@pytest.mark.parametrize("extent", [(4, 19, 12), (4, 12, 19), (9, 12, 12)], ids=str)
def test_refuses_to_draw_clips_that_are_much_larger(extent):
    with pytest.raises(ClipError, match="smaller clips"):
        Generated(generator=generator()).begin(sheet(extent=extent))
