"""What does a checkpoint hold, whoever wrote it, read without running anything in it?

The format is found by what the file begins with, never by its name: safetensors, what torch.save
wrote since version 1.6 or before, a pickle of numpy arrays, a network of MatConvNet, and a gzip or
tar archive around any of these. What is not data is refused (see `unpickling`). Large files are
mapped, not read: a tensor takes memory when it is used, and none is larger than its file.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from kinetoscope.errors import WeightsError
from kinetoscope.networks.files.dialects import PLAIN, dialect_of
from kinetoscope.networks.files.mapped import map_file, unpacked
from kinetoscope.networks.files.matconvnet import read_matconvnet
from kinetoscope.networks.files.matlab_files import HDF5, LEVEL_5, read_matlab
from kinetoscope.networks.files.pickled import DamagedError, Inert, PickledArray, UnsafeError
from kinetoscope.networks.files.torch_files import (
    LEGACY,
    ZIP,
    StoredTensor,
    TorchFile,
    read_torch_file,
)
from kinetoscope.networks.files.unpickling import read_pickle

WRAPPERS = (
    "model_state",
    "state_dict",
    "blobs",
    "model",
    "module",
    "target_encoder",
    "encoder",
)
"""Under which key trainers put the weights: PySlowFast; most others; caffe2; VideoMAE, or with
DeepSpeed; V-JEPA 2, whose target encoder is the one to use."""

PREFIXES = ("module.", "model.", "_orig_mod.", "backbone.")
"""What wrappers put before every name: DataParallel, a trainer's own module, torch.compile, and
V-JEPA 2 where it was not put by mmaction2."""

SKIPPED = ("lr", "model_iter")
"""What caffe2 has among its blobs besides weights, and `_momentum` at the end of a name."""

OTHERS = {
    b"<": ("a web page", "the download failed; its address wants another page first"),
    b"version https://git-lfs": ("a Git LFS pointer", "git lfs pull fetches the file itself"),
    HDF5: (
        "an HDF5 file, as MATLAB 7.3 writes them",
        "save it anew in MATLAB: save(file, '-struct', 'net', '-v7')",
    ),
}

FAILING = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError),
    ValueError,
)

MOST_HEADER = 100 * 2**20
"""The longest header of a safetensors file [bytes], as its format says."""

FORMAT = 1
"""Of the metadata that `save_network` writes."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a checkpoint holds.

    Args:
        tensors: the weights, by the names that the file gives them, on the CPU.
        kind: the library whose names they are, as it is told to the user.
        container: the format of the file.
        labels: the name of each score, where the file says.
        epoch: after how many the weights were saved, where the file says.
        settings: what they were trained with, as text, where the file says.
        mean: what was subtracted of each channel of the input, from 0 to 255, where the file says.
        left: what else the file has, by key.
        about: what `save_network` wrote beside the weights.
    """

    tensors: Mapping[str, Tensor]
    kind: str
    container: str
    labels: tuple[str, ...] | None = None
    epoch: int | None = None
    settings: str | None = None
    mean: tuple[float, ...] | None = None
    left: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self):
        """What it is, in a line."""
        parts = [f"{self.kind}: {len(self.tensors)} tensors in {self.container}"]
        if self.labels:
            parts.append(f"names {len(self.labels)} labels")
        if self.epoch is not None:
            parts.append(f"epoch {self.epoch}")
        if self.left:
            parts.append(f"left in the file: {', '.join(self.left[:6])}")
        return "; ".join(parts)


def open_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names, on the CPU.

    Raises:
        WeightsError: see `read_checkpoint`.
    """
    return dict(read_checkpoint(path).tensors)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of any library.

    Args:
        path: a file, whatever its name.

    Raises:
        WeightsError: there is no such file, it is damaged, it holds no weights, it asks to run
            code (nothing is run), or it would grow beyond what weights do.
    """
    try:
        data = map_file(path)
        inside = unpacked(data)
        return _named(_readers(path, inside)(path, inside))
    except OSError as error:
        raise WeightsError(
            f"{path} can't be opened", got=error.strerror, expected="a checkpoint file"
        ) from error
    except UnsafeError as error:
        raise WeightsError(
            f"{path} holds more than weights, and was not opened",
            got=error,
            expected="tensors in plain dictionaries",
            hint="where you trust it, load it yourself and save its state dict alone:"
            ' torch.save(model.state_dict(), "weights.pth")',
        ) from error
    except DamagedError as error:
        raise WeightsError(
            f"{path} is damaged", got=error, expected="a whole checkpoint"
        ) from error


def read_metadata(path: Path) -> dict[str, Any] | None:
    """What `save_network` wrote beside the weights; None where the file is of somebody else.

    Raises:
        WeightsError: the file is damaged, or was saved by a later Kinetoscope.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if not _is_safetensors(memoryview(file.read(9))):
            return None
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("kinetoscope")
        about = None if text is None else json.loads(text)
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} can't be read", got=str(error), expected="a whole safetensors file"
        ) from error
    if about is not None and not isinstance(about, dict):
        about = {}
    if about is not None and about.get("format") != FORMAT:
        import kinetoscope

        raise WeightsError(
            f"{path} was saved by another Kinetoscope",
            got=f"format {about.get('format')} of version {about.get('kinetoscope')}",
            expected=f"format {FORMAT}, which version {kinetoscope.__version__} reads",
        )
    return about


