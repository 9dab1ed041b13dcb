"""What is shown of a retrieval: the clips it kept, and of each unit which of them excite it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinetoscope.engines.here import map_here
from kinetoscope.evidence.evidence import FILE, read_evidence
from kinetoscope.report.answers import rounded
from kinetoscope.report.led_back import led_back
from kinetoscope.report.shelf import Shelf
from kinetoscope.report.watched import clip_tracks
from kinetoscope.tensors import Size


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """What a retrieval tells.

    Args:
        units: by their address: `top`, `middle` and `bottom` clips, how many videos have `excited`
            it at all, and what was `led_back`.
        full_colour: the scale of the clips' motion [pixels per frame]; None without motion.
    """

    units: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    full_colour: float | None = None


def read_retrieved(
    folder: Path, clips: list[dict[str, Any]], numbers: Mapping[int, int], shelf: Shelf
) -> Retrieved:
    """Give clips their pictures; tell which excite each unit.

    Args:
        folder: of the evidence, which need not be there.
        clips: as the viewer takes them; get their strips.
        numbers: of the scan's clips, their places in that list.
        shelf: where pictures are kept.
    """
    if not (folder / FILE).is_file():
        return Retrieved()
    answer = read_evidence(folder, "retrieval").answer
    paths = {
        int(number): folder / clip["arrays"]
        for number, clip in answer["clips"].items()
        if clip["arrays"] is not None
    }
    arrays = {numbers[number]: path for number, path in paths.items()}
    tracks, full_colour, extents = clip_tracks(arrays, shelf)
    for number, found in tracks.items():
        clips[number].update(found)
    back: dict[str, Any] = {}
    for done in map_here(
        lambda unit: led_back(unit, paths, folder, full_colour, shelf), answer["units"]
    ):
        if done.error is not None:
            raise done.error
        back[done.item["unit"]] = done.answer
    units = {
        unit["unit"]: {
            **{
                which: [_hit(hit, numbers[hit["clip"]], extents) for hit in unit.get(which, ())]
                for which in ("top", "middle", "bottom")
            },
            "excited": unit.get("excited"),
            "led_back": back[unit["unit"]],
        }
        for unit in answer["units"]
    }
    return Retrieved(units=units, full_colour=full_colour)


def _hit(hit: Mapping[str, Any], number: int, extents: Mapping[int, Size]) -> dict[str, Any]:
    place = None
    if number in extents:
        (start, end), (top, bottom), (left, right) = hit["box"]
        _, height, width = extents[number]
        place = {
            "left": rounded(left / width),
            "width": rounded((right - left) / width),
            "top": rounded(top / height),
            "height": rounded((bottom - top) / height),
            "start": start,
            "end": max(start, end - 1),
        }
    return {
        "clip": number,
        "activation": rounded(hit["activation"]),
        "seconds": rounded(hit["second"]),
        "place": place,
    }
