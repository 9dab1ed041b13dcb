"""What in a clip makes a neuron answer: its answer led back to the pixels, as in ZFNet.

Of a clip that excites a unit, the one neuron is taken that answers most. Its answer is led back to
the frames and to the flow by a rule of `units/backward.py`: deconvolved, guided, or plainly as the
gradient. What comes out has the shape of the network's own input, in its units, and is cut to the
box that the neuron sees; outside it is zero. A stream that the neuron does not see has no view.

The forward pass stops at the layer, only the clips have gradients, and the clips of several units
of a layer share a batch.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 2.1 and figure 2, without their contrast normalization of what is drawn; Simonyan, Vedaldi
and Zisserman, "Deep Inside Convolutional Networks", ICLR 2014 workshop, section 3. Differs: no
absolute value is taken of gradients, and frames and flow are seen side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.examples.kept import write_arrays
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.backward import Rule, backward_rule, check_led_back
from kinetoscope.units.objective import Place, Together, neuron
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.receptive import Box
from kinetoscope.units.unit import Unit

View = Float[Tensor, "channel _time _height _width"]
_LEVELS = 31


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A neuron, in a clip.

    Args:
        unit: its channel.
        place: in the layer [time, row, column].
        clip: as the network expects it.
    """

    unit: Unit
    place: Place
    clip: Clip


@torch.enable_grad()
def views(network: Network, wanted: Sequence[Wanted], rule: Rule) -> list[dict[Stream, View]]:
    """Lead the answers of neurons of one layer back to their clips.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        wanted: neurons of one layer, each with a clip of its own; they share a batch.
        rule: by which rectifiers lead back.

    Returns:
        Of each, stream by stream, what its answer owes to each value of the normalized clip, on
        the CPU; streams that the layer does not see are left out.

    Raises:
        UnknownNameError: the layer, a channel or a place is not there.
        ClipError: the rule has no meaning for this network, or the layer has no gradient at all.
    """
    layer = wanted[0].unit.layer
    together = Together(network, [neuron(each.unit, each.place) for each in wanted])
    batch = ClipBatch.of([each.clip for each in wanted], network.expects).to(network.device)
    normalized = network.normalize(batch)
    inputs: dict[Stream, Tensor] = {
        name: normalized.stream(name).detach() for name in network.expects.streams
    }
    for stream in inputs.values():
        stream.requires_grad_()
    with frozen(network):
        with backward_rule(rule):
            answers = read_normalized(network, ClipBatch(**inputs), [layer])
        check_led_back(answers[layer], rule)
        value = together.values(answers).sum()
        if not value.requires_grad:
            raise _no_gradient(layer)
        found = torch.autograd.grad(value, list(inputs.values()), allow_unused=True)
    seen: dict[Stream, Tensor] = {
        name: view.cpu() for name, view in zip(inputs, found, strict=True) if view is not None
    }
    return [{name: view[number] for name, view in seen.items()} for number in range(len(wanted))]


def _no_gradient(layer: str) -> ClipError:
    return ClipError(
        f"nothing leads back from {layer} to the clip",
        got="a layer that chooses or counts",
        expected="a layer whose answer has a gradient",
        hint="a layer before it has views",
    )


def cut_to(view: View, box: Box) -> View:
    """The part of a view that lies in a box."""
    return view[(slice(None), *(slice(start, stop) for start, stop in box))]


def keep_views(path: Path, kept: Mapping[str, View]) -> None:
    """Write views by their names as `.npz`, each in 63 levels from minus to plus its largest."""
    arrays: dict[str, np.ndarray] = {}
    for name, view in kept.items():
        largest = float(view.abs().max()) or 1.0
        arrays[name] = (view / largest * _LEVELS).round().to(torch.int8).numpy()
        arrays[f"{name} largest"] = np.array(largest, np.float32)
    write_arrays(path, arrays)


def kept_views(path: Path) -> dict[str, View]:
    """Read what `keep_views` has written."""
    with np.load(path, allow_pickle=False) as found:
        names = [name for name in found.files if not name.endswith(" largest")]
        steps = {name: float(found[f"{name} largest"]) / _LEVELS for name in names}
        return {name: torch.from_numpy(found[name]).float() * steps[name] for name in names}
