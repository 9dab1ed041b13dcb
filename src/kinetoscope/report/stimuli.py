"""What does the viewer show of a unit's stimuli?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinetoscope.evidence.evidence import FILE
from kinetoscope.evidence.stimuli.stimulus import Stimulus, read_stimuli
from kinetoscope.evidence.velocity import Velocity
from kinetoscope.report.answers import rounded
from kinetoscope.report.pictures import (
    components_picture,
    enlarged,
    flow_picture,
    frames_picture,
    readable_speed,
    visible_contrast,
    with_contrast,
)
from kinetoscope.report.shelf import Shelf, Track
from kinetoscope.tensors import Picture
from kinetoscope.units.unit import Unit

SHOWN_STEPS = 60
_LEAST_SIDE = 64  # lossy pictures of fewer pixels lose their colours [pixels]


def stimuli_folder(look_folder: Path, unit: Unit) -> Path | None:
    """Where the stimuli of a unit are; None where it has none."""
    folder = look_folder / "evidence" / "stimuli" / unit.file_name
    return folder if (folder / FILE).is_file() else None


def stimuli_part(folder: Path, shelf: Shelf, *, streams: Collection[str]) -> dict[str, Any]:
    """The stimuli of one unit, the slowest first, and how strongly they are drawn.

    Args:
        folder: of the unit's evidence.
        shelf: where pictures are kept.
        streams: those that the unit sees; what stands in another is the noise it began with.

    Raises:
        EvidenceError: the folder holds none.
    """
    stimuli = sorted(read_stimuli(folder), key=lambda each: (-each.slowness, each.number))
    stimuli = [_seen(each, streams) for each in stimuli]
    flows = [each.flow for each in stimuli if each.flow is not None]
    frames = [each.frames for each in stimuli if each.frames is not None]
    full_colour = readable_speed(flows) if flows else None
    contrast = visible_contrast(frames) if frames else None
    return {
        "best_real": stimuli[0].best_real,
        "full_colour": full_colour,
        "contrast": contrast,
        "stimuli": [_item(each, contrast, full_colour, shelf) for each in stimuli],
    }


def _seen(stimulus: Stimulus, streams: Collection[str]) -> Stimulus:
    unseen = {"frames", "flow"} - set(streams)
    gone = {name: None for stream in unseen for name in (stream, f"{stream}_velocity")}
    return stimulus if unseen >= {"frames", "flow"} else replace(stimulus, **gone)


def _item(
    stimulus: Stimulus, contrast: float | None, full_colour: float | None, shelf: Shelf
) -> dict[str, Any]:
    name = f"{stimulus.objective.file_name}.{stimulus.slowness:g}.{stimulus.number}"
    tracks: dict[str, Track | None] = dict.fromkeys(("frames", "flow", "components"))
    for stream, pictures in _streams(stimulus, contrast, full_colour):
        tracks[stream] = shelf.strip(f"{name}.{stream}", enlarged(pictures, _LEAST_SIDE))
    return {
        "slowness": stimulus.slowness,
        "activation": rounded(stimulus.activation),
        "ratio": rounded(stimulus.ratio),
        **tracks,
        "frames_motion": _motion(stimulus.frames_velocity),
        "flow_motion": _motion(stimulus.flow_velocity),
        "history": _thinned(stimulus.history),
    }


def _streams(
    stimulus: Stimulus, contrast: float | None, full_colour: float | None
) -> Iterator[tuple[str, Picture]]:
    if stimulus.frames is not None and contrast is not None:
        yield "frames", frames_picture(with_contrast(stimulus.frames, contrast))
    if stimulus.flow is not None and full_colour is not None:
        yield "flow", flow_picture(stimulus.flow, full_colour)
        yield "components", components_picture(stimulus.flow, full_colour)


def _motion(velocity: Velocity | None) -> dict[str, float | None] | None:
    if velocity is None:
        return None
    return {"right": rounded(velocity.right), "down": rounded(velocity.down)}


def _thinned(history: Mapping[str, Sequence[float]]) -> dict[str, list[int | float | None]]:
    """Every so many steps, the last among them; terms that stay zero are left out."""
    terms = {name: values for name, values in history.items() if any(values)}
    length = min((len(values) for values in terms.values()), default=0)
    if not length:
        return {}
    shown = min(length, SHOWN_STEPS)
    places = [round(place * (length - 1) / max(1, shown - 1)) for place in range(shown)]
    steps = history.get("step", range(length))
    kept = {
        name: [rounded(values[place]) for place in places]
        for name, values in terms.items()
        if name != "step"
    }
    return {"step": [steps[place] for place in places], **kept}
