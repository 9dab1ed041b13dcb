"""Which way, how fast, how fine, how large: what motion is each unit tuned to?

Every clip of a grid (grid.py) is drawn and shown once; all units of all layers are read in the same
pass. Written out, the evidence has for its answer

    grid         as `Grid` takes it
    clips        how many were shown
    conditions   how many were different
    reads        which answer of a unit counts: the largest over its positions, or their mean
    control      weights_hash of the network that it is held against, or null
    layers       a list of
        name, channels
        file         a safetensors file beside the evidence: `answers`, `clip unit`
        kinds        of gratings, dots and discs: `network` and `control` (or null), each with
            units, silent   how many
            medians         over the units that are not silent, each with its interval
            shares          of those, that are selective for direction, for orientation, or untuned
        agreement    of gratings and dots, on the preferred direction: units, within_45

and beside it as csv

    conditions   a row a clip: kind, direction [degrees], speed [pixels per frame], wavelength
                 [pixels], size [parts of the shorter side], temporal_frequency [cycles per frame]
    units        a row a unit and kind, as `Tuning.units`; `control` likewise
    curves       a row a unit and kind: answers above the blank along direction, speed and detail

Source: Movshon, Thompson and Tolhurst, J. Physiol. 283, 1978. Differs: see grid.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from safetensors.torch import load_file

from kinetoscope.errors import unknown_name
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.responses import respond
from kinetoscope.evidence.scan import Progress
from kinetoscope.evidence.tuning.curves import Answers, OfLayers
from kinetoscope.evidence.tuning.drawn import drawn_clips
from kinetoscope.evidence.tuning.grid import Grid
from kinetoscope.evidence.tuning.tables import Analysis, write_answers
from kinetoscope.networks.network import Network
from kinetoscope.units.layers import list_layers

KIND = "tuning"

Reads = Literal["largest", "mean"]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What units are tuned to, read back.

    Args:
        evidence: as it was written.
        grid: what was shown.
    """

    evidence: Evidence
    grid: Grid

    @cached_property
    def units(self) -> pl.DataFrame:
        """A row a unit and kind of stimulus.

        `peak` and `still` are answers above the blank; `direction` [degrees], `speed` [pixels per
        frame], `wavelength` [pixels], `size` and `temporal_frequency` what is preferred;
        `direction_selectivity` and others as in indices.py; `direction_half_width` is in degrees,
        `speed_half_width` and `detail_half_width` in octaves; `motion_index` is 1 where what
        stands still is nothing to it; `p_` and `q_` before and after correction for many tests;
        `verdict` is direction, orientation, untuned or silent.
        """
        return _read_units(self.evidence.folder / "units.csv")

    @cached_property
    def control(self) -> pl.DataFrame | None:
        """The same of the network that it is held against, if there is one."""
        path = self.evidence.folder / "control.csv"
        return _read_units(path) if path.exists() else None

    def answers(self, layer: str) -> Answers:
        """To every clip of the grid.

        Raises:
            UnknownNameError: the layer was not looked at.
        """
        files = {each["name"]: each["file"] for each in self.evidence.answer["layers"]}
        if layer not in files:
            raise unknown_name("layer with tuning", layer, tuple(files))
        return load_file(self.evidence.folder / files[layer])["answers"].numpy()


_TEXT = ("layer", "kind", "verdict")


def _read_units(path: Path) -> pl.DataFrame:
    """As it was written: a layer may be called 0, and a column may be empty."""
    numbers = pl.all().exclude(*_TEXT, "channel").cast(pl.Float64)
    return pl.read_csv(path, infer_schema=False).with_columns(numbers, pl.col("channel").cast(int))


def read_tuning(folder: Path | str) -> Tuning:
    """Read evidence of tuning.

    Raises:
        EvidenceError: there is none.
    """
    found = read_evidence(folder, KIND)
    return Tuning(evidence=found, grid=Grid.from_json(found.answer["grid"]))


def write_tuning(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    folder: Path,
    *,
    layers: Sequence[str] = (),
    grid: Grid | None = None,
    control: Network | None = None,
    reads: Reads = "largest",
    tries: int = 999,
    seed: int = 0,
    batch: int = 8,
    progress: Progress | None = None,
) -> Evidence:
    """Write what every unit of some layers is tuned to as a folder of evidence.

    Evidence that is there already is read.

    Args:
        network: comes back as it went.
        folder: of the evidence; complete or absent.
        layers: by name; if none are given those that the network names as worth looking at,
            without its pools, whose units are those of the layer before.
        grid: what is shown.
        control: the same network with random weights, to hold it against.
        reads: which answer of a unit counts, over its positions.
        tries: how many exchanges each test makes.
        seed: of dots, textures and tests.
        batch: clips at once; the answer is the same.
        progress: is told how many clips were shown, and how many will be.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
    """
    grid = grid or Grid()
    names = [layer.name for layer in list_layers(network, layers, pools=False)]
    provenance = Provenance.of(
        network,
        objective=f"{reads} answer of every channel to moving patterns",
        settings={
            "layers": names,
            "grid": grid.to_json(),
            "reads": reads,
            "tries": tries,
            "control": control.weights_hash if control else None,
            "expects": network.expects.to_json(),
        },
        seed=seed,
    )
    if not has_evidence(folder, provenance):
        show = _Show(grid, names, reads, seed, batch, progress, 2 if control else 1)
        own = show.answers_of(network, 0)
        others = show.answers_of(control, 1) if control else {}
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            answer |= write_answers(aside, Analysis(grid, tries, seed), own, others)
            answer |= {"reads": reads, "control": provenance.settings["control"]}
    return read_evidence(folder, KIND)


@dataclass(frozen=True)
class _Show:
    """The clips, as they are shown to one network or to two."""

    grid: Grid
    layers: Sequence[str]
    reads: Reads
    seed: int
    batch: int
    progress: Progress | None
    networks: int

    def answers_of(self, network: Network, number: int) -> OfLayers:
        """Of each layer to every clip; no more than a batch of clips is ever in memory."""
        total, done = len(self.grid.shown), 0
        found: OfLayers = {}
        for clips in drawn_clips(self.grid, network.expects, seed=self.seed, batch=self.batch):
            answers = getattr(respond(network, [clips], self.layers), self.reads)
            for layer, some in answers.items():
                if layer not in found:
                    found[layer] = np.empty((total, some.shape[1]), np.float32)
                found[layer][done : done + len(clips)] = some.numpy()
            done += len(clips)
            if self.progress is not None:
                self.progress(number * total + done, self.networks * total)
        return found
