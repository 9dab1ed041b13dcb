"""Does a scan keep the network busy, does it stay small, and is one unit found at once?

Two workers with a core each, against the bare forward pass of the same clips in memory, PyTorch
with all cores, in batches of as many; all in turn, in one process, and held against each other
round by round. Beside it stands the bare pass in two threads with a core each. `r3d_18` scans the
real videos of KINETOSCOPE_SHARED_DATA, and the same from kept clips; `two_stream_small` kept clips.

Then: memory over 10,000 made clips; the top nine of units out of 10,000 units and 100,000 clips,
with files that the system has forgotten (20 GB on disk; with less they are left out); two workers
of Ray against one; and 10,000 clips through two workers of Ray, one killed in the middle.

    python benchmarks/scan.py forward memory top ray   # or some of them
"""

import gc
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from measure import most_memory, report, side_by_side, times_faster
from torch import nn
from torchvision.models.video import r3d_18

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.engines.here import map_here
from kinetoscope.evidence.evidence import Provenance
from kinetoscope.evidence.scan import read_scan, scan
from kinetoscope.evidence.scanning.job import write_scan
from kinetoscope.evidence.scanning.piece import Block, Piece, Sums, clip_table
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.unit import Unit
from kinetoscope.video.encode import write_mp4
from kinetoscope.video.video import open_video

PACKAGES = ("kinetoscope", "torch", "torchvision", "av", "polars", "pyarrow", "ray")
SHARED = Path(os.environ.get("KINETOSCOPE_SHARED_DATA", "../shared/data")) / "clips"
CORES = 2
MANY = 10_000
UNITS, CLIPS = 10_000, 100_000


def main() -> None:
    """Print a line for each measurement that is asked for; all, if none is."""
    keep_memory()
    asked = sys.argv[1:] or ["forward", "memory", "top", "ray"]
    if asked[0] == "side":
        SIDES[asked[1]](Path(asked[2]), int(asked[3]))
        return
    parts = {"forward": _forward, "memory": _memory, "top": _top, "ray": _ray}
    for name in asked:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder))


# Throughput


def _forward(folder: Path) -> None:
    torch.manual_seed(0)
    if SHARED.is_dir():
        network = as_network(
            r3d_18(weights=None).eval(), labels=numbered(400), expects=ClipSpec(), name="r3d_18"
        )
        batch, targets = 4, {"files": 0.97, "kept clips": 0.99}
        videos = _every_half_second(SHARED, batch * CORES)
        _against_bare(network, videos, folder / "r3d_18", targets, batch=batch, rounds=7)
    made = _made_videos(folder / "videos", 512, size=64, time=16)
    network = build_network("two_stream_small", labels=numbered(8)).eval()
    videos = _catalog(made, times=4)
    _against_bare(network, videos, folder / "small", {"kept clips": 0.9}, batch=16, rounds=9)


def _against_bare(
    network: Network,
    videos: Catalog,
    folder: Path,
    targets: dict[str, float],
    *,
    batch: int,
    rounds: int,
) -> None:
    cache = ClipCache(folder / "kept")
    spec = network.expects
    opened = [clip for entry in videos for clip in views_of(entry, spec, cache=cache)]
    groups = [opened[first : first + batch] for first in range(0, len(opened), batch)]
    batches = [ClipBatch.of(group, spec) for group in groups]
    sides: dict[str, Callable[[], object]] = {
        "bare": partial(_bare, network, batches),
        "bare, a core each": partial(_bare_in_threads, network, batches),
    }
    for name in targets:
        kept = cache if name == "kept clips" else None
        sides[name] = partial(_scan_anew, network, videos, folder / "scan", kept, batch)
    with evaluating(network):
        timings = side_by_side(sides, rounds=rounds, clock=time.perf_counter)
    for name, target in targets.items():
        report(
            f"scan: {network.name}, {len(opened)} clips from {name}",
            timings={each: timings[each] for each in ("bare", "bare, a core each", name)},
            ratio=times_faster(timings, name, "bare"),
            of_a_core_each=round(times_faster(timings, name, "bare, a core each").median, 3),
            target=target,
            packages=PACKAGES,
        )


@torch.inference_mode()
def _bare(network: Network, batches: Sequence[ClipBatch]) -> None:
    torch.set_num_threads(CORES)
    for batch in batches:
        network(batch)


def _bare_in_threads(network: Network, batches: Sequence[ClipBatch]) -> None:
    for done in map_here(torch.inference_mode()(network), batches, workers=CORES):
        assert done.error is None, done.error


