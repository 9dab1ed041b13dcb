"""How do the towers of a two-stream network start from what was learned of pictures?

The weights of torchvision's VGG-16, of its ResNet-50, or of whichever network a tower is made of go
into each tower. Flow has more channels than a picture has colours: its first filters are the mean
of the colours' filters, once for every channel, so they find edges of motion where they found edges
of light. Filters that see several chunks start as equal parts of one.

Source: Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video Action
Recognition", CVPR 2016, section 4; the mean filter is Wang et al., "Temporal Segment Networks",
ECCV 2016, section 3.2 (cross-modality pre-training); filters over time, Feichtenhofer, Pinz,
Wildes, "Spatiotemporal Residual Networks for Video Action Recognition", NIPS 2016, section 3.
"""

import re
from pathlib import Path

from kinetoscope.errors import WeightsError
from kinetoscope.networks.files.checkpoints import open_checkpoint, unwrapped
from kinetoscope.networks.files.matching import Match, fit
from kinetoscope.networks.network import Network
from kinetoscope.networks.pictures.inflate import shaped

VGG16 = {
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
"""What torchvision calls the layers of VGG-16."""

RESNET = {
    "conv1.conv": "conv1",
    "conv1.norm": "bn1",
    "a.conv": "conv1",
    "a.norm": "bn1",
    "b.conv": "conv2",
    "b.norm": "bn2",
    "c.conv": "conv3",
    "c.norm": "bn3",
    "shortcut.conv": "downsample.0",
    "shortcut.norm": "downsample.1",
}
"""What it calls those of ResNet-50, within a unit and before the first."""

OURS = re.compile(r"^(label|fusion|svm|gru|back)\b|^fusion_")
"""Layers that no network for pictures has."""


def load_towers(network: Network, path: Path | str) -> Match:
    """Start each tower from a network for pictures.

    The label layers, the fusions and recurrent layers are left as they are, and a layer that sees
    both streams one beside the other. What the file has besides, such as its own labels' layer,
    is passed over.

    Args:
        network: of two streams or of one: `two_stream_vgg16`, `cnn_m_flow`, `st_resnet50`,
            `gru_rcn_vgg16` and their like; changed in place, and only if everything fits.
        path: torchvision's or timm's weights of the network its towers are made of.

    Returns:
        what matched, and which layers were left.

    Raises:
        WeightsError: the file holds other weights; says what matched.
    """
    wanted = network.model.state_dict()
    ways = unwrapped(open_checkpoint(Path(path)))
    found = max(ways, key=lambda way: sum(picture_name(name) in way for name in wanted))
    renamed = {
        name: shaped(theirs, tensor.shape)
        for name, tensor in wanted.items()
        if (theirs := found.get(picture_name(name))) is not None
    }
    beside = [
        name for name, theirs in renamed.items() if 2 * theirs.numel() == wanted[name].numel()
    ]
    left = [name for name in wanted if OURS.match(_within_tower(name))]
    if network.options.get("fusion") == "concatenation":
        left += [name for name in wanted if name.rpartition(".")[0] in _layers(beside)]
    fitted, match = fit(renamed, wanted, without=_layers(left))
    if not match.complete:
        raise WeightsError(
            f"{path} does not fit the towers of {network.name}",
            got=match,
            expected="the weights of the network for pictures that they are made of",
        )
    network.model.load_state_dict({**wanted, **fitted})
    network.__dict__.pop("weights_hash", None)  # the hash of the weights that were there before
    return match


def picture_name(name: str) -> str:
    """What the network for pictures calls a weight of a tower.

    >>> picture_name("motion.conv1_1.conv.weight"), picture_name("appearance.res3b.c.norm.bias")
    ('features.0.weight', 'layer2.1.bn3.bias')
    >>> picture_name("fc6.conv.bias"), picture_name("motion.Mixed_5b.branch1x1.conv.weight")
    ('classifier.0.bias', 'Mixed_5b.branch1x1.conv.weight')
    """
    within = _within_tower(name)
    layer, _, kind = within.rpartition(".")
    first, _, rest = layer.partition(".")
    if first in VGG16:
        return f"{VGG16[first]}.{kind}"
    if unit := re.fullmatch(r"res(\d)([a-z])", first):
        stage, number = int(unit[1]) - 1, ord(unit[2]) - ord("a")
        return f"layer{stage}.{number}.{RESNET.get(rest, rest)}.{kind}"
    return f"{RESNET.get(layer, layer)}.{kind}"


def _within_tower(name: str) -> str:
    """A weight's name within its tower, or within the network for pictures that is one stage.

    >>> _within_tower("motion.features.pictures.blocks.0.norm.weight"), _within_tower("fc6.bias")
    ('blocks.0.norm.weight', 'fc6.bias')
    """
    return re.sub(r"^((appearance|motion|tower)\.)?(features\.pictures\.)?", "", name)


def _layers(names: list[str]) -> list[str]:
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))
