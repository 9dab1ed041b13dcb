"""What does a file of `torch.save` hold, read without running anything in it?

Since version 1.6 such a file is a zip archive: a pickle that says which tensor is a view of which
storage, and one member a storage. Before, it was pickles one after the other, then the storages.
Both are read as data (see `unpickling`): storages stay where they are in the file and are mapped,
so a tensor takes memory when it is used, and none can be larger than what is there.

Source: PyTorch, `torch/serialization.py` (both formats) and `torch/_utils.py` (tensors).
"""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from kinetoscope.networks.files.mapped import Window
from kinetoscope.networks.files.pickled import DamagedError, Inert, Name, UnsafeError
from kinetoscope.networks.files.unpickling import read_pickle

ZIP, LEGACY = b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc"
"""How torch.save begins its files: since version 1.6, and before."""

KINDS = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}

MOST_AXES = 16

REBUILD = "torch._utils._rebuild_"

LOCAL_HEADER, NAME_LENGTH = 30, slice(26, 28)  # of a member of a zip archive [bytes]
EXTRA_LENGTH = slice(28, 30)


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file, and where a view of it begins."""

    key: str
    dtype: torch.dtype
    count: int
    start: int = 0


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that is not read yet: how it lies in its storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


class TorchFile:
    """What a file of `torch.save` holds: plain containers, and `StoredTensor` for tensors."""

    def __init__(self, found: Any, contents: Mapping[str, memoryview]):
        self.found, self._contents = found, contents
        self._mapped: dict[str, Tensor] = {}

    def tensor(self, stored: StoredTensor) -> Tensor:
        """The tensor itself, a view of the file.

        Raises:
            DamagedError: it reaches beyond its storage.
        """
        whole, kind = self._storage(stored.storage.key), stored.dtype
        first = stored.storage.start * stored.storage.dtype.itemsize
        numbers = whole[first : first + (len(whole) - first) // kind.itemsize * kind.itemsize]
        _check_reach(stored, len(numbers) // kind.itemsize)
        if first % kind.itemsize:
            numbers = numbers.clone()
        numbers = numbers.view(kind)
        start = numbers.storage_offset() + stored.offset
        return numbers.as_strided(stored.size, stored.stride, start)

    def _storage(self, key: str) -> Tensor:
        if key not in self._mapped:
            content = self._contents.get(key, memoryview(b""))
            mapped = (
                torch.frombuffer(content, dtype=torch.uint8)
                if len(content)
                else torch.empty(0, dtype=torch.uint8)
            )
            aligned = mapped.data_ptr() % torch.float64.itemsize == 0
            self._mapped[key] = mapped if aligned else mapped.clone()
        return self._mapped[key]


def read_torch_file(data: memoryview) -> TorchFile:
    """Read what `torch.save` wrote.

    Raises:
        UnsafeError: it asks for a call, or is packed in a way that may grow.
        DamagedError: it ends early, or is not such a file.
    """
    return _read_zip(data) if bytes(data[:4]) == ZIP else _read_legacy(data)


def _read_zip(data: memoryview) -> TorchFile:
    try:
        with zipfile.ZipFile(Window(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise DamagedError(f"a zip archive that can't be read ({error})") from error
    programs = [each for each in members if each.filename.rpartition("/")[2] == "data.pkl"]
    if len(programs) != 1:
        raise DamagedError("a zip archive without what torch.save writes")
    folder = programs[0].filename.removesuffix("data.pkl")
    contents = {
        each.filename.removeprefix(folder): _member(data, each)
        for each in members
        if each.filename.startswith(folder) and not each.is_dir()
    }
    if sum(each.file_size for each in members) > len(data):
        raise UnsafeError("a zip archive whose members lie over one another")
    if bytes(contents.get("byteorder", memoryview(b"little"))) != b"little":
        raise DamagedError("a file of a machine with another order of bytes")
    storages = {
        name.removeprefix("data/"): content
        for name, content in contents.items()
        if name.startswith("data/")
    }
    found, _ = read_pickle(contents["data.pkl"], calls=CALLS, persistent=_identified)
    return TorchFile(found, storages)


def _member(data: memoryview, member: zipfile.ZipInfo) -> memoryview:
    """A member's bytes where they lie.

    What is compressed may be a thousand times larger than it looks; torch.save compresses nothing.
    """
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
        raise UnsafeError(
            f"a compressed member {member.filename[:80]!r} that says it holds"
            f" {member.file_size:,} bytes, which torch.save never writes"
        )
    header = data[member.header_offset : member.header_offset + LOCAL_HEADER]
    if len(header) < LOCAL_HEADER or bytes(header[:4]) != ZIP:
        raise DamagedError(f"a member {member.filename[:80]!r} that is not where it should be")
    lengths = (int.from_bytes(header[part], "little") for part in (NAME_LENGTH, EXTRA_LENGTH))
    begin = member.header_offset + LOCAL_HEADER + sum(lengths)
    if begin + member.file_size > len(data):
        raise DamagedError(f"a member {member.filename[:80]!r} that ends beyond the file")
    return data[begin : begin + member.file_size]


def _read_legacy(data: memoryview) -> TorchFile:
    _, place = read_pickle(data)  # the magic number
    _, place = read_pickle(data, start=place)  # the version of the protocol
    system, place = read_pickle(data, start=place)
    if not (isinstance(system, dict) and system.get("little_endian", True)):
        raise DamagedError("a file of a machine with another order of bytes")
    storages: dict[str, Storage] = {}

    def identified(identifier: object) -> Storage:
        storage = _identified(identifier)
        storages.setdefault(storage.key, storage)
        return storage

    found, place = read_pickle(data, start=place, calls=CALLS, persistent=identified)
    keys, place = read_pickle(data, start=place)
    contents = {}
    for key in keys if isinstance(keys, list) else []:
        width = storages[key].dtype.itemsize if key in storages else 0
        count = int.from_bytes(data[place : place + 8], "little")
        begin, place = place + 8, place + 8 + count * width
        if not width or place > len(data):
            raise DamagedError(f"a storage of {count:,} numbers that ends beyond the file")
        contents[key] = data[begin:place]
    return TorchFile(found, contents)


def _identified(identifier: Any) -> Storage:
    """The storage that a pickle means by `("storage", type, key, device, count[, view])`."""
    match identifier:
        case ("storage", Name(path), str(key), _, int(count), *view):
            kind = KINDS.get(path.rpartition(".")[2])
            start = view[0][1] if view and isinstance(view[0], tuple) else 0
            if kind is None or not path.startswith("torch."):
                raise UnsafeError(f"a storage of the kind {path[:80]}")
            return Storage(key, kind, count, start if isinstance(start, int) else 0)
    raise DamagedError("a storage that has no name")


def _tensor(
    storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> StoredTensor:
    return StoredTensor(storage, offset, tuple(size), tuple(stride), storage.dtype)


def _typed(*arguments: Any) -> StoredTensor:
    """A tensor that says its own type, after its gradient and its hooks."""
    kind = KIND_NAMES.get(arguments[6].path)
    if kind is None:
        raise UnsafeError(f"a tensor of the kind {arguments[6].path[:80]}")
    return replace(_tensor(*arguments), dtype=kind)


def _first(tensor: object, *_: object) -> object:
    return tensor


def _from_type(call: Name, kind: Name, arguments: tuple[Any, ...], *_: object) -> object:
    """A tensor with attributes of its own, which are left out."""
    known = isinstance(kind, Name) and kind.path in ("torch.Tensor", "torch.nn.parameter.Parameter")
    if not known or not isinstance(call, Name) or not call.path.startswith(REBUILD):
        raise UnsafeError(f"a pickle that asks for {getattr(kind, 'path', kind)}")
    return CALLS[call.path](*arguments)


def _size(extents: tuple[int, ...] = ()) -> tuple[int, ...]:
    return tuple(extents)


def _device(*_: object) -> Inert:
    return Inert("torch.device")


KIND_NAMES = {
    str(kind): kind
    for kind in (*KINDS.values(), torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16)
}

CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.serialization._get_layout": _device,
}
"""What torch.save asks a reader to call, and what is done instead."""


def _check_reach(stored: StoredTensor, numbers: int) -> None:
    """Refuse a tensor that claims numbers that its storage has not, or shows some twice."""
    extents = (*stored.size, *stored.stride, stored.offset, stored.storage.start)
    whole = all(isinstance(each, int) and each >= 0 for each in extents)
    if not whole or len(stored.size) != len(stored.stride) or len(stored.size) > MOST_AXES:
        raise DamagedError(f"a tensor of the shape {str(stored.size)[:80]}")
    count = prod(stored.size)
    steps = zip(stored.size, stored.stride, strict=True)
    last = stored.offset + sum((size - 1) * step for size, step in steps)
    if count and (count > numbers or last >= numbers):
        raise DamagedError(
            f"a tensor of the shape {str(stored.size)[:80]}, which is {count:,} numbers, in a"
            f" storage of {numbers:,}"
        )
