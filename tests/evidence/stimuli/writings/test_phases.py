import math

import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.fourier import NATURAL_COLOUR
from kinetoscope.evidence.stimuli.writings.phases import Phases
from kinetoscope.evidence.stimuli.writings.waves import natural_sizes, to_waves
from tests.evidence.stimuli.sheets import CHANNELS, descend, sheet_of

EXTENTS = [(4, 6, 8), (3, 5, 7), (1, 6, 8), (4, 1, 6), (2, 2, 2)]


def measured(stream, extent=(8, 16, 16), seed=0):
    chance = torch.Generator().manual_seed(seed)
    return 1 + to_waves(torch.randn(1, CHANNELS[stream], *extent, generator=chance)).abs()[0]


@pytest.mark.parametrize("given", [False, True], ids=["analytic", "measured"])
@pytest.mark.parametrize("extent", EXTENTS, ids=str)
@pytest.mark.parametrize("stream", ["frames", "flow"])
def test_every_wave_keeps_its_size_while_phases_move(stream, extent, given):
    """So little contrast that nothing is cut at the bounds."""
    sheet = sheet_of([stream], extent=extent)
    sizes = {stream: measured(stream, extent)} if given and extent[2] % 2 == 0 else None
    weights = torch.randn(CHANNELS[stream], *extent, generator=torch.Generator().manual_seed(1))
    writing = Phases(sizes=sizes, contrast=0.01, colour=None)
    draws = descend(writing.begin(sheet), lambda _, x: -weights.expand_as(x), steps=20)
    natural = natural_sizes(extent, sheet.chi, 1.0)
    for x in (draws[0][stream], draws[-1][stream]):
        assert x.square().sum(1).mean((1, 2, 3)).sqrt().tolist() == pytest.approx([0.01] * 2)
        found = to_waves(x).abs()
        expected = natural.expand_as(found)
        if sizes:
            tilt = natural / natural_sizes(extent, 0 * sheet.chi, 1.0)
            expected = sizes[stream] * tilt
        ratio = found / expected
        torch.testing.assert_close(
            ratio, ratio.mean((1, 2, 3, 4), keepdim=True).expand_as(ratio), rtol=1e-4, atol=0
        )
    assert not torch.allclose(draws[0][stream], draws[-1][stream])


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_a_linear_unit_gets_its_closed_form(extent):
    """<w, x> is largest where every wave has the phase of w's, the signs of DC among them."""
    sheet = sheet_of(["flow"], extent=extent)
    weights = torch.randn(2, *extent, generator=torch.Generator().manual_seed(1))
    writing = Phases(contrast=0.01, turn=0.02)
    draft = writing.begin(sheet)
    x = descend(draft, lambda _, x: -weights.expand_as(x), steps=60)[-1]["flow"]
    waves = to_waves(weights[None])
    best = torch.fft.irfftn(
        torch.polar(to_waves(x).abs(), waves.angle().expand(2, -1, -1, -1, -1)),
        s=extent,
        dim=(2, 3, 4),
        norm="ortho",
    )
    reached = (x * weights).sum((1, 2, 3, 4)) / (best * weights).sum((1, 2, 3, 4))
    assert reached.min() > 0.99


def test_the_slope_of_phases_agrees_with_autograd():
    """The first step of Adam moves every phase against its slope's sign."""
    sheet = sheet_of(["flow"], extent=(4, 6, 8))
    draft = Phases(contrast=0.01).begin(sheet)
    before = draft.draw()["flow"]
    noise = torch.randn(before.shape, generator=torch.Generator().manual_seed(1))
    (after,) = (
        draws["flow"] for draws in descend(draft, lambda _, x: noise, steps=1, travel=1e-5)[1:]
    )
    waves = to_waves(before)
    angles = waves.angle().requires_grad_()
    x = torch.fft.irfftn(
        torch.polar(waves.abs(), angles), s=before.shape[2:], dim=(2, 3, 4), norm="ortho"
    )
    (x * noise).sum().backward()
    turned = torch.remainder(to_waves(after).angle() - waves.angle() + math.pi, 2 * math.pi)
    turned = (turned - math.pi)[..., 1:-1]  # each of these stands for its conjugate as well
    slope = angles.grad[..., 1:-1]
    large = slope.abs() > 0.1 * slope.abs().max()
    assert bool((turned[large] * slope[large] < 0).all())


def test_slower_means_slower():
    x = Phases().begin(sheet_of(["flow"], extent=(8, 12, 12), chi=(0.0, 1.0, 5.0, 10.0))).draw()
    change = x["flow"].diff(dim=2).square().sum((1, 2, 3, 4))
    assert change.tolist() == sorted(change.tolist(), reverse=True)
    assert change[3] < change[0] / 4


def test_other_priors_find_nothing_to_act_on():
    draft = Phases().begin(sheet_of())
    for stream, x in draft.draw().items():
        assert not bool((x - draft.around[stream]).any())


def test_colours_vary_together_in_frames_and_not_in_flow():
    plain, natural = (
        Phases(colour=colour).begin(sheet_of(extent=(4, 16, 16))).draw()
        for colour in (None, NATURAL_COLOUR)
    )
    torch.testing.assert_close(plain["flow"], natural["flow"])
    assert torch.corrcoef(natural["frames"][0].flatten(1))[0, 2] > 0.5


def test_measured_sizes_may_be_of_another_extent_and_decide_which_waves_are_there():
    sizes = torch.full((2, 16, 32, 17), 1e-6)
    sizes[:, :, :, 8] = 1.0  # a quarter of a cycle per pixel to the right
    x = Phases(sizes={"flow": sizes}).begin(sheet_of(["flow"], extent=(4, 12, 16))).draw()["flow"]
    power = to_waves(x).abs().square().sum((0, 1, 2, 3))
    assert power[4] > 0.99 * power.sum()


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": 0.0},
        {"contrast": -1.0},
        {"turn": 0.0},
        {"sizes": {"flow": torch.ones(2, 4, 4)}},
        {"sizes": {"flow": -torch.ones(2, 4, 4, 3)}},
        {"sizes": {"flow": torch.full((2, 4, 4, 3), math.nan)}},
        {"sizes": {"flow": torch.zeros(2, 4, 4, 3)}},
        {"sizes": {"flow": torch.ones(2, 4, 0, 3)}},
    ],
    ids=["speed", "contrast", "turn", "axes", "negative", "nan", "zero", "empty"],
)
def test_refuses_what_is_no_spectrum(wrong):
    with pytest.raises(ClipError):
        Phases(**wrong)


def test_refuses_sizes_of_other_channels():
    with pytest.raises(ClipError, match="3 channels"):
        Phases(sizes={"flow": torch.ones(3, 4, 4, 3)}).begin(sheet_of(["flow"]))
