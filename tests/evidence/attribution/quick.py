"""Methods with settings that suit small clips and little time."""

from typing import Any

from kinetoscope.evidence.attribution.attribute import method_of
from kinetoscope.evidence.attribution.attribution import Method

SETTINGS: dict[str, dict[str, Any]] = {
    "occlusion": {"box": (1, 4, 4), "stride": (1, 2, 2)},
    "rise": {"masks": 24},
    "extremal": {"areas": (0.2,), "steps": 3},
}


def quick(name: str) -> Method:
    """A method by its name, as it is tested here."""
    return method_of(name, **SETTINGS.get(name, {}))
