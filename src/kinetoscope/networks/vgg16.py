"""How does a video network start from what was learned from pictures?

VGG-16's weights, trained on ImageNet, go into each tower of a two-stream network. Flow has more
channels than a picture has colours: its first filters are the mean of the colours' filters, once
for every channel, so they find edges of motion where they found edges of light.

Source: Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video Action
Recognition", CVPR 2016, section 4; the mean filter is Wang et al., "Temporal Segment Networks",
ECCV 2016, section 3.2 (cross-modality pre-training).
"""

from collections.abc import Mapping
from pathlib import Path

from einops import reduce, repeat
from torch import Tensor

from kinetoscope.errors import WeightsError
from kinetoscope.networks.checkpoints import open_checkpoint
from kinetoscope.networks.fusion import ConcatenationFusion
from kinetoscope.networks.network import Network
from kinetoscope.networks.weights import Match, fit

TORCHVISION = {
    "conv1_1": "features.0",
    "conv1_2": "features.2",
    "conv2_1": "features.5",
    "conv2_2": "features.7",
    "conv3_1": "features.10",
    "conv3_2": "features.12",
    "conv3_3": "features.14",
    "conv4_1": "features.17",
    "conv4_2": "features.19",
    "conv4_3": "features.21",
    "conv5_1": "features.24",
    "conv5_2": "features.26",
    "conv5_3": "features.28",
    "fc6": "classifier.0",
    "fc7": "classifier.3",
}
"""What torchvision calls the layers that a picture network and a tower have in common."""


def load_vgg16(network: Network, path: Path | str) -> Match:
    """Start the towers of `two_stream_vgg16`, `vgg16_frames` or `vgg16_flow` from VGG-16.

    The label layers and the fusion are left as they are, and fc6 where it sees both streams.

    Args:
        network: changed in place, and only if everything fits.
        path: torchvision's `vgg16` weights.

    Returns:
        what matched, and which layers were left.

    Raises:
        WeightsError: the file holds other weights; says what matched.
    """
    wanted = network.model.state_dict()
    left = [name for name in wanted if _layer(name) not in TORCHVISION]
    if isinstance(getattr(network.model, "fusion", None), ConcatenationFusion):
        left += [name for name in wanted if name.startswith("fc6.")]
    fitted, match = fit(
        _renamed(open_checkpoint(Path(path)), wanted),
        wanted,
        without=[name.rpartition(".")[0] for name in left],
    )
    if not match.complete:
        raise WeightsError(
            f"{path} does not fit the towers of {network.name}",
            got=match,
            expected="the weights of torchvision's vgg16",
        )
    network.model.load_state_dict({**wanted, **fitted})
    network.__dict__.pop("weights_hash", None)  # the hash of the weights that were there before
    return match


def mean_filter(weight: Tensor, channels: int) -> Tensor:
    """The filters of a picture's colours as filters of `channels` equal channels.

    Args:
        weight: `after 3 height width`, with or without time.
        channels: how many to make.
    """
    mean = reduce(weight, "after colour ... -> after 1 ...", "mean")
    return repeat(mean, "after 1 ... -> after channel ...", channel=channels)


def _renamed(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The pictures' weights under the names that the towers have."""
    renamed = {}
    for name, tensor in wanted.items():
        theirs = found.get(f"{TORCHVISION.get(_layer(name))}.{name.rpartition('.')[2]}")
        if theirs is None:
            continue
        of_flow = name.endswith("conv1_1.conv.weight") and tensor.shape[1] != theirs.shape[1]
        renamed[name] = mean_filter(theirs, tensor.shape[1]) if of_flow else theirs
    return renamed


def _layer(name: str) -> str:
    """The layer of a weight.

    >>> _layer("motion.conv1_1.conv.weight"), _layer("fc6.conv.bias")
    ('conv1_1', 'fc6')
    """
    return name.split(".")[-3]
