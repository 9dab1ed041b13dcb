"""How are weights saved, opened without running anything in the file, and matched to a network?

A network is saved as one safetensors file that says all it takes to build the network again: its
name, options, labels, ClipSpec, and the recipe that made it. Checkpoints of others are opened as
plain tensors. A checkpoint either fits a network completely, or is refused with a list of what
matched and what did not: weights are never left out quietly.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

import kinetoscope
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import WeightsError, unknown_name
from kinetoscope.files import whole_file
from kinetoscope.networks.checkpoints import open_checkpoint
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import ZOO, build_network

FORMAT = 1

TO_BUILD = {"name", "options", "labels", "expects"}
"""What a file must say so that its network can be built again."""

PREFIXES = ("module.", "model.", "_orig_mod.")
"""What wrappers put before every name: DataParallel, a trainer's own module, torch.compile."""

COUNTER = "num_batches_tracked"
"""Batch norm's count of batches: older checkpoints lack it, and no answer depends on it."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """What of a checkpoint fits a network, tensor by tensor.

    Args:
        loaded: names found in both, of one shape or of one content (see `fitted`).
        missing: names the network has and the checkpoint does not.
        unexpected: names the checkpoint has and the network does not.
        misfits: name, shape in the checkpoint, shape in the network.
        left: names left as they were because that was asked for.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misfits: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    left: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, left over or of another shape."""
        return not (self.missing or self.unexpected or self.misfits)

    def __str__(self):
        """How many tensors matched, and some of those that did not.

        >>> print(Match(loaded=("a", "b"), missing=("c",), misfits=(("d", (2,), (3,)),)))
        2 of 4 tensors; missing: c; of another shape: d (2,) for (3,)
        """
        wanted = len(self.loaded) + len(self.missing) + len(self.misfits)
        shapes = [f"{name} {found} for {wanted}" for name, found, wanted in self.misfits]
        lists = {
            "missing": self.missing,
            "not in the network": self.unexpected,
            "of another shape": shapes,
            "left as they were": self.left,
        }
        parts = [f"{what}: {_some(names)}" for what, names in lists.items() if names]
        return "; ".join([f"{len(self.loaded)} of {wanted} tensors", *parts])


def save_network(network: Network, path: Path | str, *, recipe_toml: str | None = None) -> None:
    """Save a network with all it takes to build it again.

    The same network gives the same bytes. A network that is not of the zoo is saved too, but its
    weights can be loaded only into a module that the user has built (`load_weights`).

    Args:
        network: what to save.
        path: a file that ends in `.safetensors`; written whole or not at all.
        recipe_toml: the recipe that made the weights, as text.
    """
    about = {
        "format": FORMAT,
        "kinetoscope": kinetoscope.__version__,
        "name": network.name,
        "options": network.options,
        "labels": network.labels,
        "expects": network.expects.to_json(),
        "layers": network.layers,
        "recipe": recipe_toml,
    }
    tensors = _apart(network.model.state_dict())
    with whole_file(Path(path)) as aside:
        save_file(tensors, aside, metadata={"kinetoscope": json.dumps(about)})


def load_network(
    name_or_path: Path | str,
    *,
    weights: Path | str | None = None,
    labels: Sequence[str] | None = None,
) -> Network:
    """Open a trained network, in eval mode.

    Args:
        name_or_path: a file that `save_network` wrote; or the name of a network of the zoo, whose
            weights are then in the file `weights`.
        weights: a checkpoint, of Kinetoscope (.safetensors) or of PyTorch (.pth, .pt, .pyth, .tar).
        labels: the name of each score; needed where the checkpoint does not say and has another
            number of them than the network was published with.

    Raises:
        UnknownNameError: there is neither such a network nor such a file.
        WeightsError: the file is no checkpoint, is damaged, asks to run code, or does not fit the
            network; says what matched.
    """
    name = str(name_or_path)
    if weights is None and name in ZOO:
        raise WeightsError(
            f"{name} has no weights to load",
            got="no weights",
            expected=f'a checkpoint, as in load_network("{name}", weights="file.pth")',
            hint=f'build_network("{name}") builds it untrained',
        )
    if weights is None:
        return _load_saved(Path(name_or_path), labels)
    about = read_metadata(Path(weights))
    if about is not None and about.get("name") == name:
        return _load_saved(Path(weights), labels)
    with torch.device("meta"):
        network = build_network(name, labels=labels)
    return _filled(network, Path(weights))


def load_weights(network: Network, path: Path | str, *, without: Sequence[str] = ()) -> Match:
    """Load a checkpoint into a network that is there already.

    Args:
        network: changed in place, and only if everything fits.
        path: a checkpoint, of Kinetoscope or of PyTorch.
        without: layers that keep the weights they have, such as `("label",)` for fine-tuning on
            other labels.

    Returns:
        what matched.

    Raises:
        WeightsError: the checkpoint does not fit; says what matched.
        UnknownNameError: there is no such layer to leave as it is.
    """
    for layer in without:
        network.layer(layer)
    wanted = network.model.state_dict()
    fitted, match = fit(open_checkpoint(Path(path)), wanted, without=without)
    _check_complete(match, network, Path(path))
    network.model.load_state_dict({**wanted, **fitted})
    network.__dict__.pop("weights_hash", None)  # the hash of the weights that were there before
    return match


def fit(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, without: Sequence[str] = ()
) -> tuple[dict[str, Tensor], Match]:
    """Match the tensors of a checkpoint with those of a model, by name and shape.

    A prefix that a wrapper put before every name is taken off where more names match without it.
    The weights of a fully connected layer fit a convolution that sees the same inputs, and those of
    a convolution in the plane fit one of a single frame: their numbers lie in the same order.

    Args:
        found: the checkpoint's tensors.
        wanted: the model's own, for their names, shapes and types.
        without: layers left as they are.

    Returns:
        the tensors that fit, in the model's shapes and types, and what matched.
    """
    left = tuple(name for name in wanted if _within(name, without))
    wanted = {name: tensor for name, tensor in wanted.items() if name not in left}
    found = max(_unwrapped(found), key=lambda renamed: len(wanted.keys() & renamed.keys()))
    fits = {
        name: _same_content(found[name].shape, wanted[name].shape)
        for name in wanted
        if name in found
    }
    match = Match(
        loaded=_told(name for name, fit in fits.items() if fit),
        missing=_told(name for name in wanted if name not in found),
        unexpected=_told(name for name in found if name not in wanted and name not in left),
        misfits=tuple(
            (name, tuple(found[name].shape), tuple(wanted[name].shape))
            for name in _told(name for name, fit in fits.items() if not fit)
        ),
        left=_told(left),
    )
    fitted = {
        name: found[name].reshape(wanted[name].shape).to(wanted[name].dtype)
        for name, fit in fits.items()
        if fit
    }
    return fitted, match


def _told(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.endswith(COUNTER))


def read_metadata(path: Path) -> dict[str, Any] | None:
    """What `save_network` wrote beside the weights; None where the file is of somebody else.

    Raises:
        WeightsError: the file is damaged, or was saved by a later Kinetoscope.
    """
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("kinetoscope")
        about = None if text is None else json.loads(text)
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError(
            f"{path} can't be read",
            got=str(error),
            expected="a whole safetensors file",
        ) from error
    if about is not None and about.get("format") != FORMAT:
        raise WeightsError(
            f"{path} was saved by another Kinetoscope",
            got=f"format {about.get('format')} of version {about.get('kinetoscope')}",
            expected=f"format {FORMAT}, which version {kinetoscope.__version__} reads",
        )
    return about


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors on the CPU of which no two share memory, as safetensors wants them."""
    apart, seen = {}, set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        memory = here.untyped_storage().data_ptr()
        apart[name] = here.clone() if memory in seen else here
        seen.add(memory)
    return apart


