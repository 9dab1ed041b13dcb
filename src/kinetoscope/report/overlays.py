"""Which overlay videos are written of a folder of attributions?

One for each clip, objective and method; of a long video one for each method. Only files are read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinetoscope.evidence.attribution.answering import heat_name
from kinetoscope.evidence.attribution.heats import kept_heats
from kinetoscope.evidence.evidence import Evidence
from kinetoscope.evidence.examples.kept import kept_clip
from kinetoscope.report.overlay import Strip, Watched, speed_of, write_overlay
from kinetoscope.units.objective import Objective

_STILL = 8.0  # frames per second of a clip that does not say when its frames are shown


def write_overlays(
    found: Evidence, folder: Path, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Write all overlay videos of the attributions of clips; each is complete or absent.

    Args:
        found: of the kind `attribution`.
        folder: of the videos.
        progress: is told how many clips are done, and of how many.

    Returns:
        The videos, in the order of the clips, of their questions, and of the methods.
    """
    clips = found.answer["clips"]
    written: list[Path] = []
    for number, clip in enumerate(clips, start=1):
        written += _of_clip(found, clip, folder)
        if progress is not None:
            progress(number, len(clips))
    return written


def _of_clip(found: Evidence, clip: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    arrays, heats = kept_clip(found.folder / clip["clip"]), kept_heats(found.folder / clip["heats"])
    for place, question in enumerate(clip["questions"]):
        for answer in question["answers"]:
            if answer["error"] is not None:
                continue
            method = found.answer["methods"][answer["method"]]
            heat = {
                part: heats[heat_name((place, answer["method"]), part)] for part in answer["parts"]
            }
            strip = Strip(
                over_time=_over_time(each["over_time"] for each in answer["parts"].values()),
                full_colour=method["full_colour"][question["scale"]],
                full_speed=speed_of(_flows(arrays)),
                frames_per_second=_rate(clip["seconds"]),
            )
            path = folder / _name(clip["path"], question["objective"], method["name"])
            write_overlay(path, [_watched(arrays, heat)], strip)
            yield path


def write_overlays_along(found: Evidence, folder: Path) -> list[Path]:
    """Write one overlay video of a long video for each method.

    Args:
        found: of the kind `attribution-along`.
        folder: of the videos.

    Returns:
        The videos, in the order of the methods.
    """
    answer = found.answer
    flows = _flows(kept_clip(found.folder / answer["files"][0]["clip"]))
    written = []
    for place, method in enumerate(answer["methods"]):
        over_time = answer["over_time"][place]
        strip = Strip(
            over_time=_over_time(over_time.values()),
            full_colour=method["full_colour"],
            full_speed=speed_of(flows),
            frames_per_second=_rate(answer["seconds"]),
        )
        path = folder / _name(answer["path"], answer["objective"], method["name"])
        write_overlay(path, _along(found, place, over_time), strip)
        written.append(path)
    return written


def _along(found: Evidence, method: int, parts: Mapping[str, Any]) -> Iterator[Watched]:
    for file in found.answer["files"]:
        heats = kept_heats(found.folder / file["heats"])
        heat = {part: heats[f"{method}.{part}"] for part in parts}
        yield _watched(kept_clip(found.folder / file["clip"]), heat)


def _watched(arrays: Mapping[str, Tensor], heat: Mapping[str, Tensor]) -> Watched:
    flow = arrays["flow"].float() if "flow" in arrays else None
    return Watched(frames=arrays["frames"], flow=flow, heat=heat)


def _flows(arrays: Mapping[str, Tensor]) -> list[Tensor]:
    return [arrays["flow"].float()] if "flow" in arrays else []


def _over_time(parts: Any) -> Tensor:
    return torch.tensor([*parts], dtype=torch.float32).sum(0)


def _rate(seconds: list[float]) -> float:
    """Frames per second, as far as frames are not repeated."""
    shown = sorted(set(seconds))
    return _STILL if len(shown) < 2 else (len(shown) - 1) / (shown[-1] - shown[0])


def _name(video: str, objective: str, method: str) -> str:
    stem = re.sub(r"[^\w.-]", "_", str(Path(video).with_suffix("")).replace("/", "-").strip("-"))
    return f"{stem[-80:]}.{Objective.parse(objective).file_name}.{method}.mp4"
