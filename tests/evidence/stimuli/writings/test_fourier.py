import math

import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.writings.edge import Edge
from kinetoscope.evidence.stimuli.writings.fourier import NATURAL_COLOUR, Fourier
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from kinetoscope.evidence.stimuli.writings.waves import expected_sizes, how_often, to_clips
from tests.evidence.stimuli.sheets import descend, sheet_of

EXTENT = (4, 6, 8)


def weights_of(channels, extent=EXTENT, seed=0):
    return torch.randn(channels, *extent, generator=torch.Generator().manual_seed(seed))


def prior_of(extent, bound, energy, smoothness, alpha=2.0):
    """Whose terms are energy * sum |x|^alpha + smoothness * roughness, with periodic borders."""
    pixels = extent[1] * extent[2]
    return Prior(
        bound=bound,
        alpha=alpha,
        energy_weight=energy * pixels * bound**alpha,
        smoothness_weight=smoothness * pixels * bound**2,
        periodic=True,
    )


def closed_form(weights, chi, energy, smoothness):
    """Of <w, x> - energy |x|^2 - smoothness roughness(x), by frequency."""
    time, height, width = weights.shape[1:]
    over_time = torch.fft.fftfreq(time)[:, None, None]
    down, right = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)
    across = 4 * (math.pi * down).sin() ** 2 + 4 * (math.pi * right).sin() ** 2
    resistance = 2 * energy + 2 * smoothness * (across + chi * 4 * (math.pi * over_time).sin() ** 2)
    waves = torch.fft.fftn(weights, dim=(1, 2, 3)) / resistance
    return torch.fft.ifftn(waves, dim=(1, 2, 3)).real


@pytest.mark.parametrize("extent", [EXTENT, (3, 5, 7), (1, 8, 8)], ids=str)
@pytest.mark.parametrize("stream", ["frames", "flow"])
def test_a_linear_unit_gets_its_closed_form(stream, extent):
    sheet = sheet_of([stream], extent=extent, bound=10.0)
    weights = weights_of(3 if stream == "frames" else 2, extent)
    prior = prior_of(extent, 10.0, energy=0.5, smoothness=1.0)
    colour = NATURAL_COLOUR if stream == "frames" else None
    draws = descend(
        Fourier(colour=colour).begin(sheet),
        lambda _, x: prior.terms(x, sheet.chi)[2] - weights,
        steps=160,
    )
    for clip, chi in enumerate(sheet.chi.tolist()):
        expected = closed_form(weights, chi, 0.5, 1.0)
        assert (draws[-1][stream][clip] - expected).norm() / expected.norm() < 0.01