def _scan_anew(
    network: Network, videos: Catalog, folder: Path, cache: ClipCache | None, batch: int
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    found = scan(network, videos, folder, batch=batch, workers=CORES, clip_cache=cache)
    assert not found.failures


# Memory


class Tiny(nn.Module):
    """Two layers of a few units."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 16, 3, stride=2, padding=1)
        self.second = nn.Conv3d(16, 32, 3, stride=2, padding=1)

    def forward(self, frames):
        return self.second(self.first(frames).relu()).mean(dim=(2, 3, 4))


def tiny(model: nn.Module) -> Network:
    spec = ClipSpec(frames=8, stride=1, short_side=32, size=(32, 32))
    layers = ("first", "second")
    return as_network(model.eval(), labels=numbered(32), expects=spec, name="tiny", layers=layers)


def _memory(folder: Path) -> None:
    """In processes of their own: the most memory with a tenth of the clips, and with all."""
    _made_videos(folder, 500, size=32, time=8)
    counts = (MANY // 10, MANY)
    told = [float(_ask("memory", folder, count)) for count in counts]
    report(
        f"scan: memory of {counts[1]} clips against {counts[0]}",
        timings={},
        ratio=told[0] / told[1],
        target=0.95,
        packages=PACKAGES,
        mebibytes={str(count): round(each, 1) for count, each in zip(counts, told, strict=True)},
    )


def _memory_of(folder: Path, count: int) -> None:
    torch.manual_seed(0)
    paths = sorted(folder.glob("*.mp4"))
    videos = _catalog(paths, times=count // len(paths))
    with tempfile.TemporaryDirectory() as out:
        scan(tiny(Tiny()), videos, Path(out) / "scan", workers=CORES)
    sys.stdout.write(f"{most_memory() / 2**20}")


# The top nine of any unit


@dataclass(frozen=True)
class Made(Piece):
    """What many units would have answered to many clips."""

    count: int

    def clips(self) -> pl.DataFrame:
        seconds = [float(frame) for frame in range(16)]
        probabilities = [0.1] * 10
        return clip_table(
            [
                {
                    "clip": clip,
                    "video": clip,
                    "path": f"videos/{clip:06}.mp4",
                    "where": f"index.csv:{clip + 2}",
                    "label": f"{clip % 10}",
                    "predicted": "0",
                    "probability": 0.1,
                    "probabilities": probabilities,
                    "scores": probabilities,
                    "start_seconds": 0.0,
                    "seconds": seconds,
                }
                for clip in range(self.count)
            ]
        )

    def read(self) -> np.ndarray:
        return np.arange(self.count, dtype=np.int32)

    def block(self, layer: int, channels: range, extent: tuple[int, int, int]) -> Block:
        chance = np.random.default_rng(channels.start)
        shape = (len(channels), self.count)
        maximum = chance.standard_normal(shape, dtype=np.float32)
        return Block(
            maximum=maximum,
            mean=maximum * 0.1,
            at=chance.integers(0, int(np.prod(extent)), shape, dtype=np.int32),
        )

    def sums(self, layer: int) -> Sums:
        none = np.zeros((UNITS, 99), np.uint8)
        return Sums(above=none[:, 0].astype(np.int64), counts=none)


def _top(folder: Path) -> None:
    if shutil.disk_usage(folder).free < 20 * 2**30:
        sys.stderr.write("there is no room for the answers of 10,000 units to 100,000 clips\n")
        return
    layer = {
        "name": "wide",
        "kind": "Conv3d",
        "channels": UNITS,
        "shape": [UNITS, 4, 7, 7],
        "receptive_field": [16, 96, 96],
        "stride": [4, 16, 16],
        "start": [0, 0, 0],
        "exact": True,
        "streams": {},
    }
    spec = ClipSpec()
    settings = {"layers": ["wide"], "clips": 1, "expects": spec.to_json(), "labels": numbered(10)}
    provenance = Provenance(network="made", weights_hash="0" * 16, settings=settings)
    start = time.perf_counter()
    write_scan(folder / "scan", [Made(CLIPS)], provenance, [layer])
    written = time.perf_counter() - start
    size = sum(path.stat().st_size for path in (folder / "scan").rglob("*") if path.is_file())
    seconds = []
    for number in range(9):
        _forget(folder / "scan")
        seconds.append(float(_ask("top", folder / "scan", number)))
    report(
        f"scan: top nine of one of {UNITS} units out of {CLIPS} clips, from disk",
        timings={},
        ratio=1.0 / max(seconds),
        target=1.0,
        packages=PACKAGES,
        seconds={"median": round(statistics.median(seconds), 3), "most": round(max(seconds), 3)},
        gibibytes=round(size / 2**30, 2),
        seconds_to_write=round(written, 1),
    )


def _forget(folder: Path) -> None:
    """Have the system forget what it has of the files in memory."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _top_of(folder: Path, seed: int) -> None:
    """Without the time to start Python and import what is needed."""
    units = read_scan(folder).layers["wide"]["channels"]
    unit = Unit("wide", random.Random(seed).randrange(units))
    start = time.perf_counter()
    found = read_scan(folder).top(unit, 9)
    taken = time.perf_counter() - start
    assert len(found) == 9
    assert found["maximum"].is_sorted(descending=True)
    sys.stdout.write(f"{taken}")


# Ray


class Mortal(Tiny):
    """Kills its process in the middle, once: a file says which process not.

    Args:
        marker: the file.
        light: of the clip at which it dies.
    """

    def __init__(self, marker: Path, light: float):
        super().__init__()
        self.marker, self.light = marker, light

    def forward(self, frames):
        mine = not self.marker.exists() or self.marker.read_text() == str(os.getpid())
        if not mine and (frames.mean(dim=(1, 2, 3, 4)) > self.light).any():
            self.marker.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(frames)


def _ray(folder: Path) -> None:
    try:
        import ray
    except ImportError:
        sys.stderr.write("ray is not installed\n")
        return
    ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False)
    torch.set_num_threads(1)
    made = _made_videos(folder / "videos", 256, size=64, time=16)
    network = build_network("two_stream_small", labels=numbered(8)).eval()
    cache = ClipCache(folder / "kept")
    _compare_workers(network, _catalog(made, times=6), cache, folder / "scan")
    _kill_one(folder)
    ray.shutdown()


