"""How are stimuli made: every setting of an ascent, with its default?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.beside.nature import Nature
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from kinetoscope.evidence.stimuli.writings.writing import Writing

SLOWNESS = (0.0, 1.0, 5.0, 10.0)
"""The paper's values of chi, from unconstrained to slow."""


Hold = Mapping[Stream, Clip | Literal["blank", "own"]]
"""What stands in a stream that is not made: a real clip's, nothing, or the stream's own optimum."""


@dataclass(frozen=True, kw_only=True)
class Maximizing:
    """How stimuli are made.

    Args:
        steps: of ascent.
        strength: weight of the objective's mean answer, in units of its largest to reference clips,
            against the priors.
        gain: the paper's formula instead: gain / rho^2 times the sum of the answers, the same in
            every layer.
        peak: the share of the objective that is its largest answer over places, instead of the
            mean over all of them; 0 is the paper's. The mean alone may favour what answers a
            little everywhere over what answers most somewhere.
        travel: how far a pixel can go in all its steps, in bounds. The steps fall to zero by half a
            cosine, so the first is 2 travel / steps of the bound: 1 % for 500 steps.
        frames: the prior of appearance; its bound is the longest vector of a pixel's colour, from
            the mean colour, where white is 1: 160 of 255 as the paper gives it.
        flow: the prior of motion; its bound is the fastest motion [pixels per frame of the video].
        hold: streams that are not made, and what stands in them instead.
        tie: weight, against `strength`, of what flow does not explain of the change in the frames;
            0 leaves them free, 100 ties them.
        writing: which numbers are moved.
        robustness: how clips are shifted, turned and scaled between steps.
        settle: the share of the steps, at their end, in which clips are not shifted and turned any
            more, so that a unit may find what lies at the border of the frame, too.
        leak: the share of the gradient that passes a rectifier that is shut, so that units that do
            not answer to noise find a way; in the first steps only.
        opening: how long that lasts, and how long the priors take to come in, as a share of the
            steps.
        patience: a clip is done when its objective has not improved for so many steps, in the
            second half of the ascent; None makes all steps.
        rounds: how often stimuli go on, for `steps` each time, while one of a larger slowness is
            not calmer than its neighbour; of ways of writing that take clips, where `diverse` is 1.
        diverse: how many stimuli of each objective are made side by side.
        diversity: the weight that keeps these apart, against `strength`.
        transparency: whether to tell how much every pixel mattered on the way.
        crop: whether the network is shown only what a neuron sees. The stimulus is the same.
        clips_at_once: how many clips share a batch; halved where memory does not suffice.
    """

    steps: int = 500
    strength: float = 100.0
    gain: float | None = None
    peak: float = 0.0
    travel: float = 2.5
    frames: Prior = field(default_factory=lambda: Prior(bound=160 / 255, smoothness_weight=20.0))
    flow: Prior = field(default_factory=lambda: Prior(bound=4.7, smoothness_weight=20.0))
    tie: float = 0.0
    hold: Hold = field(default_factory=dict)
    writing: Writing = field(default_factory=Pixels)
    robustness: Robustness = field(default_factory=Robustness)
    settle: float = 0.0
    leak: float = 0.05
    opening: float = 0.2
    patience: int | None = None
    rounds: int = 5
    diverse: int = 1
    diversity: float = 100.0
    transparency: bool = False
    crop: bool = True
    clips_at_once: int = 64

    def __post_init__(self):
        for name in ("steps", "travel", "diverse", "clips_at_once"):
            if not getattr(self, name) > 0:
                raise ClipError(
                    f"stimuli can't be made with {name} {getattr(self, name)}",
                    got=getattr(self, name),
                    expected="more than 0",
                )

        for name, of in (("peak", "objective"), ("settle", "steps")):
            if not 0 <= getattr(self, name) <= 1:
                raise ClipError(
                    f"{name} is a share of the {of}",
                    got=getattr(self, name),
                    expected="from 0 to 1",
                )

    def prior(self, stream: str) -> Prior:
        """Of a stream, in display units."""
        return self.frames if stream == "frames" else self.flow

    def as_free_as(self, nature: Nature) -> "Maximizing":
        """With bounds at which stimuli may be as colourful and as fast as natural clips are.

        The paper's bounds stay where natural clips stay within them. Without this, a unit that
        wants what no stimulus may have is excited more by real clips.
        """
        bounds = {
            stream: max(self.prior(stream).bound, reach / input_units(nature.expects, stream))
            for stream, reach in nature.reach.items()
        }
        priors = {name: replace(self.prior(name), bound=bound) for name, bound in bounds.items()}
        return replace(self, **priors)

    @property
    def held(self) -> dict[str, str]:
        """What stands in streams that are not made, in words."""
        return {
            stream: what if isinstance(what, str) else f"clip {what.source}"
            for stream, what in self.hold.items()
        }

    def to_json(self) -> dict[str, Any]:
        """All settings that a stimulus depends on, as plain values."""
        return {
            **{name: value for name, value in vars(self).items() if name not in _RECORDS},
            "frames": asdict(self.frames),
            "flow": asdict(self.flow),
            "robustness": asdict(self.robustness),
            "writing": self.writing.to_json(),
            "hold": self.held,
        }


def input_units(spec: ClipSpec, stream: str) -> float:
    """What the display units of a prior's bound are in units of a network's input."""
    return 3 / sum(spec.std) if stream == "frames" else spec.stride / spec.flow_scale


_RECORDS = ("frames", "flow", "robustness", "writing", "hold", "crop", "clips_at_once")
