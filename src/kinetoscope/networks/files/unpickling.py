"""What does a pickle hold, read without importing or calling anything that it names?

A pickle is a program for a small machine with a stack. Python's own machine imports whatever a
program names and calls it. This one has no way to: a name stays a name, and the only calls are
those of a table whose entries are written below. An object of a class that is not known becomes
`Inert`: it says its class and nothing else. A call of anything else ends the reading.

What is read is bounded by what is there: no length is believed beyond the end of the data, arrays
are views of it, and a program may take so many steps and no more.

Source: Python, `pickletools` (protocols 0 to 5; PEP 307, PEP 3154 and PEP 574).
"""

import codecs
import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any

from kinetoscope.networks.files.pickled import (
    MADE,
    NUMPY,
    PLAIN,
    Calls,
    DamagedError,
    Inert,
    Name,
    PickledArray,
    PickledType,
    UnsafeError,
    as_key,
    as_set,
)

STEPS = 1_000_000
"""How many operations a pickle may take: a checkpoint of 552 tensors takes 15,000, and each makes
at most some 100 bytes."""

LONG_TEXT = 1 << 16
"""Byte strings of Python 2 that are longer [bytes] are the contents of arrays, and stay views."""

LONG_NUMBER = 64
"""A whole number has no more bytes, or digits in text: the state of a random generator has 16."""

COPIED = (str, bytes, list, dict, set)
"""What a call of the tables below may make a copy of."""


def read_pickle(
    data: memoryview, *, start: int = 0, calls: Calls | None = None, persistent: Any = None
) -> tuple[Any, int]:
    """Read one pickle.

    Args:
        data: what it lies in.
        start: where it begins [bytes].
        calls: what may be called besides the plain containers and numpy's arrays, by name.
        persistent: what answers for an identifier of something that lies outside of the pickle.

    Returns:
        what it holds, and where it ends.

    Raises:
        UnsafeError: it asks for a call that is not known.
        DamagedError: it ends early, is not a pickle, or takes too many steps.
    """
    machine = _Machine(data, start, {**PLAIN, **NUMPY, **(calls or {})}, persistent)
    try:
        for _ in range(STEPS):
            code = machine.take(1)[0]
            if code == pickle.STOP[0]:
                return machine.stack[-1], machine.place
            if code not in OPERATIONS:
                raise DamagedError(f"no operation of a pickle begins with byte {code}")
            OPERATIONS[code](machine)
    except (UnsafeError, DamagedError):
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise DamagedError(f"a pickle that makes no sense at byte {machine.place:,}") from error
    raise DamagedError(f"a pickle of more than {STEPS:,} steps")


