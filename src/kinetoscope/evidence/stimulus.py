"""What is a stimulus: a made clip that excites a unit, and the numbers that come with it?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, stack

from kinetoscope.errors import ClipError
from kinetoscope.evidence.evidence import Provenance, read_evidence, writing_evidence
from kinetoscope.evidence.velocity import Velocity
from kinetoscope.units.unit import Unit

ARRAYS = "stimulus.safetensors"


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """A clip in display space that was made to excite a unit, at one slowness.

    Args:
        unit: whose it is.
        slowness: the weight chi of change over time; 0 leaves motion free, more asks for slower.
        frames: RGB in [0, 1], `3 time height width`; None where the network sees no frames.
        flow: [pixels per frame], `2 time height width`; None where it sees no flow.
        activation: the unit's largest answer over all positions.
        mean_activation: its mean answer over all positions, which is what was maximized.
        best_real: its largest answer to the real clips it is held against; None without any.
        frames_velocity, flow_velocity: the motion that was measured in each stream.
        history: every term of the objective at every step.
    """

    unit: Unit
    slowness: float
    frames: Tensor | None
    flow: Tensor | None
    activation: float
    mean_activation: float
    best_real: float | None
    frames_velocity: Velocity | None
    flow_velocity: Velocity | None
    history: Mapping[str, Sequence[float]]

    def __post_init__(self):
        if self.frames is None and self.flow is None:
            raise ClipError(
                f"the stimulus of {self.unit} is empty", got="no stream", expected="frames or flow"
            )

    @property
    def ratio(self) -> float | None:
        """Its activation in units of the best real clip's; None for a unit that no clip excites."""
        if self.best_real is None or self.best_real <= 0:
            return None
        return self.activation / self.best_real


def write_stimuli(folder: Path, stimuli: Sequence[Stimulus], provenance: Provenance) -> None:
    """Write the stimuli of one unit, one a slowness, as a folder of evidence."""
    first = stimuli[0]
    arrays = {
        name: stack([getattr(each, name) for each in stimuli]).contiguous()
        for name in ("frames", "flow")
        if getattr(first, name) is not None
    }
    with writing_evidence(folder, "stimulus", provenance) as (aside, answer):
        save_file(arrays, aside / ARRAYS)
        answer["unit"] = str(first.unit)
        answer["layer"], answer["channel"] = first.unit.layer, first.unit.channel
        answer["best_real"] = first.best_real
        answer["items"] = [_item(each) for each in stimuli]


def read_stimuli(folder: Path) -> list[Stimulus]:
    """Read the stimuli of one unit.

    Raises:
        EvidenceError: the folder holds none.
    """
    answer = read_evidence(folder, "stimulus").answer
    arrays = load_file(folder / ARRAYS)
    return [
        Stimulus(
            unit=Unit.parse(answer["unit"]),
            slowness=item["slowness"],
            frames=arrays["frames"][place] if "frames" in arrays else None,
            flow=arrays["flow"][place] if "flow" in arrays else None,
            activation=item["activation"],
            mean_activation=item["mean_activation"],
            best_real=answer["best_real"],
            frames_velocity=_velocity(item["frames_velocity"]),
            flow_velocity=_velocity(item["flow_velocity"]),
            history=item["history"],
        )
        for place, item in enumerate(answer["items"])
    ]


def _item(stimulus: Stimulus) -> dict[str, Any]:
    return {
        "slowness": stimulus.slowness,
        "activation": stimulus.activation,
        "mean_activation": stimulus.mean_activation,
        "ratio": stimulus.ratio,
        "frames_velocity": stimulus.frames_velocity and asdict(stimulus.frames_velocity),
        "flow_velocity": stimulus.flow_velocity and asdict(stimulus.flow_velocity),
        "history": {name: list(values) for name, values in stimulus.history.items()},
    }


def _velocity(values: Mapping[str, float] | None) -> Velocity | None:
    return Velocity(**values) if values else None
