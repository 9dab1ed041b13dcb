"""What is wrong with the videos of a catalog?

Every file is decoded from its first frame to its last, once, however many entries it has, and
nothing is changed. What is found is listed in the catalog's order, each with the line it is about.
"""

import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kinetoscope.clips.catalog import Catalog, Entry, label_out_of_range
from kinetoscope.clips.sampling import frames_spanned, timeline
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, KinetoscopeError, VideoError
from kinetoscope.files import content_key
from kinetoscope.video.video import open_video

Kind = Literal[
    "missing",
    "unreadable",
    "truncated",
    "too short",
    "odd frame rate",
    "duplicate",
    "two splits",
    "label out of range",
    "empty class",
]
"""What can be wrong, the worst first."""

# A video is of odd frame rate if this many times faster or slower than the catalog's median: 24
# beside 30 is common, 15 beside 30 shows motion twice as fast.
_ODD_RATE = 1.5

_AT_ONCE = 32  # frames that are decoded together


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Args:
        kind: what kind of thing.
        where: the line of the catalog, or the label.
        path: the file from the catalog's root, or empty where it is not about a file.
        what: what is wrong, in words.
        got: what was found.
        expected: what would have been right.
    """

    kind: Kind
    where: str
    path: str
    what: str
    got: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found in a catalog.

    Args:
        catalog: its name.
        key: of its entries.
        entries: how many there are.
        files: how many files they are in.
        frames: how many frames were decoded.
        frames_per_second: the median of the files that could be opened; 0 if none could.
        findings: what is wrong; the worst kinds first, then in the catalog's order.
    """

    catalog: str
    key: str
    entries: int
    files: int
    frames: int
    frames_per_second: float
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[Kind, int]:
        """How often each kind of thing was found, where it was."""
        kinds = [finding.kind for finding in self.findings]
        return {kind: kinds.count(kind) for kind in get_args(Kind) if kind in kinds}

    def to_json(self) -> dict[str, Any]:
        """The check as plain values."""
        return {**asdict(self), "counts": self.counts}


