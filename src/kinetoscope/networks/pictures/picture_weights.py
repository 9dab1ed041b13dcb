"""How does a network for clips start from what was learned of pictures?

The weights of a network for pictures, as its library saves them, go into the same network shown
frames, shown flow, or inflated: filters of colours become their mean for every channel of flow, and
filters of a plane those of a volume, an equal part for every frame.

Source: Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.2 (cross-modality
pre-training); Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, section 2.3
(inflation).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from kinetoscope.errors import WeightsError
from kinetoscope.networks.files.checkpoints import open_checkpoint, unwrapped
from kinetoscope.networks.files.matching import Match, fit
from kinetoscope.networks.network import Network
from kinetoscope.networks.pictures.inflate import shaped
from kinetoscope.networks.pictures.picture_zoo import AUXILIARY, head_names, picture_network
from kinetoscope.networks.pictures.volumes import join

OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
"""How torchvision's published DenseNets still name the layers of a block."""


INCEPTION = "Conv3d_1a_7x7.conv.weight"
"""What I3D has and no network for pictures."""

BRANCHES = {
    "branch1": "Branch_0",
    "branch2.0": "Branch_1.Conv3d_0a_1x1",
    "branch2.1": "Branch_1.Conv3d_0b_3x3",
    "branch3.0": "Branch_2.Conv3d_0a_1x1",
    "branch3.1": "Branch_2.Conv3d_0b_3x3",
    "branch4.1": "Branch_3.Conv3d_0b_1x1",
}
"""What torchvision calls the branches of Inception-v1, and what I3D calls them."""

CUT = "picture"
"""Where LRCN has its network for pictures, without the layers behind its features."""

STEM = {"conv1": "Conv3d_1a_7x7", "conv2": "Conv3d_2b_1x1", "conv3": "Conv3d_2c_3x3"}


def load_pictures(network: Network, path: Path | str, *, without_head: bool = False) -> Match:
    """Start a network from the weights of the network for pictures that it is made of.

    It may be a `frames_` network, an `lrcn_` one, or `i3d_inception`, whose network for pictures is
    torchvision's `googlenet`, Inception-v1. The auxiliary predictions that GoogLeNet's and
    Inception v3's files have are passed over.

    Args:
        network: changed in place, and only if everything fits.
        path: a checkpoint of torchvision or timm, of the network that `network` is made of.
        without_head: leave the layer that scores labels as it is, for other labels. With late
            fusion and in LRCN, whose heads are others, it is always left.

    Returns:
        what matched, and what was left.

    Raises:
        WeightsError: the file holds other weights; says what matched.
    """
    wanted, tensors = network.model.state_dict(), open_checkpoint(Path(path))
    if any(name.startswith(f"{CUT}.") for name in wanted):
        found, left = _up_to_features(tensors, wanted)
    else:
        found, left = _with_head(tensors, network, without_head=without_head)
    fitted, match = fit(found, wanted, without=left)
    if not match.complete:
        scores = [name for name, _, _ in match.misfits]
        raise WeightsError(
            f"{path} does not fit {network.name}",
            got=match,
            expected=f"the weights of {network.options.get('network', 'googlenet')} for pictures",
            hint="without_head=True leaves the layer that scores labels" if scores else None,
        )
    network.model.load_state_dict({**wanted, **fitted})
    network.__dict__.pop("weights_hash", None)  # the hash of the weights that were there before
    return match


def _with_head(
    tensors: Mapping[str, Tensor], network: Network, *, without_head: bool
) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of a whole network for pictures, and the layers that are left."""
    heads = _heads(network)
    found = as_wanted(tensors, network.model.state_dict())
    if without_head or network.options.get("consensus") == "late":
        within = tuple(f"{head}." for head in heads)
        found = {name: each for name, each in found.items() if not name.startswith(within)}
    return found, [*(heads if without_head else ()), "consensus"]


def _up_to_features(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of one that is cut behind its features, and the layers that follow it."""
    found = as_wanted(tensors, wanted, within=CUT)
    kept = {name: each for name, each in found.items() if name in wanted}
    return kept, [name.partition(".")[0] for name in wanted if not name.startswith(f"{CUT}.")]


def as_wanted(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, within: str = "model"
) -> dict[str, Tensor]:
    """The weights of a network for pictures under the names and in the shapes of a `frames_` one.

    Args:
        found: a checkpoint's tensors.
        wanted: the tensors of the `frames_` network, or of a module that holds the pictures' one.
        within: the path of the network for pictures.
    """
    ours = _in_inception if INCEPTION in wanted else lambda name: join(within, _in_densenet(name))
    named = [{ours(name): each for name, each in way.items()} for way in unwrapped(found)]
    best = max(named, key=lambda way: len(way.keys() & wanted.keys()))
    auxiliary = (*AUXILIARY, *(join(within, name) for name in AUXILIARY))
    return {
        name: shaped(tensor, wanted.get(name, tensor).shape)
        for name, tensor in best.items()
        if name in wanted or not name.startswith(auxiliary)
    }


def _in_densenet(name: str) -> str:
    """The name that a layer of torchvision has by now.

    >>> _in_densenet("features.denseblock1.denselayer1.norm.1.weight")
    'features.denseblock1.denselayer1.norm1.weight'
    """
    return OLD_DENSENET.sub(r"\1\2.", name)


def _in_inception(name: str) -> str:
    """What I3D calls a layer of torchvision's `googlenet`.

    >>> _in_inception("inception4a.branch2.1.conv.weight")
    'Mixed_4b.Branch_1.Conv3d_0b_3x3.conv.weight'
    >>> _in_inception("conv1.bn.weight"), _in_inception("fc.bias")
    ('Conv3d_1a_7x7.norm.weight', 'logits.conv.bias')
    """
    mixed = re.fullmatch(r"inception(\d)(\w)\.(branch\d(?:\.\d)?)\.(conv|bn)\.(\w+)", name)
    if mixed and mixed[3] in BRANCHES:
        layer = f"Mixed_{mixed[1]}{chr(ord(mixed[2]) + 1)}"  # the first letter is a pool's
        return join(layer, BRANCHES[mixed[3]], mixed[4].replace("bn", "norm"), mixed[5])
    first = re.fullmatch(r"(conv\d)\.(conv|bn)\.(\w+)", name)
    if first and first[1] in STEM:
        return join(STEM[first[1]], first[2].replace("bn", "norm"), first[3])
    return name.replace("fc.", "logits.conv.") if name.startswith("fc.") else name


def _heads(network: Network) -> list[str]:
    """The layers that score labels in the network for pictures, also where they are taken out."""
    if "network" not in network.options:
        return ["logits"]
    with torch.device("meta"):
        module = picture_network(network.options["network"])
    return [join("model", name) for name in head_names(module)]