def test_a_penalty_on_coefficients_and_roughness_of_pixels_lead_to_the_same_clip():
    """Maximized alone: <w, x> - |x|^2 / 2 less (2 pi)^2 |z|^2 in z; less the roughness in x."""
    chi, weights = torch.tensor([0.0, 5.0]), weights_of(2)
    sizes = expected_sizes(EXTENT, chi)
    often = how_often(EXTENT[2], sizes)
    # what no difference measures is free of the penalty, as it is of roughness
    charged = torch.ones_like(sizes)
    charged[0, :, :, 0, 0] = charged[1, :, 0, 0, 0] = 0
    z = torch.zeros(2, 2, *EXTENT[:2], EXTENT[2] // 2 + 1, 2, requires_grad=True)
    for _ in range(80):  # of a step that the steepest wave bears
        waves = torch.view_as_complex(z)
        x = to_clips(sizes * waves, EXTENT)
        penalty = (2 * math.pi) ** 2 * (often * charged * waves.abs().square()).sum()
        value = (weights * x).sum() - 0.5 * x.square().sum() - penalty
        (slope,) = torch.autograd.grad(value, z)
        z = (z + slope / 300).detach().requires_grad_()
    found = to_clips(sizes * torch.view_as_complex(z.detach()), EXTENT)
    for clip, each in enumerate(chi.tolist()):
        expected = closed_form(weights, each, 0.5, 1.0)
        assert (found[clip] - expected).norm() / expected.norm() < 0.01


@pytest.mark.parametrize("stream", ["frames", "flow"])
def test_clips_that_press_against_their_bounds_reach_what_pixels_reach(stream):
    sheet = sheet_of([stream], extent=EXTENT)
    rough = 10 * weights_of(3 if stream == "frames" else 2)
    weights = torch.nn.functional.avg_pool3d(rough[None], 3, 1, 1)[0]
    prior = prior_of(EXTENT, 1.0, energy=0.1, smoothness=0.3, alpha=3.0)
    reached = []
    for writing in (Pixels(), Fourier()):
        draws = descend(
            writing.begin(sheet), lambda _, x: prior.terms(x, sheet.chi)[2] - weights, steps=100
        )
        x = draws[-1][stream]
        energy, roughness, _ = prior.terms(x, sheet.chi)
        reached.append((weights * x).flatten(1).sum(1) - energy - roughness)
        assert (x.norm(dim=1) > 0.999).float().mean() > 0.2
    torch.testing.assert_close(reached[1], reached[0], rtol=0.003, atol=0)


def test_the_first_noise_is_as_large_as_that_of_pixels_and_slower_for_more_chi():
    sheet = sheet_of(["flow"], extent=(8, 16, 16), chi=(0.0, 10.0))
    x = Fourier().begin(sheet).draw()["flow"]
    assert x.square().mean((1, 2, 3, 4)).sqrt().tolist() == pytest.approx([0.1, 0.1], rel=0.4)
    quick, slow = x.diff(dim=2).square().mean((1, 2, 3, 4)) / x.square().mean((1, 2, 3, 4))
    assert slow < quick / 3


def test_colours_are_of_frames_and_never_of_flow():
    sheet = sheet_of(extent=(4, 16, 16))
    plain, natural = (
        Fourier(colour=colour).begin(sheet).draw() for colour in (None, NATURAL_COLOUR)
    )
    torch.testing.assert_close(plain["flow"], natural["flow"])

    def correlation(x):
        return torch.corrcoef(x[0].flatten(1))[0, 2].item()

    assert correlation(natural["frames"]) > 0.5 > abs(correlation(plain["frames"]))


def test_a_matrix_may_be_a_tensor_and_its_scale_does_not_matter():
    matrix = torch.tensor(NATURAL_COLOUR)
    torch.testing.assert_close(torch.tensor(Fourier(colour=matrix).colour), matrix)
    assert hash(Fourier(colour=matrix)) == hash(Fourier(colour=matrix))
    draws = [Fourier(colour=scale * matrix).begin(sheet_of()).draw() for scale in (1, 7)]
    torch.testing.assert_close(draws[0], draws[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": torch.ones(3, 3)},
        {"colour": torch.ones(2, 2)},
        {"colour": torch.full((3, 3), math.nan)},
        {"floor": 0.0},
        {"floor": -1.0},
    ],
    ids=["dependent", "two colours", "nan", "no floor", "negative floor"],
)
def test_refuses_what_makes_no_clips(wrong):
    with pytest.raises(ClipError):
        Fourier(**wrong)


# Clips on their bounds


def test_what_leads_out_of_the_bounds_is_taken_out_and_all_else_is_left():
    sheet = sheet_of(["frames"], extent=(1, 1, 4), chi=(0.0,))
    # within; bright (0.8) in the second colour, pulled out, then in; at the length of the bound
    x = torch.tensor([[0.1, 0.2, 0.3], [0.0, 0.8, 0.0], [0.0, 0.8, 0.0], [0.6, 0.0, -0.7]])
    pull = torch.tensor([[5.0, 5, 5], [1.0, 2, 3], [1.0, -2, 3], [2.0, 1, 0]])
    x, pull = (values.T.reshape(1, 3, 1, 1, 4) for values in (x, pull))
    x[..., 3] = x[..., 3] / x[..., 3].norm() * 0.99999
    out = Edge(sheet, "frames", x, -pull).along(pull)[0, :, 0, 0].T
    torch.testing.assert_close(out[0], torch.tensor([5.0, 5, 5]))
    torch.testing.assert_close(out[1], torch.tensor([1.0, 0, 3]))
    torch.testing.assert_close(out[2], torch.tensor([1.0, -2, 3]))


def test_on_the_bound_only_the_direction_is_free():
    sheet = sheet_of(["flow"], extent=(1, 1, 2), chi=(0.0,))
    x = torch.tensor([[0.6, 0.8], [0.6, 0.8]]).T.reshape(1, 2, 1, 1, 2)
    outward = torch.tensor([[2.0, 1.0], [-2.0, -1.0]]).T.reshape(1, 2, 1, 1, 2)
    left = Edge(sheet, "flow", x, -outward).along(outward)[0, :, 0, 0].T
    assert left[0] @ x[0, :, 0, 0, 0] == pytest.approx(0, abs=1e-6)
    assert left[0].norm() == pytest.approx(1.0, rel=1e-5)  # 2 * 0.8 - 1 * 0.6
    torch.testing.assert_close(left[1], torch.tensor([-2.0, -1.0]))
    change = torch.ones(1, 2, 1, 1, 2)
    there = Edge(sheet, "flow", x, -outward)
    torch.testing.assert_close(there.along(there.along(change)), there.along(change))
