"""What would this unit like to see, in appearance and in motion?

Starting from noise in all streams at once, a clip is changed step by step so that a unit answers
more strongly, everywhere in its map, while the clip stays plausible:

    x* = argmax  gain / (rho^2 a^)  <a_l(x), e_c>  -  R(x; appearance)  -  R(x; motion)

<a_l(x), e_c> is the sum of the channel's answers, rho the side of the layer's receptive field, a^
the channel's largest answer to real clips, and R the priors of priors.py; chi, the weight of change
over time, asks for fast (0) to slow motion.
Many units of a layer, each at several values of chi, are maximized in one batch; none changes
another. The forward pass stops at the layer, and only the clips have gradients.

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, equations 1 to 4. The gain and the
leaking gradient of rectifiers: Mahendran and Vedaldi, IJCV 2016, code of nnpreimage. Differs:
by default the gain of a layer is such that its mean answer weighs the same as in any other, since
with one gain for all, first layers drown the priors and the priors drown scores; the priors come in
over the first steps; the decreasing rate is half a cosine; appearance is as many frames as the
network takes, with the same chi as motion; colours stay within what a screen can show; a stream
that the layer does not see stays blank.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor, nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.stimuli.pixels import Canvas
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.evidence.velocity import velocity_of_flow, velocity_of_frames
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Activation
from kinetoscope.units.reading import read_normalized, watch
from kinetoscope.units.receptive import receptive_fields
from kinetoscope.units.rehearsal import blank_batch
from kinetoscope.units.unit import Unit

SLOWNESS = (0.0, 1.0, 5.0, 10.0)
"""The paper's values of chi, from unconstrained to slow."""

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Maximizing:
    """How stimuli are made.

    Args:
        steps: of ascent.
        strength: weight of the unit's mean answer, in units of its largest to real clips, against
            the priors; in every layer the gain is strength rho^2 / positions.
        gain: the formula's own, the same in every layer, instead.
        travel: how far a pixel can go in all its steps, in bounds. The steps fall to zero by half a
            cosine, so the first is 2 travel / steps of the bound: 1 % for 500 steps.
        frames_bound: the longest vector of a pixel's colour, from the mean colour, in units of 255
            as the paper gives it (160), divided by the network's deviation.
        flow_bound: the fastest motion [pixels per frame of the video].
        alpha, kappa, energy_weight, smoothness_weight, periodic: of both priors; see Prior.
        jitter: the largest shift of the clip between steps [pixels]; None takes the layer's stride.
        leak: the share of the gradient that passes a rectifier that is shut, so that units that do
            not answer to noise find a way; in the first steps only.
        opening: how long that lasts, and how long the priors take to come in, as a share of the
            steps.
        clips_at_once: how many clips share a batch.
    """

    steps: int = 500
    strength: float = 100.0
    gain: float | None = None
    travel: float = 2.5
    frames_bound: float = 160 / 255
    flow_bound: float = 4.7
    alpha: float = 3.0
    kappa: float = 1.0
    energy_weight: float = 1.0
    smoothness_weight: float = 20.0
    periodic: bool = False
    jitter: int | None = None
    leak: float = 0.05
    opening: float = 0.2
    clips_at_once: int = 64

    def prior(self, bound: float) -> Prior:
        """The prior of a stream whose pixels may be this long."""
        return Prior(
            bound=bound,
            alpha=self.alpha,
            kappa=self.kappa,
            energy_weight=self.energy_weight,
            smoothness_weight=self.smoothness_weight,
            periodic=self.periodic,
        )


