"""Kinetoscope trains, tests and opens networks that recognize actions in videos."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live. They are imported when first used, so that the command line
# answers before torch is loaded.
_HOMES = {
    "Accentuation": "evidence.stimuli.writings.accentuation",
    "Attention": "units.attention",
    "Catalog": "clips.catalog",
    "Classification": "networks.network",
    "Clip": "clips.clip",
    "ClipBatch": "clips.clip",
    "ClipSpec": "clips.spec",
    "Entry": "clips.catalog",
    "Evaluation": "training.evaluation",
    "Evidence": "evidence.evidence",
    "Fourier": "evidence.stimuli.writings.fourier",
    "Generated": "evidence.stimuli.writings.generator",
    "Hit": "evidence.retrieval",
    "KinetoscopeError": "errors",
    "Layer": "units.layers",
    "Maximized": "evidence.stimuli.maximize",
    "Maximizing": "evidence.stimuli.settings",
    "Moment": "training.timeline",
    "MovedTexture": "evidence.stimuli.writings.moved_texture",
    "Nature": "evidence.beside.nature",
    "Network": "networks.network",
    "Objective": "units.objective",
    "Phases": "evidence.stimuli.writings.phases",
    "Pixels": "evidence.stimuli.writings.pixels",
    "Prior": "evidence.stimuli.priors",
    "Provenance": "evidence.evidence",
    "ReceptiveField": "units.receptive",
    "Recipe": "training.recipe",
    "Reference": "evidence.beside.reference",
    "Robustness": "evidence.stimuli.robustness",
    "Scan": "evidence.scan",
    "Stimulus": "evidence.stimuli.stimulus",
    "TokenGrid": "networks.network",
    "Unit": "units.unit",
    "Video": "video.video",
    "activation": "units.objective",
    "add_dsts": "networks.dsts",
    "add_non_local": "networks.non_local",
    "as_network": "networks.others.adapters",
    "attention_from": "units.attention",
    "build_network": "networks.zoo",
    "class_means": "evidence.retrieval",
    "classify_video": "training.timeline",
    "dead_units": "evidence.retrieval",
    "direction": "units.objective",
    "download_weights": "networks.others.downloads",
    "evaluate": "training.evaluate",
    "export_network": "networks.export",
    "features": "units.objective",
    "fit_generator": "evidence.stimuli.writings.generator_fit",
    "fit_svm_fusion": "training.svm",
    "inflate": "networks.pictures.inflate",
    "label": "units.objective",
    "layers_with_slope": "evidence.stimuli.maximize",
    "list_layers": "units.layers",
    "load_network": "networks.weights",
    "load_pictures": "networks.pictures.picture_weights",
    "load_weights": "networks.weights",
    "make_figures": "clips.worlds.figures",
    "make_parts": "clips.worlds.parts",
    "make_shapes": "clips.worlds.shapes",
    "maximize": "evidence.stimuli.maximize",
    "maximize_all": "evidence.stimuli.jobs.job",
    "measure_nature": "evidence.beside.nature",
    "measured": "evidence.stimuli.measures.measuring",
    "neuron": "units.objective",
    "open_clip": "clips.open",
    "open_video": "video.video",
    "open_views": "clips.open",
    "read_catalog": "clips.catalog",
    "read_evidence": "evidence.evidence",
    "read_generator": "evidence.stimuli.writings.generator_fit",
    "read_nature": "evidence.beside.nature",
    "read_recipe": "training.recipe",
    "read_scan": "evidence.scan",
    "read_stimuli": "evidence.stimuli.stimulus",
    "receptive_fields": "units.receptive",
    "reference_from_scan": "evidence.beside.reference",
    "reference_of": "evidence.beside.reference",
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
