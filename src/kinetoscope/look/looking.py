"""How is a look done: which stages, of which units, how closely?"""

from dataclasses import dataclass, field
from pathlib import Path

from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import unknown_name
from kinetoscope.evidence.invariance import invariance
from kinetoscope.evidence.invariance.invariance import Invariance
from kinetoscope.evidence.stimuli.settings import SLOWNESS, Maximizing
from kinetoscope.evidence.tuning import grid
from kinetoscope.evidence.tuning.grid import Grid


@dataclass(frozen=True, kw_only=True)
class Looking:
    """How a look is done.

    Args:
        layers: which ones; if none are given those that the network names as worth looking at,
            without its pools, whose units are those of the layer before.
        only: these stages alone, with those that they rest on; all, if none are named.
        skip: all stages but these.
        units_per_layer: how many units of each layer get stimuli, spread from the one that is most
            specific to a label to the one that is least.
        slowness: the weights of change over time that stimuli are made with.
        maximizing: how they are made.
        seeds: from how many the slowest stimulus is made, to tell how much it owes to chance.
        top: how many clips are kept of each unit.
        sample: how many clips stand for the catalog where every clip is shown many times, changed.
        attributed: in how many clips it is shown what the answer rests on.
        checked: on how many clips it is measured which method of attribution is to be believed.
        training: what the network was trained on, for the nearest training clips.
        checkpoints: the folder of a training that kept some, for its evolution.
        tuning: which moving patterns are shown.
        invariance: which changes of clips are shown, and of how many clips.
        seed: of everything random.
    """

    layers: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    units_per_layer: int = 8
    slowness: tuple[float, ...] = SLOWNESS
    maximizing: Maximizing = field(default_factory=lambda: Maximizing(peak=0.5, settle=0.5))
    seeds: int = 2
    top: int = 9
    sample: int = 64
    attributed: int = 12
    checked: int = 20
    training: Catalog | None = None
    checkpoints: Path | None = None
    tuning: Grid = field(default_factory=Grid)
    invariance: Invariance = field(default_factory=Invariance)
    seed: int = 0

    def chosen(self, stages: list[str]) -> list[str]:
        """Those of all stages that are to be done, in their order.

        Nothing can be followed where no checkpoints are given.

        Raises:
            UnknownNameError: a stage is not there.
        """
        for name in (*self.only, *self.skip):
            if name not in stages:
                raise unknown_name("stage of a look", name, stages)
        return [
            name
            for name in stages
            if name not in self.skip
            and (not self.only or name in self.only)
            and (name != "evolution" or self.checkpoints is not None)
        ]


QUICK = Looking(tuning=grid.QUICK, invariance=invariance.QUICK, checked=6)
"""What is shown very many changed clips, or made ones, is shown a tenth of them."""