def check_catalog(
    catalog: Catalog,
    *,
    spec: ClipSpec | None = None,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Check:
    """Decode every file of a catalog and list what is wrong.

    Args:
        catalog: read with `strict=False`, so that labels out of range are listed too.
        spec: what a clip is, to tell which videos are too short for one; None for two frames.
        threads: how many files are decoded at once; None for as many as there are cores.
        on_progress: is told how many files were decoded, and of how many.
    """
    spec = spec or ClipSpec(frames=2, stride=1)
    paths = list(dict.fromkeys(entry.path for entry in catalog))
    files: dict[Path, _File] = {}
    with ThreadPoolExecutor(max_workers=threads or os.cpu_count()) as pool:
        for path, found in zip(paths, pool.map(_decode, paths), strict=True):
            files[path] = found
            if on_progress is not None:
                on_progress(len(files), len(paths))
    rates = [file.frames_per_second for file in files.values() if len(file.seconds) > 1]
    usual = statistics.median(rates) if rates else 0.0
    findings = [
        *_broken(catalog, files),
        *_short(catalog, files, spec),
        *_odd_rates(catalog, files, usual),
        *_repeated(catalog, files),
        *_in_two_splits(catalog, files),
        *_labels(catalog),
    ]
    kinds: Sequence[str] = get_args(Kind)
    return Check(
        catalog=catalog.name,
        key=catalog.key,
        entries=len(catalog),
        files=len(paths),
        frames=sum(len(file.seconds) for file in files.values()),
        frames_per_second=usual,
        findings=tuple(sorted(findings, key=lambda finding: kinds.index(finding.kind))),
    )


@dataclass(frozen=True, kw_only=True)
class _File:
    """What decoding a file showed.

    Args:
        key: of its content; empty where there is none.
        seconds: when each of its frames is shown; empty where it can't be opened, and as far as
            there are any where it breaks off.
        frames_per_second: its average rate.
        kind: what is wrong with it, or None.
        error: in which words.
    """

    key: str = ""
    seconds: tuple[float, ...] = ()
    frames_per_second: float = 0.0
    kind: Kind | None = None
    error: KinetoscopeError | None = None


def _decode(path: Path) -> _File:
    if not path.is_file():
        missing = VideoError(
            f"{path} is missing", got="no such file", expected="the file, or no line for it"
        )
        return _File(kind="missing", error=missing)
    kind, error = None, None
    try:
        video = open_video(path)
    except KinetoscopeError as whole:
        try:
            video = open_video(path, allow_truncated=True)
        except KinetoscopeError:
            # without its key: files that are all empty are not duplicates of each other
            return _File(kind="unreadable", error=whole)
        kind, error = "truncated", whole
    with video:
        seconds, rate = tuple(video.seconds), video.frames_per_second
        try:
            for start in range(0, len(seconds), _AT_ONCE):
                video.frames(range(start, min(start + _AT_ONCE, len(seconds))))
        except KinetoscopeError as damage:
            kind, error = kind or "unreadable", error or damage
    return _File(
        key=content_key(path), seconds=seconds, frames_per_second=rate, kind=kind, error=error
    )


def _broken(catalog: Catalog, files: Mapping[Path, _File]) -> Iterator[Finding]:
    for entry in _first_of_each_file(catalog):
        file = files[entry.path]
        if file.kind is not None and file.error is not None:
            yield _finding(file.kind, catalog, entry, error=file.error)


def _short(catalog: Catalog, files: Mapping[Path, _File], spec: ClipSpec) -> Iterator[Finding]:
    needed = frames_spanned(spec)
    for entry in catalog:
        seconds = files[entry.path].seconds
        if not seconds:
            continue
        try:
            available = len(
                timeline(seconds, frames_per_second=spec.frames_per_second, span=entry.span)
            )
        except ClipError as error:  # the span lies outside of the video
            yield _finding("too short", catalog, entry, error=error)
            continue
        if available < needed:
            short = ClipError(
                "the video, or its span, ends before a clip does",
                got=f"{available} frames",
                expected=f"{needed} frames or more",
            )
            yield _finding("too short", catalog, entry, error=short)


def _odd_rates(catalog: Catalog, files: Mapping[Path, _File], usual: float) -> Iterator[Finding]:
    for entry in _first_of_each_file(catalog):
        rate = files[entry.path].frames_per_second
        # of a single frame only the container's guess is known
        timed = len(files[entry.path].seconds) > 1
        if timed and not usual / _ODD_RATE <= rate <= usual * _ODD_RATE:
            odd = ClipError(
                "far from the usual frame rate of this catalog",
                got=f"{rate:.3g} frames a second",
                expected=f"about {usual:.3g}",
            )
            yield _finding("odd frame rate", catalog, entry, error=odd)


def _repeated(catalog: Catalog, files: Mapping[Path, _File]) -> Iterator[Finding]:
    """Files of the same content, and spans that are listed twice, within one split."""
    for entries in _together(catalog, lambda entry: files[entry.path].key).values():
        firsts: dict[str | None, Entry] = {}
        for entry in entries:
            first = firsts.setdefault(entry.split, entry)
            if entry is first or (entry.path == first.path and entry.span != first.span):
                continue
            twice = VideoError(
                "the same video is listed twice",
                got=f"the content of {catalog.relative_path(first)} ({first.where})",
                expected="every video once",
            )
            yield _finding("duplicate", catalog, entry, error=twice)


def _in_two_splits(catalog: Catalog, files: Mapping[Path, _File]) -> Iterator[Finding]:
    """Content, and groups, that are both trained and tested on; once for each pair of splits."""
    for what, key in (
        ("video", lambda entry: files[entry.path].key),
        ("group", lambda entry: entry.group),
    ):
        for found, entries in _together(catalog, key).items():
            firsts = {entry.split: entry for entry in reversed(entries) if entry.split}
            if len(firsts) < 2:
                continue
            first, *others = sorted(firsts.values(), key=entries.index)
            for other in others:
                named = f"group {found}" if what == "group" else catalog.relative_path(first)
                leak = VideoError(
                    f"the same {what} is in two splits",
                    got=f"{named} in {other.split}, and in {first.split} ({first.where})",
                    expected=f"every {what} in one split",
                )
                yield _finding("two splits", catalog, other, error=leak)


def _labels(catalog: Catalog) -> Iterator[Finding]:
    known = set(catalog.labels)
    for entry in catalog:
        if entry.label is not None and entry.label not in known:
            stray = label_out_of_range(entry, catalog.labels)
            yield _finding("label out of range", catalog, entry, error=stray)
    used = {entry.label for entry in catalog}
    for label in catalog.labels:
        if label not in used:
            yield Finding(
                kind="empty class",
                where=label,
                path="",
                what=f"the class {label} is empty",
                got="no video of it",
                expected="one video or more",
            )


def _finding(kind: Kind, catalog: Catalog, entry: Entry, *, error: KinetoscopeError) -> Finding:
    return Finding(
        kind=kind,
        where=entry.where,
        path=catalog.relative_path(entry),
        what=error.what,
        got=error.got,
        expected=error.expected,
    )


def _first_of_each_file(catalog: Catalog) -> list[Entry]:
    firsts: dict[Path, Entry] = {}
    for entry in catalog:
        firsts.setdefault(entry.path, entry)
    return list(firsts.values())


def _together(catalog: Catalog, key: Callable[[Entry], str | None]) -> dict[str, list[Entry]]:
    """The entries that share a key, of those that have one."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in catalog:
        if each := key(entry):
            found[each].append(entry)
    return found
