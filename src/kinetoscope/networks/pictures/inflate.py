"""How does a network for pictures become one for clips?

Each convolution in the plane becomes one in time and space whose filters are the picture's, the
same for every frame and divided by their number; each pool and norm becomes that of a volume, and a
mean over all places one over all times as well. A clip in which nothing moves is then answered as
its picture was, and what was learned of pictures is where learning from clips begins. Near the
ends of a clip that holds only where time is padded with the frames that are there ("replicate",
"circular") and not with zeros, as published code has it.

The network keeps its parts and their names. Functions that a part calls in its forward pass are
read by torch.fx: those that don't care how many axes there are stay, those of the plane become
those of the volume, and any other is refused by name, not guessed at.

Source: Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, section 2.3; the mean
filter is Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.2 (cross-modality
pre-training). Here a convolution that sees one pixel stays one of one frame unless told otherwise.
"""

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from einops import reduce, repeat
from torch import Tensor, nn

from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.networks.pictures.volumes import (
    ANY_RANK,
    frame_by_frame,
    in_volumes,
    join,
    pair,
    refused,
)
from kinetoscope.tensors import Maps, Volume

TimePadding = Literal["zeros", "replicate", "circular"]


def inflate(
    module: nn.Module,
    *,
    time: int = 3,
    extents: Mapping[str, int] | None = None,
    steps: Mapping[str, int] | None = None,
    padding: TimePadding = "zeros",
) -> nn.Module:
    """Make a network for clips from one for pictures, weights included.

    Args:
        module: takes `picture channel height width`; left as it was.
        time: what each convolution that sees more than one pixel sees then [frames], an odd number.
        extents: the same for single convolutions by name, of one pixel or more.
        steps: from one answer in time to the next, for convolutions and pools by name; a pool sees
            as much time as it steps. All others answer for every frame.
        padding: what lies before and after a clip.

    Returns:
        what takes `clip channel time height width` and answers what `module` does.

    Raises:
        ClipError: a part of it can't be inflated; names the part and the operation.
        UnknownNameError: an extent or a step is of no convolution or pool of this name.
    """
    plan = _Plan(time=time, extents=extents or {}, steps=steps or {}, padding=padding)
    _check(plan, module)
    return _Inflating(plan).module("", module).train(module.training)


def inflated_weight(weight: Tensor, time: int) -> Tensor:
    """The filters of a plane as filters of a volume: over `time` frames, each an equal part.

    Args:
        weight: `after before height width`.
        time: how much they see [frames].
    """
    each = repeat(
        weight / time, "after before height width -> after before time height width", time=time
    )
    return each.contiguous()  # frames go ways of their own in training


def shaped(weight: Tensor, wanted: Sequence[int]) -> Tensor:
    """A plane's filters with as many channels and as much time as wanted; others as they are."""
    if weight.ndim != 4 or len(wanted) < 4:
        return weight
    if weight.shape[1] == 3 != wanted[1]:
        weight = mean_filter(weight, wanted[1])
    return inflated_weight(weight, wanted[2]) if len(wanted) == 5 else weight


def mean_filter(weight: Tensor, channels: int) -> Tensor:
    """The filters of a picture's colours as filters of `channels` equal channels.

    Args:
        weight: `after colour height width`, with or without time.
        channels: how many to make.
    """
    mean = reduce(weight, "after colour ... -> after 1 ...", "mean")
    return repeat(mean, "after 1 ... -> after channel ...", channel=channels).contiguous()


def with_channels(module: nn.Module, channels: int) -> nn.Module:
    """Change what sees the colours in a network for pictures to see other channels instead.

    Filters become the mean of the colours' filters, once for every channel: so they find edges
    of motion where they found edges of light. Flow of ten frames has twenty channels.

    Args:
        module: changed in place.
        channels: how many it is to take.

    Raises:
        ClipError: no convolution in it takes three colours.
    """
    for name in colour_convolutions(module):
        colours: Any = module.get_submodule(name)
        with torch.no_grad():
            weight = nn.Parameter(mean_filter(colours.weight, channels))
        changed = copy(colours)  # shares all but its weight
        changed._parameters = {**colours._parameters, "weight": weight}
        changed.in_channels = channels
        if not name:
            return changed
        module.set_submodule(name, changed)
    return module


