"""Kinetoscope trains, tests and opens networks that recognize actions in videos."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live. They are imported when first used, so that the command line
# answers before torch is loaded.
_HOMES = {
    "Attention": "units.attention",
    "Catalog": "clips.catalog",
    "Classification": "networks.network",
    "Clip": "clips.clip",
    "ClipBatch": "clips.clip",
    "ClipSpec": "clips.spec",
    "Entry": "clips.catalog",
    "Evaluation": "training.evaluation",
    "Evidence": "evidence.evidence",
    "Hit": "evidence.retrieval",
    "KinetoscopeError": "errors",
    "Layer": "units.layers",
    "Maximizing": "evidence.stimuli.maximize",
    "Moment": "training.timeline",
    "Network": "networks.network",
    "Provenance": "evidence.evidence",
    "ReceptiveField": "units.receptive",
    "Recipe": "training.recipe",
    "Scan": "evidence.scan",
    "Stimulus": "evidence.stimuli.stimulus",
    "TokenGrid": "networks.network",
    "Unit": "units.unit",
    "Video": "video.video",
    "add_dsts": "networks.dsts",
    "add_non_local": "networks.non_local",
    "as_network": "networks.others.adapters",
    "attention_from": "units.attention",
    "build_network": "networks.zoo",
    "class_means": "evidence.retrieval",
    "classify_video": "training.timeline",
    "dead_units": "evidence.retrieval",
    "download_weights": "networks.others.downloads",
    "evaluate": "training.evaluate",
    "export_network": "networks.export",
    "fit_svm_fusion": "training.svm",
    "inflate": "networks.pictures.inflate",
    "list_layers": "units.layers",
    "load_network": "networks.weights",
    "load_pictures": "networks.pictures.picture_weights",
    "load_weights": "networks.weights",
    "make_figures": "clips.worlds.figures",
    "make_parts": "clips.worlds.parts",
    "make_shapes": "clips.worlds.shapes",
    "maximize": "evidence.stimuli.maximize",
    "open_clip": "clips.open",
    "open_video": "video.video",
    "open_views": "clips.open",
    "read_catalog": "clips.catalog",
    "read_evidence": "evidence.evidence",
    "read_recipe": "training.recipe",
    "read_scan": "evidence.scan",
    "receptive_fields": "units.receptive",
    "save_network": "networks.weights",
    "scan": "evidence.scan",
    "top_clips": "evidence.retrieval",
    "train": "training.loop",
    "write_report": "report.report",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll] - the stub tells them


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kinetoscope' has no attribute {name!r}")
    return getattr(importlib.import_module(f"kinetoscope.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
