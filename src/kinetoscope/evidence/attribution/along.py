"""How is a long video attributed, from its start to its end?

Clip by clip, each as long as the network expects and reaching half-way into the next, so that what
happens between two clips is seen whole by one of them. The heat of a frame is the mean over the
clips that show it. A frame leaves memory when no later clip shows it, so that an hour takes no more
than a minute.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.stretches import Stretch, open_stretches
from kinetoscope.evidence.attribution.answering import with_flow_for
from kinetoscope.evidence.attribution.attribution import Attribution, Method, Part
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Heat
from kinetoscope.units.objective import Objective
from kinetoscope.video.video import open_video


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """Frames of a long video that are done, one after the other.

    Args:
        clip: the frames, with their motion and when they are shown; as many as there are.
        heats: of each method, by part, of the extent of the clip.
        answers: what each method answered to the clips that are done, one a window.
        windows: from and to of these [seconds].
    """

    clip: Clip
    heats: Sequence[Mapping[Part, Heat]]
    answers: Sequence[Sequence[Attribution]]
    windows: Sequence[tuple[float, float]]


def half_a_clip(path: str | Path, spec: ClipSpec) -> float:
    """How long half of a network's clip lasts in a video [seconds].

    Raises:
        VideoError: the file is not a video.
    """
    with open_video(path) as video:
        rate = spec.frames_per_second or video.frames_per_second
    return spec.frames * spec.stride / rate / 2


def attribute_along(
    network: Network,
    path: str | Path,
    objective: Objective,
    *,
    methods: Sequence[Method],
    every_seconds: float | None = None,
    memory: int | None = None,
    other: Clip | None = None,
) -> Iterator[Passage]:
    """Attribute a long video window by window, as it is decoded.

    Args:
        network: comes back as it went.
        path: any file that FFmpeg reads.
        objective: the same for all of the video.
        methods: that fit.
        every_seconds: from one window to the next; half a clip if not given.
        memory: that a method may take beside the weights [bytes]; None for what is there.
        other: the clip that is swapped in, where a method swaps.

    Raises:
        VideoError: the file is not a video, or a frame can't be read.
        ClipError: windows have no length; the video is too short and the spec says `error`.
    """
    every = half_a_clip(path, network.expects) if every_seconds is None else every_seconds
    expects = with_flow_for(methods, network.expects)
    joined = _Joined(len(methods))
    for stretch in open_stretches(path, expects, every_seconds=every):
        if joined.before(stretch):
            yield joined.taken(until=min(stretch.clip.seconds))
        question = Question.about(network, stretch.clip, objective, memory=memory, other=other)
        joined.add(stretch, [method.answer(question) for method in methods])
    yield joined.taken()


@dataclass(eq=False)
class _Frame:
    """One frame, and what was found in it so far."""

    picture: Tensor
    flow: Tensor | None
    heats: list[dict[Part, Tensor]]
    times: int = 1

    def add(self, heats: Sequence[Mapping[Part, Tensor]]) -> None:
        self.times += 1
        for own, more in zip(self.heats, heats, strict=True):
            for part in own:
                own[part] = own[part] + more[part]

    def mean(self, method: int, part: Part) -> Tensor:
        return self.heats[method][part] / self.times


@dataclass(eq=False)
class _Joined:
    """Frames that a later window may show, by when they are shown."""

    methods: int
    frames: dict[float, _Frame] = field(default_factory=dict)
    answers: list[list[Attribution]] = field(default_factory=list)
    windows: list[tuple[float, float]] = field(default_factory=list)

    def before(self, stretch: Stretch) -> bool:
        """Whether some frame is earlier than all of a window."""
        return bool(self.frames) and min(self.frames) < min(stretch.clip.seconds)

    def add(self, stretch: Stretch, found: Sequence[Attribution]) -> None:
        clip = stretch.clip
        self.answers.append(list(found))
        self.windows.append((min(clip.seconds), max(clip.seconds)))
        for place, second in enumerate(clip.seconds):
            heats: list[dict[Part, Tensor]] = [
                {part: heat[place] for part, heat in each.heat.items()} for each in found
            ]
            flow = None if clip.flow is None else clip.flow[:, place]
            if second in self.frames:
                self.frames[second].add(heats)
                self.frames[second].flow = flow  # of an earlier clip it may be its end, repeated
            else:
                self.frames[second] = _Frame(clip.frames[:, place], flow, heats)

    def taken(self, *, until: float | None = None) -> Passage:
        """Those frames that no later window shows: before a second, or all."""
        done = sorted(second for second in self.frames if until is None or second < until)
        frames = [self.frames.pop(second) for second in done]
        flows = [frame.flow for frame in frames if frame.flow is not None]
        passage = Passage(
            clip=Clip(
                frames=torch.stack([frame.picture for frame in frames], dim=1),
                flow=torch.stack(flows, dim=1) if flows else None,
                seconds=tuple(done),
            ),
            heats=[
                {
                    part: torch.stack([frame.mean(method, part) for frame in frames])
                    for part in frames[0].heats[method]
                }
                for method in range(self.methods)
            ],
            answers=self.answers,
            windows=self.windows,
        )
        self.answers, self.windows = [], []
        return passage
