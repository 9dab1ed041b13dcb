"""Which way can clips on their bounds still go?

Pixels that are pulled out of the bound stay where they are, and it would do no harm to pull on; but
the coefficients of waves, or phases, reach over the whole clip. What pulls at one pixel moves all.
If what is pulled out of the bound could move them, it would drag along pixels that are still free,
and the ascent would rest where no optimum is. So what leads out of the bounds is taken out of the
gradient, and of the move that follows from it.

Source: Bertsekas, "Projected Newton methods for optimization problems with simple constraints",
SIAM Journal on Control and Optimization 20, 1982. Differs: besides the values of colours, the
length of a pixel's vector is bounded, and on that bound its direction stays free.
"""

from jaxtyping import Bool
from torch import Tensor

from kinetoscope.evidence.stimuli.priors import squared_length
from kinetoscope.evidence.stimuli.writings.writing import Sheet
from kinetoscope.tensors import Volume

_AT_BOUND = 1 - 1e-4


class Edge:
    """Where clips lie on their bounds and are driven out of them.

    Args:
        sheet: with the bounds.
        stream: frames or flow.
        x: clips within their bounds.
        gradient: of what is to fall.
    """

    def __init__(self, sheet: Sheet, stream: str, x: Volume, gradient: Volume):
        self._shut: Tensor | None = None
        self._outward: Tensor | None = None
        if stream == "frames":
            near = (1 - _AT_BOUND) * (sheet.brightest - sheet.darkest)
            bright = (x >= sheet.brightest - near) & (gradient < 0)
            shut = bright | ((x <= sheet.darkest + near) & (gradient > 0))
            if bool(shut.any()):
                self._shut = shut
        at_bound = squared_length(x) >= (_AT_BOUND * sheet.bounds[stream]) ** 2
        if bool(at_bound.any()):
            self._outward = self._driven_out(x, gradient, at_bound)

    def _driven_out(self, x: Volume, gradient: Volume, at_bound: Bool[Tensor, "..."]) -> Volume:
        """The direction out of the bound, of length 1 where a pixel is driven there, or 0."""
        free = x if self._shut is None else x.masked_fill(self._shut, 0)
        out = free * squared_length(free).clamp(min=1e-24).rsqrt()
        driven = at_bound & ((gradient * out).sum(1, keepdim=True) < 0)
        return out * driven

    def along(self, change: Volume) -> Volume:
        """What of a change does not lead across the bounds where clips stay on them."""
        if self._shut is not None:
            change = change.masked_fill(self._shut, 0)
        if self._outward is not None:
            change = change - self._outward * (self._outward * change).sum(1, keepdim=True)
        return change
