"""Do the frames and the flow of a stimulus tell of the same motion?

A network that takes both can be excited by frames and flow that no camera could record together.
Where the two are tied, what a frame shows at a place must be found in the next frame where the flow
says that it went:

    missed(I, F) = mean_tijd ( I_t+1(p + F_t(p)) - I_t(p) )^2 / B^2

Places that leave the picture explain nothing and miss nothing.

Source: Horn and Schunck, "Determining optical flow", Artificial Intelligence 1981, for brightness
that stays; Jaderberg et al., "Spatial transformer networks", NIPS 2015, for gradients through
sampling. Differs: both sides are free, and each is pulled towards the other.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kinetoscope.evidence.stimuli.priors import PerClip
from kinetoscope.tensors import FlowBatch, FrameBatch


def tie_term(frames: FrameBatch, flow: FlowBatch, *, flow_scale: float, bound: float) -> PerClip:
    """How much of the frames the flow does not explain, with gradients to both.

    Args:
        frames: in units of the network's input.
        flow: in units of the network's input.
        flow_scale: the motion that is 1 in these units [pixels per frame of the clip].
        bound: the longest vector that a pixel of the frames may have, B.

    Returns:
        Of each clip, the mean over frames, places and channels; 0 where there is one frame.
    """
    if frames.shape[2] < 2:
        return 0 * (frames.flatten(1).sum(1) + flow.flatten(1).sum(1))
    found, inside = _where_it_went(frames[:, :, 1:], flow[:, :, :-1] * flow_scale)
    missed = (found - frames[:, :, :-1]) * inside
    return missed.square().flatten(1).mean(1) / bound**2


def _where_it_went(following: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """What the next frame shows where each place went, and whether that is in the picture."""
    clips, (height, width) = len(following), following.shape[3:]
    right = torch.arange(width, device=motion.device, dtype=motion.dtype)
    down = torch.arange(height, device=motion.device, dtype=motion.dtype)
    places = torch.stack([motion[:, 0] + right, motion[:, 1] + down[:, None]], dim=-1)
    half = places.new_tensor([width - 1, height - 1]) / 2
    grid = places.flatten(0, 1) / half.clamp(min=0.5) - 1
    found = F.grid_sample(
        following.transpose(1, 2).flatten(0, 1), grid, padding_mode="border", align_corners=True
    )
    inside = (grid.detach().abs() <= 1 + 1e-6).all(dim=-1)
    return (
        found.unflatten(0, (clips, -1)).transpose(1, 2),
        inside.unflatten(0, (clips, -1))[:, None],
    )
