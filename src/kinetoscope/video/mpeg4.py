"""Which pictures does an MPEG-4 stream in AVI hold, and in which order are they shown?

AVI has one time a packet, in the order of decoding, and many files pack two pictures into one
packet and put an empty one after it. So the times that a demuxer makes up are wrong by a frame or
two; the types of the pictures tell the order.

Source: ISO/IEC 14496-2, 6.2.5 (video object planes).
"""

import re
from collections.abc import Sequence

INTRA, PREDICTED, BIDIRECTIONAL = 0, 1, 2
_TYPES = (b"\0", b"\1", b"\2", b"\3")

# A picture starts with this code; the next two bits are its type.
_START = b"\x00\x00\x01\xb6"
# A picture that says only "the same again" is no longer than this [bytes].
_NOT_CODED_BYTES = 7
# How an encoder says, among the headers, that it packs two pictures into one packet.
_PACKED = re.compile(rb"DivX\d+(?:b|Build)\d+p")


def is_packed(headers: bytes) -> bool:
    """Whether a stream packs two pictures into one packet, by its headers or its first packet.

    >>> is_packed(b"...DivX503b1393p..."), is_packed(b"...Lavc59.37.100...")
    (True, False)
    """
    return _PACKED.search(headers) is not None


def picture_types(data: bytes, *, packed: bool) -> bytes:
    r"""The types of the pictures in a packet; of a stream that is not packed, of its first.

    Pictures that are not coded are left out: a repetition of the one before, or what stands after
    two that were packed into one packet.

    >>> picture = b"\x00\x00\x01\xb6\x50" + b"much data"
    >>> picture_types(picture * 2, packed=True), picture_types(picture[:6], packed=True)
    (b'\x01\x01', b'')
    """
    types = b""
    start = data.find(_START)
    while start >= 0:
        following = data.find(_START, start + len(_START)) if packed else -1
        end = len(data) if following < 0 else following
        if end - start > _NOT_CODED_BYTES:
            place = start + len(_START)
            types += _TYPES[data[place] >> 6]
        start = following
    return types


def display_order(types: Sequence[int]) -> list[int]:
    """The pictures of a stream in the order in which they are shown.

    A bidirectional picture is shown at once, any other one when the next such comes. What can't be
    decoded is left out: what stands before the first intra picture, and a bidirectional picture
    that has not two pictures to lie between.

    >>> display_order([INTRA, PREDICTED, BIDIRECTIONAL, BIDIRECTIONAL, PREDICTED])
    [0, 2, 3, 1, 4]
    """
    order: list[int] = []
    held: int | None = None
    references = 0
    for place, kind in enumerate(types):
        if kind == BIDIRECTIONAL:
            if references > 1:
                order.append(place)
        elif held is not None or kind == INTRA:
            if held is not None:
                order.append(held)
            held, references = place, references + 1
    return order if held is None else [*order, held]


def shown_slots(pictures: Sequence[bytes], times: Sequence[int]) -> tuple[list[int], int]:
    r"""The times at which new pictures are shown, and how many of the last ones never are.

    A packet with two pictures is paid back by a later one with none; the decoder waits for that
    one before it gives the second. Any other packet with none repeats the picture before it.

    Args:
        pictures: the types of the pictures in each packet.
        times: when each packet is to be decoded.

    >>> shown_slots([b"\0", b"\1\2", b"", b"", b"\1\2"], [0, 1, 2, 3, 4])
    ([0, 1, 2, 4], 1)
    """
    slots: list[int] = []
    owed = 0
    for types, time in zip(pictures, times, strict=True):
        if types or owed:
            slots.append(time)
            owed += len(types) - 1
    return slots, owed
