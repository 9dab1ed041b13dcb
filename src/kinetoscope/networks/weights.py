"""How are weights saved, opened without running anything in the file, and matched to a network?

A network is saved as one safetensors file that says all it takes to build the network again: its
name, options, labels, ClipSpec, and the recipe that made it. Checkpoints of others are opened as
plain tensors, and their names translated. A checkpoint either fits a network completely, or is
refused with a list of what matched and what did not: weights are never left out quietly. Labels
come from the file or from the user, never from the order of scores unsaid.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

import kinetoscope
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import WeightsError, unknown_name
from kinetoscope.files import whole_file
from kinetoscope.networks.files.checkpoints import (
    FORMAT,
    Checkpoint,
    read_checkpoint,
    read_metadata,
)
from kinetoscope.networks.files.matching import COUNTER, Match, fit, not_finite, some
from kinetoscope.networks.files.origin import Origin, origin_of
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import ZOO, build_network, family_of, is_name

__all__ = ["Match", "fit", "load_network", "load_weights", "open_weights", "save_network"]

TO_BUILD = {"name", "options", "labels", "expects"}
"""What a file must say so that its network can be built again."""

ELSEWHERE = ("file:", "hf:")
"""What the names of networks begin with that are code or files of somebody else."""

PUBLISHED = "published"

Labels = Sequence[str] | int | None


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
    labels: Labels = None,
    partial: bool = False,
    allow_nan: bool = False,
) -> Network:
    """Open a network, in eval mode.

    Args:
        name_or_path: a file that `save_network` wrote; or the name of a network.
        weights: a checkpoint of any library that is known, whatever its format; or the word
            `published`, or a name of torchvision's such as `KINETICS400_V1`, for weights that are
            on this machine already (`kinetoscope download`). None leaves the network untrained, or
            with what its source brings.
        labels: the name of each score, or how many there are; None takes what the file says, else
            those that the network was published with.
        partial: whether to go on where tensors are missing, left over or of another shape; those
            of the network that are not found are started at random.
        allow_nan: whether to go on where a weight is no number, or infinite.

    Raises:
        UnknownNameError: there is neither such a network nor such a file.
        WeightsError: the file is no checkpoint, is damaged, asks to run code, or does not fit the
            network; says what matched.
    """
    name = str(name_or_path)
    if weights is None and is_name(name):
        return build_network(name, labels=labels).eval()
    if weights is None:
        return _load_saved(Path(name_or_path), labels, allow_nan=allow_nan)[0]
    return open_weights(name, weights, labels=labels, partial=partial, allow_nan=allow_nan)[0]


def open_weights(
    name: str,
    weights: Path | str,
    *,
    labels: Labels = None,
    partial: bool = False,
    allow_nan: bool = False,
) -> tuple[Network, Match]:
    """Build a network around a checkpoint; as `load_network`, and what matched.

    Frames are shown to it as they were in training, where that is known: by the network's own
    ClipSpec, and where blue came first by the order of its first filters.
    """
    path, published = _found(name, weights)
    checkpoint = read_checkpoint(path)
    if checkpoint.about.get("name") == name:
        return _load_saved(path, labels, allow_nan=allow_nan)
    names = labels if labels is not None else published or checkpoint.labels
    if name.startswith(ELSEWHERE):
        network = build_network(name, labels=names).eval()
        return network, _load(network, path, checkpoint, partial=partial, allow_nan=allow_nan)
    empty = _without_memory(name, labels=names)
    origin = origin_of(checkpoint, empty)
    if origin.options:
        empty = _without_memory(name, labels=names, **origin.options)
        origin = replace(origin, spec=origin_of(checkpoint, empty).spec)
    fitted, match = origin.fit(empty.model.state_dict())
    _check(fitted, match, empty, path, origin, partial=partial, allow_nan=allow_nan)
    if match.complete:
        return _filled(empty, fitted, origin.spec), match
    network = build_network(name, labels=names, expects=origin.spec, **origin.options)
    network.model.load_state_dict({**network.model.state_dict(), **fitted})
    return network.eval(), match


def load_weights(
    network: Network,
    path: Path | str,
    *,
    without: Sequence[str] = (),
    partial: bool = False,
    allow_nan: bool = False,
) -> Match:
    """Load a checkpoint into a network that is there already.

    Args:
        network: changed in place, and only if everything fits. How it shows frames to its model
            stays as it is; where the checkpoint wants it otherwise, the match has a note of it.
        path: a checkpoint of any library that is known.
        without: layers that keep the weights they have, such as `("label",)` for fine-tuning on
            other labels.
        partial: whether to go on where tensors are missing, left over or of another shape.
        allow_nan: whether to go on where a weight is no number, or infinite.

    Returns:
        what matched.

    Raises:
        WeightsError: the checkpoint does not fit; says what matched.
        UnknownNameError: there is no such layer to leave as it is.
    """
    for layer in without:
        network.layer(layer)
    checkpoint = read_checkpoint(Path(path))
    return _load(
        network, Path(path), checkpoint, without=without, partial=partial, allow_nan=allow_nan
    )


def _load(
    network: Network,
    path: Path,
    checkpoint: Checkpoint,
    *,
    without: Sequence[str] = (),
    partial: bool,
    allow_nan: bool,
) -> Match:
    wanted = network.model.state_dict()
    origin = origin_of(checkpoint, network, stays=True)
    fitted, match = origin.fit(wanted, without=without)
    _check(fitted, match, network, path, origin, partial=partial, allow_nan=allow_nan)
    network.model.load_state_dict({**wanted, **fitted})
    network.__dict__.pop("weights_hash", None)  # the hash of the weights that were there before
    return match


def _found(name: str, weights: Path | str) -> tuple[Path, tuple[str, ...] | None]:
    """The file of weights, and their labels where these are in no file."""
    path = Path(weights)
    family, rest = family_of(name)
    if path.exists() or not str(weights).isidentifier():
        return path, None
    if hasattr(family, "released"):
        released = family.released(rest, str(weights))
        return released.file(), released.labels
    raise WeightsError(
        f"{path} can't be opened",
        got=f"no such file, and no weights of {name} that a library has released",
        expected="a checkpoint file",
        hint=f'load_network("{name}") brings those of its source' if name[:3] == "hf:" else None,
    )


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors on the CPU of which no two share memory, as safetensors wants them."""
    apart, seen = {}, set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        memory = here.untyped_storage().data_ptr()
        apart[name] = here.clone() if memory in seen else here
        seen.add(memory)
    return apart