class _Machine:
    """The stack, the marks and the memo of a pickle that is being read."""

    def __init__(self, data: memoryview, start: int, calls: Calls, persistent: Any):
        self.data, self.place, self.calls, self.persistent = data, start, calls, persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def take(self, count: int) -> memoryview:
        end = self.place + count
        if count < 0 or end > len(self.data):
            raise DamagedError(f"a pickle that wants {count:,} bytes beyond its end")
        taken, self.place = self.data[self.place : end], end
        return taken

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        width = 128
        while (end := (window := self._ahead(width)).find(b"\n")) < 0:
            if len(window) < width:
                raise DamagedError("a pickle whose line has no end")
            width *= 4
        self.take(end + 1)
        return window[:end].decode("latin1")

    def _ahead(self, count: int) -> bytes:
        return bytes(self.data[self.place : self.place + count])

    def push(self, value: object) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def remember(self, where: int) -> None:
        self.memo[where] = self.stack[-1]

    def recall(self, where: int) -> None:
        self.push(self.memo[where])

    def gather(self, count: int) -> None:
        items = tuple(self.stack[len(self.stack) - count :]) if count else ()
        if len(items) < count:
            raise DamagedError("a pickle that takes what is not there")
        del self.stack[len(self.stack) - count :]
        self.push(items)

    def append(self, items: Sequence[object]) -> None:
        match self.stack[-1]:
            case list() as into:
                into.extend(items)
            case set() as into:
                into.update(as_key(item) for item in items)
            case Inert():
                pass
            case other:
                raise DamagedError(f"a pickle that appends to a {type(other).__name__}")

    def fill(self, items: Sequence[object]) -> None:
        into = self.stack[-1]
        if isinstance(into, Inert):
            return
        if not isinstance(into, dict):
            raise DamagedError(f"a pickle that puts names into a {type(into).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            into[as_key(key)] = value

    def name(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise DamagedError("a pickle that names something by what is no text")
        self.push(Name(f"{module}.{name}"))

    def call(self) -> None:
        arguments, what = self.stack.pop(), self.stack.pop()
        if not isinstance(what, Name) or not isinstance(arguments, tuple):
            raise DamagedError("a pickle that calls what has no name")
        if what.path not in self.calls:
            raise UnsafeError(f"a pickle that asks for {what.path}")
        self.charge(arguments)
        self.push(self.calls[what.path](*arguments))

    def make(self) -> None:
        """An object of a class, made without calling the class."""
        arguments, what = self.stack.pop(), self.stack.pop()
        if not isinstance(what, Name):
            raise DamagedError("a pickle that makes something of no class")
        known = self.calls.get(what.path)
        self.charge(arguments)
        self.push(known(*arguments) if known and known in MADE else Inert(what.path))

    def build(self) -> None:
        state, what = self.stack.pop(), self.stack[-1]
        if isinstance(what, PickledArray | PickledType):
            self.charge(state)
            what.build(state)

    def charge(self, arguments: Any) -> None:
        """Count what may be copied: bytes are, twice. Who copies more copies in a circle."""
        self.copied += sum(len(each) for each in arguments if isinstance(each, COPIED))
        if self.copied > 2 * len(self.data):
            raise DamagedError("a pickle that copies more than it holds")

    def outside(self, identifier: object) -> None:
        if self.persistent is None:
            raise UnsafeError("a pickle that needs what lies outside of it")
        self.push(self.persistent(identifier))


def _text(content: memoryview) -> str | memoryview:
    """A byte string of Python 2: text where it is short, else the numbers of an array."""
    return content if len(content) > LONG_TEXT else bytes(content).decode("latin1")


def _quoted(line: str) -> str | memoryview:
    """A byte string in protocol 0: quoted, with escapes."""
    body = line.strip()[1:-1].encode("latin1")
    return _text(memoryview(codecs.escape_decode(body)[0]))  # pyright: ignore[reportAttributeAccessIssue]


def _whole(content: memoryview) -> int:
    if len(content) > LONG_NUMBER:
        raise DamagedError(f"a number of {len(content):,} bytes")
    return int.from_bytes(content, "little", signed=True)


def _decimal(line: str) -> int | bool:
    line = line.rstrip("L")
    if len(line) > LONG_NUMBER:
        raise DamagedError(f"a number of {len(line):,} digits")
    return {"00": False, "01": True}[line] if line in ("00", "01") else int(line)


_O = pickle
OPERATIONS: dict[int, Callable[[_Machine], object]] = {
    code[0]: operation
    for code, operation in {
        _O.PROTO: lambda m: m.take(1),
        _O.FRAME: lambda m: m.take(8),
        _O.MARK: _Machine.mark,
        _O.POP: lambda m: m.stack.pop() if m.stack else m.since_mark(),
        _O.POP_MARK: lambda m: m.since_mark(),
        _O.DUP: lambda m: m.push(m.stack[-1]),
        _O.NONE: lambda m: m.push(None),
        _O.NEWTRUE: lambda m: m.push(True),
        _O.NEWFALSE: lambda m: m.push(False),
        # numbers
        _O.INT: lambda m: m.push(_decimal(m.line())),
        _O.LONG: lambda m: m.push(_decimal(m.line())),
        _O.BININT: lambda m: m.push(m.number("<i")),
        _O.BININT1: lambda m: m.push(m.number("<B")),
        _O.BININT2: lambda m: m.push(m.number("<H")),
        _O.LONG1: lambda m: m.push(_whole(m.take(m.number("<B")))),
        _O.LONG4: lambda m: m.push(_whole(m.take(m.number("<i")))),
        _O.FLOAT: lambda m: m.push(float(m.line())),
        _O.BINFLOAT: lambda m: m.push(m.number(">d")),
        # text and bytes
        _O.STRING: lambda m: m.push(_quoted(m.line())),
        _O.BINSTRING: lambda m: m.push(_text(m.take(m.number("<i")))),
        _O.SHORT_BINSTRING: lambda m: m.push(_text(m.take(m.number("<B")))),
        _O.UNICODE: lambda m: m.push(_escaped(m.line())),
        _O.BINUNICODE: lambda m: m.push(_unicode(m.take(m.number("<I")))),
        _O.SHORT_BINUNICODE: lambda m: m.push(_unicode(m.take(m.number("<B")))),
        _O.BINUNICODE8: lambda m: m.push(_unicode(m.take(m.number("<Q")))),
        _O.BINBYTES: lambda m: m.push(m.take(m.number("<I"))),
        _O.SHORT_BINBYTES: lambda m: m.push(m.take(m.number("<B"))),
        _O.BINBYTES8: lambda m: m.push(m.take(m.number("<Q"))),
        _O.BYTEARRAY8: lambda m: m.push(m.take(m.number("<Q"))),
        # containers
        _O.EMPTY_LIST: lambda m: m.push([]),
        _O.EMPTY_DICT: lambda m: m.push({}),
        _O.EMPTY_SET: lambda m: m.push(set()),
        _O.EMPTY_TUPLE: lambda m: m.push(()),
        _O.TUPLE: lambda m: m.push(tuple(m.since_mark())),
        _O.TUPLE1: lambda m: m.gather(1),
        _O.TUPLE2: lambda m: m.gather(2),
        _O.TUPLE3: lambda m: m.gather(3),
        _O.LIST: lambda m: m.push(m.since_mark()),
        _O.DICT: lambda m: m.push(_paired(m.since_mark())),
        _O.FROZENSET: lambda m: m.push(as_set(m.since_mark())),
        _O.APPEND: lambda m: m.append([m.stack.pop()]),
        _O.APPENDS: lambda m: m.append(m.since_mark()),
        _O.ADDITEMS: lambda m: m.append(m.since_mark()),
        _O.SETITEM: lambda m: m.fill([m.stack.pop(), m.stack.pop()][::-1]),
        _O.SETITEMS: lambda m: m.fill(m.since_mark()),
        # what was there before
        _O.PUT: lambda m: m.remember(int(_decimal(m.line()))),
        _O.BINPUT: lambda m: m.remember(m.number("<B")),
        _O.LONG_BINPUT: lambda m: m.remember(m.number("<I")),
        _O.MEMOIZE: lambda m: m.remember(len(m.memo)),
        _O.GET: lambda m: m.recall(int(_decimal(m.line()))),
        _O.BINGET: lambda m: m.recall(m.number("<B")),
        _O.LONG_BINGET: lambda m: m.recall(m.number("<I")),
        # names, calls and objects
        _O.GLOBAL: lambda m: m.name(m.line(), m.line()),
        _O.STACK_GLOBAL: lambda m: m.name(*[m.stack.pop(), m.stack.pop()][::-1]),
        _O.REDUCE: _Machine.call,
        _O.NEWOBJ: _Machine.make,
        _O.NEWOBJ_EX: lambda m: (m.stack.pop(), m.make()),  # leave out what is named
        _O.BUILD: _Machine.build,
        _O.PERSID: lambda m: m.outside(m.line()),
        _O.BINPERSID: lambda m: m.outside(m.stack.pop()),
    }.items()
}
"""The operations of a pickle. Those that call a class (INST, OBJ) and those that look one up by
number (EXT1, EXT2, EXT4) are not there."""


def _escaped(line: str) -> str:
    """Text in protocol 0."""
    return line.encode("latin1").decode("raw-unicode-escape")


def _unicode(content: memoryview) -> str:
    return bytes(content).decode("utf-8", "surrogatepass")


def _paired(items: Sequence[object]) -> dict[Any, Any]:
    return {as_key(k): v for k, v in zip(items[::2], items[1::2], strict=True)}