@torch.enable_grad()
def maximize(
    network: Network,
    units: Sequence[Unit],
    *,
    slowness: Sequence[float] = SLOWNESS,
    best_real: Mapping[Unit, float] | None = None,
    settings: Maximizing | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Stimulus]:
    """Make the clips that excite each unit most, one for every slowness.

    Args:
        network: any; it comes back as it went.
        units: of any layers. The order changes nothing.
        slowness: values of chi.
        best_real: each unit's largest answer to real clips. Where it is missing or not positive,
            answers are taken as they are, and the stimulus has no ratio.
        settings: how.
        seed: of the first noise and of the jitter. A unit starts from the same noise whatever
            stands beside it in the batch.
        progress: is told, after every step, how many clips it served.

    Returns:
        The stimuli in the order of the units, and for each unit in the order of slowness.

    Raises:
        UnknownNameError: a layer or a channel is not there.
        ClipError: no gradient leads from a layer back to the clip (see `layers_with_slope`).
    """
    settings = settings or Maximizing()
    best_real = best_real or {}
    together = max(1, settings.clips_at_once // max(1, len(slowness)))
    made: dict[Unit, list[Stimulus]] = {}
    with _frozen(network):
        for layer, members in groupby(sorted(set(units)), key=lambda unit: unit.layer):
            asked = _Asked(network, layer, tuple(slowness), settings, seed)
            group = list(members)
            for first in range(0, len(group), together):
                batch = group[first : first + together]
                for stimulus in asked.maximize(batch, best_real, progress):
                    made.setdefault(stimulus.unit, []).append(stimulus)
    return [stimulus for unit in units for stimulus in made[unit]]


@torch.enable_grad()
def layers_with_slope(network: Network, layers: Sequence[str]) -> tuple[str, ...]:
    """Those of some layers from which a gradient leads back to the clip.

    A choice, such as which of several neurons is active, has none: it can be read, not maximized.
    """
    found = []

    def note(name: str, answer: Activation) -> None:
        if answer.requires_grad:
            found.append(name)

    blank = blank_batch(network.expects, network.device)
    for stream in network.expects.streams:
        blank.stream(stream).requires_grad_()
    with _frozen(network):
        watch(network, blank, layers, note)
    return tuple(layer for layer in layers if layer in found)


class _Asked:
    """What is asked of all the units of a layer."""

    def __init__(
        self,
        network: Network,
        layer: str,
        slowness: tuple[float, ...],
        settings: Maximizing,
        seed: int,
    ):
        self.network, self.layer, self.slowness = network, layer, slowness
        self.settings, self.seed = settings, seed
        field = receptive_fields(network, [layer])[layer]
        spec = network.expects
        self.streams = [
            stream for stream in spec.streams if stream in field.streams or not field.streams
        ]
        # A unit sees no more pixels than there are.
        height, width = (min(a, b) for a, b in zip(field.size[1:], spec.size, strict=True))
        self.seen = height * width
        stride = min(*field.stride[1:], *(side // 8 for side in spec.size))
        self.margin = max(0, stride) if settings.jitter is None else settings.jitter

    def maximize(
        self, units: list[Unit], best_real: Mapping[Unit, float], progress: Progress | None
    ) -> Iterator[Stimulus]:
        pairs = [(unit, chi) for unit in units for chi in self.slowness]
        canvas = self._canvas(units)
        largest = torch.tensor([max(best_real.get(unit, 0.0), 0.0) for unit, _ in pairs])
        scale = torch.where(largest > 0, largest, 1.0)
        channels = torch.tensor([unit.channel for unit, _ in pairs])
        history = self._ascend(canvas, channels, scale, progress)
        shown, answers = self._show(canvas, channels)
        for place, (unit, chi) in enumerate(pairs):
            frames = shown.stream("frames")[place] if "frames" in self.streams else None
            flow = shown.stream("flow")[place] if "flow" in self.streams else None
            yield Stimulus(
                unit=unit,
                slowness=chi,
                frames=frames,
                flow=flow,
                activation=answers[place].max().item(),
                mean_activation=answers[place].mean().item(),
                best_real=best_real.get(unit),
                frames_velocity=None if frames is None else velocity_of_frames(frames),
                flow_velocity=None if flow is None else velocity_of_flow(flow),
                history={name: values[:, place].tolist() for name, values in history.items()},
            )

    def _canvas(self, units: list[Unit]) -> Canvas:
        settings, spec = self.settings, self.network.expects
        bounds = {
            "frames": settings.frames_bound / (sum(spec.std) / 3),
            "flow": settings.flow_bound * spec.stride / spec.flow_scale,
        }
        return Canvas(
            self.network,
            priors={stream: settings.prior(bounds[stream]) for stream in self.streams},
            keys=[f"{self.seed} {unit}" for unit in units],
            chi=self.slowness,
            margin=self.margin,
        )

    def _ascend(
        self, canvas: Canvas, channels: Tensor, scale: Tensor, progress: Progress | None
    ) -> dict[str, Tensor]:
        settings = self.settings
        device = self.network.device
        channels, scale = channels.to(device), scale.to(device)
        shifts = torch.Generator().manual_seed(self.seed)
        history: dict[str, list[Tensor]] = {}
        for step in range(settings.steps):
            down, right = torch.randint(0, 2 * self.margin + 1, (2,), generator=shifts).tolist()
            opened = min(1.0, step / max(1.0, settings.opening * settings.steps))
            with _leaking(self.network, settings.leak if opened < 1 else 0.0):
                answer = self._answer(canvas.crop(down, right), channels)
            _check_slope(answer, self.layer)
            reward = self._weight(answer) / scale * answer.sum(1)
            reward.sum().neg().backward()
            against = canvas.resist(opened)
            objective = reward.detach() - torch.stack(list(against.values())).sum(0)
            terms = {"objective": objective, "activation": answer.detach().amax(1), **against}
            falling = 1 + math.cos(math.pi * step / settings.steps)
            canvas.step(settings.travel / settings.steps * falling)
            for name, values in terms.items():
                history.setdefault(name, []).append(values.cpu())
            if progress is not None:
                progress(len(channels))
        return {name: torch.stack(values) for name, values in history.items()}

    def _weight(self, answer: Tensor) -> float:
        """Of the sum of a unit's answers, `clip place`."""
        if self.settings.gain is not None:
            return self.settings.gain / self.seen
        return self.settings.strength / answer.shape[1]

    def _answer(self, shown: ClipBatch, channels: Tensor) -> Tensor:
        """What each clip's own channel answers, at all positions: `clip place`."""
        answer = read_normalized(self.network, shown, [self.layer])[self.layer]
        _check_channels(self.layer, channels, answer)
        own = answer[torch.arange(len(channels), device=answer.device), channels]
        return own.reshape(len(channels), -1)

    @torch.no_grad()
    def _show(self, canvas: Canvas, channels: Tensor) -> tuple[ClipBatch, Tensor]:
        """The stimuli in display space, and what the unit answers to just what is shown."""
        shown = self.network.denormalize(canvas.crop(self.margin, self.margin))
        if shown.frames is not None:
            shown = replace(shown, frames=shown.frames.clamp(0, 1))
        normal = self.network.normalize(shown)
        answers = self._answer(normal, channels.to(self.network.device))
        return shown.to("cpu"), answers.cpu()


def _check_channels(layer: str, channels: Tensor, answer: Activation) -> None:
    if (wrong := channels.max().item()) >= answer.shape[1]:
        raise UnknownNameError(
            f"layer {layer} has no channel {wrong}",
            got=f"{layer}:{wrong}",
            expected=f"{layer}:0 to {layer}:{answer.shape[1] - 1}",
        )


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """In eval mode, with no gradient to the weights; afterwards as it was."""
    wanted = {weight: weight.requires_grad for weight in network.parameters()}
    with evaluating(network):
        try:
            network.requires_grad_(False)
            yield
        finally:
            for weight, want in wanted.items():
                weight.requires_grad_(want)


def _check_slope(answer: Tensor, layer: str) -> None:
    if not answer.requires_grad:
        raise ClipError(
            f"units of layer {layer} can't be maximized",
            got="an answer from which no gradient leads back to the clip, as of a choice",
            expected="a layer whose answer changes little where the clip does",
            hint="the layer before it, which the choice is made by",
        )


@contextmanager
def _leaking(network: nn.Module, leak: float) -> Iterator[None]:
    """Let a share of the gradient pass rectifiers that are shut; what they answer is the same."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], answer: Tensor) -> Tensor:
        shut = leak * inputs[0].clamp(max=0)
        return answer + (shut - shut.detach())

    with ExitStack() as hooks:
        if leak:
            for module in network.modules():
                if isinstance(module, nn.ReLU) and not module.inplace:
                    handle = module.register_forward_hook(hook)
                    hooks.callback(handle.remove)
        yield
