"""Which objectives do a few words name, and which of them come first?

A word is an objective (`fusion:17`, `fusion:17@centre`, `label:archery`, sums of such), a layer,
for all its channels, `labels`, for every class, or `all`, for the labels and every layer that is
worth looking at. A job that ends early should have made what tells most: what was asked for by
itself first, then labels, then every layer in turn, from the last to the first, its most selective
units before others and those that no clip excites at the end.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from kinetoscope.errors import unknown_name
from kinetoscope.evidence.scan import Scan
from kinetoscope.evidence.specificity.selectivity import most_selective
from kinetoscope.evidence.stimuli.maximize import layers_with_slope
from kinetoscope.networks.network import Network
from kinetoscope.units.layers import check_channels, list_layers
from kinetoscope.units.objective import Objective, activation, label
from kinetoscope.units.receptive import Seen, seen_or_refused, survey
from kinetoscope.units.unit import Unit

LABELS, ALL = "labels", "all"


def read_words(words: Sequence[str]) -> list[Objective | str]:
    """Objectives, read; layers, `labels` and `all` as they are.

    Needs no network, so that what is misspelt is refused before one is loaded.

    Raises:
        UnknownNameError: a word is none of these.
    """
    return [Objective.parse(word) if ":" in word else word for word in words]


def choose(
    network: Network, words: Sequence[Objective | str], scan: Scan | None = None
) -> list[Objective]:
    """The objectives that words name, the most important first.

    Args:
        network: that is asked.
        words: as `read_words` gives them.
        scan: says which channels of a layer are the most selective; otherwise they come by number.

    Raises:
        UnknownNameError: a layer, a channel or a label is not there.
        ClipError: a layer does not answer, or can't be read.
    """
    single = [word for word in words if isinstance(word, Objective)]
    names = [word for word in words if isinstance(word, str)]
    for each in single:
        each.bound(network)
    _check_layers(network, names)
    seen = survey(network)
    check_channels(network, single)
    labels = [label(name) for name in network.labels] if {LABELS, ALL} & {*names} else []
    layers = [
        _ranked(name, seen_or_refused(seen, name), scan) for name in _layers(network, names, seen)
    ]
    return list(dict.fromkeys([*single, *labels, *_in_turn(layers)]))


def layers_worth_maximizing(network: Network) -> list[str]:
    """The layers that the network names as worth looking at, but for those that only pass on.

    The units of a pool are those of the layer before it, and a choice, such as which of several
    neurons is active, has no slope to climb.
    """
    names = [layer.name for layer in list_layers(network, pools=False)]
    return list(layers_with_slope(network, names))


def _check_layers(network: Network, names: Sequence[str]) -> None:
    known = dict(network.model.named_modules())
    for name in names:
        if name not in (LABELS, ALL) and (not name or name not in known):
            listed = network.layers or tuple(filter(None, known))
            raise unknown_name("layer", name, [*listed, LABELS, ALL])


def _layers(network: Network, names: Sequence[str], seen: Mapping[str, object]) -> list[str]:
    """The layers that are asked for, the last to be computed first."""
    every = layers_worth_maximizing(network) if ALL in names else []
    order = {name: place for place, name in enumerate(seen)}
    return sorted({*every, *names} - {LABELS, ALL}, key=lambda name: (-order.get(name, -1), name))


def _ranked(layer: str, seen: Seen, scan: Scan | None) -> list[Objective]:
    """Its channels: the live ones, the most selective first; then the others by number."""
    first = most_selective(scan, layer) if scan is not None and layer in scan.layers else []
    ranked = dict.fromkeys([*first, *range(seen.shape[0])])
    return [activation(Unit(layer, channel)) for channel in ranked]


def _in_turn(lists: Sequence[Sequence[Objective]]) -> list[Objective]:
    """The first of each, the second of each, and so on."""
    return [each for turn in zip_longest(*lists) for each in turn if each is not None]