Reader = Callable[[Path, memoryview], Checkpoint]


def _readers(path: Path, data: memoryview) -> Reader:
    """What reads a file that begins as this one does."""
    start = bytes(data[:32])
    if _is_safetensors(data):
        return _read_safetensors
    if start.startswith((ZIP, LEGACY)):
        return _read_torch
    if start.startswith(LEVEL_5):
        return _read_matconvnet
    for begin, (kind, hint) in OTHERS.items():
        if start.startswith(begin):
            raise WeightsError(f"{path} is not a checkpoint", got=kind, expected=_KNOWN, hint=hint)
    if start[:1] == b"\x80" or (start[:1] in b"(}]c" and data[-1:] == b"."):
        return _read_pickle
    kind = f"a file that starts with {start[:8]!r}" if start else "an empty file"
    raise WeightsError(f"{path} is not a checkpoint", got=kind, expected=_KNOWN)


_KNOWN = (
    "safetensors, a state dict of torch.save, a pickle of numpy arrays, or a .mat of MatConvNet"
)


def _is_safetensors(data: memoryview) -> bool:
    return bytes(data[8:9]) == b"{" and bytes(data[:2]) not in (ZIP[:2], LEGACY[:2])


def _read_safetensors(path: Path, data: memoryview) -> Checkpoint:
    header = int.from_bytes(data[:8], "little")
    if header > min(MOST_HEADER, len(data) - 8):
        raise DamagedError(f"a header of {header:,} bytes in a file of {len(data):,}")
    try:
        if len(data) == path.stat().st_size:
            with safe_open(path, framework="pt", device="cpu") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        else:  # it was packed
            tensors = safetensors.torch.load(bytes(data))
    except (safetensors.SafetensorError, ValueError) as error:
        raise DamagedError(error) from error
    if not tensors:
        raise _no_weights(path, "no tensor")
    about = (read_metadata(path) or {}) if len(data) == path.stat().st_size else {}
    return Checkpoint(
        tensors=tensors,
        kind="Kinetoscope" if about else PLAIN.name,
        container="a safetensors file",
        labels=_as_labels(about.get("labels")),
        about=about,
    )


def _read_torch(path: Path, data: memoryview) -> Checkpoint:
    file = read_torch_file(data)
    container = "a file of torch.save" + ("" if bytes(data[:4]) == ZIP else " before 1.6")
    return _from_containers(path, file.found, container, len(data), file)


def _read_pickle(path: Path, data: memoryview) -> Checkpoint:
    found, _ = read_pickle(data)
    return _from_containers(path, found, "a pickle of numpy arrays", len(data))


def _read_matconvnet(path: Path, data: memoryview) -> Checkpoint:
    net = read_matconvnet(read_matlab(data))
    return Checkpoint(
        tensors={name: _from_numpy(array) for name, array in net.arrays.items()},
        kind="MatConvNet",
        container="a file of MATLAB",
        labels=net.labels,
        mean=net.mean,
    )


