"""Two-stream fusion, small: what can two cheap towers tell from 64 x 64 clips?

The structure is that of `two_stream_vgg16`: a tower for frames, a tower for flow, brought together
by a 3-D convolution with the published start, then a 3-D pool. It differs where a small network
trained from scratch is better served: batch norm, a motion tower whose convolutions see a few flow
fields at once (so flow needs no stacking), one convolution and a global mean instead of hidden
layers. The appearance tower sees single frames, as the paper's does.

Source: after Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video
Action Recognition", CVPR 2016; the sizes are our own.

    layers              channels   output (time x height x width)
    frames and flow     3 and 2    16 x 64 x 64
    conv1               16         16 x 32 x 32    both towers: appearance.conv1, motion.conv1, ...
    pool1                           8 x 16 x 16
    conv2               32          8 x 16 x 16
    pool2                           8 x  8 x  8
    conv3               48          8 x  8 x  8
    fusion              48          8 x  8 x  8    96 with concatenation
    pool3                           4 x  4 x  4
    conv4               96          4 x  4 x  4
    average             96          1 x  1 x  1
    label               one score per label
"""

from dataclasses import dataclass

from einops import rearrange
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.blocks import Conv, Label
from kinetoscope.networks.streams.fusion import (
    FusionKind,
    MeanPrediction,
    fused_channels,
    fusion_module,
)
from kinetoscope.tensors import FlowBatch, FrameBatch, Maps, Scores, Size, Volume


@dataclass(frozen=True, kw_only=True)
class TwoStreamSmallConfig:
    """What may differ between two small two-stream networks.

    Args:
        labels: how many scores.
        fusion: how the streams become one; "late" averages two separate predictions.
        keep_motion: whether the motion tower keeps a prediction of its own, averaged with the
            fused one; late fusion always does.
        appearance_still: whether appearance is told once for the whole clip, by the largest answer
            over time at each place. Order and motion are then seen in flow alone; otherwise the
            fusion also sees how appearance changes.
        channels: of conv1 (both towers), conv2, conv3 and conv4.
        frames_kernels, flow_kernels: extents of conv1, conv2, conv3 in either tower
            [frames, pixels, pixels].
        conv1_stride: step of conv1 [frames, pixels, pixels].
        pools: extent and step of pool1, pool2 and pool3 [frames, pixels, pixels].
        norm: whether convolutions are followed by batch norm.
        dropout: share of conv4's channels hidden in training.
        frames: length of its clips by default.
        size: height and width of its clips by default [pixels].
    """

    labels: int = 16
    fusion: FusionKind = "conv"
    keep_motion: bool = False
    appearance_still: bool = False
    channels: tuple[int, int, int, int] = (16, 32, 48, 96)
    frames_kernels: tuple[Size, Size, Size] = ((1, 5, 5), (1, 3, 3), (1, 3, 3))
    flow_kernels: tuple[Size, Size, Size] = ((3, 5, 5), (3, 3, 3), (3, 3, 3))
    conv1_stride: Size = (1, 2, 2)
    pools: tuple[Size, Size, Size] = ((2, 2, 2), (1, 2, 2), (2, 2, 2))
    norm: bool = True
    dropout: float = 0.5
    frames: int = 16
    size: int = 64


SMALL = TwoStreamSmallConfig()

VARIANTS = {
    "two_stream_small": SMALL,
    "two_stream_small_toy": TwoStreamSmallConfig(
        labels=3,
        keep_motion=True,
        channels=(2, 3, 4, 5),
        frames_kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)),
        flow_kernels=((3, 3, 3), (3, 3, 3), (3, 3, 3)),
        conv1_stride=(1, 2, 2),
        pools=((2, 2, 2), (1, 2, 2), (2, 2, 2)),
        norm=True,
        dropout=0.5,
        frames=8,
        size=32,
    ),
}


