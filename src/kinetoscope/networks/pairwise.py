"""How is sum_j f(x_i, x_j) g(x_j) had over all pairs of places, without the matrix of all pairs?

The sum asks for every pair of places, and the plain way is a matrix of places x places: 2.5 GB for
32 frames of 28 x 28. Only softmax needs all its entries. The dot product is a product of three
matrices, and the cheaper order never makes the large one. In the concatenation a place i counts by
one number a_i and a place j by one number b_j, so that sum_j ReLU(a_i + b_j) g_j is a function of
a_i alone, made of straight pieces: as a_i passes -b_j, place j begins to count. Sorted, the slopes
of the pieces are running sums of g, the heights running sums of slopes times the way to the next
knot, and each place looks up its own piece. All three agree with the matrix to rounding.

Source: Wang, Girshick, Gupta, He, "Non-local Neural Networks", CVPR 2018, equations 1 to 7; the
scaled logits are those of the authors' code. The sorted form is our own.
"""

from typing import Any

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor, nn

from kinetoscope.tensors import Maps, Volume

Queries = Float[Tensor, "clip channel place"]
Keys = Float[Tensor, "clip channel key"]
Values = Float[Tensor, "clip value key"]
Sums = Float[Tensor, "clip value place"]

LARGEST_MATRIX = 2**22
"""Up to so many pairs [entries], over all clips, softmax is faster with its matrix written out.
Measured on two cores with 32 to 256 channels: below, fused attention takes up to 1.3 times as long
forward and backward; above, the matrix leaves the caches and takes 1.1 to 4 times as long."""


class SoftmaxPairs(nn.Module):
    """f = exp(theta_i . phi_j), divided by its sum over j: both Gaussian forms.

    Args:
        scale: what the logits are multiplied by.
    """

    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.scale = scale

    def forward(self, theta: Volume, phi: Maps, g: Maps) -> Maps:
        sums = softmax_sums(_flat(theta), _flat(phi), _flat(g), scale=self.scale)
        return sums.unflatten(2, theta.shape[2:])

    def weights(self, theta: Float[Tensor, "clip channel"], phi: Maps) -> Tensor:
        """The weights of all keys for one query a clip, `clip time height width`."""
        logits = _product(theta, phi) * self.scale
        return logits.flatten(1).softmax(dim=1).unflatten(1, phi.shape[2:])


class DotProductPairs(nn.Module):
    """f = theta_i . phi_j, divided by the number of keys; a weight may be negative."""

    def forward(self, theta: Volume, phi: Maps, g: Maps) -> Maps:
        return dot_product_sums(_flat(theta), _flat(phi), _flat(g)).unflatten(2, theta.shape[2:])

    def weights(self, theta: Float[Tensor, "clip channel"], phi: Maps) -> Tensor:
        """The weights of all keys for one query a clip, `clip time height width`."""
        return _product(theta, phi) / phi[0, 0].numel()


