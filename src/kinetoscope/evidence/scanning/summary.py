"""What is kept of a layer's answer to a few clips?

Of every clip and channel the largest answer, where it lies, and the mean; in how many places the
answer is above `EPSILON`; and the bins of some of its values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from kinetoscope.evidence.scanning.histogram import bins_of, counted_places
from kinetoscope.tensors import Activation

EPSILON = 1e-6
"""An answer that is not above this is none."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Of a layer and some clips.

    Args:
        maximum: the largest answer.
        mean: over all places.
        at: where the largest lies among all places, counted in the order of memory.
        above: in how many places the answer is above `EPSILON`.
        bins: of the values that are counted in the histogram.
    """

    maximum: Float[np.ndarray, "clip channel"]
    mean: Float[np.ndarray, "clip channel"]
    at: Int[np.ndarray, "clip channel"]
    above: Int[np.ndarray, "clip channel"]
    bins: UInt8[np.ndarray, "clip channel counted"]


def summarize(answer: Activation, clips: Sequence[int]) -> Summary:
    """Sum up what a layer answers.

    Args:
        answer: of each clip.
        clips: their numbers in the scan.
    """
    count, channels = answer.shape[:2]
    lines = answer.detach().float().reshape(count, channels, -1).contiguous()
    places = lines.shape[2]
    maximum, at = _largest(lines)
    counted = torch.from_numpy(counted_places(clips, places)).to(lines.device)
    values = lines.gather(2, counted[:, None].expand(-1, channels, -1))
    return Summary(
        maximum=maximum.cpu().numpy(),
        mean=lines.mean(dim=2).cpu().numpy(),
        at=at.to(torch.int32).cpu().numpy(),
        above=_above(lines).cpu().numpy(),
        bins=bins_of(values.cpu().numpy()),
    )


def join(parts: Sequence[Summary]) -> Summary:
    """Those of several groups of clips, of one layer, as one."""
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("maximum", "mean", "at", "above", "bins")
    }
    return Summary(**columns)


def _largest(lines: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each line and its place; of equals, the first."""
    if lines.device.type != "cpu":
        best = lines.max(dim=2)
        return best.values, best.indices
    at = torch.from_numpy(lines.numpy().argmax(axis=2))  # five times as fast as PyTorch's
    return lines.gather(2, at[:, :, None])[:, :, 0], at


def _above(lines: Tensor) -> Tensor:
    if lines.device.type != "cpu":
        return (lines > EPSILON).sum(dim=2, dtype=torch.int32)
    found = (lines.numpy() > EPSILON).view(np.uint8)  # bytes are added up four times as fast
    short = np.uint16 if lines.shape[2] < 2**16 else np.int32
    return torch.from_numpy(found.sum(axis=2, dtype=short).astype(np.int32))
