"""Which stimuli are shown to find what units are tuned to?

Gratings, fields of random dots and textured discs, each in every direction at every speed; gratings
at several wavelengths, which with a speed is a temporal frequency, and discs of several sizes. Each
condition is shown a few times: a grating in phases that are spread evenly, dots and textures as
others are drawn. Beside what moves stands what does not, and a grey blank.

Source: Movshon, Thompson and Tolhurst, "Spatial summation in the receptive fields of simple cells
in the cat's striate cortex", J. Physiol. 283, 1978, for gratings over direction, spatial and
temporal frequency; Newsome and Pare, J. Neuroscience 8, 1988, for fields of dots. Differs: all
combinations are shown once to all units, rather than each axis in turn to one neuron, at what it
liked best on the one before.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Literal, get_args

from kinetoscope.errors import EvidenceError

Kind = Literal["gratings", "dots", "discs"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DETAIL = {"gratings": "wavelength", "dots": None, "discs": "size"}
"""What else is varied of a kind: wavelength [pixels], size [parts of the shorter side]."""

_FASTEST = 0.4
"""Cycles per frame: a grating of half a cycle per frame or more is seen going backward."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What one stimulus is, but for its phase or its texture.

    Args:
        kind: gratings, dots, discs, or blank.
        direction: of motion, counter-clockwise from right [degrees]; across the stripes of a
            grating that stands still, and 0 of other things that do.
        speed: [pixels per frame].
        detail: as in `DETAIL`; 0 where nothing else is varied.
    """

    kind: Kind | Literal["blank"]
    direction: float = 0.0
    speed: float = 0.0
    detail: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain values, with the detail by its own name, and the temporal frequency."""
        told = {"kind": self.kind, "direction": self.direction, "speed": self.speed}
        wavelength = self.detail if self.kind == "gratings" else None
        cycles = self.speed / wavelength if wavelength else None
        size = self.detail if self.kind == "discs" else None
        return {**told, "wavelength": wavelength, "size": size, "temporal_frequency": cycles}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Which conditions are shown, and how often.

    Args:
        directions: how many, spread evenly; a multiple of four, so that each has its opposite and
            those across it.
        speeds: rising [pixels per frame].
        wavelengths: of gratings, falling, so that frequency rises [pixels].
        sizes: of discs, rising [parts of the shorter side]; 1 fills all of the clip.
        repetitions: how often each condition is shown.
    """

    directions: int = 8
    speeds: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    wavelengths: tuple[float, ...] = (48.0, 24.0, 12.0, 6.0)
    sizes: tuple[float, ...] = (0.25, 0.5, 1.0)
    repetitions: int = 3

    def __post_init__(self):
        if self.directions < 4 or self.directions % 4:
            raise EvidenceError(
                "directions must have their opposites and those across them",
                got=f"{self.directions} directions",
                expected="a multiple of 4",
            )
        if self.repetitions < 1:
            raise EvidenceError("nothing is shown", got=f"{self.repetitions} times", expected="1")
        rising = (self.speeds, self.sizes, self.wavelengths[::-1])
        for name, axis in zip(("speeds", "sizes", "wavelengths"), rising, strict=True):
            if not axis or list(axis) != sorted(set(axis)) or axis[0] <= 0:
                raise EvidenceError(
                    f"{name} are not in order",
                    got=getattr(self, name),
                    expected=f"above 0, {'falling' if name == 'wavelengths' else 'rising'}",
                )

    @property
    def angles(self) -> list[float]:
        """The directions [degrees]."""
        return [360 * number / self.directions for number in range(self.directions)]

    def details(self, kind: Kind) -> tuple[float, ...]:
        """What else is varied of a kind."""
        return {"gratings": self.wavelengths, "discs": self.sizes}.get(kind, (0.0,))

    def still_angles(self, kind: Kind) -> list[float]:
        """In how many ways something stands still: a grating in half of the directions."""
        return self.angles[: self.directions // 2] if kind == "gratings" else [0.0]

    @property
    def conditions(self) -> list[Condition]:
        """All of them; the blank comes first."""
        made = [Condition(kind="blank")]
        for kind in KINDS:
            moving = product((0.0, *self.speeds), self.angles, self.details(kind))
            made += [
                Condition(kind=kind, direction=angle, speed=speed, detail=detail)
                for speed, angle, detail in moving
                if (speed or angle in self.still_angles(kind)) and _is_seen(kind, speed, detail)
            ]
        return made

    @property
    def shown(self) -> list[tuple[Condition, int]]:
        """Every clip: its condition, and the how manieth of it; a blank is a blank."""
        return [
            (condition, number)
            for condition in self.conditions
            for number in range(1 if condition.kind == "blank" else self.repetitions)
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Grid":
        """The grid that `to_json` told, also after it was written.

        >>> Grid.from_json({**Grid().to_json(), "speeds": [1.0, 2.0]}).speeds
        (1.0, 2.0)
        """
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**plain)


QUICK = Grid(
    speeds=(0.5, 1.0, 2.0, 4.0), wavelengths=(24.0, 12.0, 6.0), sizes=(0.25, 1.0), repetitions=2
)
"""A few hundred clips."""


def _is_seen(kind: Kind, speed: float, detail: float) -> bool:
    return kind != "gratings" or speed < _FASTEST * detail
