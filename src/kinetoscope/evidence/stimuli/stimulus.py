"""What is a stimulus: a made clip that excites a unit, and the numbers that come with it?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, stack

from kinetoscope.errors import ClipError
from kinetoscope.evidence.evidence import Provenance, read_evidence, writing_evidence
from kinetoscope.evidence.motion.velocity import Peak, Velocity
from kinetoscope.units.objective import Objective
from kinetoscope.units.receptive import Box

ARRAYS = "stimulus.safetensors"


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What was measured of a stimulus; None where it could not be.

    Args:
        ratio_over_transforms: mean of its activation while it is shifted, turned and scaled, in
            units of the best reference clip's.
        percentile: the share of reference clips that excite the unit less, in [0, 1].
        rank: 1 where no other unit of the layer is excited more, each against its own answers to
            the reference clips.
        units: of how many.
        specificity: by how many deviations it is excited more than the next.
        frames_peak, flow_peak: the strongest wave in each stream.
        spectrum_distance: between its spectrum and that of reference clips, root mean square [dB].
        speeds_distance: between its speeds and those of reference clips [octaves].
        path_similarity: of every earlier layer, how alike it is driven as by the real clips that
            excite the unit most: 1 as those among each other, 0 as clips of other units.
        stream_shares: what each stream contributes to the activation, by Shapley value.
        activation_spread: over seeds, deviation by mean.
        stability: over seeds, how alike the layer is driven, as a correlation.
        tie_gap: the activation that is lost where flow has to explain the frames, as a share.
    """

    ratio_over_transforms: float | None = None
    percentile: float | None = None
    rank: int | None = None
    units: int | None = None
    specificity: float | None = None
    frames_peak: Peak | None = None
    flow_peak: Peak | None = None
    spectrum_distance: float | None = None
    speeds_distance: float | None = None
    path_similarity: Mapping[str, float] = field(default_factory=dict)
    stream_shares: Mapping[str, float] = field(default_factory=dict)
    activation_spread: float | None = None
    stability: float | None = None
    tie_gap: float | None = None


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """A clip in display space that was made for an objective, at one slowness.

    Args:
        objective: what it was made for.
        slowness: the weight chi of change over time; 0 leaves motion free, more asks for slower.
        writing: the name of the way in which it was written down.
        seed: of its first noise.
        number: among several diverse stimuli of one objective; 0 for the first.
        frames: RGB in [0, 1], `3 time height width`; None where the network sees none, or blank.
        flow: [pixels per frame], `2 time height width`; None where the network sees none, or blank.
        opacity: how much each pixel mattered on the way, in [0, 1], `time height width`.
        box: which part of the network's clip it is, where only what a neuron sees was made.
        held: of each stream that was not made, what stood in it: "blank", "own", or which clip.
        activation: the largest answer over all positions.
        mean_activation: the objective itself: the mean answer over all positions.
        best_real: its largest answer to the reference clips; None without any.
        reference: what these are: the name of a catalog, or "made clips".
        frames_velocity, flow_velocity: the motion that was measured in each stream.
        woken: whether the unit was silent for the first noise, or fell silent on the way, and had
            to be woken by letting gradient through shut rectifiers.
        went_on: how often it went on from where it was, or from its neighbour in slowness, since
            the slower of them was not calmer.
        history: every term of the objective at every step.
        measures: what else was measured of it.
    """

    objective: Objective
    slowness: float
    writing: str = "pixels"
    seed: int = 0
    number: int = 0
    frames: Tensor | None
    flow: Tensor | None
    opacity: Tensor | None = None
    box: Box | None = None
    held: Mapping[str, str] = field(default_factory=dict)
    activation: float
    mean_activation: float
    best_real: float | None
    reference: str | None = None
    frames_velocity: Velocity | None
    flow_velocity: Velocity | None
    woken: bool = False
    went_on: int = 0
    history: Mapping[str, Sequence[float]]
    measures: Measures = Measures()

    def __post_init__(self):
        if self.frames is None and self.flow is None:
            raise ClipError(
                f"the stimulus of {self.objective} is empty",
                got="no stream",
                expected="frames or flow",
            )

    @property
    def ratio(self) -> float | None:
        """Its activation in units of the best real clip's; None for a unit that no clip excites."""
        if self.best_real is None or self.best_real <= 0:
            return None
        return self.activation / self.best_real


def write_stimuli(folder: Path, stimuli: Sequence[Stimulus], provenance: Provenance) -> None:
    """Write the stimuli of one objective, one a slowness and number, as a folder of evidence."""
    first = stimuli[0]
    arrays = {
        name: stack([getattr(each, name) for each in stimuli]).contiguous()
        for name in _ARRAYS
        if getattr(first, name) is not None
    }
    unit = first.objective.unit
    with writing_evidence(folder, "stimulus", provenance) as (aside, answer):
        save_file(arrays, aside / ARRAYS)
        answer["objective"] = str(first.objective)
        answer["unit"] = None if unit is None else str(unit)
        answer["label"] = first.objective.label
        answer["box"] = first.box
        answer["best_real"], answer["reference"] = first.best_real, first.reference
        answer["items"] = [_item(each) for each in stimuli]


def read_stimuli(folder: Path | str) -> list[Stimulus]:
    """Read the stimuli of one objective.

    Raises:
        EvidenceError: the folder holds none.
    """
    folder = Path(folder)
    answer = read_evidence(folder, "stimulus").answer
    arrays = load_file(folder / ARRAYS)
    found = []
    for place, item in enumerate(answer["items"]):
        values: dict[str, Any] = {name: item[name] for name in _PLAIN}
        values |= {name: arrays[name][place] if name in arrays else None for name in _ARRAYS}
        values |= {name: _velocity(item[name]) for name in ("frames_velocity", "flow_velocity")}
        values |= {name: answer[name] for name in ("best_real", "reference")}
        values["box"] = answer["box"] and tuple(tuple(side) for side in answer["box"])
        objective, measures = Objective.parse(answer["objective"]), _measures(item["measures"])
        found.append(Stimulus(objective=objective, measures=measures, **values))
    return found


_ARRAYS = ("frames", "flow", "opacity")
_PLAIN = (
    "slowness", "writing", "seed", "number", "held", "activation", "mean_activation", "woken",
    "went_on", "history",
)  # fmt: skip


def _item(stimulus: Stimulus) -> dict[str, Any]:
    return {
        **{name: getattr(stimulus, name) for name in _PLAIN},
        "ratio": stimulus.ratio,
        "frames_velocity": stimulus.frames_velocity and asdict(stimulus.frames_velocity),
        "flow_velocity": stimulus.flow_velocity and asdict(stimulus.flow_velocity),
        "measures": asdict(stimulus.measures),
    }


def _velocity(values: Mapping[str, float] | None) -> Velocity | None:
    return Velocity(**values) if values else None


def _measures(values: Mapping[str, Any]) -> Measures:
    peaks = {name: values[name] and Peak(**values[name]) for name in ("frames_peak", "flow_peak")}
    return Measures(**{**values, **peaks})