def _load_saved(path: Path, labels: Labels, *, allow_nan: bool) -> tuple[Network, Match]:
    about = _check_saved(path)
    count = labels if labels is None or isinstance(labels, int) else len(labels)
    if count is not None and count != len(about["labels"]):
        raise WeightsError(
            f"{path} has another number of labels",
            got=f"{count} labels",
            expected=f"{len(about['labels'])}: {some(about['labels'])}",
        )
    empty = _without_memory(
        about["name"],
        labels=about["labels"] if labels is None or isinstance(labels, int) else labels,
        expects=ClipSpec.from_json(about["expects"]),
        **about["options"],
    )
    origin = Origin(read_checkpoint(path), empty.expects)
    fitted, match = fit(origin.checkpoint.tensors, empty.model.state_dict())
    _check(fitted, match, empty, path, origin, partial=False, allow_nan=allow_nan)
    return _filled(empty, fitted, empty.expects), match


def _without_memory(name: str, **what: Any) -> Network:
    with torch.device("meta"), _Unstarted():
        return build_network(name, **what)


class _Unstarted(TorchFunctionMode):
    """Weights are not drawn at random: without memory, that would take as long and give nothing."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        return func(*args, **(kwargs or {}))


def _check_saved(path: Path) -> dict[str, Any]:
    """What the file says of its network, if that can be built."""
    if not path.is_file():
        if path.suffix or path.parent != Path():
            raise WeightsError(
                f"{path} can't be opened",
                got="a folder" if path.is_dir() else "no such file",
                expected="a file that Kinetoscope saved, or a network's name",
            )
        raise unknown_name("network", str(path), list(ZOO))
    about = read_metadata(path) or {}
    name = about.get("name")
    if isinstance(name, str) and name.startswith(ELSEWHERE):
        raise WeightsError(
            f"{path} has the weights of a network that is not in it",
            got=f"weights of {name}",
            expected="a network of the zoo, which opening a file can build",
            hint="where you trust that source, name it yourself: "
            f'load_network("{name}", weights="{path}")',
        )
    if not isinstance(name, str) or not is_name(name) or not about.keys() >= TO_BUILD:
        raise WeightsError(
            f"{path} does not say how to build its network",
            got=f"the name {name}" if name else "no name of a network",
            expected="a file that save_network wrote, of a network of the zoo",
            hint='load_network("NAME", weights=...) or load_weights(network, ...)',
        )
    return about


def _filled(empty: Network, fitted: Mapping[str, Tensor], spec: ClipSpec) -> Network:
    """Fill a network that was built without memory with all its weights."""
    counters = {
        name: torch.zeros(tensor.shape, dtype=tensor.dtype, device="cpu")
        for name, tensor in empty.model.state_dict().items()
        if name.endswith(COUNTER)
    }
    empty.model.load_state_dict({**counters, **fitted}, assign=True)
    return Network(
        empty.model,
        labels=empty.labels,
        expects=spec,
        name=empty.name,
        options=empty.options,
        layers=empty.layers,
    ).eval()


def _check(
    fitted: Mapping[str, Tensor],
    match: Match,
    network: Network,
    path: Path,
    origin: Origin,
    *,
    partial: bool,
    allow_nan: bool,
) -> None:
    """Refuse weights that are not all there, or no numbers, unless that was asked for."""
    if origin.unmet and not partial:
        raise WeightsError(
            f"{path} would not answer in {network.name} as it was trained",
            got=f"a checkpoint of {origin.dialect.name}",
            expected=f"a network with {', '.join(origin.unmet)}",
            hint="partial=True loads the weights nevertheless",
        )
    if not match.complete and not (partial and match.loaded):
        _refuse(match, network, path, origin)
    if not allow_nan and (names := not_finite(fitted)):
        raise WeightsError(
            f"{path} has weights that are no numbers",
            got=f"NaN or infinity in {some(names)}",
            expected="finite numbers",
            hint="training has diverged, or the file is damaged; allow_nan=True loads it anyhow",
        )


def _refuse(match: Match, network: Network, path: Path, origin: Origin) -> NoReturn:
    if trained_on := _labels_of(match, len(network.labels)):
        layers = list(dict.fromkeys(_layer_of(name, network) for name, _, _ in match.misfits))
        raise WeightsError(
            f"{path} was trained on other labels than {network.name} has",
            got=f"scores for {trained_on} labels; {match}",
            expected=f"scores for {len(network.labels)} labels",
            hint=f"name its labels (labels=[{trained_on} names]), or say how many (labels="
            f"{trained_on}), or leave out what scores them:"
            f" load_weights(network, path, without={layers})",
        )
    about = origin.checkpoint.about.get("name")
    raise WeightsError(
        f"{path} does not fit {network.name}",
        got=match,
        expected="every tensor in both, and of one shape",
        hint=f"the file says that it is {about}"
        if about
        else origin.why_not(network.model.state_dict()),
    )


def _layer_of(weight: str, network: Network) -> str:
    holders = [layer for layer in network.layers if weight.startswith(f"{layer}.")]
    return holders[0] if holders else weight.rpartition(".")[0]


def _labels_of(match: Match, labels: int) -> int | None:
    """How many labels the checkpoint scores, where that is all in which it differs."""
    counts = {found[:1] for _, found, _ in match.misfits}
    only_the_first = all(
        found[1:2] == wanted[1:2] and wanted[:1] == (labels,) for _, found, wanted in match.misfits
    )
    alone = not match.missing and not match.unexpected
    return next(iter(counts))[0] if alone and len(counts) == 1 and only_the_first else None
