"""What does it cost to read a few frames of a video, and does memory grow with its length?

Against decord and torchcodec where they are installed, each on one thread, side by side: eight
frames spread over ten seconds of MPEG-4 in AVI and of H.264 in mp4. The files are made here, their
frames carry their number; so it is also said by how many frames a reader is off. With the real
videos of KINETOSCOPE_SHARED_DATA, where that is, the same again.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from measure import report, side_by_side

from kinetoscope.video.video import open_video

PACKAGES = ("kinetoscope", "av", "torch", "torchcodec", "decord")
SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
SHARED_CLIPS = ("apply_eye_makeup.avi", "arm_wrestling.mp4", "flipping_pancake.mkv")

BITS, CELL = 12, 16
HEIGHT, WIDTH, RATE = 256, 340, 30


def main() -> None:
    """Print a line for each measurement."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = {
            "avi": _made(Path(folder) / "plain.avi", 10, codec="mpeg4"),
            "avi with b-frames": _made(Path(folder) / "b.avi", 10, codec="mpeg4", bf="2", g="250"),
            "mp4": _made(Path(folder) / "h264.mp4", 10, codec="libx264"),
        }
        for kind, path in made.items():
            compare(f"decode: 8 frames of 10 s, {kind}", path, numbers=True)
        shared = Path(os.environ.get("KINETOSCOPE_SHARED_DATA", SHARED)) / "clips"
        for name in SHARED_CLIPS:
            if (shared / name).is_file():
                compare(f"decode: 8 frames of {name}", shared / name, numbers=False)
        keys = {"codec": "libx264", "g": str(RATE), "preset": "veryfast"}
        long = _made(Path(folder) / "two_minutes.mp4", 120, **keys)
        compare_with_all(long)
        compare_memory(_made(Path(folder) / "ten_seconds.mp4", 10, **keys), long)


def compare(name: str, path: Path, *, numbers: bool) -> None:
    """Eight frames by every reader there is; the ratio is against the fastest of the others."""
    with open_video(path) as video:
        wanted = np.linspace(0, video.frame_count - 1, 8).round().astype(int).tolist()
    truth = None if numbers else _straight(path)
    readers, off, failed = {}, {}, {}
    for reader, read in READERS.items():
        try:
            frames = read(path, wanted)
        except ImportError:
            failed[reader] = "not installed"
        except Exception as error:  # what a reader of others may raise is not known
            failed[reader] = str(error).splitlines()[0][:80]
        else:
            readers[reader] = partial(read, path, wanted)
            off[reader] = _off(frames, wanted, truth)
    timings = side_by_side(readers, rounds=30)
    others = [taken.median for reader, taken in timings.items() if reader != "kinetoscope"]
    ratio = min(others) / timings["kinetoscope"].median if others else None
    report(
        name,
        timings=timings,
        ratio=ratio,
        target=1.0,
        packages=PACKAGES,
        frames_off=off,
        failed=failed,
    )


def compare_with_all(path: Path) -> None:
    """Eight frames against decoding all of a long video, without converting any."""
    with open_video(path) as video:
        wanted = np.linspace(7, video.frame_count - 8, 8).round().astype(int).tolist()
        video.frames(wanted)
        decoded = video.decoded_count
    timings = side_by_side(
        {"kinetoscope": lambda: _by_kinetoscope(path, wanted), "all": lambda: _decode_all(path)},
        rounds=5,
    )
    report(
        "decode: 8 frames of 120 s with a key frame a second, against decoding it all",
        timings=timings,
        ratio=timings["all"].median / timings["kinetoscope"].median,
        target=10.0,
        packages=PACKAGES,
        frames_decoded=decoded,
    )


def compare_memory(short: Path, long: Path) -> None:
    """The most memory that it takes to read every frame, one after the other; on Linux."""
    if sys.platform != "linux":
        return
    # the same number of frames from both: what the allocator keeps at hand grows for a while
    needs = {"10 s": _memory(short, times=12), "120 s": _memory(long, times=1)}
    report(
        "decode: memory for reading 10 s, against that for 120 s",
        timings={},
        ratio=needs["10 s"] / needs["120 s"],
        target=0.9,
        packages=PACKAGES,
        mebibytes={name: round(need, 1) for name, need in needs.items()},
    )


