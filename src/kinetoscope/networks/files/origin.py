"""Where does a checkpoint come from, and what must a network be to answer as it did there?

Weights of the same names and shapes may still answer otherwise: frames were shown with other means,
or blue first; a slow pathway took other frames; a kernel of a stage is longer. What is known of a
library, what the file's settings say, and what shapes tell, is brought into the network's options
and its ClipSpec, and said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from torch import Tensor

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.files.checkpoints import Checkpoint
from kinetoscope.networks.files.dialect import Colours, Dialect, translated
from kinetoscope.networks.files.dialects import CAFFE2, dialect_of
from kinetoscope.networks.files.matching import Match, fit
from kinetoscope.networks.files.settings import colours_of, halves_time, options_of
from kinetoscope.networks.network import Network

FIRST = re.compile(r"(?:^|\.)conv1(?:_1)?(?:\.conv)?\.weight$")
"""The names of filters that see colours."""

FLOW_LEVELS = 255 / 40  # grey levels for each pixel per frame, of flow saved as JPEG

WITHIN = "model."
"""What begins the names of a network for pictures within one for clips."""

SHIFTED = ".net."
"""What names have of a convolution behind a temporal shift."""

LARGEST_LEVEL = 255.0


@dataclass(frozen=True)
class Origin:
    """A checkpoint, and what it wants of its network.

    Args:
        checkpoint: what the file holds.
        spec: what a clip must be.
        options: settings of the network's configuration that differ.
        notes: what was done, or is to be known.
        reversed: whether its first filters see blue first.
        unmet: what the network would need to answer as in training, and has not.
    """

    checkpoint: Checkpoint
    spec: ClipSpec
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reversed: bool = False
    unmet: tuple[str, ...] = ()

    @cached_property
    def dialect(self) -> Dialect:
        """Whose names the tensors have."""
        return dialect_of(self.checkpoint.tensors)

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors under the names that they have here, red first."""
        ours = translated(self.checkpoint.tensors, self.dialect)
        return {
            name: each.flip(1) if self.reversed and FIRST.search(name) else each
            for name, each in ours.items()
        }

    def fit(
        self, wanted: Mapping[str, Tensor], *, without: Sequence[str] = ()
    ) -> tuple[dict[str, Tensor], Match]:
        """Match with a model, under the library's names or under ours, whichever are there."""
        ways = [self.tensors, self.checkpoint.tensors]
        ways += [{n.replace(SHIFTED, "."): each for n, each in self.tensors.items()}]
        ways += [{f"{WITHIN}{name}": each for name, each in way.items()} for way in ways]
        named = max(ways, key=lambda way: len(way.keys() & wanted.keys()))
        fitted, match = fit(named, wanted, without=without, neutral=self.dialect.neutral)
        return fitted, replace(match, notes=self.notes)

    def why_not(self, wanted: Mapping[str, Tensor]) -> str | None:
        """What a checkpoint of another network seems to be, where that can be told."""
        found, asked = depth_of(self.tensors), depth_of(wanted)
        if found and asked and found != asked:
            return f"its depth is {found}, that of the network is {asked}"
        return f"it is a checkpoint of {self.dialect.name}" if self.dialect.marks else None


def origin_of(checkpoint: Checkpoint, network: Network, *, stays: bool = False) -> Origin:
    """What a checkpoint wants of a network.

    Args:
        checkpoint: what the file holds.
        network: the one it is for, as it is built otherwise; it may be without memory.
        stays: whether it stays as it is; then the notes say what of it should differ.
    """
    dialect, settings = dialect_of(checkpoint.tensors), checkpoint.settings
    colours = colours_of(dialect, settings)
    built = _built(dialect, translated(checkpoint.tensors, dialect), network)
    options = {
        option: value
        for option, value in {**options_of(dialect, settings), **built}.items()
        if network.options.get(option, value) != value
    }
    spec, notes = _shown(network.expects, colours, checkpoint.mean)
    end = "which this network is not" if stays else "and so is this network"
    notes += [f"trained with {option}={value!r}, {end}" for option, value in options.items()]
    if spec != network.expects:
        notes.append(f"trained on clips with {_difference(network.expects, spec)}, {end}")
    if colours and colours.reversed:
        notes.append("trained on blue before red: its first filters were turned")
    unmet = tuple(option for option in dialect.needs if option not in network.options)
    unmet += _unlike_in_time(halves_time(dialect, settings), network)
    turned = bool(colours and colours.reversed)
    return Origin(checkpoint, spec, options, tuple(notes), reversed=turned, unmet=unmet)


