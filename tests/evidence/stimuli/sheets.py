"""Sheets to write on, and a small ascent of its own."""

import math

import torch

from kinetoscope.evidence.stimuli.writings.writing import Sheet

CHANNELS = {"frames": 3, "flow": 2}


def sheet_of(streams=("frames", "flow"), *, extent=(4, 6, 8), chi=(0.0, 5.0), bound=1.0, **others):
    return Sheet(
        shapes={stream: (CHANNELS[stream], *extent) for stream in streams},
        bounds=dict.fromkeys(streams, bound),
        darkest=torch.full((1, 3, 1, 1, 1), -0.7 * bound),
        brightest=torch.full((1, 3, 1, 1, 1), 0.8 * bound),
        chi=torch.tensor(chi),
        **{"keys": tuple(f"key {number}" for number in range(len(chi))), **others},
    )


def descend(draft, gradient, steps, travel=2.5):
    """Draw, pull and step; `gradient(stream, clip)` is of what is to fall. Returns all draws."""
    drawn = [{stream: x.clone() for stream, x in draft.draw().items()}]
    for step in range(steps):
        draft.pull({stream: gradient(stream, x) for stream, x in draft.draw().items()})
        draft.step(travel / steps * (1 + math.cos(math.pi * step / steps)))
        drawn.append({stream: x.clone() for stream, x in draft.draw().items()})
    return drawn
