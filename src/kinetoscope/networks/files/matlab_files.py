"""What does a file of MATLAB hold, read without running anything in it?

A file of version 5 to 7 is a row of elements, each a header and its bytes, some of them compressed.
Numbers, text, cells and structures are read; an object gives its class alone. Every length is
checked against what is there, and a compressed element against how far weights can be compressed.

Source: MathWorks, "MAT-File Format", chapter 1 (level 5).
"""

import struct
import zlib
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from kinetoscope.networks.files.mapped import FREE_GROWTH, LARGEST_GROWTH, PIECE
from kinetoscope.networks.files.pickled import DamagedError, UnsafeError

HEADER, VERSION, ORDER = 128, slice(124, 126), slice(126, 128)  # [bytes]

LEVEL_5 = b"MATLAB 5.0 MAT-file"
HDF5 = b"\x89HDF\r\n\x1a\n"

NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",  # text in UTF-8
    17: "u2",  # in UTF-16
    18: "u4",  # in UTF-32
}
"""The type of an element's numbers, by its number in the header."""

MATRIX, COMPRESSED = 14, 15
CELL, STRUCTURE, OBJECT, TEXT, SPARSE = 1, 2, 3, 4, 5
DOUBLE, LAST_NUMBER = 6, 15  # the classes of plain numbers, from DOUBLE on
FLAG_COMPLEX = 0x0800

DEEPEST = 32
"""How deep cells and structures may lie in one another: a network lies six deep."""

MOST = 2_000_000
"""How many elements a file may have."""


@dataclass
class _Left:
    """How many more elements may be read."""

    elements: int = MOST

    def take(self) -> None:
        self.elements -= 1
        if self.elements < 0:
            raise UnsafeError(f"a file of MATLAB with more than {MOST:,} elements")


def read_matlab(data: memoryview) -> dict[str, Any]:
    """The variables of a file: numbers as arrays, text, lists of cells, structures as dictionaries.

    An array of several structures is a list of dictionaries. A single cell is a list of one.

    Raises:
        DamagedError: it ends early, or is not such a file.
        UnsafeError: it is compressed further than weights can be.
    """
    if bytes(data[ORDER]) != b"IM":
        raise DamagedError("a file of MATLAB of a machine with another order of bytes")
    place, found, left = HEADER, {}, _Left()
    most = max(FREE_GROWTH, LARGEST_GROWTH * len(data))
    while place < len(data):
        kind, content, place = _element(data, place, aligned=False)
        left.take()
        if kind == COMPRESSED:
            unpacked = _unpacked(content, most)
            most -= len(unpacked)
            kind, content, _ = _element(unpacked, 0)
        if kind == MATRIX:
            name, value = _matrix(content, left, DEEPEST)
            found[name] = value
    return found


def _element(data: memoryview, place: int, *, aligned: bool = True) -> tuple[int, memoryview, int]:
    """An element's kind and bytes, and where the next begins."""
    header = data[place : place + 8]
    if len(header) < 8:  # two numbers of four bytes
        raise DamagedError("a file of MATLAB that ends early")
    kind, size = struct.unpack("<II", header)
    if kind >> 16:  # short elements have their bytes in the header
        return kind & 0xFFFF, data[place + 4 : place + 4 + min(kind >> 16, 4)], place + 8
    begin = place + 8
    end = begin + size
    if end > len(data):
        raise DamagedError(f"an element of {size:,} bytes in a file of MATLAB that ends early")
    return kind, data[begin:end], end + (-end % 8 if aligned and kind != COMPRESSED else 0)


def _unpacked(content: memoryview, most: int) -> memoryview:
    machine, whole = zlib.decompressobj(), bytearray()
    try:
        whole += machine.decompress(content, 8)
        size = 8 + struct.unpack("<II", whole)[1]
        if size > most:
            raise UnsafeError(
                f"an element of {len(content):,} bytes that unpacks to {size:,}, more than weights"
            )
        while len(whole) < size and (rest := machine.unconsumed_tail):
            whole += machine.decompress(rest, min(PIECE, size - len(whole)))
    except (zlib.error, struct.error) as error:
        raise DamagedError(f"a compressed element that can't be unpacked ({error})") from error
    if len(whole) < size:
        raise DamagedError("a compressed element that ends early")
    return memoryview(whole)


