"""How much did each pixel of each frame of each stream matter to an objective?

A method answers a `Question` with an `Attribution`: a map of the clip's extent for each stream, or
one for both where the method can't tell them apart. Positive heat speaks for the objective.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Heat
from kinetoscope.units.objective import Objective

Part = Stream | Literal["both"]
"""A stream, or both of them where a method does not tell them apart."""

NativeHeat = Float[Tensor, "_time _height _width"]
"""Heat in the resolution in which a method found it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """What a method found.

    Args:
        method: its name.
        heat: of each part, `time height width` of the clip, on the CPU.
        native: the same as the method found it, before it was brought to the clip's extent; empty
            where it was found pixel by pixel.
        value: of the objective, for the clip.
        signed: whether heat below zero speaks against the objective; otherwise it is never below.
        facts: what the method tells of itself, by name: numbers such as `completeness gap`.
    """

    method: str
    heat: Mapping[Part, Heat]
    native: Mapping[Part, NativeHeat] = field(default_factory=dict)
    value: float
    signed: bool = True
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> Heat:
        """Of all parts together: where both were found apart, their sum."""
        return torch.stack([*self.heat.values()]).sum(0)

    def of(self, stream: Stream) -> Heat:
        """What is known of one stream: its own heat, or that of both."""
        return self.heat[stream] if stream in self.heat else self.heat["both"]


class Method(ABC):
    """A way to find it. Its settings are the fields of a frozen dataclass.

    `name` is how it is called on the command line; `source` who published it, in a few words.
    """

    name: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def check(self, network: Network, objective: Objective) -> None:
        """Refuse, before anything is computed, a network or an objective that it does not fit.

        Raises:
            ClipError: the method has no meaning here, or a setting does not fit.
            UnknownNameError: a layer that it needs is not there.
        """

    @abstractmethod
    def answer(self, question: Question) -> Attribution:
        """Attribute. The network comes back as it went, also after an error.

        Raises:
            ClipError: as `check`, or what only computing shows.
        """

    def settings(self) -> dict[str, Any]:
        """Its name and fields as plain values, for provenance."""
        return {"method": self.name, **asdict(self)}  # pyright: ignore[reportArgumentType] - a dataclass
