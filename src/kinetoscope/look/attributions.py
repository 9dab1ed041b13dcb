"""What do answers rest on, in some clips, and by which method is that to be believed?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import polars as pl

from kinetoscope.errors import ClipError, EvidenceError, KinetoscopeError
from kinetoscope.evidence.attribution.attribute import METHODS, method_of
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.belief.check import write_attribution_check
from kinetoscope.evidence.attribution.writing import write_attributions
from kinetoscope.evidence.evidence import FILE, read_evidence
from kinetoscope.look.bench import Bench
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

_SHOWN = ("integrated-gradients", "grad-cam", "occlusion", "gradient-x-input")
_MOST = 3  # methods side by side, and the recommended one
_PART = 4  # boxes are this part of the clip along each side


def check_attribution(bench: Bench) -> None:
    """Measure which methods are to be believed for this network."""
    with bench.counted("attribution methods") as progress, _told():
        write_attribution_check(
            bench.network,
            bench.catalog,
            bench.folder("attribution-check"),
            methods=_methods(bench.network, _SHOWN),
            clips=bench.how.checked,
            seed=bench.how.seed,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def attribute_clips(bench: Bench) -> None:
    """Show in some clips what the answer rests on: the surest mistakes, and some of each label."""
    entries = bench.catalog.entries
    videos = videos_to_attribute(bench.scanned.clips, bench.how.attributed)
    with bench.counted("attribution") as progress, _told():
        write_attributions(
            bench.network,
            replace(bench.catalog, entries=tuple(entries[video] for video in videos)),
            bench.folder("attribution"),
            methods=_methods(bench.network, [*_recommended(bench), *_SHOWN])[: _MOST + 1],
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def videos_to_attribute(clips: pl.DataFrame, count: int) -> list[int]:
    """Which videos of a scan are shown: half of them mistaken, as far as there are as many.

    Of the mistaken ones the surest first; of the others one of each label in turn, the surest
    first.

    Args:
        clips: of the scan.
        count: how many videos, if there are as many.

    Returns:
        Their places in the catalog, in order.
    """
    read = clips.filter(pl.col("error").is_null()).unique("video", maintain_order=True)
    sure = read.sort("probability", "video", descending=[True, False])
    right = pl.col("label").eq_missing(pl.col("predicted"))
    mistaken = sure.filter(~right)["video"].to_list()
    of_label = sure.filter(right).with_columns(turn=pl.col("video").cum_count().over("label"))
    recognized = of_label.sort("turn", "label")["video"].to_list()
    first = mistaken[: max(count // 2, count - len(recognized))]
    return sorted([*first, *recognized[: count - len(first)]])


@contextmanager
def _told() -> Iterator[None]:
    """A network that no method fits, or too few clips: what could not be done is told as such."""
    try:
        yield
    except ClipError as error:
        raise EvidenceError(
            error.what, got=error.got, expected=error.expected, hint=error.hint
        ) from error


def _recommended(bench: Bench) -> list[str]:
    folder = bench.folder("attribution-check")
    if not (folder / FILE).exists():
        return []
    found = read_evidence(folder, "attribution-check").answer["recommended"]
    return [found] if found in METHODS else []


def _methods(network: Network, names: Sequence[str]) -> list[Method]:
    """Those that fit, each once; boxes are few, because many clips are shown."""
    asked = label(network.labels[0])
    spec = network.expects
    box = tuple(max(1, length // _PART) for length in (spec.frames, *spec.size))
    stride = (box[0], *(max(1, side // 2) for side in box[1:]))
    fit = []
    for name in dict.fromkeys(names):
        if name not in METHODS:
            continue
        boxes = {"box": box, "stride": stride} if name == "occlusion" else {}
        method = method_of(name, **boxes)
        try:
            method.check(network, asked)
        except KinetoscopeError:
            continue
        fit.append(method)
    return fit
