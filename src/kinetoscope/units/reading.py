"""What do the layers of a network answer to clips?

The layers' answers are picked up on the way, and the forward pass stops as soon as the last wanted
layer has answered. Gradients flow where they are enabled. Nothing is left behind: neither hooks nor
another mode.

Every answer comes as `clip channel time height width`, or `clip channel` where there is no place:
modules that fold time into the batch are unfolded (clips outermost), and features that a module
keeps on the last axis are brought to the second.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakKeyDictionary

from einops import rearrange
from torch import Tensor, nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Activation, Scores
from kinetoscope.units.rehearsal import answering, rehearse

Look = Callable[[str, Activation], None]

_answers_of: WeakKeyDictionary[nn.Module, dict[str, int]] = WeakKeyDictionary()


class _Stop(BaseException):
    """All wanted layers have answered. Not an Exception, so that no model catches it."""


def read(network: Network, batch: ClipBatch, layers: Sequence[str]) -> dict[str, Activation]:
    """Read layers for clips in display space.

    Args:
        network: in the mode it should run in; it stays in it.
        batch: on the network's device.
        layers: their names; the answers come in this order.

    Returns:
        What each layer answers, with its gradient where gradients are enabled.

    Raises:
        UnknownNameError: a layer is not there, or there is none in the list.
        ClipError: a layer answers several times, not at all, or not with one map a channel.
    """
    names = _check_names(network, layers)
    return read_normalized(network, network.normalize(batch), names)


def read_normalized(
    network: Network, normalized: ClipBatch, layers: Sequence[str]
) -> dict[str, Activation]:
    """Read layers for clips that are normalized already; otherwise as `read`."""
    names = _check_names(network, layers)
    _check_answers_once(network, names)
    answers: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, answer: object) -> None:
        if name in answers:
            raise answers_again(name)
        answers[name] = only_tensor(answer, name)
        if len(answers) == len(names):
            raise _Stop
        # The model may go on to change it in place, as ReLU(inplace=True) does.
        answers[name] = answers[name].clone()

    with answering({name: network.layer(name) for name in names}, keep), suppress(_Stop):
        network.answer(normalized)
    if silent := [name for name in names if name not in answers]:
        raise does_not_answer(silent[0])
    clips = len(normalized)
    return {name: as_volume(answers[name], network.layer(name), name, clips) for name in names}


def watch(network: Network, batch: ClipBatch, layers: Sequence[str], look: Look) -> Scores:
    """Look at layers' answers as they pass by, on the way to the scores.

    Nothing is kept, so that all layers of a large network can be looked at in one pass.

    Args:
        network: in the mode it should run in; it stays in it.
        batch: clips in display space, on the network's device.
        layers: their names.
        look: is given a layer's name and its answer, which is good only until `look` returns: the
            model may go on to change it in place.

    Returns:
        Raw scores, before softmax.

    Raises:
        UnknownNameError, ClipError: as for `read`.
    """
    names = _check_names(network, layers)
    _check_answers_once(network, names)
    heard: set[str] = set()

    def show(name: str, module: nn.Module, answer: object) -> None:
        if name in heard:
            raise answers_again(name)
        heard.add(name)
        look(name, as_volume(only_tensor(answer, name), module, name, len(batch)))

    with answering({name: network.layer(name) for name in names}, show):
        scores = network.scores(batch)
    if silent := [name for name in names if name not in heard]:
        raise does_not_answer(silent[0])
    return scores


def as_volume(answer: Tensor, module: nn.Module, name: str, clips: int) -> Activation:
    """A module's answer as `clip channel time height width`, or `clip channel` without places.

    Raises:
        ClipError: which axis is which can't be told.
    """
    if answer.ndim > 2 and _features_are_last(module, answer):
        answer = answer.movedim(-1, 1)
        if answer.ndim == 3:
            raise _unclear(name, answer, "its tokens have no place in time, height and width")
    if answer.ndim == 0 or answer.shape[0] % clips:
        raise _unclear(name, answer, f"its first axis does not hold the {clips} clips")
    folded = answer.shape[0] != clips
    if answer.ndim == 4:
        return rearrange(
            answer, "(clip time) channel height width -> clip channel time height width", clip=clips
        )
    if answer.ndim == 2 and folded:
        return rearrange(answer, "(clip time) channel -> clip channel time 1 1", clip=clips)
    if answer.ndim == 3 and not folded and isinstance(module, _ALONG_TIME):
        return rearrange(answer, "clip channel time -> clip channel time 1 1")
    if answer.ndim not in (2, 5) or folded:
        raise _unclear(name, answer, "it is not clip, channel, time, height and width")
    return answer


_ALONG_TIME = (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d)


def _features_are_last(module: nn.Module, answer: Tensor) -> bool:
    """Whether a module keeps its features on the last axis, as transformers do.

    The layers with weights within it tell: Linear and LayerNorm work on the last axis. A block
    that only gates its channels by such a layer has as many channels on the second.
    """
    if isinstance(module, nn.Linear | nn.LayerNorm | nn.MultiheadAttention):
        return True
    widths = {_width(each) for each in module.modules()}
    last = {_width(each) for each in module.modules() if isinstance(each, nn.Linear | nn.LayerNorm)}
    return answer.shape[-1] in last and answer.shape[1] not in widths


def _width(module: nn.Module) -> int | None:
    """How many features a layer with weights answers; None for any other."""
    if isinstance(module, nn.LayerNorm):
        return module.normalized_shape[-1]
    names = ("out_features", "out_channels", "num_features")
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)


def only_tensor(answer: object, name: str) -> Tensor:
    """The one tensor that a layer answers with.

    Raises:
        ClipError: it answers with several, or with something else.
    """
    if isinstance(answer, tuple | list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, Tensor):
        raise ClipError(
            f"layer {name} does not answer with one tensor",
            got=f"{type(answer).__name__}",
            expected="a tensor of clip, channel, time, height and width",
            hint="read one of the layers inside it",
        )
    return answer


def _check_names(network: Network, layers: Sequence[str]) -> list[str]:
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise UnknownNameError(
            "no layer is asked for",
            got="an empty list",
            expected="one layer or more",
            hint=f"kinetoscope layers {network.name} lists them",
        )
    for name in names:
        network.layer(name)
    return names


def _check_answers_once(network: Network, names: list[str]) -> None:
    """Refuse a layer that answers several times, whichever layers are read beside it."""
    counts = answer_counts(network)
    for name in names:
        if counts.get(name, 1) > 1:
            raise answers_again(name)


def answer_counts(network: Network) -> dict[str, int]:
    """How often each layer answers in a forward pass, as far as that can be rehearsed."""
    if network.model not in _answers_of:
        counts: dict[str, int] = {}

        def count(name: str, module: nn.Module, answer: object) -> None:
            counts[name] = counts.get(name, 0) + 1

        with suppress(Exception):  # whatever a user's model raises on clips without values
            rehearse(network, count)
        _answers_of[network.model] = counts
    return _answers_of[network.model]


def does_not_answer(name: str) -> ClipError:
    """The error for a layer that is not called."""
    return ClipError(
        f"layer {name} does not answer",
        got="a forward pass that does not call it",
        expected="a module that the model calls",
        hint="read a layer around it, or one that the model calls as a module",
    )


def answers_again(name: str) -> ClipError:
    """The error for a layer that is called several times."""
    return ClipError(
        f"layer {name} answers more than once in a forward pass",
        got="a module that the model calls several times",
        expected="one answer",
        hint="read the layer around it, or give each call a module of its own",
    )


def _unclear(name: str, answer: Tensor, why: str) -> ClipError:
    return ClipError(
        f"what layer {name} answers has no map a channel: {why}",
        got=f"shape {tuple(answer.shape)}",
        expected="clip, channel, time, height and width; or clip and channel",
        hint="read another layer, or wrap the model so that a module gives this form",
    )
