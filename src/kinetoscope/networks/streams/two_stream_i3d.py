"""Two-stream I3D: does motion that is shown as such still help a network that sees time?

Two I3Ds look at the same clip, one at its frames and one at its flow; the answer is the mean of
both probabilities. They never meet: each is trained by a loss of its own, or apart.

Source: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics
Dataset", CVPR 2017, section 2.4. The authors' code adds the raw scores of both, the paper averages
predictions, as is done here.

    layers                        channels   output (time x height x width)
    frames and flow               3 and 2    64 x 224 x 224
    Conv3d_1a_7x7                 64         32 x 112 x 112   appearance.Conv3d_1a_7x7, motion. ...
    MaxPool3d_2a_3x3                         32 x  56 x  56
    Conv3d_2b_1x1                 64         32 x  56 x  56
    Conv3d_2c_3x3                 192        32 x  56 x  56
    MaxPool3d_3a_3x3                         32 x  28 x  28
    Mixed_3b                      256        32 x  28 x  28
    Mixed_3c                      480        32 x  28 x  28
    MaxPool3d_4a_3x3                         16 x  14 x  14
    Mixed_4b Mixed_4c Mixed_4d    512        16 x  14 x  14
    Mixed_4e                      528        16 x  14 x  14
    Mixed_4f                      832        16 x  14 x  14
    MaxPool3d_5a_2x2                          8 x   7 x   7
    Mixed_5b                      832         8 x   7 x   7
    Mixed_5c                      1024        8 x   7 x   7
    average                                   7 x   1 x   1
    logits                        one score per label
"""

from dataclasses import dataclass, replace

from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks import inception3d
from kinetoscope.networks.inception3d import Inception3D, InceptionConfig
from kinetoscope.networks.streams.fusion import MeanPrediction
from kinetoscope.tensors import FlowBatch, FrameBatch, Scores


@dataclass(frozen=True, kw_only=True)
class TwoStreamI3DConfig:
    """What may differ between two two-stream I3Ds.

    Args:
        labels: how many scores.
        narrower: by what all widths are divided.
        dropout: share of the last mean left out in training.
        frames: length of its clips.
        size: height and width of its clips [pixels], a multiple of 32.
    """

    labels: int = 400  # Kinetics-400
    narrower: int = 1
    dropout: float = 0.5
    frames: int = 64
    size: int = 224


TWO_STREAM_I3D = TwoStreamI3DConfig()

VARIANTS = {
    "two_stream_i3d": TWO_STREAM_I3D,
    "two_stream_i3d_toy": replace(TWO_STREAM_I3D, labels=3, narrower=16, frames=16, size=64),
}


class TwoStreamI3D(nn.Module):
    """An I3D of frames and an I3D of flow; a prediction of each."""

    def __init__(self, config: TwoStreamI3DConfig):
        super().__init__()
        self.appearance = Inception3D(_tower(config, "frames"))
        self.motion = Inception3D(_tower(config, "flow"))
        self.mean = MeanPrediction()

    def forward(self, frames: FrameBatch, flow: FlowBatch) -> Scores:
        return self.mean(self.branches(frames, flow))

    def branches(self, frames: FrameBatch, flow: FlowBatch) -> tuple[Scores, ...]:
        """The raw scores of appearance and of motion."""
        return self.appearance(frames), self.motion(flow)


def build(config: TwoStreamI3DConfig) -> TwoStreamI3D:
    """The model of a configuration, untrained."""
    return TwoStreamI3D(config)


def expects(config: TwoStreamI3DConfig) -> ClipSpec:
    """The clips it is made for: those of an I3D, and their flow."""
    return replace(inception3d.expects(_tower(config, "frames")), streams=("frames", "flow"))


def published_layers(config: TwoStreamI3DConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    towers: tuple[tuple[str, Stream], ...] = (("appearance", "frames"), ("motion", "flow"))
    return tuple(
        f"{name}.{layer}"
        for name, stream in towers
        for layer in inception3d.published_layers(_tower(config, stream))
    )


def _tower(config: TwoStreamI3DConfig, stream: Stream) -> InceptionConfig:
    return InceptionConfig(
        labels=config.labels,
        stream=stream,
        narrower=config.narrower,
        dropout=config.dropout,
        frames=config.frames,
        size=config.size,
    )
