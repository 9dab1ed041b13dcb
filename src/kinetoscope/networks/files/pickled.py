"""What may a pickle hold, and what is made of it instead?

Names that are never imported, objects that keep their class's name and nothing else, arrays that
are views, and the few calls that are answered: each by a function below, none by what was named.

Source: numpy, `numpy/core/multiarray` (`_reconstruct`, `scalar`) and the state of its arrays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Calls = Mapping[str, Callable[..., object]]


class UnsafeError(ValueError):
    """A pickle asks for something that is not data."""


class DamagedError(ValueError):
    """A pickle ends early, or is not one."""


@dataclass(frozen=True)
class Name:
    """Something that a pickle names, as `torch.FloatStorage`; it is never imported."""

    path: str


class Inert:
    """Stands where a pickle has an object of a class that is not known; keeps only its name."""

    def __init__(self, path: str):
        self.path = path


class PickledArray:
    """A numpy array whose numbers are a view of the pickle."""

    def __init__(self):
        self.shape: tuple[int, ...] = ()
        self.kind: PickledType | None = None
        self.fortran, self.content = False, memoryview(b"")

    def build(self, state: object) -> None:
        """Take the state that numpy wrote: version, shape, type, order and numbers."""
        match state:
            case (int(), tuple(shape), PickledType() as kind, fortran, content):
                self.shape, self.kind, self.fortran = shape, kind, bool(fortran)
            case _:
                raise DamagedError("an array whose state is not numpy's")
        if kind.code.startswith(("O", "|O")):
            raise UnsafeError("an array of Python objects")
        self.content = as_bytes(content)

    def array(self) -> np.ndarray:
        """The array itself.

        Raises:
            DamagedError: its shape does not fit the numbers that are there.
        """
        kind = self.kind.dtype() if self.kind else np.dtype("f4")
        if not all(isinstance(n, int) and n >= 0 for n in self.shape):
            raise DamagedError(f"an array of the shape {str(self.shape)[:80]}")
        wanted = prod(self.shape) * kind.itemsize
        if wanted != len(self.content):
            raise DamagedError(
                f"an array of the shape {str(self.shape)[:80]}, which takes {wanted:,} bytes, in"
                f" {len(self.content):,} bytes"
            )
        flat = np.frombuffer(self.content, kind)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


class PickledType:
    """The type of a numpy array: a code such as `f4`, and the order of its bytes."""

    def __init__(self, code: object = "", *_: object):
        self.code, self.order = str(code), "="

    def build(self, state: object) -> None:
        """Take the state that numpy wrote; only the order of bytes matters for numbers."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]

    def dtype(self) -> np.dtype:
        """The type as numpy has it, of numbers only.

        Raises:
            UnsafeError: it is a type of something else.
        """
        code = self.code.lstrip("<>|=")
        if code not in NUMBERS:
            raise UnsafeError(f"an array of the type {self.code[:40]!r}")
        return np.dtype(code).newbyteorder(self.order)  # pyright: ignore[reportArgumentType]


NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


def _ordered(items: object = ()) -> dict[Any, Any]:
    if not isinstance(items, list | tuple | dict):
        raise DamagedError("an ordered dictionary of something else")
    pairs = items.items() if isinstance(items, dict) else items
    return {as_key(key): value for key, value in pairs}


def _default(*_: object) -> dict[Any, Any]:
    return {}


def as_set(items: Sequence[object] = ()) -> set[Any]:
    """A set, whether a pickle can change it or not."""
    return {as_key(item) for item in items}


def _encoded(text: str, encoding: str = "latin1", *_: object) -> bytes:
    if encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise UnsafeError(f"a pickle that asks for the encoding {encoding[:40]}")
    return text.encode(encoding)


def _made_bytes(content: object = b"", *encoding: str) -> memoryview:
    """Bytes of bytes or of text; never so and so many zeros."""
    return as_bytes(_encoded(content, *encoding) if isinstance(content, str) else content)


def _inert(kind: object = None, *_: object) -> Inert:
    return Inert(kind.path if isinstance(kind, Name | Inert) else "an object")


def _array(*_: object) -> PickledArray:
    return PickledArray()


def _array_of(content: object, kind: PickledType, shape: object, order: str = "C") -> PickledArray:
    made = PickledArray()
    made.build((1, shape, kind, order == "F", content))
    return made


def _scalar(kind: PickledType, content: object = b"") -> int | float | bool | Inert:
    raw = as_bytes(content)
    try:
        of = kind.dtype()
    except UnsafeError:
        return Inert("numpy." + kind.code)
    if len(raw) != of.itemsize:
        raise DamagedError("a number of another length than its type")
    return np.frombuffer(raw, of)[0].item()


def as_key(value: Any) -> Any:
    """A key that can be hashed at once: of a deep tuple that could take forever."""
    plain = (str, int, float, bool, bytes, type(None), Name)
    flat = isinstance(value, tuple) and len(value) < 100
    if not isinstance(value, plain) and not (flat and all(isinstance(v, plain) for v in value)):
        raise DamagedError(f"a pickle with a {type(value).__name__} as a name")
    return value


def as_bytes(content: object) -> memoryview:
    """The numbers of an array, in whatever way a pickle has bytes."""
    match content:
        case memoryview():
            return content
        case bytes() | bytearray():
            return memoryview(content)
        case str():
            return memoryview(content.encode("latin1"))
    raise UnsafeError(f"bytes made of a {type(content).__name__}")


PLAIN: dict[str, Callable[..., object]] = {
    "collections.OrderedDict": _ordered,
    "collections.defaultdict": _default,
    "collections.Counter": _ordered,
    "mmengine.config.config.ConfigDict": _ordered,
    "mmcv.utils.config.ConfigDict": _ordered,
    "yacs.config.CfgNode": _ordered,
    "fvcore.common.config.CfgNode": _ordered,
    "_codecs.encode": _encoded,
    **{
        f"{module}.{name}": made
        for module in ("builtins", "__builtin__")
        for name, made in {
            "set": as_set,
            "frozenset": as_set,
            "bytes": _made_bytes,
            "bytearray": _made_bytes,
            "getattr": _inert,  # a method, which mmengine keeps beside what it has logged
            "slice": _inert,
            "complex": _inert,
        }.items()
    },
    "copy_reg._reconstructor": _inert,
    "copyreg._reconstructor": _inert,
    **dict.fromkeys(
        (
            *("datetime.datetime", "datetime.timedelta"),
            *("pathlib.PosixPath", "pathlib.WindowsPath"),
            *("pathlib._local.PosixPath", "pathlib._local.WindowsPath"),
            *("collections.deque", "types.SimpleNamespace", "functools.partial"),
        ),
        _inert,
    ),
}
"""What a pickle may call, and what is done instead: a container is made, or nothing."""

NUMPY: dict[str, Callable[..., object]] = {
    "numpy.dtype": PickledType,
    **{
        f"numpy.{where}.{name}": made
        for where in ("core", "_core")
        for name, made in {
            "multiarray._reconstruct": _array,
            "multiarray.scalar": _scalar,
            "numeric._frombuffer": _array_of,
        }.items()
    },
}

MADE = (_ordered, _default, as_set)
"""Classes of the tables above that a pickle may also make an object of."""