def _matrix(content: memoryview, left: _Left, depth: int) -> tuple[str, Any]:
    """The name and the value of one matrix, which may be of cells or structures."""
    left.take()
    if depth == 0:
        raise UnsafeError(f"a file of MATLAB more than {DEEPEST} cells deep")
    if len(content) == 0:
        return "", np.zeros((0, 0), np.float32)  # what MATLAB writes for an empty cell
    _, flags, place = _element(content, 0)
    word = int.from_bytes(flags[:4], "little")
    _, extents, place = _element(content, place)
    shape = struct.unpack(f"<{len(extents) // 4}i", extents[: len(extents) // 4 * 4])
    _, name, place = _element(content, place)
    kind, rest = word & 0xFF, content[place:]
    if not shape or min(shape) < 0:
        raise DamagedError(f"a matrix of the shape {shape}")
    if kind == CELL:
        value: Any = _cells(rest, shape, left, depth)
    elif kind in (STRUCTURE, OBJECT):
        value = _structures(rest, shape, left, depth, named=kind == OBJECT)
    elif kind == TEXT:
        value = _text(rest, shape)
    elif DOUBLE <= kind <= LAST_NUMBER and not word & FLAG_COMPLEX:
        value = _numbers(rest, shape)
    else:
        value = None  # a sparse matrix, a function, a number with an imaginary part: no weights
    return bytes(name).decode("latin1"), value


def _numbers(rest: memoryview, shape: tuple[int, ...]) -> np.ndarray:
    kind, content, _ = _element(rest, 0)
    if kind not in NUMBERS:
        raise DamagedError(f"numbers of the kind {kind}")
    each = np.dtype("<" + NUMBERS[kind])
    if prod(shape) * each.itemsize != len(content):
        raise DamagedError(
            f"a matrix of the shape {shape}, which is {prod(shape):,} numbers, in"
            f" {len(content):,} bytes"
        )
    return np.frombuffer(content, each).reshape(shape, order="F")


def _text(rest: memoryview, shape: tuple[int, ...]) -> str:
    kind, content, _ = _element(rest, 0)
    encoding = {"u2": "utf-16-le", "u4": "utf-32-le"}.get(NUMBERS.get(kind, ""), "utf-8")
    return bytes(content).decode(encoding, "replace") if prod(shape) else ""


def _cells(rest: memoryview, shape: tuple[int, ...], left: _Left, depth: int) -> list[Any]:
    found, place = [], 0
    for _ in range(_count(shape, rest)):
        _, content, place = _element(rest, place)
        found.append(_matrix(content, left, depth - 1)[1])
    return found


def _structures(
    rest: memoryview, shape: tuple[int, ...], left: _Left, depth: int, *, named: bool
) -> Any:
    place = _element(rest, 0)[2] if named else 0  # the class of an object
    _, width, place = _element(rest, place)
    _, names, place = _element(rest, place)
    wide = int.from_bytes(width[:4], "little")
    if not 0 < wide <= 64:  # MATLAB's names have at most 63 letters
        raise DamagedError(f"a structure whose names have {wide} letters")
    fields = [
        bytes(names[at : at + wide]).split(b"\0")[0].decode("latin1")
        for at in range(0, len(names), wide)
    ]
    found = []
    for _ in range(_count(shape, rest) if fields else 0):
        each = {}
        for field in fields:
            _, content, place = _element(rest, place)
            each[field] = _matrix(content, left, depth - 1)[1]
        found.append(each)
    return found[0] if len(found) == 1 else found


def _count(shape: tuple[int, ...], rest: memoryview) -> int:
    """How many cells or structures there are: each takes 8 bytes or more."""
    if prod(shape) > len(rest) // 8:
        raise DamagedError(f"a matrix of the shape {shape} in {len(rest):,} bytes")
    return prod(shape)
