"""What does the viewer show of what was measured of a stimulus?"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kinetoscope.evidence.motion.velocity import Peak, Velocity
from kinetoscope.evidence.stimuli.stimulus import Measures
from kinetoscope.report.answers import rounded

_PLAIN = (
    *("ratio_over_transforms", "percentile", "rank", "units", "specificity", "spectrum_distance"),
    *("speeds_distance", "activation_spread", "stability", "tie_gap"),
)

_FINEST = 1.0  # cycles per pixel or frame; up to a half is seen as it is


def measures_part(measures: Measures) -> dict[str, Any]:
    """Everything that was measured, as plain values; None for what was not."""
    return {
        **{name: _number(getattr(measures, name)) for name in _PLAIN},
        "frames_peak": _peak(measures.frames_peak),
        "flow_peak": _peak(measures.flow_peak),
        "path": _known(measures.path_similarity),
        "shares": _known(measures.stream_shares),
    }


def motion_part(velocity: Velocity | None) -> dict[str, float | None] | None:
    """A motion to the right and down [pixels per frame]."""
    if velocity is None:
        return None
    return {"right": rounded(velocity.right), "down": rounded(velocity.down)}


def _number(value: float | int | None) -> float | int | None:
    return value if isinstance(value, int) else rounded(value)


def _peak(peak: Peak | None) -> dict[str, float | None] | None:
    """None, too, for a wave that is finer than pixels or frames can show."""
    if peak is None or any(abs(value) > _FINEST for value in asdict(peak).values()):
        return None
    return {name: rounded(value) for name, value in asdict(peak).items()}


def _known(values: Mapping[str, float]) -> dict[str, float]:
    """Without those that could not be measured."""
    return {name: kept for name, value in values.items() if (kept := rounded(value)) is not None}
