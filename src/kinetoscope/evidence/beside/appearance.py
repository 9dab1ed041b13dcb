"""What is there to see in clips: which colours, which waves, which speeds?

What is found in each clip is summed up, so that a sample of any size needs no more memory than one
clip does. Streams are taken as a network is shown them, normalized; speeds are in pixels per frame.

Source: Simoncelli and Olshausen, "Natural image statistics and neural representation", Annu. Rev.
Neurosci. 24, 2001, for what natural pictures are described by.
"""

import torch
from torch import Tensor

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.evidence.motion.spectrum import spectrum_of
from kinetoscope.evidence.motion.speeds import Speeds, speeds_of_flow, speeds_of_frames


class Appearance:
    """What was found in some clips, summed up.

    Args:
        clips: how many.
        sums: by name and stream: `spectrum.*`, magnitudes as in `Spectrum`; `speeds.*`; and of
            frames `colour` and `colours`, the mean of a clip's pixels and of their products.
        reach: of each stream, how far its farthest pixel is from zero: the mean colour, stillness.
    """

    def __init__(self) -> None:
        self.clips = 0
        self.sums: dict[str, Tensor] = {}
        self.reach: dict[Stream, float] = {}

    @classmethod
    def of(cls, clip: Clip, spec: ClipSpec) -> "Appearance":
        """Of one clip: of the streams of a spec."""
        found = cls()
        found.clips = 1
        batch = ClipBatch.of([clip], spec)
        for stream in spec.streams:
            x = batch.stream(stream)[0]
            shown = as_shown(stream, x, spec)
            found.sums[f"spectrum.{stream}"] = spectrum_of(shown[None]).magnitude
            found.sums[f"speeds.{stream}"] = speeds_of(stream, x)
            found.reach[stream] = shown.norm(dim=0).max().item()
            if stream == "frames":
                pixels = shown.flatten(1)
                found.sums["colour"] = pixels.mean(dim=1)
                found.sums["colours"] = pixels @ pixels.T / pixels.shape[1]
        return found

    def add(self, other: "Appearance") -> None:
        """And what was found in others."""
        self.clips += other.clips
        for name, value in other.sums.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        for stream, reach in other.reach.items():
            self.reach[stream] = max(reach, self.reach.get(stream, 0.0))

    def means(self) -> dict[str, Tensor]:
        """The sums over clips, by how many these are."""
        return {name: value / self.clips for name, value in self.sums.items()}


def as_shown(stream: Stream, x: Tensor, spec: ClipSpec) -> Tensor:
    """A stream of a clip, `channel time height width`, as a network takes it: normalized."""
    if stream == "flow":
        return x.double() / spec.flow_scale
    mean, std = (torch.tensor(each).to(x.device).double() for each in (spec.mean, spec.std))
    return (x.double() - mean[:, None, None, None]) / std[:, None, None, None]


def speeds_of(stream: Stream, x: Tensor) -> Speeds:
    """The speeds in a stream of a clip in display space, `channel time height width`."""
    return speeds_of_flow(x) if stream == "flow" else speeds_of_frames(x)