def _load_saved(path: Path, labels: Sequence[str] | None) -> Network:
    if not path.is_file():
        if path.suffix or path.parent != Path():
            raise WeightsError(
                f"{path} can't be opened",
                got="a folder" if path.is_dir() else "no such file",
                expected="a file that Kinetoscope saved, or a network's name",
            )
        raise unknown_name("network", str(path), list(ZOO))
    about = read_metadata(path)
    if about is None or about.get("name") not in ZOO or not about.keys() >= TO_BUILD:
        raise WeightsError(
            f"{path} does not say how to build its network",
            got=f"the name {about['name']}"
            if about and "name" in about
            else "no name of a network",
            expected="a file that save_network wrote, of a network of the zoo",
            hint='load_network("NAME", weights=...) or load_weights(network, ...)',
        )
    if labels is not None and len(labels) != len(about["labels"]):
        raise WeightsError(
            f"{path} has another number of labels",
            got=f"{len(labels)} labels",
            expected=f"{len(about['labels'])}: {_some(about['labels'])}",
        )
    with torch.device("meta"):
        network = build_network(
            about["name"],
            labels=labels or about["labels"],
            expects=ClipSpec.from_json(about["expects"]),
            **about["options"],
        )
    return _filled(network, path)


def _filled(empty: Network, path: Path) -> Network:
    """Fill a network that was built without memory with the weights of a file."""
    wanted = empty.model.state_dict()
    fitted, match = fit(open_checkpoint(path), wanted)
    _check_complete(match, empty, path)
    counters = {
        name: torch.zeros(tensor.shape, dtype=tensor.dtype)
        for name, tensor in wanted.items()
        if name.endswith(COUNTER)
    }
    empty.model.load_state_dict({**counters, **fitted}, assign=True)
    return Network(
        empty.model,
        labels=empty.labels,
        expects=empty.expects,
        name=empty.name,
        options=empty.options,
        layers=empty.layers,
    ).eval()


