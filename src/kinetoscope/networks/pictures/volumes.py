"""What does a forward pass that was written for pictures compute for volumes?

A part of a network is read by torch.fx, one level deep: which of its own parts it calls, and which
functions. Functions that don't care how many axes there are stay, those of the plane become those
of the volume, and any other is refused by name: what can't be read is not guessed at. A part that
calls nothing but its parts keeps its own code.

Source: Reed et al., "torch.fx: Practical Program Capture and Transformation for Deep Learning in
Python", MLSys 2022.
"""

import inspect
import operator
from collections.abc import Callable
from copy import copy
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, fx, nn
from torch.fx._symbolic_trace import _assert_is_none
from torchvision.models.shufflenetv2 import channel_shuffle
from torchvision.ops import StochasticDepth

from kinetoscope.errors import ClipError
from kinetoscope.networks.pictures.plane import AnyRank

ANY_RANK = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU),
    *(nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid),
    *(nn.Identity, nn.Dropout, nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.LocalResponseNorm),
    *(nn.GroupNorm, nn.ZeroPad2d, StochasticDepth, AnyRank),
)
"""Modules that take volumes as they take pictures."""


def in_volumes(part: nn.Module, plane: nn.Module, name: str) -> nn.Module:
    """Make a part's forward pass one for volumes.

    Args:
        part: a copy of `plane` whose own parts take volumes already; it is given another forward
            where it needs one.
        plane: the part that takes pictures.
        name: where it stands in its network, for messages.

    Raises:
        ClipError: it calls a function of which is not known what it does to volumes.
    """
    if type(plane).forward is nn.Module.forward:  # a list of parts, which is never called
        return part
    graph = _read(plane, name)
    changed = [node for node in list(graph.nodes) if _made_for_volumes(node, plane, name)]
    if changed:
        code = graph.python_code("self")
        written: dict[str, Any] = dict(code.globals)
        exec(code.src, written)  # torch.fx's own code, of the graph that was read
        kind = type(plane)
        part.__class__ = type(kind.__name__, (kind,), {"forward": written["forward"]})
    return part


def refused(name: str, module: nn.Module, why: str) -> ClipError:
    """The error for a part that can't be inflated."""
    return ClipError(
        f"{name or 'the network'} can't be inflated to see time",
        got=f"{type(module).__name__}: {why}",
        expected="convolutions, pools and norms of the plane, and functions of any number of axes",
        hint="a network can always be shown one frame at a time: FrameByFrame(module)",
    )


def join(*names: str) -> str:
    """A module's path.

    >>> join("layer1", "0"), join("", "conv1")
    ('layer1.0', 'conv1')
    """
    return ".".join(filter(None, names))


def pair(size: Any) -> tuple[Any, Any]:
    """Height and width of what may be said by one number.

    >>> pair(3), pair((1, 7))
    ((3, 3), (1, 7))
    """
    return (size, size) if isinstance(size, int) or size is None else tuple(size)


def frame_by_frame(module: nn.Module) -> nn.Module:
    """Show a part every frame of a volume on its own: for what pads or norms in its own way.

    Args:
        module: takes and answers `picture channel height width`; changed in place.
    """
    kind: Any = type(module)

    def forward(self: nn.Module, x: Tensor) -> Tensor:
        frames = rearrange(x, "clip channel time ... -> (clip time) channel ...")
        return rearrange(
            kind.forward(self, frames),
            "(clip time) channel ... -> clip channel time ...",
            clip=x.shape[0],
        )

    module.__class__ = type(kind.__name__, (kind,), {"forward": forward})
    return module


class _OneLevel(fx.Tracer):
    """Reads a part's own forward pass, and none of those of its parts."""

    def __init__(self):
        super().__init__(autowrap_functions=(channel_shuffle,))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _read(plane: nn.Module, name: str) -> fx.Graph:
    """The forward pass of a part, with what may be left out left out."""
    takes = inspect.signature(plane.forward).parameters.values()
    optional = {each.name: each.default for each in takes if each.default is not each.empty}
    try:
        graph = _OneLevel().trace(_unchecked(plane), concrete_args=optional)
    except Exception as error:  # whatever a forward raises that looks at shapes or values
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise refused(name, plane, f"its forward pass can't be read: {told}") from error
    for node in reversed(graph.nodes):
        if node.target in _CHECKS:
            checked = node.all_input_nodes
            graph.erase_node(node)
            for each in checked:
                if each.op != "placeholder" and not each.users:
                    graph.erase_node(each)
    for node in graph.find_nodes(op="placeholder"):
        named = node.target.rpartition("_")[0]  # torch.fx numbers what has a value already
        node.target = named if named in optional else node.target
    return graph


def _unchecked(plane: nn.Module) -> nn.Module:
    """The part with its forward pass as it was written: while tests run, shapes are checked."""
    kind, part = type(plane), copy(plane)
    part.__class__ = type(kind.__name__, (kind,), {"forward": inspect.unwrap(kind.forward)})
    return part


_CHECKS = (torch._assert, _assert_is_none)
"""What torch.fx notes of values that it was given."""


def _made_for_volumes(node: fx.Node, plane: nn.Module, name: str) -> bool:
    """Change a node where it is of the plane; whether it was changed."""
    if node.op in ("placeholder", "output", "call_module"):
        return False
    what: Any = node.target
    if not node.users:  # it may be called for what it does to what it is given
        raise refused(name, plane, f"it {_told(node)} and leaves the answer")
    if what in _OF_THE_PLANE and (_OF_THE_PLANE[what] not in (_mean, _max) or _of_places(node)):
        node.op, node.target = "call_function", _OF_THE_PLANE[what]
        return True
    if what is F.dropout:
        return _in_its_mode(node)
    if what not in _OF_ANY_RANK or not _along_channels(node):
        raise refused(name, plane, f"it {_told(node)}")
    if node.kwargs.get("inplace") and _alone(node):
        node.kwargs = {**node.kwargs, "inplace": False}
        return True
    return False


