"""Stimuli whose numbers are given, not maximized."""

import torch

from kinetoscope.evidence.stimuli.stimulus import Stimulus


def made_stimulus(objective, *, frames=None, flow=None, activation=1.0, best_real=None, **rest):
    if frames is None and flow is None:
        frames = torch.full((3, 8, 16, 16), 0.5)
    return Stimulus(
        objective=objective,
        frames=frames,
        flow=flow,
        activation=activation,
        mean_activation=activation,
        best_real=best_real,
        frames_velocity=None,
        flow_velocity=None,
        history={},
        **{"slowness": 1.0, **rest},
    )