def _check_complete(match: Match, network: Network, path: Path) -> None:
    if match.complete:
        return
    if trained_on := _labels_of(match, len(network.labels)):
        layers = list(dict.fromkeys(_layer_of(name, network) for name, _, _ in match.misfits))
        raise WeightsError(
            f"{path} was trained on other labels than {network.name} has",
            got=f"scores for {trained_on} labels; {match}",
            expected=f"scores for {len(network.labels)} labels",
            hint=f"name its labels (labels=[{trained_on} names]), or leave out what scores them:"
            f" load_weights(network, path, without={layers})",
        )
    about = read_metadata(path)
    raise WeightsError(
        f"{path} does not fit {network.name}",
        got=match,
        expected="every tensor in both, and of one shape",
        hint=f"the file says that it is {about.get('name')}" if about else None,
    )


def _layer_of(weight: str, network: Network) -> str:
    holders = [layer for layer in network.layers if weight.startswith(f"{layer}.")]
    return holders[0] if holders else weight.rpartition(".")[0]


def _labels_of(match: Match, labels: int) -> int | None:
    """How many labels the checkpoint scores, where that is all in which it differs."""
    counts = {found[:1] for _, found, _ in match.misfits}
    only_the_first = all(
        found[1:] == wanted[1:] and wanted[:1] == (labels,) for _, found, wanted in match.misfits
    )
    alone = not match.missing and not match.unexpected
    return next(iter(counts))[0] if alone and len(counts) == 1 and only_the_first else None


def _unwrapped(found: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """The checkpoint as it is, and with each prefix that all its names share taken off."""
    ways = [found]
    while prefix := _shared_prefix(ways[-1]):
        ways.append({name.removeprefix(prefix): value for name, value in ways[-1].items()})
    return ways


def _shared_prefix(names: Collection[str]) -> str:
    shared = [prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in names)]
    return shared[0] if names and shared else ""


def _same_content(found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether the numbers of one shape lie in the same order as those of the other.

    >>> _same_content((4096, 8192), (4096, 512, 1, 4, 4)), _same_content((8, 3, 9), (8, 27))
    (True, False)
    """
    if tuple(found) == tuple(wanted):
        return True
    flat = len(found) == 2 and math.prod(wanted[1:]) == found[1]
    plane = len(found) == 4 and tuple(wanted) == (*found[:2], 1, *found[2:])
    return len(wanted) == 5 and found[0] == wanted[0] and (flat or plane)


def _within(name: str, layers: Sequence[str]) -> bool:
    return any(name.startswith(f"{layer}.") for layer in layers)


def _some(names: Sequence[str], count: int = 4) -> str:
    rest = f", and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + rest
