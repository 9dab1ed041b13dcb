"""What is a clip: a few frames, their motion, when they were, and where they came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.errors import ClipError


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A few frames in display space, with their motion.

    Args:
        frames: RGB in [0, 1], `3 time height width`.
        flow: `2 time height width`; flow[:, t] is the motion from frame t to t + 1, right and down
            [pixels per frame of the clip], the last one repeated. None where it was not asked for.
        seconds: when each frame is shown [seconds from the start of the video].
        source: where the clip is from, for messages and captions.
    """

    frames: Tensor
    flow: Tensor | None = None
    seconds: tuple[float, ...] = ()
    source: str = "memory"

    def __post_init__(self):
        _check_shape(self.frames, 3, f"frames of the clip from {self.source}")
        low, high = self.frames.amin().item(), self.frames.amax().item()  # NaN if one value is
        if not (low >= 0 and high <= 1):
            raise ClipError(
                f"clip from {self.source} is not in display space",
                got=f"values from {low:.3g} to {high:.3g}",
                expected="values from 0 to 1",
                hint="network.denormalize(batch) undoes a network's normalizing",
            )
        if self.flow is not None:
            _check_shape(self.flow, 2, f"flow of the clip from {self.source}")
            if self.flow.shape[1:] != self.frames.shape[1:]:
                raise ClipError(
                    f"flow and frames of the clip from {self.source} differ in size",
                    got=f"flow {tuple(self.flow.shape)} beside frames {tuple(self.frames.shape)}",
                    expected="the same time, height and width",
                )
            if not all(bound.isfinite() for bound in (self.flow.amin(), self.flow.amax())):
                raise ClipError(
                    f"flow of the clip from {self.source} is not a number everywhere",
                    got="nan or infinity",
                    expected="pixels per frame",
                )
        if self.seconds and len(self.seconds) != self.frames.shape[1]:
            raise ClipError(
                f"the clip from {self.source} has a time for every frame",
                got=f"{len(self.seconds)} times",
                expected=f"{self.frames.shape[1]} times",
            )

    @property
    def time(self) -> int:
        """How many frames."""
        return self.frames.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [pixels]."""
        return self.frames.shape[2], self.frames.shape[3]


@dataclass(frozen=True, kw_only=True)
class ClipBatch:
    """Clips side by side, on one device: what a Network takes.

    Either stream may be missing where the network does not ask for it. Values need not lie in
    display space: a batch is also how normalized clips and stimuli under way are passed around.
    """

    frames: Tensor | None = None
    flow: Tensor | None = None

    def __post_init__(self):
        if self.frames is None and self.flow is None:
            raise ClipError("a batch has no clips", got="no stream", expected="frames or flow")

    @classmethod
    def of(
        cls,
        clips: Sequence[Clip],
        spec: ClipSpec | None = None,
        *,
        layout: torch.memory_format = torch.contiguous_format,
    ) -> "ClipBatch":
        """Stack clips; with a spec, only the streams it names.

        Args:
            clips: all of one size.
            spec: None takes all streams that every clip has.
            layout: in memory; with `torch.channels_last_3d` the channels of a pixel lie side by
                side, as they do in clips of files.

        Raises:
            ClipError: sizes differ, or a stream is asked for that a clip does not have.
        """
        if not clips:
            raise ClipError(
                "a batch has no clips", got="an empty list", expected="one clip or more"
            )
        wanted: tuple[Stream, ...] = spec.streams if spec else ("frames", "flow")
        if spec is None and any(clip.flow is None for clip in clips):
            wanted = ("frames",)
        return cls(
            **{
                stream: _stacked([_stream(clip, stream, clips[0]) for clip in clips], layout)
                for stream in wanted
            }
        )

    def __len__(self) -> int:
        return next(stream for stream in (self.frames, self.flow) if stream is not None).shape[0]

    def stream(self, name: Stream) -> Tensor:
        """One stream.

        Raises:
            ClipError: the batch does not have it.
        """
        found = self.frames if name == "frames" else self.flow
        if found is None:
            has = "flow" if name == "frames" else "frames"
            raise ClipError(
                f"the network takes {name}, and the clips have none",
                got=f"a batch with {has} only",
                expected=f"a batch with {name}",
            )
        return found

    def to(self, device: "torch.device | str", dtype: torch.dtype | None = None) -> "ClipBatch":
        """The same clips on another device or in another precision."""
        return self._each(lambda stream: stream.to(device, dtype))

    def laid_out(self, memory_format: torch.memory_format) -> "ClipBatch":
        """The same clips, laid out in memory as convolutions are fastest with."""
        return self._each(lambda stream: stream.contiguous(memory_format=memory_format))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "ClipBatch":
        frames, flow = self.frames, self.flow
        return ClipBatch(
            frames=None if frames is None else change(frames),
            flow=None if flow is None else change(flow),
        )


def _stacked(streams: Sequence[Tensor], layout: torch.memory_format) -> Tensor:
    if layout is not torch.channels_last_3d:
        return torch.stack(list(streams))
    return torch.stack([stream.movedim(0, -1) for stream in streams]).movedim(-1, 1)


def _stream(clip: Clip, name: Stream, first: Clip) -> Tensor:
    found = clip.frames if name == "frames" else clip.flow
    if found is None:
        raise ClipError(
            f"clip from {clip.source} has no flow",
            got="frames only",
            expected="frames and flow",
            hint='open it with a spec whose streams are ("frames", "flow")',
        )
    if clip.frames.shape != first.frames.shape:
        raise ClipError(
            f"clip from {clip.source} does not fit in a batch with the clip from {first.source}",
            got=tuple(clip.frames.shape),
            expected=tuple(first.frames.shape),
        )
    return found


def _check_shape(found: Tensor, channels: int, what: str) -> None:
    if found.ndim != 4 or found.shape[0] != channels or 0 in found.shape:
        raise ClipError(
            f"{what} must be {channels} x time x height x width, none of them empty",
            got=tuple(found.shape),
            expected=f"({channels}, time, height, width)",
        )
