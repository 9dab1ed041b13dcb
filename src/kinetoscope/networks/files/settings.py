"""What does a trainer's configuration say that its weights do not?

Some checkpoints carry the configuration that they were trained with, as text. It is searched for
the few settings without which the same weights answer otherwise: how colours were shown, and which
function compares places in a non-local block. It is never run, and never parsed as code.
"""

import re
from dataclasses import replace
from typing import Any

from kinetoscope.networks.files.dialect import Colours, Dialect

LONGEST = 1_000_000
"""No more of the text is searched [characters]."""

NUMBER = r"\s*-?\s*(\d[\d.]*)\s*"
THREE = rf"(?:\[{NUMBER},{NUMBER},{NUMBER}\]|{NUMBER}{NUMBER}{NUMBER})"

MEAN = re.compile(rf"\bmean\s*[=:]\s*{THREE}", re.IGNORECASE)
STD = re.compile(rf"\bstd\s*[=:]\s*{THREE}", re.IGNORECASE)
REVERSED = re.compile(r"REVERSE_INPUT_CHANNEL:\s*true|to_bgr\s*=\s*True", re.IGNORECASE)

NON_LOCAL = re.compile(r"(?:INSTANTIATION:\s*|mode\s*=\s*['\"])(\w+)")
SCALED = re.compile(r"use_scale\s*=\s*(True|False)")
KINDS = {
    "softmax": "embedded-gaussian",
    "embedded_gaussian": "embedded-gaussian",
    "gaussian": "gaussian",
    "dot_product": "dot-product",
    "concatenation": "concatenation",
}
"""What PySlowFast and mmaction2 call the pairwise functions."""

HALVES_TIME = {"PySlowFast": False, "pytorchvideo": False, "mmaction2": True}
"""Whether conv1 and pool1 of a library's C2D and I3D halve time: the non-local paper's do, for 32
frames; those for 8 frames do not. caffe2's weights are of both kinds."""

CONV1_STEP = re.compile(r"conv1_stride_t\s*=\s*(\d)")


def colours_of(dialect: Dialect, settings: str | None) -> Colours | None:
    """How frames were shown: as the settings say, else as is usual for the library."""
    usual, text = dialect.colours, (settings or "")[:LONGEST]
    if usual is None:
        return None
    mean, std = MEAN.search(text), STD.search(text)
    if mean and std:
        usual = replace(usual, mean=_three(mean), std=_three(std))
    return replace(usual, reversed=bool(REVERSED.search(text)))


def options_of(dialect: Dialect, settings: str | None) -> dict[str, Any]:
    """What the network must be built with to answer as it was trained."""
    text = (settings or "")[:LONGEST]
    found, told = NON_LOCAL.search(text), dict[str, Any]()
    if found and found[1] in KINDS:
        told["non_local_kind"] = KINDS[found[1]]
    if scaled := SCALED.search(text):
        told["non_local_scaled"] = scaled[1] == "True"
    if "sub_sample=False" in text:
        told["non_local_subsample"] = "none"
    return {**dialect.options, **told}


def halves_time(dialect: Dialect, settings: str | None) -> bool | None:
    """Whether conv1 and pool1 halve time in a C2D or I3D; None where that is not known."""
    told = CONV1_STEP.search((settings or "")[:LONGEST])
    return told[1] == "2" if told else HALVES_TIME.get(dialect.name)


def _three(found: re.Match[str]) -> tuple[float, float, float]:
    """Three numbers, of which those of old trainers go to 255."""
    red, green, blue = (float(each) for each in found.groups() if each is not None)
    scale = 255.0 if max(red, green, blue) > 1.5 else 1.0
    return red / scale, green / scale, blue / scale