def _by_kinetoscope(path: Path, wanted: Sequence[int]) -> np.ndarray:
    with open_video(path, decoder="pyav") as video:
        return video.frames(wanted).numpy()


def _by_torchcodec(path: Path, wanted: Sequence[int]) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    return decoder.get_frames_at(list(wanted)).data.numpy()


def _by_decord(path: Path, wanted: Sequence[int]) -> np.ndarray:
    import decord

    return decord.VideoReader(str(path), num_threads=1).get_batch(list(wanted)).asnumpy()


READERS: dict[str, Callable[[Path, Sequence[int]], np.ndarray]] = {
    "kinetoscope": _by_kinetoscope,
    "torchcodec": _by_torchcodec,
    "decord": _by_decord,
}


def _decode_all(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def _straight(path: Path) -> np.ndarray:
    """Every frame of a file, in the order in which a decoder gives them, small and grey."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return np.stack([_small(frame.to_ndarray(format="rgb24", threads=1)) for frame in frames])


def _small(picture: np.ndarray) -> np.ndarray:
    return picture[::4, ::4].astype(np.int16)


def _off(frames: np.ndarray, wanted: Sequence[int], truth: np.ndarray | None) -> int:
    """By how many frames a reader is off, at worst."""
    if truth is None:
        found = [_number(frame) for frame in frames]
    else:
        near = [np.abs(truth - _small(frame)).mean(axis=(1, 2, 3)) for frame in frames]
        # a video may stand still: the nearest of the frames that look the same
        found = [
            min(np.flatnonzero(distance <= distance.min() + 0.02), key=lambda at: abs(at - index))
            for distance, index in zip(near, wanted, strict=True)
        ]
    return int(max(abs(at - index) for at, index in zip(found, wanted, strict=True)))


def _memory(path: Path, *, times: int) -> float:
    """The most memory that reading a file takes, some times, in a process of its own [MiB]."""
    program = """
import sys
from pathlib import Path
from kinetoscope.video.video import open_video
def most():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
Path("/proc/self/clear_refs").write_text("5")  # forget what importing took at most
before = most()
for _ in range(int(sys.argv[2])):
    with open_video(sys.argv[1]) as video:
        for index in range(video.frame_count):
            video.frames([index])
        video.frames(range(0, video.frame_count, video.frame_count // 8))
print(most() - before)
"""
    command = [sys.executable, "-c", program, str(path), str(times)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _made(path: Path, seconds: int, *, codec: str, **options: str) -> Path:
    """Write a video with texture and motion, whose frames carry their number."""
    chance = np.random.default_rng(0)
    backdrop = _texture(chance, HEIGHT + 128, WIDTH + 128)
    walker = _texture(chance, 96, 64)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.codec_context.bit_rate = 800_000
        stream.codec_context.options = options
        for number in range(seconds * RATE):
            picture = _picture(number, backdrop, walker)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def _picture(number: int, backdrop: np.ndarray, walker: np.ndarray) -> np.ndarray:
    """One frame: the camera sways, something walks by, and the number stands at the top."""
    down, right = int(64 + 60 * np.sin(number / 41)), int(64 + 60 * np.cos(number / 29))
    picture = backdrop[down : down + HEIGHT, right : right + WIDTH].copy()
    at = 3 * number % (WIDTH - 64)
    picture[120:216, at : at + 64] = walker
    for bit in range(BITS):
        picture[:CELL, bit * CELL : (bit + 1) * CELL] = 235 if number >> bit & 1 else 20
    return picture


def _texture(chance: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise of several sizes on top of each other."""
    found = np.zeros((height, width, 3))
    for size in (4, 8, 16, 32):
        coarse = chance.random((height // size + 1, width // size + 1, 3))
        found += coarse.repeat(size, 0).repeat(size, 1)[:height, :width] / 4
    return (found * 255).astype(np.uint8)


def _number(picture: np.ndarray) -> int:
    """The number that a frame carries."""
    cells = picture[CELL // 2, CELL // 2 : BITS * CELL : CELL].mean(axis=-1)
    return sum(1 << bit for bit in range(BITS) if cells[bit] > 128)


if __name__ == "__main__":
    main()