class TwoStreamSmall(nn.Module):
    """Two towers of three convolutions, fused; one convolution, a mean, one score per label."""

    def __init__(self, config: TwoStreamSmallConfig):
        super().__init__()
        late = config.fusion == "late"
        self.appearance = Tower(3, config, kernels=config.frames_kernels, branch=late)
        self.motion = Tower(
            2, config, kernels=config.flow_kernels, branch=late or config.keep_motion
        )
        self.still = LargestOverTime() if config.appearance_still else nn.Identity()
        self.fused = not late
        self.mean = MeanPrediction()
        if self.fused:
            channels = config.channels[2]
            self.fusion = fusion_module(config.fusion, channels, norm=config.norm)
            self.pool3, self.conv4, self.average, self.dropout, self.label = _branch(
                config, fused_channels(config.fusion, channels)
            )

    def forward(self, frames: FrameBatch, flow: FlowBatch) -> Scores:
        return self.mean(self.branches(frames, flow))

    def branches(self, frames: FrameBatch, flow: FlowBatch) -> tuple[Scores, ...]:
        """The raw scores of each prediction, the fused one first."""
        appearance = self.still(self.appearance.maps(frames))
        motion = self.motion.maps(flow)
        if not self.fused:
            return self.appearance.predict(appearance), self.motion.predict(motion)
        x = self.conv4(self.pool3(self.fusion(appearance, motion)))
        scores = _flat(self.label(self.dropout(self.average(x))))
        return (scores, self.motion.predict(motion)) if self.motion.predicts else (scores,)


class LargestOverTime(nn.Module):
    """Each place's largest answer over time, at all times: the same whatever the order of frames.

    Source: as the maximum consensus of Wang et al., "Temporal Segment Networks", ECCV 2016.
    """

    def forward(self, maps: Volume) -> Volume:
        return maps.amax(dim=2, keepdim=True).expand_as(maps)


class Tower(nn.Module):
    """Three convolutions over one stream, and where wanted a prediction from it alone."""

    def __init__(
        self,
        before: int,
        config: TwoStreamSmallConfig,
        *,
        kernels: tuple[Size, Size, Size],
        branch: bool,
    ):
        super().__init__()
        a, b, c, _ = config.channels
        pool1, pool2, _ = config.pools
        self.conv1 = Conv(
            before, a, kernel=kernels[0], stride=config.conv1_stride, norm=config.norm
        )
        self.pool1 = nn.MaxPool3d(pool1)
        self.conv2, self.pool2 = (
            Conv(a, b, kernel=kernels[1], norm=config.norm),
            nn.MaxPool3d(pool2),
        )
        self.conv3 = Conv(b, c, kernel=kernels[2], norm=config.norm)
        self.predicts = branch
        if branch:
            self.pool3, self.conv4, self.average, self.dropout, self.label = _branch(config, c)

    def maps(self, x: Volume) -> Maps:
        """What the tower sees, place by place: where the streams meet."""
        return self.conv3(self.pool2(self.conv2(self.pool1(self.conv1(x)))))

    def predict(self, maps: Volume) -> Scores:
        """Raw scores from this stream alone."""
        x = self.conv4(self.pool3(maps))
        return _flat(self.label(self.dropout(self.average(x))))


def build(config: TwoStreamSmallConfig) -> TwoStreamSmall:
    """The model of a configuration, untrained."""
    return TwoStreamSmall(config)


def expects(config: TwoStreamSmallConfig) -> ClipSpec:
    """The clips it is made for."""
    return ClipSpec(
        streams=("frames", "flow"),
        frames=config.frames,
        short_side=config.size,
        size=(config.size, config.size),
        flow_scale=4.0,
    )


def published_layers(config: TwoStreamSmallConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    maps, branch = ("conv1", "pool1", "conv2", "pool2", "conv3"), ("pool3", "conv4", "label")
    late = config.fusion == "late"
    return (
        *(f"appearance.{layer}" for layer in maps),
        *(f"motion.{layer}" for layer in maps),
        *(f"appearance.{layer}" for layer in branch if late),
        *(layer for layer in ("fusion", *branch) if not late),
        *(f"motion.{layer}" for layer in branch if late or config.keep_motion),
    )


def _branch(
    config: TwoStreamSmallConfig, before: int
) -> tuple[nn.MaxPool3d, Conv, nn.AdaptiveAvgPool3d, nn.Dropout, Label]:
    after = config.channels[3]
    return (
        nn.MaxPool3d(config.pools[2]),
        Conv(before, after, norm=config.norm),
        nn.AdaptiveAvgPool3d(1),
        nn.Dropout(config.dropout),
        Label(after, config.labels),
    )


def _flat(scores: Volume) -> Scores:
    return rearrange(scores, "clip label 1 1 1 -> clip label")
