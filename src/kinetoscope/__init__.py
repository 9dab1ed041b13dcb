"""Kinetoscope trains, tests and opens networks that recognize actions in videos."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live. They are imported when first used, so that the command line
# answers before torch is loaded.
_HOMES = {
    "Clip": "clips.clip",
    "ClipBatch": "clips.clip",
    "ClipSpec": "clips.spec",
    "Catalog": "clips.catalog",
    "Classification": "networks.network",
    "KinetoscopeError": "errors",
    "Network": "networks.network",
    "Unit": "units.unit",
    "Video": "video.video",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kinetoscope' has no attribute {name!r}")
    return getattr(importlib.import_module(f"kinetoscope.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
