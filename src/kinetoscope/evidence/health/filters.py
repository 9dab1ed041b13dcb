"""What do the first filters of a network look for, in space, in time, and in motion?

The kernels of the convolutions that see the clip itself: they are pictures, three colours and as
many frames as they see, or two components of flow. Later kernels have no such form. Two numbers
tell of each what a picture shows less well,

    change   the share of its energy that is not the same in all of its frames, from 0 for a filter
             that sees appearance alone, to 1 for one that sees nothing that stands still
    colour   the share of its energy that is not grey; of filters of frames

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NeurIPS 2012, figure 3. The two shares are ours.
"""

from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from kinetoscope.clips.spec import CHANNELS, Stream
from kinetoscope.networks.network import Network
from kinetoscope.units.receptive import Seen, survey

Kernels = Float[Tensor, "filter channel time height width"]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The kernels of one convolution.

    Args:
        layer: its name.
        stream: which it sees.
        kernels: on the CPU.
    """

    layer: str
    stream: Stream
    kernels: Kernels


def first_filters(network: Network) -> list[Filters]:
    """The convolutions that see a stream of the clip itself, in the order of computation.

    Flow or frames that are stacked into channels, as two-stream networks of pictures have them,
    are taken apart again, time outermost.
    """
    found = []
    for name, seen in survey(network).items():
        module = network.layer(name)
        if not isinstance(module, nn.Conv2d | nn.Conv3d) or not isinstance(seen, Seen):
            continue
        stream = _only_stream(network, seen)
        if stream is not None and _sees_the_clip(module, seen, stream):
            found.append(Filters(layer=name, stream=stream, kernels=_kernels(module, stream)))
    return found


def change(kernels: Kernels) -> Float[np.ndarray, " filter"]:
    """The share of each filter's energy that is not the same in all of its frames."""
    still = kernels.mean(dim=2, keepdim=True).expand_as(kernels)
    return _share(kernels - still, kernels)


def colour(kernels: Kernels) -> Float[np.ndarray, " filter"]:
    """The share of each filter's energy that is not grey."""
    grey = kernels.mean(dim=1, keepdim=True).expand_as(kernels)
    return _share(kernels - grey, kernels)


def _share(part: Kernels, whole: Kernels) -> Float[np.ndarray, " filter"]:
    energies = [each.double().square().flatten(1).sum(dim=1).numpy() for each in (part, whole)]
    with np.errstate(invalid="ignore"):
        return np.where(energies[1] > 0, energies[0] / energies[1], np.nan)


def _only_stream(network: Network, seen: Seen) -> Stream | None:
    streams = network.expects.streams
    fields = seen.receptive_field.streams
    own: list[Stream] = [name for name in streams if len(streams) == 1 or name in fields]
    return own[0] if len(own) == 1 else None


def _sees_the_clip(module: nn.Conv2d | nn.Conv3d, seen: Seen, stream: Stream) -> bool:
    """Whether nothing lies before it: it sees of the clip what its kernel spans, and no more."""
    extents = zip(module.kernel_size, module.dilation, strict=True)
    spans = tuple((size - 1) * step + 1 for size, step in extents)
    stacked = module.in_channels / CHANNELS[stream]
    one_frame = len(spans) == 2 or spans[0] == 1
    taken_apart = stacked == 1 or (stacked.is_integer() and one_frame)
    return taken_apart and module.groups == 1 and seen.receptive_field.size[1:] == spans[-2:]


def _kernels(module: nn.Conv2d | nn.Conv3d, stream: Stream) -> Kernels:
    weight = module.weight.detach().float().cpu()
    if weight.ndim == 4:
        weight = weight[:, :, None]
    if weight.shape[1] == CHANNELS[stream]:
        return weight
    return rearrange(
        weight,
        "filter (time channel) 1 height width -> filter channel time height width",
        channel=CHANNELS[stream],
    )
