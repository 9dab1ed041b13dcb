"""What do the layers of a network answer to clips?

The layers' answers are picked up on the way, and the forward pass stops as soon as the last wanted
layer has answered. Gradients flow where they are enabled. Nothing is left behind: neither hooks nor
another mode.

Every answer comes as `clip channel time height width`, or `clip channel` where there is no place;
`axes.py` says how.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from torch import Tensor, nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Activation
from kinetoscope.units.axes import as_volume, habits_of
from kinetoscope.units.rehearsal import answering

SCORES = "scores"
"""Stands for the answer of the whole network, where layers are named; hides a layer so called."""

Look = Callable[[str, Activation], None]


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
    """Read layers for clips that are normalized already; otherwise as `read`.

    With `SCORES` among the layers, the network runs to its end and its scores come with them.
    """
    wanted = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    names = [] if wanted == [SCORES] else _check_names(network, [n for n in wanted if n != SCORES])
    _check_answers_once(network, names)
    answers: dict[str, Activation] = {}
    clips = len(normalized)
    to_the_end = SCORES in wanted

    def keep(name: str, module: nn.Module, given: object, answer: object) -> None:
        if name in answers:
            raise answers_again(name)
        answers[name] = as_volume(answer, network, name, clips)
        if len(answers) == len(names) and not to_the_end:
            raise _Stop
        # The model may go on to change it in place, as ReLU(inplace=True) does.
        answers[name] = answers[name].clone()

    with answering({name: network.layer(name) for name in names}, keep), suppress(_Stop):
        scores = network.answer(normalized)
        if to_the_end:
            answers[SCORES] = scores
    if silent := [name for name in names if name not in answers]:
        raise does_not_answer(silent[0])
    return {name: answers[name] for name in wanted}


def watch(network: Network, batch: ClipBatch, layers: Sequence[str], look: Look) -> Tensor:
    """Look at layers' answers as they pass by, on the way to the scores.

    Nothing is kept, so that all layers of a large network can be looked at in one pass.

    Args:
        network: in the mode it should run in; it stays in it.
        batch: clips in display space, on the network's device; fastest as `layout_for` says.
        layers: their names.
        look: is given a layer's name and its answer, which is good only until `look` returns: the
            model may go on to change it in place.

    Returns:
        Raw scores, before softmax; of a network without labels, whatever it answers.

    Raises:
        UnknownNameError, ClipError: as for `read`.
    """
    names = _check_names(network, layers)
    _check_answers_once(network, names)
    heard: set[str] = set()

    def show(name: str, module: nn.Module, given: object, answer: object) -> None:
        if name in heard:
            raise answers_again(name)
        heard.add(name)
        look(name, as_volume(answer, network, name, len(batch)))

    normalized = network.normalize(batch)
    with answering({name: network.layer(name) for name in names}, show):
        scores = (network.scores_of if network.labels else network.answer)(normalized)
    if silent := [name for name in names if name not in heard]:
        raise does_not_answer(silent[0])
    return scores


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
    counts = habits_of(network).counts
    for name in names:
        if counts.get(name, 1) > 1:
            raise answers_again(name)


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
