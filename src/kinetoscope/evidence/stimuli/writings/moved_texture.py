"""How is a stimulus written down as one texture that moves?

The numbers are a texture I, larger than the clip by a margin, and a smooth motion v of few knots.
Every frame shows the texture, warped:

    x_t(p) = I(p + u_t(p)),    u_t(p) = v_t(p) + u_{t+1}(p + v_t(p))

So what is seen at p in frame t is seen at p + v_t(p) in the next frame: v *is* the optical flow of
the frames, everywhere, and the flow stream of a network that sees both is v itself. What the unit
wants to see and how it wants it to move come apart, and neither can be noise in time. u is all that
is left to choose: it is taken such that the frame in the middle lies, on the average over its
pixels, in the middle of the texture. Without motion every frame is the middle of the texture.

The slower is asked for, the less far the texture reaches: where change over time costs chi and
change over space kappa, it moves at most sqrt(kappa / (kappa + chi)) times as fast as it may at
chi = 0. (A texture of slope s that moves at speed v costs s^2 (kappa + chi v^2).)

Source: the warp by bilinear sampling: Jaderberg, Simonyan, Zisserman and Kavukcuoglu, "Spatial
Transformer Networks", NeurIPS 2015, equation 5; fields on knots of cubic B-splines: Rueckert et
al., "Nonrigid registration using free-form deformations", IEEE TMI 1999, equation 2. Differs: the
flow that would carry a texture is commonly fitted to a stimulus that is there; here texture and
motion are both moved by the ascent, and a frame is reached through the next, not by a displacement
of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.pixels import Adam
from kinetoscope.evidence.stimuli.writings.writing import Draft, Sheet, Writing
from kinetoscope.tensors import Maps, Size, Volume

Field = Float[Tensor, "clip 2 height width"]
"""To the right and down [pixels], at every pixel."""


@dataclass(frozen=True, kw_only=True)
class MovedTexture(Writing):
    """One texture and its motion.

    Args:
        apart: from one knot of the motion to the next [frames, pixels, pixels].
        fastest: how fast the texture may move where no flow is shown, whose bound it would be
            [pixels per frame of the clip].
        margin: how much texture there is beyond each side of the clip, at most, as a share of that
            side. A texture that moves farther is seen mirrored.
    """

    apart: Size = (4, 16, 16)
    fastest: float = 4.7
    margin: float = 0.5
    name = "moved-texture"

    def __post_init__(self):
        if min(self.apart) < 1 or not self.fastest > 0 or self.margin < 0:
            raise ClipError(
                "a texture can't be moved so",
                got=f"knots {self.apart} apart, fastest {self.fastest}, margin {self.margin}",
                expected="1 or more, more than 0, 0 or more",
            )

    def begin(self, sheet: Sheet) -> Draft:
        """A texture of noise, hardly moving.

        Raises:
            ClipError: no frames are made, so there is nothing to move.
        """
        return _Draft(sheet, self)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, **asdict(self)}


class _Draft(Draft):
    def __init__(self, sheet: Sheet, writing: MovedTexture):
        self.sheet, self.around = sheet, {}
        _, self.time, self.height, self.width = _extent(sheet)
        self._limit = _limit(sheet, writing)
        steps = max(1, self.time - 1)
        spans = zip((steps, self.height, self.width), writing.apart, strict=True)
        self._splines = [spline(length, apart).to(sheet.device) for length, apart in spans]
        farthest = self._limit.max().item() * steps / 2
        self._margin = [
            math.ceil(min(farthest, writing.margin * side)) for side in (self.height, self.width)
        ]
        large = (self.height + 2 * self._margin[0], self.width + 2 * self._margin[1])
        noise = 0.1 * sheet.bounds["frames"] * sheet.noise("texture", (3, 1, *large))
        self._texture = sheet.project("frames", noise)
        knots = [spline.shape[1] for spline in self._splines]
        # In units of the limit, so that one length of step suits texture and motion.
        self._motion = _within_one(0.1 * sheet.noise("motion", (2, *knots)))
        self._adam = Adam(self._texture), Adam(self._motion)
        self._drawn: dict[str, Tensor] = {}
        self._gradients: tuple[Tensor, ...] = ()

    @torch.enable_grad()
    def draw(self) -> dict[str, Volume]:
        for numbers in (self._texture, self._motion):
            numbers.requires_grad_()
        knots = self._motion * self._limit
        motion = torch.einsum("ncabd,ta,hb,wd->ncthw", knots, *self._splines)
        places = carried(motion, self.time)
        self._drawn = {"frames": warped(self._texture[:, :, 0], places, *self._margin)}
        if "flow" in self.sheet.shapes:
            last = motion[:, :, -1:].expand(-1, -1, self.time - motion.shape[2], -1, -1)
            self._drawn["flow"] = torch.cat([motion, last], dim=2) / self.sheet.flow_scale
        return dict(self._drawn)

    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        self._gradients = torch.autograd.grad(
            [self._drawn[stream] for stream in gradients],
            [self._texture, self._motion],
            list(gradients.values()),
            allow_unused=True,
            materialize_grads=True,
        )
        self._drawn = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        if not self._gradients:
            return
        of_texture, of_motion = self._gradients
        texture, motion = self._texture.detach(), self._motion.detach()
        self._adam[0].step_(texture, of_texture, rate * self.sheet.bounds["frames"])
        self._adam[1].step_(motion, of_motion, rate)
        self._texture = self.sheet.project("frames", texture)
        self._motion = _within_one(motion)
        self._gradients = ()

    def keep(self, clips: Tensor) -> None:
        self._texture, self._motion = self._texture.detach()[clips], self._motion.detach()[clips]
        self._limit = self._limit[clips]
        for adam in self._adam:
            adam.keep(clips)
        self._drawn, self._gradients = {}, ()


def carried(motion: Maps, time: int) -> Maps:
    """From every pixel of every frame to what it shows of the texture [pixels].

    Args:
        motion: from each frame to the next [pixels per frame].
        time: how many frames.

    Returns:
        `clip 2 time height width`; in the frame at `time // 2` it is zero on the average.
    """
    place = torch.zeros_like(motion[:, :, 0])
    places = [place]
    for step in reversed(range(time - 1)):
        here = motion[:, :, step]
        # The first place is zero everywhere, wherever it is looked up.
        place = here + _looked_up(place, here) if len(places) > 1 else here
        places.append(place)
    places.reverse()
    middle = places[time // 2].mean(dim=(2, 3), keepdim=True)
    return torch.stack([each - middle for each in places], dim=2)


def warped(
    texture: Float[Tensor, "clip 3 _height _width"], places: Maps, below: int, beside: int
) -> Maps:
    """Frames that show a texture.

    Args:
        texture: larger than the frames by two margins.
        places: from every pixel to what it shows [pixels], `clip 2 time height width`.
        below: the margin above and below [pixels].
        beside: the margin left and right [pixels].
    """
    clips, _, time, height, width = places.shape
    at = _pixels(height, width, places)[None, :, None] + places
    size = (texture.shape[3], texture.shape[2])
    grid = _normalized(at[:, 0] + beside, at[:, 1] + below, size)
    rows = grid.reshape(clips, time * height, width, 2)
    seen = functional.grid_sample(
        texture, rows, mode="bilinear", padding_mode="reflection", align_corners=True
    )
    frames = seen.reshape(clips, -1, time, height, width)
    return frames.contiguous(memory_format=torch.channels_last_3d)  # as pixels are, for speed


def spline(length: int, apart: int) -> Float[Tensor, "_ knot"]:
    """What each knot of a cubic B-spline weighs at whole places; the weights of a place add to 1.

    Args:
        length: how many places there are.
        apart: from one knot to the next, in places.
    """
    intervals = math.ceil((length - 1) / apart)
    at = torch.arange(length) / apart
    far = (at[:, None] - torch.arange(-1.0, intervals + 2)).abs()
    near = (4 - 6 * far**2 + 3 * far**3) / 6
    return torch.where(far < 1, near, (2 - far).clamp(min=0) ** 3 / 6)


def _extent(sheet: Sheet) -> tuple[int, int, int, int]:
    if "frames" not in sheet.shapes:
        raise ClipError(
            "a moved texture can't be written: there is nothing to move",
            got=f"a network that is shown {' and '.join(sheet.shapes)} only",
            expected="one whose frames are made",
            hint="write its flow down as pixels or as waves",
        )
    return sheet.shapes["frames"]


def _limit(sheet: Sheet, writing: MovedTexture) -> Float[Tensor, "clip 1 1 1 1"]:
    """How fast the texture of each clip may move [pixels per frame]."""
    fastest = writing.fastest
    if "flow" in sheet.shapes:
        fastest = sheet.bounds["flow"] * sheet.flow_scale
    chi = sheet.chi.to(sheet.device)
    share = torch.where(chi > 0, sheet.kappa / (sheet.kappa + chi).clamp(min=1e-12), 1.0)
    return fastest * share.sqrt().reshape(-1, 1, 1, 1, 1)


def _within_one(motion: Volume) -> Volume:
    return motion / motion.norm(dim=1, keepdim=True).clamp(min=1)


def _looked_up(field: Field, away: Field) -> Field:
    """A field at places that are so far away from the pixels; its edge is repeated."""
    height, width = field.shape[2:]
    at = _pixels(height, width, field) + away
    grid = _normalized(at[:, 0], at[:, 1], (width, height))
    return functional.grid_sample(
        field, grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def _pixels(height: int, width: int, like: Tensor) -> Float[Tensor, "2 _ _"]:
    """The place of every pixel, to the right and down."""
    down, right = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([right, down]).to(like)


def _normalized(right: Tensor, down: Tensor, size: tuple[int, int]) -> Tensor:
    """As `grid_sample` counts, where corners are pixels: the first is -1 and the last is 1."""
    return torch.stack(
        [2 * at / max(1, side - 1) - 1 for at, side in zip((right, down), size, strict=True)],
        dim=-1,
    )
