"""What does the viewer show of the stimuli of one objective?

Pages that show many units need little of each, pages of one need everything: so the whole is a part
of its own, which the viewer asks for when a page needs it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinetoscope.evidence.stimuli.measures.path import suspicious
from kinetoscope.evidence.stimuli.stimulus import Stimulus, read_stimuli
from kinetoscope.report.answers import rounded
from kinetoscope.report.measured import measures_part, motion_part
from kinetoscope.report.pictures import (
    components_picture,
    enlarged,
    flow_picture,
    frames_picture,
    opacity_picture,
    readable_speed,
    visible_contrast,
    with_contrast,
)
from kinetoscope.report.shelf import Shelf, Track
from kinetoscope.tensors import Picture, Size
from kinetoscope.units.receptive import Box

SHOWN_STEPS = 60
_STREAMS = ("frames", "flow")
_MOVING_SHARE = 0.97  # of the moving pixels are below the speed that is drawn in full colour
_LEAST_SIDE = 64  # lossy pictures of fewer pixels lose their colours [pixels]
_BRIEF = ("slowness", "activation", "ratio", "frames", "flow", "opacity", "woken", "suspicious")


def stimuli_part(
    folder: Path, shelf: Shelf, *, streams: Mapping[str, Collection[str]], extent: Size
) -> dict[str, Any]:
    """The stimuli of one objective, the slowest first, and how strongly they are drawn.

    Args:
        folder: of the objective's evidence.
        shelf: where pictures are kept.
        streams: those that each layer sees, where it does not see all; what stands in another is
            the noise that the ascent began with.
        extent: of the network's clip [frames, pixels, pixels].

    Raises:
        EvidenceError: the folder holds none.
    """
    stimuli = sorted(read_stimuli(folder), key=lambda each: (-each.slowness, each.number))
    seen = {name for each in stimuli[0].objective.layers for name in streams.get(each) or _STREAMS}
    stimuli = [_seen(each, seen) for each in stimuli]
    flows = [each.flow for each in stimuli if each.flow is not None]
    frames = [each.frames for each in stimuli if each.frames is not None]
    full_colour = readable_speed(flows, _MOVING_SHARE) if flows else None
    contrast = visible_contrast(frames) if frames else None
    first = stimuli[0]
    return {
        "objective": str(first.objective),
        "best_real": rounded(first.best_real),
        "reference": first.reference,
        "full_colour": full_colour,
        "contrast": contrast,
        "where": None if first.box is None else _where(first.box, extent),
        "stimuli": [_item(each, contrast, full_colour, shelf) for each in stimuli],
    }


def in_brief(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What pages of many show of a part's stimuli: the first of each slowness, without details."""
    return [
        {**{name: each[name] for name in _BRIEF}, "speed": _speed(each)}
        for each in part["stimuli"]
        if each["number"] == min(other["number"] for other in part["stimuli"])
    ]


def _seen(stimulus: Stimulus, streams: Collection[str]) -> Stimulus:
    """Without the streams that the objective does not see, unless nothing would be left."""
    made = {name for name in _STREAMS if getattr(stimulus, name) is not None}
    if not made & set(streams):
        return stimulus
    unseen = made - set(streams)
    gone = {name: None for stream in unseen for name in (stream, f"{stream}_velocity")}
    return replace(stimulus, **gone)


def _item(
    stimulus: Stimulus, contrast: float | None, full_colour: float | None, shelf: Shelf
) -> dict[str, Any]:
    name = f"{stimulus.objective.file_name}.{stimulus.slowness:g}.{stimulus.number}"
    tracks: dict[str, Track | None] = dict.fromkeys(("frames", "flow", "components", "opacity"))
    for stream, pictures in _streams(stimulus, contrast, full_colour):
        tracks[stream] = shelf.strip(f"{name}.{stream}", enlarged(pictures, _LEAST_SIDE))
    if stimulus.opacity is not None:
        pictures = enlarged(opacity_picture(stimulus.opacity), _LEAST_SIDE)
        tracks["opacity"] = shelf.mask(f"{name}.opacity", pictures)
    plain = ("slowness", "number", "writing", "seed", "woken", "went_on")
    return {
        **{key: getattr(stimulus, key) for key in plain},
        "held": dict(stimulus.held),
        "activation": rounded(stimulus.activation),
        "mean_activation": rounded(stimulus.mean_activation),
        "ratio": rounded(stimulus.ratio),
        **tracks,
        "frames_motion": motion_part(stimulus.frames_velocity),
        "flow_motion": motion_part(stimulus.flow_velocity),
        "measures": measures_part(stimulus.measures),
        "suspicious": suspicious(stimulus.measures),
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


def _where(box: Box, extent: Size) -> dict[str, Any]:
    """Where in the clip a part of it lies: as shares of its sides, and which of its frames."""
    (start, end), (top, bottom), (left, right) = box
    frames, height, width = extent
    return {
        "left": left / width,
        "width": (right - left) / width,
        "top": top / height,
        "height": (bottom - top) / height,
        "start": start,
        "end": max(start, end - 1),
        "of": frames,
        "pixels": [bottom - top, right - left],
        "clip": [height, width],
    }


def _speed(item: Mapping[str, Any]) -> float | None:
    """Of its flow, or else of its frames [pixels per frame]."""
    motion = item["flow_motion"] or item["frames_motion"]
    if motion is None or None in motion.values():
        return None
    return rounded((motion["right"] ** 2 + motion["down"] ** 2) ** 0.5)


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
