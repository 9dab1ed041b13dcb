"""How does a batch of clips move uphill, step by step?

All clips of a batch are moved at once, each towards its own objective. What becomes of a clip
depends on its own first noise and on the number of the step, never on its neighbours: transforms
are the same for all, and a clip that is done leaves the others as they are.

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, equations 1 to 4.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS, Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.diversity import likeness
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.robustness import with_margins
from kinetoscope.evidence.stimuli.settings import Maximizing, input_units
from kinetoscope.evidence.stimuli.tie import tie_term
from kinetoscope.evidence.stimuli.window import Window
from kinetoscope.evidence.stimuli.writings.writing import Sheet
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Activation
from kinetoscope.units.objective import Goal, Objective, PerClip, Together
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.softening import softened

_CHANGE = 1e-3
"""An objective that rises by less, as a share of its size, does not improve."""


@dataclass(frozen=True, kw_only=True)
class Making:
    """One clip that is to be made: for an objective, at one slowness, the so-manieth of several."""

    objective: Objective
    slowness: float
    number: int = 0


@dataclass(kw_only=True)
class Course:
    """How the ascent of one clip went.

    Args:
        history: every term at every step.
        heard: whether any gradient reached the clip.
        silent: whether the unit answered nothing at all to the first noise.
        broken: the step at which an answer or a gradient was no number.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    heard: bool = False
    silent: bool = False
    broken: int | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """What all clips of a batch share.

    Args:
        network: frozen, in eval mode.
        window: the part of the clip that is made.
        settings: how.
        seed: of noise and transforms.
        stride: of the layer [pixels].
        seen: how many pixels a place of the layer sees, for the paper's gain.
        streams: those that are made.
        held: what stands in the others, normalized and of the whole clip, one a clip of the batch;
            a stream that is missing stays blank.
        start: what clips begin with instead of noise, as `held`, of what is made.
        scales: what a goal's answers are divided by.
    """

    network: Network
    window: Window
    settings: Maximizing
    seed: int
    stride: int
    seen: int
    streams: tuple[Stream, ...]
    held: Mapping[Stream, Tensor]
    start: Mapping[str, Tensor]
    scales: Mapping[Goal, float]

    @property
    def margins(self) -> tuple[int, int]:
        """How much larger what is made is than what is shown, at each end [frames, pixels]."""
        robustness = self.settings.robustness
        return robustness.time_margin, robustness.margin(self.stride, self.window.extent)

    def prior(self, stream: str) -> Prior:
        """Of a stream, in units of the network's input."""
        return self.settings.prior(stream).scaled(input_units(self.network.expects, stream))

    def sheet(self, makings: Sequence[Making]) -> Sheet:
        """What the clips are written on."""
        network = self.network
        time, height, width = self.window.extent
        early, side = self.margins
        extent = (time + 2 * early, height + 2 * side, width + 2 * side)
        black = torch.zeros(1, 3, 1, 1, 1, device=network.device)
        return Sheet(
            shapes={stream: (CHANNELS[stream], *extent) for stream in self.streams},
            bounds={stream: self.prior(stream).bound for stream in self.streams},
            darkest=network.normalize(ClipBatch(frames=black)).stream("frames"),
            brightest=network.normalize(ClipBatch(frames=black + 1)).stream("frames"),
            keys=tuple(_key(self.seed, making) for making in makings),
            chi=torch.tensor([making.slowness for making in makings], device=network.device),
            kappa=self.settings.frames.kappa,
            box=self.window.box,
            start=self.start,
            flow_scale=network.expects.flow_scale,
            device=network.device,
        )

    def answers(self, shown: Mapping[str, Tensor], layers: Sequence[str]) -> dict[str, Activation]:
        """What the layers answer to streams of the window's extent."""
        clips = len(next(iter(shown.values())))
        streams = self.window.shown(dict(shown))
        extent = next(iter(streams.values())).shape[2:]
        for stream in self.network.expects.streams:
            if stream not in streams:
                shape = (clips, CHANNELS[stream], *extent)
                streams[stream] = torch.zeros(shape, device=self.network.device)
        return read_normalized(self.network, ClipBatch(**streams), layers)


