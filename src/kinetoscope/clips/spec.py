"""What does a network expect of a clip?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from kinetoscope.errors import ClipError

Stream = Literal["frames", "flow"]

CHANNELS: Mapping[str, int] = {"frames": 3, "flow": 2}
"""What each stream has a pixel: red, green, blue; right, down."""
WhenShort = Literal["repeat-last", "loop", "error"]
FlowMethod = Literal["dis", "tvl1"]

_REAL = ("frames_per_second", "mean", "std", "flow_scale")
_POSITIVE = ("frames", "stride", "frames_per_second", "short_side", "size", "std", "flow_scale")


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """What a network expects of a clip. Saved beside its weights.

    Args:
        streams: what it is shown, in the order in which its model takes them.
        frames: how many frames a clip has.
        stride: from one frame of the clip to the next [frames of the video].
        frames_per_second: the rate the video is brought to before striding (by taking the nearest
            frame); None leaves the file's own.
        short_side: the shorter side is resized to this [pixels] before the crop.
        size: height and width of the crop [pixels].
        when_short: what to do where the video ends before the clip does.
        flow_method: how flow is computed from the resized frames.
        mean, std: of RGB in [0, 1], a channel; what a Network subtracts and divides by.
        flow_scale: the motion that the network is shown as 1 [pixels per frame].
    """

    streams: tuple[Stream, ...] = ("frames",)
    frames: int = 16
    stride: int = 1
    frames_per_second: float | None = None
    short_side: int = 128
    size: tuple[int, int] = (112, 112)
    when_short: WhenShort = "repeat-last"
    flow_method: FlowMethod = "dis"
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    flow_scale: float = 20.0

    def __post_init__(self):
        _check_choices(asdict(self))
        self._check_positive()
        if min(self.size) > self.short_side:
            raise ClipError(
                "the crop does not fit in the resized frame",
                got=f"size {self.size} with short_side {self.short_side}",
                expected="a size no larger than short_side",
            )

    def _check_positive(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            every = value if isinstance(value, tuple) else (value,)
            # `not above` rather than `below`, so that nan is refused as well
            if not all(each is None or each > 0 for each in every):
                raise ClipError(
                    f"the clip spec's {name} must be positive", got=value, expected="above 0"
                )

    def to_json(self) -> dict[str, Any]:
        """The spec as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ClipSpec":
        """The spec that `to_json` wrote.

        Raises:
            ClipError: a setting that no spec has.

        >>> ClipSpec.from_json(ClipSpec(frames=8).to_json()) == ClipSpec(frames=8)
        True
        """
        known = {field.name for field in fields(cls)}
        if extra := sorted(set(values) - known):
            raise ClipError(
                "a clip spec has a setting that is not known",
                got=", ".join(extra),
                expected=f"some of {', '.join(sorted(known))}",
            )
        made = {
            name: _as_real(value) if name in _REAL else _as_tuple(value)
            for name, value in values.items()
        }
        _check_choices(made)
        return cls(**made)


def _as_real(value: Any) -> Any:
    """Whole numbers as real ones, for files do not tell 15 from 15.0."""
    if isinstance(value, list | tuple):
        return tuple(_as_real(each) for each in value)
    return float(value) if isinstance(value, int) else value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_choices(settings: Mapping[str, Any]) -> None:
    """Refuse a word that none of the settings knows; those that are absent have their default."""
    streams = settings.get("streams", ("frames",))
    if not streams or set(streams) - set(get_args(Stream)):
        raise ClipError(
            "a network is shown frames, flow, or both",
            got=streams,
            expected='("frames",), ("flow",) or ("frames", "flow")',
        )
    for name, choices in (("when_short", WhenShort), ("flow_method", FlowMethod)):
        if settings.get(name, get_args(choices)[0]) not in get_args(choices):
            raise ClipError(
                f"the clip spec's {name} is not known",
                got=settings[name],
                expected=f"one of {', '.join(get_args(choices))}",
            )
