"""Of how many clips is each method asked, so that a check takes minutes?

Most methods take one or two passes; some take dozens, and some hundreds. Those are asked of fewer
clips, and of fewer things. Which clips these are depends on nothing but how many there are.
"""

import math
from collections.abc import Sequence

import numpy as np

from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.belief.found import Asked

_DOZENS = ("smooth-grad", "integrated-gradients", "occlusion-in-space")

HUNDREDS = ("occlusion", "occlusion-tubes", "rise", "extremal")
"""Passes of a clip that these methods take, as usually set."""

_SHARES = {"few": (1.0, 0.3), "dozens": (0.3, 0.1), "hundreds": (0.25, 0.1)}
"""Of the clips, the share that is attributed, and that on which random weights are asked."""

_NOISY = {"few": None, "dozens": 2, "hundreds": 0}
"""Of these, how many are asked for noise and another label; None for all."""

ENOUGH = 5
"""Clips, for an interval to mean something; no method is asked of fewer, if there are as many."""


def amounts(methods: Sequence[Method], clips: int) -> dict[str, Asked]:
    """Of which clips each method is asked.

    Args:
        methods: with their settings.
        clips: how many there are.
    """
    return {method.name: _asked(method, clips) for method in methods}


def _asked(method: Method, clips: int) -> Asked:
    passes = "few"
    if method.name in (*_DOZENS, *HUNDREDS):
        passes = "dozens" if method.name in _DOZENS else "hundreds"
    most, steady = (max(ENOUGH, math.ceil(share * clips)) for share in _SHARES[passes])
    attributed = _spread(range(clips), most)
    on_random = _spread(attributed, steady)
    noisy = _NOISY[passes]
    return Asked(
        method=method,
        clips=attributed,
        steady=on_random,
        noisy=on_random if noisy is None else on_random[:noisy],
        every_stage=passes == "few",
    )


def _spread(clips: Sequence[int], count: int) -> tuple[int, ...]:
    """As many, from the first to the last.

    >>> _spread(range(10), 4)
    (0, 3, 6, 9)
    """
    if count >= len(clips):
        return tuple(clips)
    places = np.linspace(0, len(clips) - 1, count).round().astype(int)
    return tuple(clips[place] for place in places)