class ConcatenationPairs(nn.Module):
    """f = ReLU(w_f . [theta_i, phi_j]), divided by the number of keys.

    Args:
        channels: of theta, and of phi.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv3d(2 * channels, 1, 1, bias=False)

    def forward(self, theta: Volume, phi: Maps, g: Maps) -> Maps:
        of_theta, of_phi = self._halves()
        a, b = of_theta @ _flat(theta), of_phi @ _flat(phi)
        return concatenation_sums(a, b, _flat(g)).unflatten(2, theta.shape[2:])

    def weights(self, theta: Float[Tensor, "clip channel"], phi: Maps) -> Tensor:
        """The weights of all keys for one query a clip, `clip time height width`."""
        of_theta, of_phi = self._halves()
        a, b = theta @ of_theta, _product(of_phi.expand(len(phi), -1), phi)
        return (rearrange(a, "clip -> clip 1 1 1") + b).relu() / phi[0, 0].numel()

    def _halves(self) -> tuple[Tensor, Tensor]:
        first, second = self.conv.weight.flatten().chunk(2)
        return first, second


def softmax_sums(theta: Queries, phi: Keys, g: Values, *, scale: float = 1.0) -> Sums:
    """sum_j softmax_j(scale theta_i . phi_j) g_j, by the way that is faster for so many pairs."""
    clips, _, places = theta.shape
    if theta.device.type == "cpu" and clips * places * phi.shape[2] <= LARGEST_MATRIX:
        logits = (theta * scale).transpose(1, 2) @ phi
        return g @ logits.softmax(dim=2).transpose(1, 2)
    return _fused(theta, phi, g, scale)


def _fused(theta: Queries, phi: Keys, g: Values, scale: float) -> Sums:
    """Fused attention, which wants rows of places, and as many channels in g as in the others."""
    channels, values = theta.shape[1], g.shape[1]
    widest = max(channels, values, 2)  # rows of a single number are not recognized as rows
    query, key, value = (
        F.pad(each, (0, 0, 0, widest - each.shape[1])).transpose(1, 2).unsqueeze(1).contiguous()
        for each in (theta, phi, g)
    )
    sums = F.scaled_dot_product_attention(query, key, value, scale=scale)
    return sums.squeeze(1).transpose(1, 2)[:, :values]


def dot_product_sums(theta: Queries, phi: Keys, g: Values) -> Sums:
    """sum_j (theta_i . phi_j) g_j / keys, in the order that multiplies less."""
    places, keys = theta.shape[2], phi.shape[2]
    channels, values = theta.shape[1], g.shape[1]
    if places * keys * (channels + values) < (places + keys) * channels * values:
        return g @ (phi.transpose(1, 2) @ (theta / keys))
    return (g @ phi.transpose(1, 2) / keys) @ theta


def concatenation_sums(
    a: Float[Tensor, "clip place"], b: Float[Tensor, "clip key"], g: Values
) -> Sums:
    """sum_j ReLU(a_i + b_j) g_j / keys, in time that grows as keys x log(keys).

    Half precision is widened to 32 bits on the way: running sums would lose what they add.
    """
    kind = torch.promote_types(g.dtype, torch.float32)
    sums, _ = _Hinges.apply(a.to(kind), b.to(kind), g.to(kind))
    return (sums / b.shape[1]).to(g.dtype)


class _Hinges(torch.autograd.Function):
    """sum_j ReLU(a_i + b_j) g_j, and its derivative by a_i, which is the sum of the g that count.

    The gradient of the sum by g_j is sum_i ReLU(b_j + a_i) u_i: the same function with the sides
    exchanged. So it is had by this function again, and has derivatives itself.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        return _look_up(a, *_pieces(b, g))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs, output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        a, b, g, slopes = ctx.saved_tensors
        of_sums, of_slopes = grads
        of_a = of_b = of_g = None
        if of_sums is not None:
            of_g, counted = _Hinges.apply(b, a, of_sums)
            of_a = einsum(of_sums, slopes, "clip value place, clip value place -> clip place")
            of_b = einsum(g, counted, "clip value key, clip value key -> clip key")
        if of_slopes is not None:
            counted = _Hinges.apply(b, a, of_slopes)[1]
            of_g = counted if of_g is None else of_g + counted
        return of_a, of_b, of_g


def _pieces(b: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where each straight piece of a -> sum_j ReLU(a + b_j) g_j begins, its height and its slope.

    Heights are sums of steps that all go one way. The plainer a x sum(g) + sum(b g) would take one
    large number from another where few keys count. On a CPU cumsum adds up in double precision.
    """
    knots, order = (-b).sort(dim=1)
    slopes = _columns(g, order).cumsum(dim=2)
    steps = slopes[:, :, :-1] * knots.diff(dim=1).unsqueeze(1)
    return knots, F.pad(steps.cumsum(dim=2), (1, 0)), slopes


def _look_up(a: Tensor, knots: Tensor, heights: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Height and slope at every a. At a knot the slope is that before it: ReLU'(0) = 0."""
    counted = torch.searchsorted(knots, a.contiguous())
    piece = (counted - 1).clamp(min=0)
    slope = _columns(slopes, piece) * (counted > 0).unsqueeze(1)
    rise = (a - knots.gather(1, piece)).unsqueeze(1)
    return torch.addcmul(_columns(heights, piece), slope, rise), slope


def _columns(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(2, places.unsqueeze(1).expand(-1, x.shape[1], -1))


def _flat(x: Tensor) -> Tensor:
    return rearrange(x, "clip channel time height width -> clip channel (time height width)")


def _product(one: Tensor, x: Tensor) -> Tensor:
    return einsum(one, x, "clip channel, clip channel time height width -> clip time height width")
