"""When, in a long video, is what an objective rests on?

The video is attributed window by window (along.py) and written as it is done, dozens of frames to a
file. Written out, the evidence has for its answer

    path          of the video
    objective, streams
    methods       name, source, settings, signed; full_colour: the heat that is drawn so; strongest:
                  the box that speaks most for the objective, in `seconds`, `rows` and `columns`
    windows       a list of: from_seconds, to_seconds, value, and by method its facts
    seconds       when each frame is shown
    over_time     by method and part, the heat of each frame, summed over its pixels
    files         a list of: clip (as in examples/kept.py), heats (as in heats.py, each named by the
                  method's place and the part), frames (how many)

and beside it are time.csv and windows.csv.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.attribution.along import Passage, attribute_along, half_a_clip
from kinetoscope.evidence.attribution.attribute import check_method
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.heats import (
    full_colour,
    keep_heats,
    strong_heat,
    strongest_box,
)
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.examples.kept import keep_clip
from kinetoscope.evidence.scan import Progress
from kinetoscope.files import content_key
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Heat
from kinetoscope.units.objective import Objective
from kinetoscope.video.video import open_video

KIND = "attribution-along"
CLIPS, HEATS = "clips", "heats"
_FRAMES = 64  # in a file, or a few more


def write_attribution_along(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    path: Path,
    objective: Objective,
    folder: Path,
    *,
    methods: Sequence[Method],
    every_seconds: float | None = None,
    memory: int | None = None,
    other: Clip | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Attribute a long video and write it as a folder of evidence; memory stays flat.

    Evidence that is there already is read.

    Args:
        network: comes back as it went.
        path: of the video.
        objective: the same for all of it.
        folder: of the evidence; complete or absent.
        methods: all of them fit.
        every_seconds: from one window to the next; half a clip if not given.
        memory: that a method may take beside the weights [bytes]; None for what is there.
        other: the clip that is swapped in, where a method swaps.
        progress: is told how many windows are done, and of how many.

    Raises:
        UnknownNameError: a layer, channel or label of the objective is not there.
        ClipError: a method does not fit; windows have no length.
        VideoError: the file is not a video, or a frame can't be read.
    """
    objective = objective.bound(network)
    for method in methods:
        check_method(method, network, objective)
    provenance = Provenance.of(
        network,
        objective=str(objective),
        settings={
            "video": content_key(path),
            "methods": [method.settings() for method in methods],
            "every_seconds": every_seconds,
            "other": None if other is None else other.source,
            "expects": network.expects.to_json(),
        },
    )
    if has_evidence(folder, provenance):
        return read_evidence(folder, KIND)
    every = half_a_clip(path, network.expects) if every_seconds is None else every_seconds
    passages = attribute_along(
        network,
        path,
        objective,
        methods=methods,
        every_seconds=every,
        memory=memory,
        other=other,
    )
    with writing_evidence(folder, KIND, provenance) as (aside, answer):
        told = _Told(len(methods), _windows_in(path, every), progress)
        files = list(_kept(aside, told.listening(passages)))
        answer |= {
            "path": str(path),
            "objective": str(objective),
            "streams": list(network.expects.streams),
            "methods": [told.method(place, each) for place, each in enumerate(methods)],
            "windows": told.windows,
            "seconds": told.seconds,
            "over_time": told.over_time,
            "files": files,
        }
        _write_tables(aside, answer)
    return read_evidence(folder, KIND)


def _kept(folder: Path, passages: Iterable[Passage]) -> Iterator[dict[str, Any]]:
    """Write passages, some of them a file; gives the names of the files."""
    for name in (CLIPS, HEATS):
        (folder / name).mkdir()
    for number, some in enumerate(_some_dozens(passages)):
        files = {"clip": f"{CLIPS}/{number:05}.npz", "heats": f"{HEATS}/{number:05}.safetensors"}
        clips = [each.clip for each in some]
        keep_clip(folder / files["clip"], _in_a_row(clips))
        keep_heats(folder / files["heats"], _heats_in_a_row(some))
        yield {**files, "frames": sum(clip.time for clip in clips)}