class Ascent:
    """A batch under way."""

    def __init__(self, question: Question, makings: Sequence[Making]):
        self.question, self.makings = question, list(makings)
        self.courses = [Course() for _ in makings]
        self._sheet = question.sheet(makings)
        self._draft = question.settings.writing.begin(self._sheet)
        self._priors = {stream: question.prior(stream) for stream in question.streams}
        self._held = _with_margins(question)
        self._mattered: dict[str, Tensor] = {}
        self._done: dict[int, dict[str, Tensor]] = {}
        self._records: list[tuple[list[int], dict[str, Tensor]]] = []
        self._best = torch.full((len(makings),), -torch.inf, device=question.network.device)
        self._since = torch.zeros(len(makings), device=question.network.device)
        self._mean: Tensor | None = None
        self._go_on(list(range(len(makings))))

    def _go_on(self, alive: list[int]) -> None:
        """With these clips of all that there were."""
        question = self.question
        objectives = [question.window.objective(self.makings[place].objective) for place in alive]
        self._alive = alive
        self._scaled = Together(question.network, objectives, question.scales)
        self._plain = Together(question.network, objectives)
        self._chi = self._sheet.chi[alive]
        kinds = {(each.objective, each.slowness): None for each in self.makings}
        numbers = {kind: number for number, kind in enumerate(kinds)}
        own = [self.makings[place] for place in alive]
        self._groups = torch.tensor([numbers[each.objective, each.slowness] for each in own])

    @property
    def alive(self) -> int:
        """How many clips are not done."""
        return len(self._alive)

    def step(self, number: int) -> None:
        """Move every clip that is not done.

        Raises:
            ClipError: no gradient leads from the objective to the clips.
        """
        settings = self.question.settings
        opened = min(1.0, number / max(1.0, settings.opening * settings.steps))
        clips = self._draft.draw()
        leaves = {stream: x.detach().requires_grad_() for stream, x in clips.items()}
        with softened(settings.leak if opened < 1 else 0.0):
            answers = self._answers(leaves, number)
            values = self._values(answers)
        if not values.requires_grad:
            raise no_slope(self.makings[self._alive[0]].objective)
        penalties = self._penalties(leaves, answers)
        reward = self._gain(answers) * values
        (sum(penalties.values(), torch.zeros_like(reward)) - reward).sum().backward()
        with torch.no_grad():
            terms = {"activation": self._plain.peaks(answers), **penalties}
            strength = self._pull(leaves, opened, terms)
            against = [term for name, term in terms.items() if name != "activation"]
            objective = reward.detach() - sum(against, torch.zeros_like(reward))
            terms = {"objective": objective, **terms}
            self._records.append((self._alive, {k: v.detach() for k, v in terms.items()}))
            self._note(number, terms["activation"], strength)
        falling = 1 + math.cos(math.pi * number / settings.steps)
        self._draft.step(settings.travel / settings.steps * falling)
        self._finish(number, objective.isfinite() & strength.isfinite(), objective)

    def _answers(self, leaves: Mapping[str, Tensor], number: int) -> dict[str, Activation]:
        question = self.question
        held = {stream: x[self._alive] for stream, x in self._held.items()}
        settings = question.settings
        if number < (1 - settings.settle) * settings.steps:
            transform = settings.robustness.drawn(number, question.seed, question.stride)
        else:
            transform = settings.robustness.plain()
        scale = question.network.expects.flow_scale
        shown = transform({**leaves, **held}, question.window.extent, flow_scale=scale)
        return question.answers(shown, self._scaled.layers)

    def _values(self, answers: Mapping[str, Activation]) -> PerClip:
        """What is to be as large as can be: answers over all places, and where they are largest."""
        mean, share = self._scaled.values(answers), self.question.settings.peak
        return mean.lerp(self._scaled.peaks(answers), share) if share else mean

    def _gain(self, answers: Mapping[str, Activation]) -> float:
        """Of an objective's mean answer."""
        settings = self.question.settings
        if settings.gain is None:
            return settings.strength
        layer = answers[self._scaled.layers[0]]
        places = 1 if self.question.window.place else layer[0, 0].numel()
        return settings.gain * places / self.question.seen

    def _penalties(
        self, leaves: Mapping[str, Tensor], answers: Mapping[str, Activation]
    ) -> dict[str, PerClip]:
        """What is asked of several clips, or of both streams, together."""
        settings, found = self.question.settings, {}
        if settings.diverse > 1 and settings.diversity:
            layer = answers[self._scaled.layers[0]]
            found["diversity"] = settings.diversity * likeness(layer, self._groups)
        if settings.tie and {"frames", "flow"} <= set(leaves):
            scale, bound = self._sheet.flow_scale, self._sheet.bounds["frames"]
            missed = tie_term(leaves["frames"], leaves["flow"], flow_scale=scale, bound=bound)
            found["tie"] = settings.tie * missed
        return found

    def _pull(
        self, leaves: Mapping[str, Tensor], opened: float, terms: dict[str, PerClip]
    ) -> Tensor:
        """Tell the draft the gradients, with those of the priors; the network's, at its largest."""
        strength = torch.zeros(self.alive, device=self._chi.device)
        gradients = {}
        for stream, leaf in leaves.items():
            gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            largest = torch.linalg.vector_norm(gradient, ord=math.inf, dim=(1, 2, 3, 4))
            strength = torch.maximum(strength, largest)
            self._matter(stream, gradient)
            x = leaf.detach()
            if stream in self._draft.around:
                x = x - self._draft.around[stream]
            energy, roughness, pull = self._priors[stream].terms(x, self._chi)
            gradients[stream] = gradient.add_(pull, alpha=opened)
            terms[f"{stream} energy"], terms[f"{stream} roughness"] = energy, roughness
        self._draft.pull(gradients)
        return strength

    def _matter(self, stream: str, gradient: Tensor) -> None:
        if self.question.settings.transparency:
            before = self._mattered.get(stream)
            if before is None:
                shape = (len(self.makings), *gradient.shape[2:])
                before = self._mattered[stream] = gradient.new_zeros(shape)
            before[self._alive] += gradient.abs().sum(1)

    def _note(self, number: int, activation: PerClip, strength: PerClip) -> None:
        """Whether the units were silent at first, and whether they are heard."""
        for at, place in enumerate(self._alive):
            course = self.courses[place]
            if number == 0:
                course.silent = activation[at].item() == 0
            if not course.heard:
                course.heard = strength[at].item() > 0

    def _finish(self, number: int, numbers: Tensor, objective: PerClip) -> None:
        """Leave out the clips that broke, and those that do not improve any more."""
        done = ~numbers
        for place, is_number in zip(self._alive, numbers.tolist(), strict=True):
            if not is_number:
                self.courses[place].broken = number
        settings = self.question.settings
        if settings.patience is not None:
            done = done | self._stands_still(number, objective)
        if not bool(done.any()):
            return
        clips = {stream: x.detach() for stream, x in self._draft.draw().items()}
        stay = []
        for at, place in enumerate(self._alive):
            if done[at]:
                self._done[place] = {stream: x[at].clone() for stream, x in clips.items()}
            else:
                stay.append(at)
        self._draft.keep(torch.tensor(stay, dtype=torch.long, device=self._chi.device))
        if self._mean is not None:
            self._mean = self._mean[stay]
        self._go_on([self._alive[at] for at in stay])

    def _stands_still(self, number: int, objective: PerClip) -> Tensor:
        """In the second half of the ascent, where steps are short."""
        settings, alive = self.question.settings, self._alive
        mean = objective if self._mean is None else self._mean.lerp(objective, 0.1)
        self._mean = mean
        improved = mean > self._best[alive] + _CHANGE * self._best[alive].abs().clamp(max=1e30)
        self._best[alive] = torch.where(improved, mean, self._best[alive])
        self._since[alive] = torch.where(improved, 0.0, self._since[alive] + 1)
        late = number >= settings.steps // 2
        return (self._since[alive] > (settings.patience or 0)) & late

    @torch.no_grad()
    def end(self) -> dict[str, Tensor]:
        """All clips as they are now, in the order in which they were asked for."""
        clips = self._draft.draw() if self.alive else {}
        for at, place in enumerate(self._alive):
            self._done[place] = {stream: x[at].detach() for stream, x in clips.items()}
        self._write_histories()
        ended = [self._done[place] for place in range(len(self.makings))]
        canvases = {
            stream: torch.stack([each[stream] for each in ended])
            for stream in self.question.streams
        }
        return self.centre(canvases)

    def opacity(self) -> Tensor | None:
        """How much each pixel of every clip mattered on the way, `clip time height width`."""
        if not self._mattered:
            return None
        canvases = {stream: x[:, None] for stream, x in self._mattered.items()}
        shares = [x[:, 0] / _largest(x[:, 0]) for x in self.centre(canvases).values()]
        return torch.stack(shares).amax(0)

    def centre(self, canvases: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without the margins."""
        return self.question.settings.robustness.plain()(canvases, self.question.window.extent)

    def _write_histories(self) -> None:
        for alive, terms in self._records:
            for name, values in terms.items():
                for place, value in zip(alive, values.tolist(), strict=True):
                    self.courses[place].history.setdefault(name, []).append(value)


def no_slope(objective: Objective) -> ClipError:
    """The error for what can be read and not maximized."""
    return ClipError(
        f"{objective} can't be maximized",
        got="an answer from which no gradient leads back to the clip, as of a choice",
        expected="a layer whose answer changes little where the clip does",
        hint="the layer before it, which the choice is made by",
    )


def _key(seed: int, making: Making) -> str:
    """What the first noise depends on; the same at every slowness."""
    number = f" {making.number}" if making.number else ""
    return f"{seed} {making.objective}{number}"


def _largest(x: Tensor) -> Tensor:
    return x.flatten(1).amax(1).clamp(min=1e-30).reshape(-1, *[1] * (x.ndim - 1))


def _with_margins(question: Question) -> dict[str, Tensor]:
    """What is held, with its edges repeated into the margins."""
    early, side = question.margins
    return {
        stream: with_margins(question.window.part(x), early, side)
        for stream, x in question.held.items()
    }
