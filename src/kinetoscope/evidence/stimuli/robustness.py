"""Which small changes should a stimulus survive?

A clip that excites a unit only where it stands to the pixel is a coincidence of grids. So at every
step the network is shown another view of it: shifted, and where wanted scaled, turned, begun a
little earlier or later, or seen by a camera that pans. A view is drawn once, for all frames and all
clips: were it drawn for each frame, it would add a motion that nobody asked for.

Flow changes as the motion of the frames does: turning turns its vectors, scaling scales them, a
shift leaves them, and a panning camera adds its own velocity.

What is moved is larger than what the network is shown, so that no view reaches past an edge.

Source: Mordvintsev, Olah and Tyka, "Inceptionism", 2015, for the shift (Feichtenhofer et al., CVPR
2018, shift by up to the stride of the layer); Olah, Mordvintsev and Schubert, "Feature
visualization", Distill 2017, for scaling and turning. Differs: in space-time and on flow.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from kinetoscope.errors import ClipError
from kinetoscope.files import settings_key
from kinetoscope.tensors import Maps, Size


@dataclass(frozen=True, kw_only=True)
class Transform:
    """One view of clips that are larger than what is shown; as it stands, their centre.

    What is at place p of the clips, counted from their centre, is seen at

        scale * R(rotation) (p - (right, down)) + (frame - middle frame) * pan

    Args:
        later: how far after the middle the view begins [frames].
        right, down: where its centre lies [pixels].
        scale: how much larger things are seen.
        rotation: how far they are turned, counter-clockwise as seen on the screen [degrees].
        pan: how fast they drift right and down [pixels per frame].
    """

    later: int = 0
    right: int = 0
    down: int = 0
    scale: float = 1.0
    rotation: float = 0.0
    pan: tuple[float, float] = (0.0, 0.0)

    def __call__(
        self, streams: Mapping[str, Maps], size: Size, *, flow_scale: float | None = None
    ) -> dict[str, Maps]:
        """The view of every stream; a shift alone is a slice, with nothing copied.

        Args:
            streams: larger than the view by equal margins, flow under the name `flow`.
            size: of the view.
            flow_scale: the motion that is 1 in the units of flow [pixels per frame]; needed where
                the camera pans.

        Raises:
            ClipError: the view reaches past the edges, or pans by an unknown measure.
        """
        return {name: self._view(name, x, size, flow_scale) for name, x in streams.items()}

    @property
    def shifts_only(self) -> bool:
        """Whether every pixel that is seen is a pixel of the clip."""
        return self.scale == 1 and self.rotation == 0 and self.pan == (0.0, 0.0)

    def reach(self, size: Size) -> tuple[float, float]:
        """How far a view of this size reaches from its centre [pixels down, pixels right]."""
        frames, height, width = size
        right, down = (abs(speed) * (frames - 1) / 2 for speed in self.pan)
        down, right = down + (height - 1) / 2, right + (width - 1) / 2
        cos, sin = abs(math.cos(self._angle)), abs(math.sin(self._angle))
        return (cos * down + sin * right) / self.scale, (cos * right + sin * down) / self.scale

    @property
    def _angle(self) -> float:
        return math.radians(self.rotation)

    def _view(self, name: str, x: Maps, size: Size, flow_scale: float | None) -> Maps:
        starts = self._starts(name, x, size)
        x = x.narrow(2, starts[0], size[0])
        if self.shifts_only:
            return x.narrow(3, starts[1], size[1]).narrow(4, starts[2], size[2])
        seen = _sample(x, self._places(x, size))
        if name != "flow":
            return seen
        turned = torch.einsum("ij,njthw->nithw", self.scale * self._turn().to(seen), seen)
        if self.pan == (0.0, 0.0):
            return turned
        if flow_scale is None:
            raise ClipError(
                "a camera can't pan over flow of an unknown measure",
                got="no flow_scale",
                expected="how many pixels per frame a flow of 1 is",
            )
        drift = turned.new_tensor(self.pan) / flow_scale
        return turned + drift.reshape(1, 2, 1, 1, 1)

    def _starts(self, name: str, x: Maps, size: Size) -> list[int]:
        """Of the view in the clip, were it neither scaled nor turned; refuses what has no room."""
        down, right = self.reach(size)
        starts = []
        for there, length, offset, reach in zip(
            x.shape[2:],
            size,
            (self.later, self.down, self.right),
            ((size[0] - 1) / 2, down, right),
            strict=True,
        ):
            room = (there - 1) / 2 - abs(offset) - reach
            if (there - length) % 2 or room < -1e-4:
                raise ClipError(
                    f"there is no room for this view of {name}",
                    got=f"{tuple(x.shape[2:])} for a view of {size}: {self}",
                    expected="as many frames and pixels more as Robustness.margin says, twice",
                )
            starts.append((there - length) // 2 + offset)
        return starts

    def _turn(self) -> Tensor:
        """What turns a vector (right, down)."""
        cos, sin = math.cos(self._angle), math.sin(self._angle)
        return torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)

    def _places(self, x: Maps, size: Size) -> Tensor:
        """Where in the clip each pixel lies that is seen, `time height width 2`, within [-1, 1]."""
        lines = [torch.arange(length, dtype=torch.float64) - (length - 1) / 2 for length in size]
        time, down, right = torch.meshgrid(*lines, indexing="ij")
        drift = time[..., None] * torch.tensor(self.pan, dtype=torch.float64)
        seen = torch.stack([right, down], dim=-1) - drift
        back = self._turn() / self.scale  # the turn's inverse is its transpose
        places = seen @ back + torch.tensor([self.right, self.down], dtype=torch.float64)
        half = torch.tensor([x.shape[4] - 1, x.shape[3] - 1], dtype=torch.float64) / 2
        return places / half.clamp(min=0.5)


def with_margins(x: Maps, early: int, side: int) -> Maps:
    """Clips made larger, for views to be drawn of them, by repeating their edges.

    Args:
        x: the clips.
        early: by how much at the first and at the last frame [frames].
        side: by how much on each side of every frame [pixels].
    """
    return F.pad(x, (side, side, side, side, early, early), mode="replicate")


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Which views of a stimulus are drawn; by default, shifts alone.

    Args:
        shift: by up to so much down and right [pixels]; None for the stride of the layer.
        scale: larger or smaller by up to this share.
        rotation: by up to so much either way [degrees].
        time_shift: begun earlier or later by up to so much [frames].
        pan: of the camera, by up to so much in any direction [pixels per frame].
    """

    shift: int | None = None
    scale: float = 0.0
    rotation: float = 0.0
    time_shift: int = 0
    pan: float = 0.0

    def __post_init__(self):
        sizes = (self.shift or 0, self.scale, self.time_shift, self.pan)
        if not (all(0 <= size < math.inf for size in sizes) and 0 <= self.rotation <= 45):
            raise ClipError(
                "views of a stimulus differ by nothing or by something",
                got=self,
                expected="0 or more, and no turn by more than 45 degrees",
            )

    @staticmethod
    def plain() -> Transform:
        """The view that is shown in the end: the centre."""
        return Transform()

    def drawn(self, step: int, seed: int, stride: int = 1) -> Transform:
        """The view at a step, which depends on nothing else.

        Args:
            step: of the ascent.
            seed: of the ascent.
            stride: of the layer [pixels], for a shift of None.
        """
        shift = self._shift(stride)
        key = int(settings_key("view", step, seed), 16) % 2**63
        chance = torch.rand(7, generator=torch.Generator().manual_seed(key), dtype=torch.float64)
        later, down, right, scale, turn, speed, heading = chance.tolist()
        speed, heading = self.pan * math.sqrt(speed), 2 * math.pi * heading
        return Transform(
            later=_whole(later, self.time_shift),
            right=_whole(right, shift),
            down=_whole(down, shift),
            scale=(1 + self.scale) ** (2 * scale - 1),
            rotation=self.rotation * (2 * turn - 1),
            pan=(speed * math.cos(heading), speed * math.sin(heading)) if self.pan else (0.0, 0.0),
        )

    def margin(self, stride: int, size: tuple[int, ...]) -> int:
        """How much larger clips must be on each side, for no view to reach past it [pixels].

        Args:
            stride: of the layer [pixels], for a shift of None.
            size: of what is shown: height and width, after the frames where the camera pans.

        Raises:
            ClipError: the camera pans, for nobody knows how long.
        """
        if self.pan and len(size) < 3:
            raise ClipError(
                "how far a camera pans depends on the frames",
                got=f"size {size}",
                expected="frames, height and width",
            )
        *frames, height, width = size
        extent = (frames[0] if frames else 1, height, width)
        farthest = Transform(scale=1 / (1 + self.scale), pan=(self.pan, self.pan))
        down, right = farthest.reach(extent)
        past = max(
            self._turned(down, right) - (height - 1) / 2,
            self._turned(right, down) - (width - 1) / 2,
        )
        return self._shift(stride) + math.ceil(past - 1e-6)

    @property
    def time_margin(self) -> int:
        """How much longer clips must be at each end [frames]."""
        return self.time_shift

    def _shift(self, stride: int) -> int:
        return stride if self.shift is None else self.shift

    def _turned(self, along: float, across: float) -> float:
        """How far a corner comes along one axis, at the most, in any turn that may be drawn."""
        turn = min(math.radians(self.rotation), math.atan2(across, along))
        return along * math.cos(turn) + across * math.sin(turn)


def _whole(chance: float, most: int) -> int:
    """One of the whole numbers from -most to most."""
    return math.floor(chance * (2 * most + 1)) - most


def _sample(x: Maps, places: Tensor) -> Maps:
    """Values between pixels, of every frame at its own places, `time height width 2`."""
    kind = x.dtype if x.dtype in (torch.float32, torch.float64) else torch.float32
    pictures = rearrange(x, "clip channel time height width -> (clip time) channel height width")
    grid = places.to(x.device, kind).repeat(len(x), 1, 1, 1)
    seen = F.grid_sample(
        pictures.to(kind), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return rearrange(
        seen.to(x.dtype),
        "(clip time) channel height width -> clip channel time height width",
        clip=len(x),
    )
