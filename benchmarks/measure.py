"""How is a measurement taken, and in which words is it written down?

Variants are run in turn, round after round and in another order each time, so that what else the
machine does, and what each leaves behind in its caches, meets them alike. A machine whose speed
drifts slows down what is run in the same round by the same factor, so that two variants are held
against each other round by round, and the median of these ratios is told, with its interval.
Each measurement is printed as one line of JSON; README.md says what its keys mean.
"""

import gc
import json
import math
import os
import platform
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import accumulate
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long a variant takes.

    Args:
        median: of all rounds [seconds].
        spread: the range between the quartiles, divided by the median.
        seconds: of each round; none where they were not kept.
    """

    median: float
    spread: float
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as long as ours another variant takes.

    Args:
        median: of the ratios within each round.
        interval: what holds the true median with a confidence of `SURE`, whatever the
            distribution; of fewer than six rounds, that of all ratios.
    """

    median: float
    interval: tuple[float, float]


SURE = 0.95


def side_by_side(
    variants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Timing]:
    """Time variants in turn, after a round that does not count.

    Args:
        variants: each does the same job once.
        rounds: how often.
        clock: processor time unless given, which other processes disturb least; take
            `time.perf_counter` for work on several threads.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    chance = random.Random(0)
    for round_ in range(rounds + 1):
        for name in chance.sample(sorted(variants), len(variants)):
            gc.collect()
            start = clock()
            variants[name]()
            if round_ > 0:
                seconds[name].append(clock() - start)
    return {name: _timing(taken) for name, taken in seconds.items()}


def times_faster(timings: Mapping[str, Timing], ours: str, other: str) -> Ratio:
    """How many times as long as ours another variant takes, round by round.

    Args:
        timings: of `side_by_side`.
        ours: the name of our variant.
        other: the name of what it is held against.
    """
    pairs = zip(timings[ours].seconds, timings[other].seconds, strict=True)
    found = sorted(theirs / own for own, theirs in pairs)
    inward = _inward(len(found))
    interval = (found[inward], found[-1 - inward])
    return Ratio(median=statistics.median(found), interval=interval)


def report(
    name: str,
    *,
    timings: Mapping[str, Timing],
    ratio: Ratio | float | None,
    target: float,
    packages: Sequence[str] = (),
    **more: object,
) -> None:
    """Print a measurement as a line of JSON."""
    if isinstance(ratio, Ratio):
        more = {"interval": [float(f"{end:.4g}") for end in ratio.interval]} | more
        ratio = ratio.median
    line = {
        "name": name,
        "machine": machine(),
        "versions": versions(packages),
        "medians": {variant: float(f"{taken.median:.4g}") for variant, taken in timings.items()},
        "spread": {variant: round(taken.spread, 3) for variant, taken in timings.items()},
        "ratio": None if ratio is None else float(f"{ratio:.4g}"),
        "target": target,
        **more,
    }
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def machine() -> dict[str, object]:
    """The processor, how many cores of it, and the system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def most_memory() -> int:
    """The most that this process has had [bytes]."""
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere a process starts with what the one that started it had
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024)


def _timing(seconds: Sequence[float]) -> Timing:
    first, median, third = statistics.quantiles(seconds, n=4)
    return Timing(median=median, spread=(third - first) / median, seconds=tuple(seconds))


def _inward(count: int) -> int:
    """How many of so many sorted numbers to leave out at each end, for an interval of the median.

    Each number lies below the true median as often as above it, so that how many do is binomial.
    """
    chances = (math.comb(count, number) / 2**count for number in range(count // 2))
    missed = [2 * both for both in accumulate(chances)]  # the median may be beyond either end
    return max(0, sum(each <= 1 - SURE for each in missed) - 1)


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"