def _compare_workers(network: Network, videos: Catalog, cache: ClipCache, folder: Path) -> None:
    scan(network, videos, folder, clip_cache=cache, workers=CORES)  # so that all clips are kept
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):
        for workers, found in rates.items():
            shutil.rmtree(folder)
            gc.collect()
            times: list[tuple[float, int]] = []
            note = partial(_note, times)
            scan(
                network,
                videos,
                folder,
                engine="ray",
                workers=workers,
                clip_cache=cache,
                progress=note,
            )
            # from when all workers have begun, which takes Ray some seconds
            (start, before), (end, after) = times[len(times) // 4], times[-1]
            found.append((after - before) / (end - start))
    medians = {workers: statistics.median(found) for workers, found in rates.items()}
    report(
        f"scan: two workers of Ray against one, {network.name}, {len(videos)} kept clips",
        timings={},
        ratio=medians[2] / medians[1],
        target=1.5,
        packages=PACKAGES,
        clips_per_second={str(workers): round(each, 1) for workers, each in medians.items()},
    )


def _note(times: list[tuple[float, int]], done: int, total: int) -> None:
    times.append((time.perf_counter(), done))


def _kill_one(folder: Path) -> None:
    """The same files as this machine writes, though a worker is killed in the middle."""
    made = _made_videos(folder / "small", 500, size=32, time=8)
    light = write_mp4_of_light(folder / "light.mp4")
    videos = _catalog(made, times=MANY // 500)
    middle = len(videos) // 2
    entries = [*videos.entries[:middle], replace(videos.entries[0], path=light)]
    videos = replace(videos, entries=(*entries, *videos.entries[middle + 1 :]))
    torch.manual_seed(0)
    marker = folder / "marker"
    network = tiny(Mortal(marker, 1.0))
    here = scan(network, videos, folder / "here", workers=CORES)
    marker.write_text(str(os.getpid()))
    there = scan(network, videos, folder / "there", engine="ray", workers=2)
    files = [sorted(each.folder.rglob("*.*")) for each in (here, there)]
    same = all(one.read_bytes() == other.read_bytes() for one, other in zip(*files, strict=True))
    report(
        f"scan: {len(videos)} clips through two workers of Ray, one killed in the middle",
        timings={},
        ratio=float(same and not marker.exists()),
        target=1.0,
        packages=PACKAGES,
        same_files=same,
        killed=not marker.exists(),
    )


# What is scanned


def write_mp4_of_light(path: Path) -> Path:
    """A white video."""
    write_mp4(path, torch.full((8, 32, 32, 3), 255, dtype=torch.uint8), 8.0)
    return path


def _made_videos(folder: Path, count: int, *, size: int, time: int) -> list[Path]:
    """Videos of a box that moves over noise."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:05}.mp4"
        chance = torch.Generator().manual_seed(number)
        ground = torch.randint(0, 128, (1, size, size, 3), generator=chance, dtype=torch.uint8)
        frames = ground.repeat(time, 1, 1, 1)
        for each in range(time):
            place = (number + each) % (size - 8)
            frames[each, place : place + 8, place : place + 8] = 200
        write_mp4(path, frames, 8.0)
    return sorted(folder.glob("*.mp4"))


def _every_half_second(folder: Path, multiple: int) -> Catalog:
    """Clips of real videos that are as large as data sets keep them; as many for each worker."""
    entries = []
    for path in sorted(folder.iterdir()):
        with open_video(path) as video:
            seconds = min(16, int(video.duration_seconds)) if min(video.size) <= 256 else 0
        for start in np.arange(0.0, seconds, 0.5).tolist():
            span = {"start_seconds": start, "end_seconds": start + 1.2}
            entries.append(Entry(path=path, where=f"{path.name} {start}", **span))
    whole = len(entries) // multiple * multiple
    return Catalog(name="real", root=folder, labels=(), entries=tuple(entries[:whole]))


def _catalog(paths: Sequence[Path], times: int) -> Catalog:
    entries = [Entry(path=path, label="made", where=str(path)) for path in paths] * times
    return Catalog(name="made", root=paths[0].parent, labels=("made",), entries=tuple(entries))


def _ask(side: str, folder: Path, number: int) -> str:
    asked = [sys.executable, __file__, "side", side, str(folder), str(number)]
    return subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout


SIDES = {"memory": _memory_of, "top": _top_of}

if __name__ == "__main__":
    main()
