"""What is a network: a model, its labels, what it expects of a clip, and its named layers?"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import CHANNELS, ClipSpec
from kinetoscope.errors import ClipError, KinetoscopeError, unknown_name
from kinetoscope.networks.tasks import log_probabilities, tasks_of
from kinetoscope.tensors import Scores, Size


@dataclass(frozen=True)
class Classification:
    """How probable each label is for one clip."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The most probable labels, best first.

        >>> Classification(("walk", "run", "jump"), (0.2, 0.7, 0.1)).top(2)
        [('run', 0.7), ('walk', 0.2)]
        """
        pairs = sorted(zip(self.labels, self.probabilities, strict=True), key=lambda pair: -pair[1])
        return pairs[:count]


@dataclass(frozen=True, kw_only=True)
class TokenGrid:
    """Where the tokens of a transformer lie in time, height and width.

    Args:
        size: how many there are along time, height and width.
        before: how many stand before them that have no place, such as a class token.
        order: which axis is outermost; einops words.
    """

    size: Size
    before: int = 0
    order: str = "time height width"


class Network(nn.Module):
    """A model that takes clips in display space and answers a probability for each label.

    Normalizing happens in here and nowhere else. The model itself is any module that takes the
    normalized streams of `expects.streams`, in that order, and answers raw scores.

    Args:
        model: takes `clip channel time height width`, once a stream; answers `clip label`.
        labels: the name of each score.
        expects: what a clip must be.
        name: the zoo's name, or the user's.
        options: what the model was built with besides its labels, as plain values, so that a
            checkpoint can build it again. With `multi_task`, labels are named `task/label` and only
            those of one task are rivals.
        layers: the layers to look at, in the order of computation; module paths within the model.
        tokens: where tokens lie, in a model whose layers answer `clip token channel`.
    """

    model: nn.Module
    _mean: Tensor
    _std: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        labels: Sequence[str],
        expects: ClipSpec,
        name: str,
        options: Mapping[str, Any] | None = None,
        layers: Sequence[str] = (),
        tokens: TokenGrid | None = None,
    ):
        super().__init__()
        self.model = model
        self.labels = tuple(labels)
        self.expects = expects
        self.name = name
        self.options = dict(options or {})
        self.tasks = tasks_of(self.labels) if self.options.get("multi_task") else ()
        for module in model.modules():  # those that average or stack probabilities need to know
            if isinstance(getattr(module, "tasks", None), tuple):
                setattr(module, "tasks", self.tasks)  # noqa: B010 - not of every module
        self.layers = tuple(layers)
        self.tokens = tokens
        self.training = model.training
        weights = [*model.parameters(), *model.buffers()]
        device = weights[0].device if weights else torch.get_default_device()
        self.register_buffer("_mean", _column(expects.mean).to(device), persistent=False)
        self.register_buffer("_std", _column(expects.std).to(device), persistent=False)

    def forward(self, batch: ClipBatch) -> Scores:
        """Probabilities of the labels; where there are several tasks, shares within each."""
        return log_probabilities(self.scores(batch), self.tasks).exp()

    def scores(self, batch: ClipBatch) -> Scores:
        """Raw scores, before softmax."""
        return self.scores_of(self.normalize(batch))

    def scores_of(self, normalized: ClipBatch) -> Scores:
        """Raw scores of clips that are normalized already.

        Raises:
            ClipError: they are not what the network takes, or it does not answer one score a label.
        """
        scores = self.answer(normalized)
        if scores.ndim != 2 or scores.shape[1] != len(self.labels):
            raise ClipError(
                f"the scores of {self.name} do not fit its labels",
                got=tuple(scores.shape),
                expected=f"({len(normalized)}, {len(self.labels)})",
            )
        return scores

    def branches(self, batch: ClipBatch) -> tuple[Scores, ...]:
        """Raw scores of each prediction that is trained with a loss of its own.

        Most networks have one. Where there are more, as in two-stream fusion, the network's own
        scores are the logarithm of their mean probability.
        """
        model: Any = self.model
        if not callable(getattr(type(model), "branches", None)):
            return (self.scores(batch),)
        normalized = self.normalize(batch)
        return model.branches(*[normalized.stream(name) for name in self.expects.streams])

    def answer(self, normalized: ClipBatch) -> Tensor:
        """What the model answers to clips that are normalized already.

        Raises:
            ClipError: they are not what the network takes. Many networks take other sizes than
                they expect; those are tried.
        """
        streams = [normalized.stream(name) for name in self.expects.streams]
        for name, stream in zip(self.expects.streams, streams, strict=True):
            _check_axes(stream, CHANNELS[name], self)
        try:
            return self.model(*streams)
        except (KinetoscopeError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever a model raises where a size does not suit it
            extents = {tuple(stream.shape[2:]) for stream in streams}
            if extents == {(self.expects.frames, *self.expects.size)}:
                raise
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise _does_not_fit(self, got=f"{_shapes(streams)}: {reason}") from error

    def normalize(self, batch: ClipBatch) -> ClipBatch:
        """From display space to the space the model was trained in."""
        frames, flow = batch.frames, batch.flow
        return ClipBatch(
            frames=None if frames is None else _normalized(frames, self._mean, self._std),
            flow=None if flow is None else flow / self.expects.flow_scale,
        )

    def denormalize(self, normalized: ClipBatch) -> ClipBatch:
        """Back to display space; values outside [0, 1] stay outside."""
        frames, flow = normalized.frames, normalized.flow
        return ClipBatch(
            frames=None if frames is None else frames * self._std + self._mean,
            flow=None if flow is None else flow * self.expects.flow_scale,
        )

    @torch.inference_mode()
    def classify(self, clip: Clip) -> Classification:
        """The probability of each label, in eval mode; the network is left as it was."""
        with evaluating(self):
            batch = ClipBatch.of([clip], self.expects).to(self.device)
            return Classification(self.labels, tuple(self(batch)[0].tolist()))

    def layer(self, name: str) -> nn.Module:
        """The module of a layer.

        Raises:
            UnknownNameError: there is none; says which names are near.
        """
        try:
            if name:
                return self.model.get_submodule(name)
        except AttributeError:
            pass
        modules = tuple(path for path, _ in self.model.named_modules() if path)
        raise unknown_name("layer", name, self.layers or modules)

    def label(self, name: str) -> int:
        """The place of a label among the scores.

        Raises:
            UnknownNameError: there is none; says which names are near.
        """
        if name not in self.labels:
            raise unknown_name("label", name, self.labels)
        return self.labels.index(name)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self._mean.device

    @cached_property
    def weights_hash(self) -> str:
        """16 hexadecimal digits that name these weights, whatever file they came from.

        Computed once: a network that is trained on afterwards must be loaded or made anew.
        """
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in sorted(self.model.state_dict().items()):
            array = tensor.detach().cpu().contiguous().float().numpy()
            digest.update(f"{name}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    @property
    def weights_count(self) -> int:
        """How many weights the model has."""
        return sum(weight.numel() for weight in self.model.parameters())


def _check_axes(stream: Tensor, channels: int, network: Network) -> None:
    if stream.ndim != 5 or stream.shape[1] != channels:
        raise _does_not_fit(network, got=_shapes([stream]))


def _does_not_fit(network: Network, *, got: str) -> ClipError:
    extent = " x ".join(map(str, (network.expects.frames, *network.expects.size)))
    shapes = (f"{name} of clip x {CHANNELS[name]} x {extent}" for name in network.expects.streams)
    return ClipError(
        f"{network.name} can't be shown these clips",
        got=got,
        expected=" and ".join(shapes),
        hint="open_clip(path, network.expects) cuts a clip that fits, and ClipBatch.of([clip]) "
        "makes a batch of it",
    )


def _shapes(streams: Sequence[Tensor]) -> str:
    return " and ".join(" x ".join(map(str, stream.shape)) for stream in streams)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode within the block; afterwards every module is in the mode it was in."""
    modes = {each: each.training for each in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for each, training in modes.items():
            each.training = training


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """In eval mode, with no gradient to the weights; afterwards as it was."""
    wanted = {weight: weight.requires_grad for weight in module.parameters()}
    with evaluating(module):
        try:
            module.requires_grad_(False)
            yield
        finally:
            for weight, want in wanted.items():
                weight.requires_grad_(want)


def _normalized(frames: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Of a pixel's channels that lie side by side, whole rows at once: three times as fast."""
    if frames.ndim != 5 or not frames.movedim(1, -1).is_contiguous():
        return (frames - mean).div_(std)
    width = frames.shape[4]
    row_mean, row_std = (each.flatten().repeat(width) for each in (mean, std))
    rows = (frames.movedim(1, -1).flatten(3) - row_mean).div_(row_std)
    return rows.unflatten(3, (width, len(row_mean) // width)).movedim(-1, 1)


def _column(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).reshape(1, 3, 1, 1, 1)  # as a clip, so that memory formats fit
