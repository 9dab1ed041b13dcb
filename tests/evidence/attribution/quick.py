"""Methods with settings that suit small clips and little time."""

from dataclasses import fields, replace
from typing import Any

from kinetoscope.evidence.attribution.attribute import method_of
from kinetoscope.evidence.attribution.attribution import Method

FINE = {"box": (1, 8, 8), "stride": (1, 4, 4)}
"""Boxes that are small enough for what is planted."""

_COARSE = {"box": (2, 16, 16), "stride": (2, 16, 16)}

_QUICK: dict[str, dict[str, Any]] = {
    "occlusion": _COARSE,
    "occlusion-tubes": _COARSE,
    "occlusion-in-space": {"box": (16, 16), "stride": (16, 16)},
    "smooth-grad": {"samples": 2},
    "integrated-gradients": {"steps": 8},
    "rise": {"masks": 24},
    "extremal": {"areas": (0.2,), "steps": 3},
}


def quick(name: str, **where_it_can: Any) -> Method:
    """A method by its name, as it is tested here.

    Args:
        name: one of `METHODS`.
        where_it_can: more settings, of which those count that the method has.
    """
    method = method_of(name, **_QUICK.get(name, {}))
    known = {field.name for field in fields(method)}
    return replace(method, **{key: value for key, value in where_it_can.items() if key in known})
