"""Which layers does a network have, what do they answer, and what do they see?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kinetoscope.errors import UnknownNameError
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Channel, Neuron, Objective
from kinetoscope.units.receptive import ReceptiveField, Seen, seen_or_refused, survey


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a network.

    Args:
        name: its path in the model.
        kind: the class of its module.
        channels: how many maps it answers with, which is how many units it has.
        shape: of its answer to one clip: channel, time, height, width; channel alone where it has
            no places.
        receptive_field: of its places.
    """

    name: str
    kind: str
    channels: int
    shape: tuple[int, ...]
    receptive_field: ReceptiveField

    def to_json(self) -> dict[str, Any]:
        """As plain values: the receptive field as size, stride and start of each stream too."""
        values = {
            "name": self.name,
            "kind": self.kind,
            "channels": self.channels,
            "shape": list(self.shape),
        }
        streams = {name: _plain(each) for name, each in self.receptive_field.streams.items()}
        return {**values, **_plain(self.receptive_field), "streams": streams}


def list_layers(
    network: Network, layers: Sequence[str] = (), *, every: bool = False, pools: bool = True
) -> list[Layer]:
    """The layers of a network, in the order of computation.

    Args:
        network: the layers are told for clips as it expects them.
        layers: these ones, in this order; if none are given those that the network names as worth
            looking at.
        every: each module that can be read instead, which is also what is listed of a network
            that names none.
        pools: False leaves out pools, whose units are those of the layer before, unless they are
            among `layers`.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
    """
    for name in layers:
        network.layer(name)
    seen = survey(network)
    named = () if every else tuple(layers) or network.layers
    if named:
        found = [_layer(network, name, seen_or_refused(seen, name)) for name in named]
    else:
        readable = {name: each for name, each in seen.items() if isinstance(each, Seen)}
        found = [_layer(network, name, each) for name, each in readable.items()]
    return [layer for layer in found if pools or layers or "Pool" not in layer.kind]


def check_channels(network: Network, objectives: Sequence[Objective]) -> None:
    """Refuse a channel that its layer does not have, before anything is computed.

    Args:
        network: that is asked.
        objectives: what for.

    Raises:
        UnknownNameError: there is no such channel.
        ClipError: a layer does not answer, or can't be read.
    """
    goals = [goal for objective in objectives for _, goal in objective.terms]
    units = [goal for goal in goals if isinstance(goal, Channel | Neuron)]
    seen = survey(network) if units else {}
    for unit in units:
        channels = seen_or_refused(seen, unit.layer).shape[0]
        if unit.channel >= channels:
            raise UnknownNameError(
                f"layer {unit.layer} has no channel {unit.channel}",
                got=unit,
                expected=f"{unit.layer}:0 to {unit.layer}:{channels - 1}",
            )


def _layer(network: Network, name: str, seen: Seen) -> Layer:
    return Layer(
        name=name,
        kind=type(network.layer(name)).__name__,
        channels=seen.shape[0],
        shape=seen.shape,
        receptive_field=seen.receptive_field,
    )


def _plain(field: ReceptiveField) -> dict[str, Any]:
    values = asdict(field)
    return {
        "receptive_field": list(values["size"]),
        "stride": list(values["stride"]),
        "start": list(values["start"]),
        "exact": values["exact"],
    }
