"""What is asked about one clip, and what do methods answer?

Without objectives of the user's own, a clip is asked about two labels: the one that the network
predicts, and the true one where that is another. What both of them rest on shows why one was taken
for the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.heats import strong_heat, strongest_box
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.shares import shares_of, time_shares
from kinetoscope.networks.network import Classification, Network
from kinetoscope.tensors import Heat
from kinetoscope.units.objective import Objective, label
from kinetoscope.units.receptive import Box

Why = Literal["asked", "recognized", "predicted", "true"]
"""Why an objective is asked for: by the user; it is the label that is predicted and true; or one of
them."""

LABELS = "labels"
"""What the scale of heat is called that all labels share: their scores have one unit."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is asked about every clip.

    Args:
        network: comes back as it went.
        methods: that fit.
        objectives: of the user's own; labels, if there are none.
        filling: what stands in for a stream that is out, where streams have shares.
        memory: that a method may take beside the weights [bytes]; None for what is there.
        other: the clip that is swapped in, where a method swaps.
    """

    network: Network
    methods: Sequence[Method]
    objectives: Sequence[Objective] = ()
    filling: str = "grey"
    memory: int | None = None
    other: Clip | None = None

    @property
    def expects(self) -> ClipSpec:
        """Of a clip that is asked about: with its flow, where a method follows it."""
        return with_flow_for(self.methods, self.network.expects)

    def about(self, clip: Clip, true: str | None) -> tuple[dict[str, Any], dict[str, Heat]]:
        """Ask about one clip.

        Args:
            clip: as the network expects it.
            true: its label, if it is known.

        Returns:
            What is told of it, as plain values, and heat by `heat_name`.
        """
        said = self.network.classify(clip)
        ((predicted, probability),) = said.top(1)
        heats: dict[str, Heat] = {}
        told = []
        for place, (why, objective) in enumerate(self._objectives(said, true)):
            question = Question.about(
                self.network, clip, objective, memory=self.memory, other=self.other
            )
            answers = [
                self._answer(question, (place, at), heats) for at in range(len(self.methods))
            ]
            told.append({**_about(question, why), **self._shares(question), "answers": answers})
        about = {"label": true, "predicted": predicted, "probability": probability}
        return {**about, "seconds": list(clip.seconds), "questions": told}, heats

    def _objectives(self, said: Classification, true: str | None) -> list[tuple[Why, Objective]]:
        if self.objectives:
            return [("asked", objective) for objective in self.objectives]
        predicted = said.top(1)[0][0]
        if true == predicted:
            return [("recognized", label(predicted))]
        asked: list[tuple[Why, Objective]] = [("predicted", label(predicted))]
        if true is not None and true in said.labels:
            asked.append(("true", label(true)))
        return asked

    def _answer(
        self, question: Question, places: tuple[int, int], heats: dict[str, Heat]
    ) -> dict[str, Any]:
        """What one method answers; what went wrong, where something did."""
        began = perf_counter()
        try:
            found = self.methods[places[1]].answer(question)
        except KinetoscopeError as error:
            return {"method": places[1], "error": str(error)}
        took = perf_counter() - began
        heats |= {heat_name(places, part): heat for part, heat in found.heat.items()}
        heats |= {heat_name(places, part, native=True): it for part, it in found.native.items()}
        return {"method": places[1], "error": None, **answer_told(found), "took_seconds": took}

    def _shares(self, question: Question) -> dict[str, Any]:
        try:
            return {"shares": shares_of(question, filling=self.filling).to_json(), "unshared": None}
        except KinetoscopeError as error:
            return {"shares": None, "unshared": str(error)}


def with_flow_for(methods: Sequence[Method], spec: ClipSpec) -> ClipSpec:
    """The same clips, with their flow where some method follows it and the network takes none."""
    follows = any(getattr(method, "follows_flow", False) for method in methods)
    if not follows or "flow" in spec.streams:
        return spec
    return replace(spec, streams=(*spec.streams, "flow"))


def heat_name(places: tuple[int, int], part: str, *, native: bool = False) -> str:
    """How the heat of a part is called among the arrays of a clip.

    Args:
        places: of the question among the clip's, and of the method.
        part: a stream, or both.
        native: as the method found it, before it was brought to the clip's extent.
    """
    return f"{places[0]}.{places[1]}.{part}" + (".native" if native else "")


def answer_told(found: Attribution) -> dict[str, Any]:
    """An attribution without its heat, as plain values."""
    shares = time_shares(found.heat)
    return {
        "signed": found.signed,
        "facts": dict(found.facts),
        "native": {part: list(heat.shape) for part, heat in found.native.items()},
        "strong": max(strong_heat(heat) for heat in found.heat.values()),
        "strongest": box_told(strongest_box(found.whole)),
        "parts": {
            part: {
                "sum": float(heat.sum()),
                "over_time": heat.sum((1, 2)).tolist(),
                "share_of_time": None if shares is None else list(shares[part]),
                "strongest": box_told(strongest_box(heat)),
            }
            for part, heat in found.heat.items()
        },
    }


def box_told(box: Box) -> Mapping[str, list[int]]:
    """A box as plain values: from, and one past the last."""
    return {axis: list(span) for axis, span in zip(("frames", "rows", "columns"), box, strict=True)}


def _about(question: Question, why: Why) -> dict[str, Any]:
    objective = question.objective
    return {
        "objective": str(objective),
        "why": why,
        "scale": LABELS if objective.label else str(objective),
        "value": question.value,
    }
