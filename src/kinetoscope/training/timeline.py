"""What does a network say of a video, and when?

Each stretch of the video is answered by the clip around its middle. Probabilities are those of the
clip alone: they are not smoothed, and no stretch knows of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.stretches import open_stretches
from kinetoscope.networks.network import Classification, Network, evaluating


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a network says of one stretch of a video.

    Args:
        start_seconds, end_seconds: of the stretch, in display time.
        seen: when the first and the last frame of its clip are shown [seconds].
        classification: how probable each label is.
        repeated: how many frames of the clip the video was too short for.
    """

    start_seconds: float
    end_seconds: float
    seen: tuple[float, float]
    classification: Classification
    repeated: int = 0


def classify_video(
    network: Network,
    path: str | Path,
    *,
    every_seconds: float | None = None,
    batch: int = 4,
) -> Iterator[Moment]:
    """Classify a video stretch by stretch, as it is decoded; memory does not grow with its length.

    Args:
        network: left in the mode it is in.
        path: any file that FFmpeg reads.
        every_seconds: length of a stretch; None takes the whole video as one, seen by the clip in
            its middle.
        batch: how many clips go through the network at once.

    Raises:
        VideoError: the file is not a video, or a frame can't be read.
        ClipError: stretches have no length; the video is too short and the spec says `error`.
    """
    stretches = open_stretches(path, network.expects, every_seconds=every_seconds)
    while some := list(islice(stretches, batch)):
        clips = ClipBatch.of([each.clip for each in some], network.expects)
        with evaluating(network), torch.inference_mode():
            answers = network(clips.to(network.device)).cpu()
        for each, answer in zip(some, answers.tolist(), strict=True):
            yield Moment(
                start_seconds=each.start_seconds,
                end_seconds=each.end_seconds,
                seen=(min(each.clip.seconds), max(each.clip.seconds)),
                classification=Classification(network.labels, tuple(answer)),
                repeated=each.repeated,
            )
