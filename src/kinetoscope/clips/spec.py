"""What does a network expect of a clip?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from kinetoscope.errors import ClipError

Stream = Literal["frames", "flow"]
WhenShort = Literal["repeat-last", "loop", "error"]
FlowMethod = Literal["dis", "tvl1"]


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
        if not self.streams or set(self.streams) - {"frames", "flow"}:
            raise ClipError(
                "a network is shown frames, flow, or both",
                got=self.streams,
                expected='("frames",), ("flow",) or ("frames", "flow")',
            )
        for name in ("frames", "stride", "short_side", "flow_scale"):
            if getattr(self, name) <= 0:
                raise ClipError(
                    f"the clip spec's {name} must be positive",
                    got=getattr(self, name),
                    expected="a number above 0",
                )
        if max(self.size) > self.short_side and min(self.size) > self.short_side:
            raise ClipError(
                "the crop does not fit in the resized frame",
                got=f"size {self.size} with short_side {self.short_side}",
                expected="a size no larger than short_side",
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
        made: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**made)