def colour_convolutions(module: nn.Module) -> tuple[str, ...]:
    """The names of the convolutions that see the colours: in most networks, one.

    That is the first that takes three channels, unless the network says otherwise itself, in an
    attribute `sees_colours`.

    Raises:
        ClipError: there is none.
    """
    stated: Any = getattr(module, "sees_colours", None)
    if stated:
        return stated
    for name, each in module.named_modules():
        if isinstance(each, nn.Conv2d | nn.Conv3d) and each.in_channels == 3:
            return (name,)
    raise ClipError(
        f"{type(module).__name__} has no layer that sees colours",
        got="no convolution of three channels",
        expected="a network for pictures",
    )


class InflatedConv(nn.Conv3d):
    """A convolution whose time is padded otherwise than its plane: with frames that are there.

    The plane is padded with zeros.
    """

    def __init__(self, *shape: Any, ends: TimePadding, **options: Any):
        super().__init__(*shape, **options)
        self.ends: Any = ends
        self.before_and_after = self.dilation[0] * (self.kernel_size[0] // 2)

    def forward(self, input: Volume) -> Maps:
        each = self.before_and_after
        return super().forward(F.pad(input, (0, 0, 0, 0, each, each), mode=self.ends))


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How much of time each layer sees, and how it steps through it."""

    time: int
    extents: Mapping[str, int]
    steps: Mapping[str, int]
    padding: TimePadding

    def extent(self, name: str, conv: nn.Conv2d) -> int:
        several = max(pair(conv.kernel_size)) > 1
        return self.extents.get(name, self.time if several else 1)

    def step(self, name: str) -> int:
        return self.steps.get(name, 1)


@dataclass
class _Inflating:
    """Inflates part by part; a part that stands in two places is inflated once.

    Args:
        plan: what each layer is to see.
        made: the parts that are inflated already.
    """

    plan: _Plan
    made: dict[nn.Module, nn.Module] = field(default_factory=dict)

    def module(self, name: str, module: nn.Module) -> nn.Module:
        if module not in self.made:
            self.made[module] = self._anew(name, module)
        return self.made[module]

    def _anew(self, name: str, module: nn.Module) -> nn.Module:
        if isinstance(module, _OWN_WAYS) and not type(module).__module__.startswith("torch."):
            return self._frame_by_frame(name, module)
        if isinstance(module, nn.Conv2d):
            return _conv(module, self.plan.extent(name, module), self.plan, name)
        if isinstance(module, _POOLS):
            return _pool(module, self.plan.step(name), name)
        if isinstance(module, nn.Dropout2d):
            return nn.Dropout3d(module.p)
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            return _norm(module)
        if isinstance(module, ANY_RANK) and type(module).__module__.startswith(_LIBRARIES):
            return _as_it_is(name, module)
        if type(module).__module__.startswith("torch.nn.") and not isinstance(module, _HOLDERS):
            raise refused(name, module, "it may mean its axes otherwise")
        return self._whole(name, module)

    def _frame_by_frame(self, name: str, module: nn.Module) -> nn.Module:
        if self.plan.extents.get(name, 1) > 1 or self.plan.step(name) > 1:
            raise refused(name, module, "it pads or norms in its own way, frame by frame")
        return frame_by_frame(deepcopy(module))

    def _whole(self, name: str, module: nn.Module) -> nn.Module:
        """A part made of parts, or one that is known only by what it computes."""
        inflated = deepcopy(module, {id(child): child for child in module.children()})
        for child_name, child in module._modules.items():  # named_children tells each but once
            if child is not None:
                inflated.add_module(child_name, self.module(join(name, child_name), child))
        if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
            return inflated
        return in_volumes(inflated, module, name)


def _conv(conv: nn.Conv2d, time: int, plan: _Plan, name: str) -> nn.Conv3d:
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise refused(name, conv, f"its padding is {conv.padding!r}, {conv.padding_mode}")
    own_ends = plan.padding != "zeros" and time > 1
    before = 0 if own_ends else time // 2
    options: dict[str, Any] = {
        "stride": (plan.step(name), *pair(conv.stride)),
        "padding": (before, *pair(conv.padding)),
        "dilation": (1, *pair(conv.dilation)),
        "groups": conv.groups,
        "bias": conv.bias is not None,
        "device": "meta",
    }
    shape = (conv.in_channels, conv.out_channels, (time, *pair(conv.kernel_size)))
    inflated = (
        InflatedConv(*shape, ends=plan.padding, **options)
        if own_ends
        else nn.Conv3d(*shape, **options)
    )
    with torch.no_grad():
        inflated.weight = _like(conv.weight, inflated_weight(conv.weight, time))
    if conv.bias is not None:
        inflated.bias = _like(conv.bias, conv.bias.detach().clone())
    return inflated


def _like(before: Tensor, values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=before.requires_grad)


def _pool(pool: Any, step: int, name: str) -> nn.Module:
    if isinstance(pool, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        kind = nn.AdaptiveAvgPool3d if isinstance(pool, nn.AdaptiveAvgPool2d) else None
        size = (1, *pair(pool.output_size))
        return kind(size) if kind else nn.AdaptiveMaxPool3d(size)
    shape = {
        "kernel_size": (step, *pair(pool.kernel_size)),
        "stride": (step, *pair(pool.stride)),
        "padding": (0, *pair(pool.padding)),
        "ceil_mode": pool.ceil_mode,
    }
    if isinstance(pool, nn.MaxPool2d):
        return nn.MaxPool3d(**shape, dilation=(1, *pair(pool.dilation)))
    if pool.divisor_override is not None:
        raise refused(name, pool, "it divides by another number than it sees")
    return nn.AvgPool3d(**shape, count_include_pad=pool.count_include_pad)


def _as_it_is(name: str, module: nn.Module) -> nn.Module:
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) != (1, -1):
        raise refused(name, module, "it leaves axes that the plane does not have")
    return deepcopy(module)


def _norm(norm: Any) -> nn.Module:
    kind: Any = nn.BatchNorm3d if isinstance(norm, nn.BatchNorm2d) else nn.InstanceNorm3d
    inflated = kind(
        norm.num_features,
        eps=norm.eps,
        momentum=norm.momentum,
        affine=norm.affine,
        track_running_stats=norm.track_running_stats,
        device="meta",
    )
    own = deepcopy(norm)
    inflated._parameters, inflated._buffers = own._parameters, own._buffers
    return inflated


def _check(plan: _Plan, module: nn.Module) -> None:
    layers = {
        name: each
        for name, each in module.named_modules()
        if isinstance(each, (nn.Conv2d, *_POOLS))
    }
    for name in [*plan.extents, *plan.steps]:
        if name not in layers:
            raise unknown_name("convolution or pool", name, list(layers))
    for name in plan.extents:
        if not isinstance(layers[name], nn.Conv2d):
            raise refused(name, layers[name], "a pool sees as much time as it steps")
    odd = [plan.time, *plan.extents.values()]
    if any(each < 1 or each % 2 == 0 for each in odd) or any(s < 1 for s in plan.steps.values()):
        raise ClipError(
            "a layer can't see or step this much of time",
            got=f"{odd} frames, steps of {list(plan.steps.values())}",
            expected="an odd number of frames, so that they have a middle; steps of 1 or more",
        )


_LIBRARIES = ("torch.", "torchvision.", "kinetoscope.")
"""Whose modules do what their classes say."""

_HOLDERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

_OWN_WAYS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.BatchNorm2d, nn.GroupNorm)
"""What libraries make other kinds of, as with TensorFlow's padding, or a norm and its ReLU in one:
these answer maps of the plane to maps of the plane, whatever they do."""

_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
