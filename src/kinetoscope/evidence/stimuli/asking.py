"""What is asked of objectives that one pass serves, and what comes of each?

Objectives of the same layers, or neurons of the same place, share their window, their streams and
their batches. A batch that does not fit in memory is halved; what can't be maximized is told with
its reason, and the others go on.

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.motion.velocity import velocity_of_flow, velocity_of_frames
from kinetoscope.evidence.stimuli.ascent import Ascent, Course, Making, Question
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.evidence.stimuli.window import Window, window_of
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Activation
from kinetoscope.units.objective import (
    Channel,
    Features,
    Goal,
    Neuron,
    Objective,
    Together,
    activation,
)
from kinetoscope.units.reading import SCORES
from kinetoscope.units.receptive import ReceptiveField, Seen, seen_or_refused
from kinetoscope.units.rehearsal import blank_batch
from kinetoscope.units.unit import Unit

Progress = Callable[[int], None]
_Name = TypeVar("_Name", bound=str)

_DEAD = "it is dead: it answers 0 everywhere, to noise and to all that the ascent found"

_LONGER = 0.8
"""For how much of a second ascent rectifiers leak, where the first one ended in silence."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An objective without stimuli, and why."""

    objective: Objective
    reason: str


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is asked of all objectives that one pass serves.

    Args:
        network: frozen, in eval mode.
        fields: what a place of each of their layers sees; none for scores.
        window: the part of the clip that is made.
        settings: how.
        seed: of noise and transforms.
        best_real: each objective's largest answer to reference clips.
    """

    network: Network
    fields: Sequence[ReceptiveField]
    window: Window
    settings: Maximizing
    seed: int
    best_real: Mapping[Objective, float]

    @classmethod
    def of(
        cls,
        network: Network,
        like: Objective,
        seen: Mapping[str, Seen | ClipError],
        *,
        settings: Maximizing,
        **rest: Any,
    ) -> "Asking":
        """For objectives that are like this one.

        Raises:
            ClipError: a layer does not answer, or can't be read.
        """
        if any(isinstance(goal, Features) for _, goal in like.terms):
            # The features of a clip are at their places: nothing may be moved for them.
            settings = replace(settings, robustness=Robustness(shift=0))
        layers = [seen_or_refused(seen, name) for name in like.layers if name != SCORES]
        fields = [layer.receptive_field for layer in layers]
        window = _window(network, like, layers, settings)
        return cls(network=network, fields=fields, window=window, settings=settings, **rest)

    def make(
        self,
        makings: Sequence[Making],
        held: Mapping[Stream, Tensor],
        *,
        start: Mapping[str, Tensor] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Stimulus | Failure]:
        """What comes of each, in batches as large as memory allows.

        Args:
            makings: those of one objective and slowness beside each other.
            held: what stands in streams that are not made, of every making: see `held`.
            start: what the others begin with instead of noise, likewise.
            progress: is told, after every step, how many clips it served.
        """
        start = start or {}
        together = self.settings.clips_at_once
        first = 0
        while first < len(makings):
            places = range(first, min(first + self._whole_groups(together), len(makings)))
            try:
                yield from self._batch(
                    [makings[place] for place in places],
                    clips_at(places, held),
                    clips_at(places, start),
                    progress,
                )
            except (MemoryError, RuntimeError) as error:
                if not _of_memory(error):
                    raise
                if self._whole_groups(together) <= self.settings.diverse:
                    for making in (makings[place] for place in places):
                        reason = f"one clip alone does not fit in memory: {_line(error)}"
                        yield Failure(objective=making.objective, reason=reason)
                    first = places.stop
                together = max(1, len(places) // 2)
                continue
            first = places.stop

    def _whole_groups(self, clips: int) -> int:
        """Diverse stimuli of one objective stay in one batch."""
        diverse = self.settings.diverse
        return max(1, clips // diverse) * diverse

    def _batch(
        self,
        makings: list[Making],
        held: Mapping[Stream, Tensor],
        start: Mapping[str, Tensor],
        progress: Progress | None,
    ) -> Iterator[Stimulus | Failure]:
        question = self._question(makings, held, start)
        ascent = Ascent(question, makings)
        try:
            for step in range(self.settings.steps):
                if ascent.alive:
                    ascent.step(step)
                if progress is not None:
                    progress(len(makings))
        except ClipError as error:
            for making in makings:
                yield Failure(objective=making.objective, reason=str(error))
            return
        outcomes = list(self._shown(question, ascent, held))
        asleep = self._asleep(makings, outcomes)
        if asleep and self.settings.leak and self.settings.opening < _LONGER:
            settings = replace(self.settings, opening=_LONGER)
            again = replace(self, settings=settings)._batch(
                [makings[place] for place in asleep],
                clips_at(asleep, held),
                clips_at(asleep, start),
                None,
            )
            for place, outcome in zip(asleep, again, strict=True):
                woken = isinstance(outcome, Stimulus)
                outcomes[place] = replace(outcome, woken=True) if woken else outcome
        yield from outcomes

    def _asleep(
        self, makings: Sequence[Making], outcomes: Sequence[Stimulus | Failure]
    ) -> list[int]:
        """Clips whose units fell silent on the way, though others excite them; with their groups.

        In the first steps, which are the longest, a clip may leap to where a unit answers nothing;
        once rectifiers leak no more, there is no way back.
        """
        silent = {
            (making.objective, making.slowness)
            for making, outcome in zip(makings, outcomes, strict=True)
            if isinstance(outcome, Failure) and outcome.reason == _DEAD
        }
        return [
            place
            for place, making in enumerate(makings)
            if (making.objective, making.slowness) in silent
            and not self._is_dead_to_real_clips(making.objective)
        ]

    def _is_dead_to_real_clips(self, objective: Objective) -> bool:
        best = self._best(objective)
        return best is not None and best <= 0

    def _question(
        self,
        makings: Sequence[Making],
        held: Mapping[Stream, Tensor],
        start: Mapping[str, Tensor],
    ) -> Question:
        spec = self.network.expects
        scales = {
            shown: self._scale(goal)
            for making in makings
            for (_, goal), (_, shown) in zip(
                making.objective.terms, self.window.objective(making.objective).terms, strict=True
            )
        }
        sides = [side // 8 for side in spec.size]
        strides = [min(*each.stride[1:], *sides) for each in self.fields]
        seen = [_pixels(each, spec.size) for each in self.fields]
        return Question(
            network=self.network,
            window=self.window,
            settings=self.settings,
            seed=self.seed,
            stride=max(0, max(strides, default=min(sides))),
            seen=max(seen, default=spec.size[0] * spec.size[1]),
            streams=self.streams(),
            held=held,
            start=start,
            scales=scales,
        )

    def streams(self) -> tuple[Stream, ...]:
        """Those that the layer sees, and that are not held."""
        spec = self.network.expects
        seen = {stream for each in self.fields for stream in each.streams or spec.streams}
        seen = seen if self.fields else set(spec.streams)
        return tuple(
            each for each in spec.streams if each in seen and each not in self.settings.hold
        )

    def _scale(self, goal: Goal) -> float:
        best = self.best_real.get(Objective(((1.0, goal),)), 0.0)
        if isinstance(goal, Neuron) and best <= 0:
            best = self.best_real.get(activation(Unit(goal.layer, goal.channel)), 0.0)
        return best if best > 0 else 1.0

    def held(self, makings: Sequence[Making]) -> dict[Stream, Tensor]:
        """Of every stream that a clip or its own optimum stands in: normalized, one a clip."""
        found: dict[Stream, Tensor] = {}
        network = self.network
        for stream, what in self.settings.hold.items():
            if isinstance(what, Clip):
                batch = network.normalize(ClipBatch.of([what], network.expects))
                whole = batch.to(network.device).stream(stream)
                found[stream] = whole.expand(len(makings), *whole.shape[1:])
        if "own" in self.settings.hold.values():
            made = list(replace(self, settings=replace(self.settings, hold={})).make(makings, {}))
            for stream, what in self.settings.hold.items():
                if what == "own":
                    found[stream] = _optima(network, made, makings, stream, self.window)
        return found

    @torch.no_grad()
    def _shown(
        self, question: Question, ascent: Ascent, held: Mapping[Stream, Tensor]
    ) -> Iterator[Stimulus | Failure]:
        """The stimuli in display space, and what is answered to just what is shown."""
        network = self.network
        parts = {stream: self.window.part(x) for stream, x in held.items()}
        streams = {**ascent.end(), **parts}
        made = network.denormalize(ClipBatch(**streams))
        if made.frames is not None:
            made = replace(made, frames=made.frames.clamp(0, 1))
        normal = network.normalize(made)
        there: list[Stream] = [stream for stream in network.expects.streams if stream in streams]
        streams = {stream: normal.stream(stream) for stream in there}
        makings = ascent.makings
        plain = Together(network, [self.window.objective(making.objective) for making in makings])
        answers = question.answers(streams, plain.layers)
        peaks, means = plain.peaks(answers).tolist(), plain.values(answers).tolist()
        shown, opacity = made.to("cpu"), ascent.opacity()
        for place, (making, course) in enumerate(zip(makings, ascent.courses, strict=True)):
            reason = _failed(course, answers, plain, place)
            if reason is not None:
                yield Failure(objective=making.objective, reason=reason)
                continue
            own = {stream: shown.stream(stream)[place] for stream in there}
            stimulus = self._stimulus(making, course, own, peaks[place], means[place])
            seen = None if opacity is None else opacity[place].cpu()
            yield replace(stimulus, opacity=seen)

    def _stimulus(
        self,
        making: Making,
        course: Course,
        own: Mapping[str, Tensor],
        peak: float,
        mean: float,
    ) -> Stimulus:
        frames, flow = own.get("frames"), own.get("flow")
        whole = self.window.extent == self.window.clip
        return Stimulus(
            objective=making.objective,
            slowness=making.slowness,
            writing=self.settings.writing.name,
            seed=self.seed,
            number=making.number,
            frames=frames,
            flow=flow,
            box=None if whole else self.window.box,
            held=self.settings.held,
            activation=peak,
            mean_activation=mean,
            best_real=self._best(making.objective),
            frames_velocity=None if frames is None else velocity_of_frames(frames),
            flow_velocity=None if flow is None else velocity_of_flow(flow),
            woken=course.silent,
            history=course.history,
        )

    def _best(self, objective: Objective) -> float | None:
        unit = objective.unit
        best = self.best_real.get(objective)
        return self.best_real.get(activation(unit)) if best is None and unit else best


def clips_at(places: Sequence[int], clips: Mapping[_Name, Tensor]) -> dict[_Name, Tensor]:
    """Some clips of a batch, every stream of them."""
    return {stream: x[list(places)] for stream, x in clips.items()}


def _optima(
    network: Network,
    made: Sequence[Stimulus | Failure],
    makings: Sequence[Making],
    stream: Stream,
    window: Window,
) -> Tensor:
    """One stream of each stimulus, normalized, in a blank clip; blank where there is none."""
    found = {
        (each.objective, each.slowness, each.number): getattr(each, stream)
        for each in made
        if isinstance(each, Stimulus)
    }
    spec = network.expects
    blank = blank_batch(spec, network.device).stream(stream)[0]
    clips = []
    for making in makings:
        own = found.get((making.objective, making.slowness, making.number))
        whole = blank.clone()
        if own is not None:
            batch = ClipBatch(**{stream: own[None].to(network.device)})
            window.part(whole).copy_(network.normalize(batch).stream(stream)[0])
        clips.append(whole)
    return torch.stack(clips)


def _window(
    network: Network, like: Objective, layers: Sequence[Seen], settings: Maximizing
) -> Window:
    goal = like.terms[0][1]
    if isinstance(goal, Neuron) and len(like.terms) == 1:
        return window_of(network, goal, layers[0], cut=settings.crop)
    return Window.whole((network.expects.frames, *network.expects.size))


def _pixels(seen: ReceptiveField, size: tuple[int, int]) -> int:
    """How many a place sees: no more than there are."""
    height, width = (min(a, b) for a, b in zip(seen.size[1:], size, strict=True))
    return max(1, height * width)


def _failed(
    course: Course, answers: Mapping[str, Activation], plain: Together, place: int
) -> str | None:
    """Why a clip is no stimulus."""
    if course.broken is not None:
        return f"its answer or its gradient was not a number at step {course.broken}"
    if not course.heard:
        return "its gradient vanishes everywhere, at every step: nothing in the clip matters"
    (weight, goal), *others = plain.objectives[place].terms
    if isinstance(goal, Channel | Neuron) and not others and weight > 0:
        own = answers[goal.layer][place, goal.channel]
        if not bool(own.any()):
            return _DEAD
    return None


def _of_memory(error: BaseException) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        word in str(error) for word in words
    )


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
