"""How is a stimulus shown to its network again, after it was made?

Whole clips, as the network expects them: what a neuron sees is put back at its place in a blank
clip, of the mean colour and without motion, and a stream that was not made is blank.
"""

from collections.abc import Iterator, Sequence

import torch
from einops import rearrange
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS, ClipSpec, Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective


def check_shown(network: Network, stimuli: Sequence[Stimulus]) -> list[Objective]:
    """Refuse stimuli that were not made for this network.

    Returns:
        Their objectives, with labels at their places among the network's scores.

    Raises:
        UnknownNameError: the network has not got a layer or a label.
        ClipError: the network takes other clips, or there are no stimuli.
    """
    if not stimuli:
        raise ClipError("no stimulus is given", got="an empty list", expected="one or more")
    bound = [each.objective.bound(network) for each in stimuli]
    for each in stimuli:
        for stream in CHANNELS:
            made = _made(each, stream)
            if made is not None:
                _check_fits(network, each, stream, made)
    return bound


def can_be_shown(stimulus: Stimulus) -> bool:
    """Whether all that it was made beside is known; a real stream and an own optimum are not."""
    return all(
        what == "blank" or _made(stimulus, stream) is not None
        for stream, what in stimulus.held.items()
    )


def shown(network: Network, stimuli: Sequence[Stimulus]) -> ClipBatch:
    """Stimuli as whole clips in display space, side by side, as the network's weights are."""
    streams = {
        stream: torch.stack([_whole(each, stream, network.expects) for each in stimuli])
        for stream in network.expects.streams
    }
    return _as_weights(network, streams)


def shown_blank(network: Network) -> ClipBatch:
    """A clip in which there is nothing to see."""
    spec = network.expects
    return _as_weights(network, {stream: blank(spec, stream)[None] for stream in spec.streams})


def shown_in_batches(
    network: Network, stimuli: Sequence[Stimulus], clips_at_once: int
) -> Iterator[ClipBatch]:
    """The same, a few at once."""
    for first in range(0, len(stimuli), clips_at_once):
        yield shown(network, stimuli[first : first + clips_at_once])


def blank(spec: ClipSpec, stream: Stream) -> Tensor:
    """A stream in which there is nothing to see, `channel time height width`."""
    extent = (spec.frames, *spec.size)
    if stream == "flow":
        return torch.zeros(CHANNELS[stream], *extent)
    return rearrange(torch.tensor(spec.mean), "rgb -> rgb 1 1 1").expand(-1, *extent).clone()


def _as_weights(network: Network, streams: dict[str, Tensor]) -> ClipBatch:
    weights = (weight.dtype for weight in network.parameters() if weight.is_floating_point())
    return ClipBatch(**streams).to(network.device, next(weights, None))


def _whole(stimulus: Stimulus, stream: Stream, spec: ClipSpec) -> Tensor:
    made, whole = _made(stimulus, stream), blank(spec, stream)
    if made is not None:
        whole[_place(stimulus)] = made.to(whole)
    return whole


def _made(stimulus: Stimulus, stream: str) -> Tensor | None:
    return stimulus.frames if stream == "frames" else stimulus.flow


def _place(stimulus: Stimulus) -> tuple[slice, ...]:
    """In a clip, `channel time height width`."""
    box = stimulus.box or ((None, None),) * 3
    return (slice(None), *(slice(start, stop) for start, stop in box))


def _check_fits(network: Network, stimulus: Stimulus, stream: str, made: Tensor) -> None:
    spec = network.expects
    if stream not in spec.streams:
        raise ClipError(
            f"the stimulus of {stimulus.objective} was not made for {network.name}",
            got=stream,
            expected=" and ".join(spec.streams),
        )
    extent = (CHANNELS[stream], spec.frames, *spec.size)
    room = tuple(torch.empty(extent, device="meta")[_place(stimulus)].shape)
    if made.shape != room:
        raise ClipError(
            f"{stream} of the stimulus of {stimulus.objective} do not fit {network.name}",
            got=" x ".join(map(str, made.shape)),
            expected=" x ".join(map(str, room)),
            hint="a stimulus is measured on the network that it was made for",
        )
