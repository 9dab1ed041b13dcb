"""Which method is to be believed for this network?

A method's gain is by how much its order beats random ones, the mean of deletion and insertion, over
what stands in for what is removed: a share of what there is to lose. Methods are ranked by the
median gain over clips. Those whose heat stays with random weights come after all others, whatever
they gain: they tell of the clip. The first that was measured on five clips or more is recommended
if its gain is surely above 0.

Source: Blücher, Vielhaben and Strodthoff, "Decoupling Pixel Flipping and Occlusion Strategy for
Consistent XAI Benchmarks", TMLR 2024: insertion and deletion together depend less on
what stands in than each alone. Differs: random orders as control, and the check on random weights.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kinetoscope.evidence.attribution.belief.amounts import ENOUGH

RULE = (
    "by the median over clips of deletion and insertion against random orders; "
    "methods whose heat stays with random weights come last; recommended is the first "
    "of five clips or more whose gain is surely above 0"
)


def ranked(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Methods in their order, each with its `rank` from 1.

    Args:
        told: of each method `changes`, which is whether its heat does, and `gain`, with its
            interval.
    """
    found = sorted(told, key=lambda each: (not each["changes"], -_gain(each)))
    return [{"rank": place, **each} for place, each in enumerate(found, start=1)]


def recommended(told: Sequence[Mapping[str, Any]]) -> str | None:
    """The first of ranked methods that is to be believed; None if none is.

    Args:
        told: as `ranked` gives them, with the number of `clips`.
    """
    for each in told:
        surely = (each["gain"]["low"] or 0) > 0 and each["clips"] >= ENOUGH
        if each["changes"] and surely:
            return each["name"]
    return None


def _gain(each: Mapping[str, Any]) -> float:
    value = each["gain"]["value"]
    return float("-inf") if value is None or value != value else value
