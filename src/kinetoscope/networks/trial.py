"""What does a module take, and which of its layers are worth looking at?

Found out by running it once on a clip without content: on the meta device, where shapes are
computed and nothing else, or in earnest where a module can't do that. The module is left as it was.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules import conv, pooling

from kinetoscope.clips.spec import CHANNELS, ClipSpec, Stream
from kinetoscope.errors import ClipError, KinetoscopeError
from kinetoscope.networks.network import evaluating
from kinetoscope.tensors import Size

STREAMS: tuple[tuple[Stream, ...], ...] = (
    ("frames",),
    ("flow",),
    ("frames", "flow"),
    ("flow", "frames"),
)

SIZES: tuple[Size, ...] = (
    (16, 112, 112),
    (8, 224, 224),
    (16, 224, 224),
    (32, 224, 224),
    (16, 64, 64),
)
"""The usual clips [frames, pixels, pixels], cheapest first where a network takes several."""

_Answer = tuple[Tensor, int]
"""What a layer answered, kept alive so that its id stays its own, and how often it had been changed
in place until then: a block that changes its last layer's answer has another answer."""

_WEIGHTED = (conv._ConvNd, nn.Linear)
_LEAVES = (
    *_WEIGHTED,
    pooling._MaxPoolNd,
    pooling._AvgPoolNd,
    pooling._AdaptiveAvgPoolNd,
    pooling._AdaptiveMaxPoolNd,
)


def find_spec(module: nn.Module, name: str) -> ClipSpec:
    """Find clips that a module answers scores to.

    Raises:
        ClipError: none of the usual ones; says what came of each.
    """
    failures = {}
    for streams in [streams for streams in STREAMS if _takes(module, len(streams))]:
        for frames, height, width in SIZES:
            spec = ClipSpec(
                streams=streams, frames=frames, short_side=height * 8 // 7, size=(height, width)
            )
            try:
                _count_labels(module, spec, name)
            except Exception as error:  # whatever a module raises where a clip does not suit it
                shown = f"{' and '.join(streams)} of {frames} x {height} x {width}"
                failures.setdefault(_first_line(error), shown)
            else:
                return spec
    told = "; ".join(f"{shown}: {why}" for why, shown in list(failures.items())[:4])
    raise ClipError(
        f"{name} takes none of the usual clips",
        got=told or "a forward that takes neither one stream nor two",
        expected="a module that takes clip x channel x time x height x width, once a stream,"
        " and answers clip x label",
        hint="say what it takes, as in expects=ClipSpec(frames=8, size=(160, 160), short_side=182);"
        " FrameByFrame(module) shows a picture network one frame at a time",
    )


def count_labels(module: nn.Module, spec: ClipSpec, name: str) -> int:
    """How many scores a module answers to a clip.

    Raises:
        ClipError: it does not take such a clip, or does not answer one row of scores.
    """
    try:
        return _count_labels(module, spec, name)
    except KinetoscopeError:
        raise
    except Exception as error:  # whatever a module raises where a clip does not suit it
        shape = " x ".join(map(str, (spec.frames, *spec.size)))
        raise ClipError(
            f"{name} does not take the clips that it is to expect",
            got=f"{' and '.join(spec.streams)} of {shape}: {_first_line(error)}",
            expected="clips that the model takes",
        ) from error


def _count_labels(module: nn.Module, spec: ClipSpec, name: str) -> int:
    answer = run(module, spec)
    if not isinstance(answer, Tensor) or answer.ndim != 2 or answer.shape[0] != 1:
        found = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise ClipError(
            f"{name} does not answer scores", got=found, expected="a tensor of clip x label"
        )
    return answer.shape[1]


def run(
    module: nn.Module,
    spec: ClipSpec,
    *,
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> object:
    """What a module answers to one clip without content.

    Args:
        module: left as it was.
        spec: what the clip is.
        within: gives a context to run the module in, anew for every try.
    """
    like = next((each for each in module.parameters() if each.is_floating_point()), torch.empty(0))
    shapes = [(1, CHANNELS[stream], spec.frames, *spec.size) for stream in spec.streams]
    with evaluating(module), torch.no_grad():
        try:
            state = {name: value.to("meta") for name, value in _state(module)}
            clips = [torch.empty(shape, dtype=like.dtype, device="meta") for shape in shapes]
            with within():
                return functional_call(module, state, tuple(clips))
        except Exception:  # some modules compute with values, or keep tensors out of torch's sight
            clips = [torch.zeros(shape, dtype=like.dtype, device=like.device) for shape in shapes]
            with within():
                return module(*clips)


def layers_worth_looking_at(module: nn.Module, spec: ClipSpec) -> tuple[str, ...]:
    """Blocks, convolutions, linear layers and pools that answer maps, in order of computation.

    A block of one convolution stands for it, with its norm and its ReLU; of nested blocks with the
    same answer the innermost is named.
    """
    answers: dict[str, _Answer] = {}
    handles = [
        each.register_forward_hook(_keeping(answers, name))
        for name, each in module.named_modules()
        if name
    ]
    try:
        run(module, spec)
    finally:
        for handle in handles:
            handle.remove()
    modules = dict(module.named_modules())
    kept: dict[tuple[int, int], str] = {}
    for name, (answer, version) in answers.items():
        if _worth(name, modules, answers):
            kept.setdefault((id(answer), version), name)
    return tuple(kept.values())


def _worth(name: str, modules: dict[str, nn.Module], answers: dict[str, _Answer]) -> bool:
    module = modules[name]
    if next(module.children(), None) is not None:
        return True
    above = name.rpartition(".")[0]
    stands_for_it = above in answers and _weighted_within(modules[above]) == 1
    alone = isinstance(module, _WEIGHTED) and stands_for_it
    return isinstance(module, _LEAVES) and not alone


def _weighted_within(module: nn.Module) -> int:
    return sum(isinstance(each, _WEIGHTED) for each in module.modules())


def _keeping(answers: dict[str, _Answer], name: str) -> Callable[..., None]:
    def keep(module: nn.Module, taken: object, answer: object) -> None:
        if isinstance(answer, Tensor) and answer.ndim in (2, 4, 5):
            answers.setdefault(name, (answer, answer._version))

    return keep


def _state(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _takes(module: nn.Module, streams: int) -> bool:
    try:
        inspect.signature(module.forward).bind(*range(streams))
    except TypeError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
