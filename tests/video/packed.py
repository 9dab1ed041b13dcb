"""An AVI whose MPEG-4 pictures are packed two into a packet, as DivX and Xvid wrote them."""

from fractions import Fraction
from pathlib import Path

import av

_USER_DATA = b"\x00\x00\x01\xb2DivX503b1393p"
_GROUP_OR_PICTURE = (b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb6")
# a predicted picture at second 0 (of 25 ticks, 5 bits) that is not coded
_NOT_CODED = b"\x00\x00\x01\xb6\x50\x4f"


def write_packed(path: Path, pictures, *, key_every: int = 250) -> Path:
    """Write an AVI as packed streams are: I, then P with the first B, the other B, nothing."""
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames = 2
        stream.codec_context.gop_size = key_every
        stream.codec_context.options = {"sc_threshold": "1000000000"}
        coded = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            coded += [(bytes(p), p.is_keyframe) for p in stream.encode(frame)]
        coded += [(bytes(p), p.is_keyframe) for p in stream.encode()]
        for slot, (data, key) in enumerate(_pack(coded)):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, slot, slot
            packet.time_base, packet.is_keyframe = Fraction(1, 25), key
            container.mux_one(packet)
    return path


def _pack(coded: list[tuple[bytes, bool]]) -> list[tuple[bytes, bool]]:
    packets: list[tuple[bytes, bool]] = []
    owed = False
    for data, key in coded:
        picture = data.index(_GROUP_OR_PICTURE[1])
        bidirectional = data[picture + 4] >> 6 == 2
        if bidirectional and not owed:
            packets[-1] = packets[-1][0] + data, packets[-1][1]
            owed = True
            continue
        if not bidirectional and owed:
            packets.append((_NOT_CODED, False))
            owed = False
        packets.append((_named(data) if key else data, key))
    return [*packets, (_NOT_CODED, False)] if owed else packets


def _named(data: bytes) -> bytes:
    """A packet that starts with headers, with the name of the encoder after them."""
    place = min(data.index(code) for code in _GROUP_OR_PICTURE if code in data)
    return data[:place] + _USER_DATA + data[place:]