def _in_its_mode(dropout: fx.Node) -> bool:
    """Drop in the mode that the part is in, not the one that it was read in."""
    with dropout.graph.inserting_before(dropout):
        training = dropout.graph.create_node("get_attr", "training")
    share = (*dropout.args[1:2], dropout.kwargs.get("p", 0.5))[0]
    dropout.args, dropout.kwargs = dropout.args[:1], {"p": share, "training": training}
    return True


def _alone(node: fx.Node) -> bool:
    """Whether nothing else in this part goes on from what a function is given, nor outside it."""
    given = node.args[0] if node.args else None
    return isinstance(given, fx.Node) and given.op != "placeholder" and len(given.users) == 1


def _along_channels(node: fx.Node) -> bool:
    """Whether what is said of axes is said of the second, or of all after it."""
    what: Any = node.target
    given: tuple[Any, ...] = node.args
    if what is operator.getitem:  # one of several answers, or some of the channels
        which = given[1]
        every = isinstance(which, tuple) and len(which) == 2 and bool(which[0] == slice(None))
        return isinstance(which, int) or (every and isinstance(which[1], slice))
    if what is F.pad:  # its sides are told from the last axis on
        mode: Any = (*given[2:3], node.kwargs.get("mode", "constant"))[0]
        return bool(mode == "constant") and len(given) > 1 and len(given[1]) == 4
    axis = _OF_ANY_RANK[what]
    if axis is None:
        return True
    place, keyword = axis
    if len(given) > place + 1:  # flatten(1, 2) leaves axes that the plane does not have
        return False
    axis_given: Any = (*given[place : place + 1], node.kwargs.get(keyword))[0]
    return bool(axis_given == 1)


def _told(node: fx.Node) -> str:
    kind = {"get_attr": "reads", "call_method": "calls the method"}.get(node.op, "calls")
    what = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
    told = [*map(str, node.args[1:]), *(f"{name}={each}" for name, each in node.kwargs.items())]
    return f"{kind} {what}({', '.join(told)})"


def _of_places(node: fx.Node) -> bool:
    """Whether a mean is one over height and width."""
    axes: Any = (*node.args[1:2], node.kwargs.get("dim"))[0]
    return isinstance(axes, tuple | list) and sorted(axis % 4 for axis in axes) == [2, 3]


def _mean(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    return x.mean(_PLACES, keepdim=keepdim)


def _max(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    return x.amax(_PLACES, keepdim=keepdim)


_PLACES = (2, 3, 4)
"""The axes of time, height and width, where height and width were meant."""


def _adaptive_avg_pool(input: Tensor, output_size: Any) -> Tensor:
    return F.adaptive_avg_pool3d(input, (1, *pair(output_size)))


def _adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Tensor:
    return F.adaptive_max_pool3d(input, (1, *pair(output_size)))


def _max_pool(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    return F.max_pool3d(
        input,
        (1, *pair(kernel_size)),
        (1, *pair(stride or kernel_size)),
        (0, *pair(padding)),
        (1, *pair(dilation)),
        ceil_mode,
    )


def _avg_pool(input: Tensor, *shape: Any, **options: Any) -> Tensor:
    """Frame by frame: torch's own for volumes refuses maps that are smaller than what it sees."""
    frames = rearrange(input, "clip channel time ... -> clip (channel time) ...")
    pooled = F.avg_pool2d(frames, *shape, **options)
    return rearrange(
        pooled, "clip (channel time) ... -> clip channel time ...", time=input.shape[2]
    )


def _shuffled(x: Tensor, groups: int) -> Tensor:
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


_OF_THE_PLANE: dict[Any, Callable[..., Tensor]] = {
    F.adaptive_avg_pool2d: _adaptive_avg_pool,
    F.adaptive_max_pool2d: _adaptive_max_pool,
    F.avg_pool2d: _avg_pool,
    F.max_pool2d: _max_pool,
    torch.mean: _mean,
    "mean": _mean,
    torch.amax: _max,
    "amax": _max,
    channel_shuffle: _shuffled,
}

_OF_ANY_RANK: dict[Any, tuple[int, str] | None] = {
    **dict.fromkeys([F.relu, F.relu6, F.elu, F.leaky_relu, F.silu, F.gelu, F.mish, F.sigmoid]),
    **dict.fromkeys([F.hardswish, F.hardsigmoid, F.hardtanh, F.tanh, torch.relu, torch.sigmoid]),
    **dict.fromkeys([operator.add, operator.sub, operator.mul, operator.truediv, operator.neg]),
    **dict.fromkeys(
        [F.pad, torch.add, torch.sub, torch.mul, torch.div, torch.tanh, operator.getitem]
    ),
    **dict.fromkeys(["add", "sub", "mul", "relu", "sigmoid", "tanh", "contiguous"]),
    torch.flatten: (1, "start_dim"),
    "flatten": (1, "start_dim"),
    torch.cat: (1, "dim"),
    torch.concat: (1, "dim"),
    torch.chunk: (2, "dim"),
    "chunk": (2, "dim"),
    torch.split: (2, "dim"),
    "split": (2, "dim"),
}
"""Functions and methods that do the same to volumes; of some, where it is said which axis: those
are only right for the second."""
