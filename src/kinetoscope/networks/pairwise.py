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
Measured on two cores with 32 to 512 channels: below, fused attention takes up to 1.3 times as long
forward and backward; above, the matrix leaves the caches and takes 1.1 to 4 times as long."""

LARGEST_MATRIX_OF_UNEQUAL = 2**24
"""The same where g has fewer channels than phi, as in the Gaussian: fused attention pads g."""


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
        a, b = (
            einsum(_flat(x), half, "clip channel place, channel -> clip place")
            for x, half in ((theta, of_theta), (phi, of_phi))
        )
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
    if _matrix_is_faster(theta, phi, g):
        scaled = theta if scale == 1 else theta * scale
        logits = scaled.transpose(1, 2) @ phi
        return g @ logits.softmax(dim=2).transpose(1, 2)
    return _fused(theta, phi, g, scale)


def _matrix_is_faster(theta: Queries, phi: Keys, g: Values) -> bool:
    """By size alone; what is compiled or exported may meet any size."""
    if theta.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    same_width = theta.shape[1] == g.shape[1]
    largest = LARGEST_MATRIX if same_width else LARGEST_MATRIX_OF_UNEQUAL
    return theta.shape[0] * theta.shape[2] * phi.shape[2] <= largest


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
            of_a, of_b = (of_sums * slopes).sum(dim=1), (g * counted).sum(dim=1)
        if of_slopes is not None:
            counted = _Hinges.apply(b, a, of_slopes)[1]
            of_g = counted if of_g is None else of_g + counted
        return of_a, of_b, of_g


def _pieces(b: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The straight pieces of a -> sum_j ReLU(a + b_j) g_j: where each begins, height and slope.

    A piece is named by how many keys count in it; in piece 0, before the first knot, none does.
    Heights are sums of steps that all go one way. The plainer a x sum(g) + sum(b g) would take one
    large number from another where few keys count. On a CPU cumsum adds up in double precision.
    """
    knots, order = (-b).sort(dim=1)
    starts, order = F.pad(knots, (1, 0)), F.pad(order, (1, 0))
    starts[:, 0] = starts[:, 1]
    slopes = _columns(g, order)
    slopes[:, :, 0] = 0
    slopes.cumsum_(dim=2)
    steps = slopes[:, :, :-1] * starts.diff(dim=1).unsqueeze(1)
    return starts, steps.cumsum_(dim=2), slopes


def _look_up(a: Tensor, starts: Tensor, heights: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Height and slope at every a. At a knot the slope is that before it: ReLU'(0) = 0.

    The height of a piece is the sum of the steps before it; there is none before pieces 0 and 1.
    """
    piece = _count_below(a, starts[:, 1:])
    slope = _columns(slopes, piece)
    height = _columns(heights, (piece - 1).clamp(min=0))
    rise = (a - starts.gather(1, piece)).unsqueeze(1)
    return height.addcmul_(slope, rise), slope


def _count_below(a: Tensor, knots: Tensor) -> Tensor:
    """How many knots are smaller than each a. As fast as a search, which ONNX does not know."""
    both = torch.cat([a, knots], dim=1)
    # ONNX does not know a stable sort either. Where a ties with a knot the sum is the same on both
    # sides of it, so that only a gradient needs stability: exported graphs have none.
    exported = torch.compiler.is_compiling()
    order = (both.sort(dim=1) if exported else both.sort(dim=1, stable=True)).indices
    counts = (order >= a.shape[1]).cumsum(dim=1)
    return counts.gather(1, order.argsort(dim=1)[:, : a.shape[1]])


def _columns(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(2, places.unsqueeze(1).expand(-1, x.shape[1], -1))


def _flat(x: Tensor) -> Tensor:
    return rearrange(x, "clip channel time height width -> clip channel (time height width)")


def _product(one: Tensor, x: Tensor) -> Tensor:
    return einsum(one, x, "clip channel, clip channel time height width -> clip time height width")
