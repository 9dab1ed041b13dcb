"""Does a stimulus excite its unit still, when it is a little shifted, scaled and turned?

What excites only where it stands to the pixel is a coincidence of grids. So a stimulus is shown
again under transforms that are drawn once for all frames; flow is turned and scaled with them.

Source: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, whose transforms
these are (scale 10 %, turn 10 degrees, shift 8 of 224 pixels). Differs: they are a test here, not
only a help in making stimuli; what comes in at the borders is what lies on them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.stimuli.measures.showing import check_shown, shown_in_batches
from kinetoscope.evidence.stimuli.robustness import Robustness, with_margins
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Size, Volume
from kinetoscope.units.objective import Together
from kinetoscope.units.reading import read_normalized

DRAWS = 8
"""Of transforms, under each of which a stimulus is shown."""


def over_transforms(
    network: Network,
    stimuli: Sequence[Stimulus],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    clips_at_once: int = 8,
) -> list[float]:
    """The mean activation of each stimulus, over transforms that are the same for all.

    Args:
        network: that they were made for; it comes back as it went.
        stimuli: of any objectives.
        draws: of transforms.
        seed: of the transforms.
        clips_at_once: how many share a batch.

    Raises:
        UnknownNameError, ClipError: the stimuli are of another network.
    """
    objectives = check_shown(network, stimuli)
    size = (network.expects.frames, *network.expects.size)
    views = _views(size)
    margin = views.margin(1, size)
    sums: list[Tensor] = []
    with torch.inference_mode(), evaluating(network):
        for first, batch in enumerate(shown_in_batches(network, stimuli, clips_at_once)):
            together = Together(network, objectives[first * clips_at_once :][: len(batch)])
            wide = _wider(network, network.normalize(batch), margin)
            peaks = []
            for draw in range(draws):
                view = ClipBatch(**views.drawn(draw, seed)(wide, size))
                peaks.append(together.peaks(read_normalized(network, view, together.layers)))
            sums.append(torch.stack(peaks).mean(0))
    return torch.cat(sums).tolist()


def _views(size: Size) -> Robustness:
    """The transforms that stimuli should survive: those of lucid, for clips of any size."""
    return Robustness(shift=max(1, min(size[1:]) // 28), scale=0.1, rotation=10.0)


def _wider(network: Network, normalized: ClipBatch, margin: int) -> dict[str, Volume]:
    """With a border around each frame that repeats its edge."""
    return {
        stream: with_margins(normalized.stream(stream), 0, margin)
        for stream in network.expects.streams
    }