def _some_dozens(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    some: list[Passage] = []
    for passage in passages:
        some.append(passage)
        if sum(each.clip.time for each in some) >= _FRAMES:
            yield some
            some = []
    if some:
        yield some


def _in_a_row(clips: Sequence[Clip]) -> Clip:
    flows = [clip.flow for clip in clips if clip.flow is not None]
    return Clip(
        frames=torch.cat([clip.frames for clip in clips], dim=1),
        flow=torch.cat(flows, dim=1) if flows else None,
        seconds=tuple(second for clip in clips for second in clip.seconds),
    )


def _heats_in_a_row(passages: Sequence[Passage]) -> dict[str, Heat]:
    return {
        f"{method}.{part}": torch.cat([each.heats[method][part] for each in passages])
        for method, parts in enumerate(passages[0].heats)
        for part in parts
    }


@dataclass(eq=False)
class _Told:
    """What is told of a video, gathered as its passages pass."""

    methods: int
    count: int
    progress: Progress | None
    seconds: list[float] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    over_time: list[dict[str, list[float]]] = field(init=False)
    strong: list[list[float]] = field(init=False)
    signed: list[bool] = field(init=False)
    strongest: list[tuple[float, Mapping[str, Any]]] = field(init=False)

    def __post_init__(self):
        self.over_time = [{} for _ in range(self.methods)]
        self.strong = [[] for _ in range(self.methods)]
        self.signed = [True] * self.methods
        self.strongest = [(-1.0, {}) for _ in range(self.methods)]

    def listening(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        for passage in passages:
            self.seconds += passage.clip.seconds
            self._windows(passage)
            for method, heats in enumerate(passage.heats):
                for part, heat in heats.items():
                    self.over_time[method].setdefault(part, []).extend(heat.sum((1, 2)).tolist())
                self._strongest(method, passage)
            if self.progress is not None:
                self.progress(len(self.windows), self.count)
            yield passage

    def method(self, place: int, method: Method) -> dict[str, Any]:
        return {
            "name": method.name,
            "source": method.source,
            "settings": method.settings(),
            "signed": self.signed[place],
            "full_colour": full_colour(self.strong[place]),
            "strongest": self.strongest[place][1],
        }

    def _windows(self, passage: Passage) -> None:
        for (start, end), found in zip(passage.windows, passage.answers, strict=True):
            facts = [dict(each.facts) for each in found]
            row = {"from_seconds": start, "to_seconds": end, "value": found[0].value}
            self.windows.append({**row, "facts": facts})
            for method, each in enumerate(found):
                self.signed[method] = each.signed
                self.strong[method].append(max(map(strong_heat, each.heat.values())))

    def _strongest(self, method: int, passage: Passage) -> None:
        whole = torch.stack([*passage.heats[method].values()]).sum(0)
        time, rows, columns = box = strongest_box(whole)
        mean = float(whole[tuple(slice(*span) for span in box)].clamp(min=0).mean())
        if mean > self.strongest[method][0]:
            shown = [passage.clip.seconds[time[0]], passage.clip.seconds[time[1] - 1]]
            place = {"seconds": shown, "rows": list(rows), "columns": list(columns)}
            self.strongest[method] = (mean, place)


def _windows_in(path: Path, every_seconds: float) -> int:
    with open_video(path) as video:
        return max(1, math.ceil(video.duration_seconds / every_seconds))


def _write_tables(folder: Path, answer: Mapping[str, Any]) -> None:
    names = [each["name"] for each in answer["methods"]]
    rows = [
        (second, names[method], part, heat)
        for method, parts in enumerate(answer["over_time"])
        for part, heats in parts.items()
        for second, heat in zip(answer["seconds"], heats, strict=True)
    ]
    columns = zip(("seconds", "method", "part", "heat"), zip(*rows, strict=True), strict=True)
    write_table(folder, "time", {name: list(values) for name, values in columns})
    plain = ("from_seconds", "to_seconds", "value")
    windows = {name: [each[name] for each in answer["windows"]] for name in plain}
    write_table(folder, "windows", windows)
