"""What is a network: which layers does it have, and what do they see?

Written out, the evidence has for its answer

    name, labels, expects, weights_count
    layers            of each what `Layer.to_json` says
    without_stimuli   the names of those from which no gradient leads back to the clip
"""

from collections.abc import Sequence
from pathlib import Path

from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.stimuli.maximize import layers_with_slope
from kinetoscope.networks.network import Network
from kinetoscope.units.layers import Layer

KIND = "network"


def write_anatomy(network: Network, layers: Sequence[Layer], folder: Path) -> Evidence:
    """Write what a network is, and what some of its layers see, unless it is there.

    Args:
        network: comes back as it went.
        layers: which ones.
        folder: of the evidence; complete or absent.
    """
    names = [layer.name for layer in layers]
    provenance = Provenance.of(
        network, objective="layers and what they see", settings={"layers": names}
    )
    if not has_evidence(folder, provenance):
        with writing_evidence(folder, KIND, provenance) as (_, answer):
            answer["name"] = network.name
            answer["labels"] = list(network.labels)
            answer["expects"] = network.expects.to_json()
            answer["weights_count"] = network.weights_count
            answer["layers"] = [layer.to_json() for layer in layers]
            sloped = layers_with_slope(network, names)
            answer["without_stimuli"] = [name for name in names if name not in sloped]
    return read_evidence(folder, KIND)