def _from_containers(
    path: Path, found: Any, container: str, size: int, file: TorchFile | None = None
) -> Checkpoint:
    outer, left = found, []
    while isinstance(found, Mapping):
        inside = next((k for k in WRAPPERS if isinstance(found.get(k), Mapping)), None)
        if inside is None:
            break
        left += [str(key) for key in found if key != inside]
        found = found[inside]
    if not isinstance(found, Mapping):
        raise _no_weights(path, f"an object of {found.path}" if isinstance(found, Inert) else found)
    _check_arrays(found, size)
    tensors = _tensors(found, file)
    if not tensors:
        raise _no_weights(path, ", ".join(map(str, list(found)[:20])) or "nothing")
    return Checkpoint(
        tensors=tensors, kind=PLAIN.name, container=container, left=tuple(left), **_told(outer)
    )


def _tensors(found: Mapping[Any, Any], file: TorchFile | None) -> dict[str, Tensor]:
    """The tensors by name; numbers between them are counts of a trainer."""
    arrays: dict[int, Tensor] = {}  # an array may have two names
    tensors = {}
    for name, value in found.items():
        if isinstance(value, Inert):
            raise UnsafeError(f"an object of {value.path} among the weights, as {str(name)[:80]}")
        if str(name) in SKIPPED or str(name).endswith("_momentum"):
            continue
        if isinstance(value, StoredTensor) and file is not None:
            tensors[str(name)] = file.tensor(value)
        elif isinstance(value, PickledArray):
            if id(value) not in arrays:
                arrays[id(value)] = _from_numpy(value.array())
            tensors[str(name)] = arrays[id(value)]
    return tensors


def _check_arrays(found: Mapping[Any, Any], size: int) -> None:
    """Refuse arrays that are views of the same bytes, of which each would become a copy."""
    arrays = {id(each): each for each in found.values() if isinstance(each, PickledArray)}
    held = sum(len(each.content) for each in arrays.values())
    if held > size:
        raise DamagedError(f"arrays of {held:,} bytes in a pickle of {size:,}")


def _from_numpy(array: np.ndarray) -> Tensor:
    """A tensor of an array, which lies as machines want it."""
    native = array.dtype.newbyteorder("=")
    return torch.from_numpy(np.require(array, native, ["C", "A", "W"]))


def _no_weights(path: Path, got: object) -> WeightsError:
    return WeightsError(
        f"{path} holds no weights",
        got=str(got if isinstance(got, str) else type(got).__name__)[:200],
        expected=f"tensors by name, or such under {', '.join(WRAPPERS)}",
    )


def _told(outer: Any) -> dict[str, Any]:
    """What a trainer wrote beside the weights."""
    outer = _mapping(outer)
    meta = _mapping(outer.get("meta"))
    data_set = _mapping(meta.get("dataset_meta"))
    epoch = outer.get("epoch", meta.get("epoch"))
    settings = [outer.get("cfg"), meta.get("cfg"), meta.get("config"), outer.get("arch")]
    return {
        "labels": _as_labels(meta.get("CLASSES")) or _as_labels(data_set.get("classes")),
        "epoch": epoch if isinstance(epoch, int) else None,
        "settings": next((each for each in settings if isinstance(each, str)), None),
    }


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _as_labels(names: object) -> tuple[str, ...] | None:
    """Labels, where there are some and each is there once."""
    if not isinstance(names, list | tuple) or not all(isinstance(each, str) for each in names):
        return None
    return tuple(names) if names and len(set(names)) == len(names) else None


def _named(checkpoint: Checkpoint) -> Checkpoint:
    """Say whose names the tensors have, and take off what wrappers put before all of them."""
    ways = unwrapped(checkpoint.tensors)
    dialects = [dialect_of(way) for way in ways]
    known = [(way, each) for way, each in zip(ways, dialects, strict=True) if each is not PLAIN]
    if not known:
        return checkpoint
    tensors, dialect = known[0]
    kind = dialect.name if checkpoint.kind == PLAIN.name else checkpoint.kind
    return replace(checkpoint, tensors=tensors, kind=kind)


def unwrapped(found: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """The tensors as they are, and with each prefix that all their names share taken off."""
    ways = [found]
    while prefix := _shared_prefix(ways[-1]):
        ways.append({name.removeprefix(prefix): value for name, value in ways[-1].items()})
    return ways


def _shared_prefix(names: Mapping[str, Tensor]) -> str:
    shared = [prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in names)]
    return shared[0] if names and shared else ""