def depth_of(tensors: Mapping[str, Any]) -> int | None:
    """The depth of a residual network, as its name says it; None of any other.

    >>> depth_of({f"res{stage}.{block}.c.conv.weight": 0
    ...     for stage, blocks in {2: 3, 3: 4, 4: 23, 5: 3}.items() for block in range(blocks)})
    101
    """
    pattern = re.compile(r"(?:slow\.)?(res\d\.\d+)\.(?:block\.)?c\.conv\.weight")
    blocks = {found[1] for name in tensors if (found := pattern.fullmatch(name))}
    return 3 * len(blocks) + 2 if blocks else None


def _built(dialect: Dialect, tensors: Mapping[str, Tensor], network: Network) -> dict[str, Any]:
    """Options that shapes tell, and the pools of the non-local paper's own networks."""
    if dialect.name == CAFFE2.name and str(network.options.get("pathway")).endswith("_long"):
        return {"pools": "caffe2"}
    lateral = tensors.get("lateral.pool1.conv.weight")
    if lateral is None or lateral.ndim != 5:
        return {}
    in_time = [
        name
        for name, each in tensors.items()
        if re.fullmatch(r"slow\.res4\.\d+\.(block\.)?a\.conv\.weight", name) and each.shape[2] > 1
    ]
    return {
        "lateral_kernel": lateral.shape[2],
        "lateral_norm": any(re.match(r"lateral\.\w+\.norm\.", name) for name in tensors),
        "res4_over_time": len(in_time),
    }


def _unlike_in_time(halves: bool | None, network: Network) -> tuple[str, ...]:
    """What differs in time between C2Ds or I3Ds of the same weights."""
    row = str(network.options.get("pathway"))
    if halves is None or not row.startswith(("c2d", "i3d")) or row.endswith("_long") == halves:
        return ()
    if halves:
        return ("conv1 and pool1 that halve time, as i3d_r50_32x2 and c2d_r50_32x2 have",)
    return ("conv1 and pool1 that keep all frames, as i3d_r50 and c2d_r50 have",)


def _shown(
    spec: ClipSpec, colours: Colours | None, mean: tuple[float, ...] | None
) -> tuple[ClipSpec, list[str]]:
    """How clips were shown in training, and what of that can't be said in a ClipSpec."""
    notes, means = [], list(mean or ())
    of_flow = len(means) - (3 if "frames" in spec.streams else 0)
    if "flow" in spec.streams and of_flow > 0:  # flow comes first in the authors' files
        flow, means = means[:of_flow], means[of_flow:]
        spec = replace(spec, flow_scale=1 / FLOW_LEVELS)
        off = max(abs(each - LARGEST_LEVEL / 2) for each in flow) / FLOW_LEVELS
        if off > 0.01:
            notes.append(f"a mean flow of up to {off:.2g} pixels per frame is not subtracted")
    if colours and "frames" in spec.streams:
        spec = replace(spec, mean=colours.mean, std=colours.std)
    if len(means) == 3 and "frames" in spec.streams:
        red, green, blue = (each / LARGEST_LEVEL for each in means)
        level = 1 / LARGEST_LEVEL
        spec = replace(spec, mean=(red, green, blue), std=(level, level, level))
    return spec, notes


def _difference(spec: ClipSpec, other: ClipSpec) -> str:
    ours, theirs = spec.to_json(), other.to_json()
    changed = [name for name in ours if ours[name] != theirs[name]]
    return ", ".join(f"{name} {_rounded(theirs[name])}" for name in changed)


def _rounded(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "(" + ", ".join(_rounded(each) for each in value) + ")"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
