"""Two-stream fusion: where should what is seen meet what moves?

Two VGG-16 towers look at a clip: one at a frame of every chunk, one at the stacked flow of that
chunk. At the last convolution a learned 3-D convolution brings both together, place by place and
over neighbouring chunks, and a 3-D pool gathers all chunks. The fused tower and the motion tower
each predict; the answer is the mean of both probabilities. `vgg16_frames` and `vgg16_flow` are the
towers alone, from which the two-stream network is started.

Source: Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video Action
Recognition", CVPR 2016, sections 3 and 4; towers after Simonyan and Zisserman, "Very Deep
Convolutional Networks", ICLR 2015. A clip is 5 chunks of 10 frames, one after the other. Its
hidden layers are convolutions, so that larger frames are looked at densely, as the paper tests.

    layers                 channels   output (time x height x width)
    frames and flow        3 and 2    50 x 224 x 224
    prepare                3 and 20    5 x 224 x 224   a middle frame; the flow of 10, stacked
    conv1_1 conv1_2        64          5 x 224 x 224   appearance.conv1_1, motion.conv1_1, ...
    pool1                              5 x 112 x 112
    conv2_1 conv2_2        128         5 x 112 x 112
    pool2                              5 x  56 x  56
    conv3_1 ... conv3_3    256         5 x  56 x  56
    pool3                              5 x  28 x  28
    conv4_1 ... conv4_3    512         5 x  28 x  28
    pool4                              5 x  14 x  14
    conv5_1 ... conv5_3    512         5 x  14 x  14
    fusion                 512         5 x  14 x  14   1024 with concatenation
    pool5                              1 x   7 x   7   pool5 to label again in motion
    fc6 fc7                4096        1 x   1 x   1
    label                  one score per label
"""

from dataclasses import dataclass, replace

from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.blocks import Consensus, Conv, Hidden, Label, Sample, check_least
from kinetoscope.networks.fusion import (
    FusionKind,
    StackFlow,
    average_predictions,
    fused_channels,
    fusion_module,
)
from kinetoscope.tensors import FlowBatch, FrameBatch, Maps, Scores, Size, Volume

MAPS = (
    *("conv1_1", "conv1_2", "pool1"),
    *("conv2_1", "conv2_2", "pool2"),
    *("conv3_1", "conv3_2", "conv3_3", "pool3"),
    *("conv4_1", "conv4_2", "conv4_3", "pool4"),
    *("conv5_1", "conv5_2", "conv5_3"),
)
PREDICTION = ("pool5", "fc6", "fc7", "label")

SHRINKING = 32
"""How much smaller the last maps are than the clip."""

FLOW_SCALE = 9.0
"""The motion shown as 1. The papers show 20 pixels as 127.5 grey levels to filters made for
pictures, whose standard deviation of 0.225 is 57.4 levels: 57.4 * 20 / 127.5 [pixels per frame]."""


@dataclass(frozen=True, kw_only=True)
class VGG16Config:
    """What may differ between two VGG-16 towers.

    Args:
        labels: how many scores.
        stream: what the tower is shown.
        chunk: how many flow fields are stacked [frames]; frames are taken one by one.
        channels: of the five stages.
        hidden: units of fc6 and of fc7.
        dropout: share of the hidden units left out in training.
        size: height and width of its clips [pixels], a multiple of 32.
    """

    labels: int = 101  # UCF-101
    stream: Stream = "frames"
    chunk: int = 1
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    dropout: float = 0.85
    size: int = 224


@dataclass(frozen=True, kw_only=True)
class TwoStreamConfig:
    """What may differ between two fusions of VGG-16 towers.

    Args:
        labels: how many scores.
        fusion: how the streams become one; "late" averages two separate predictions.
        keep_motion: whether the motion tower keeps its own prediction, averaged with the fused one;
            otherwise it ends at conv5_3. Late fusion always keeps it.
        chunks: how many chunks a clip has, one after the other.
        chunk: length of a chunk: one frame is shown, and all of its flow [frames].
        channels: of the five stages of either tower.
        hidden: units of fc6 and of fc7.
        dropout: share of the hidden units left out in training.
        size: height and width of its clips [pixels], a multiple of 32.
    """

    labels: int = 101  # UCF-101
    fusion: FusionKind = "conv"
    keep_motion: bool = True
    chunks: int = 5
    chunk: int = 10
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    dropout: float = 0.85
    size: int = 224


FRAMES = VGG16Config()
FLOW = VGG16Config(stream="flow", chunk=10)
BOTH = TwoStreamConfig()

VARIANTS: dict[str, VGG16Config | TwoStreamConfig] = {
    "two_stream_vgg16": BOTH,
    "vgg16_frames": FRAMES,
    "vgg16_flow": FLOW,
    "two_stream_vgg16_toy": replace(
        BOTH, labels=3, chunks=2, chunk=3, channels=(2, 3, 4, 5, 6), hidden=8, size=64
    ),
    "vgg16_frames_toy": replace(FRAMES, labels=3, channels=(2, 3, 4, 5, 6), hidden=8, size=64),
    "vgg16_flow_toy": replace(FLOW, labels=3, chunk=3, channels=(2, 3, 4, 5, 6), hidden=8, size=64),
}


class TwoStreamVGG16(nn.Module):
    """Two towers, fused after conv5_3; one prediction from both, one from motion alone."""

    def __init__(self, config: TwoStreamConfig):
        super().__init__()
        self.fused = config.fusion != "late"
        frames, flow = _tower(config, "frames"), _tower(config, "flow")
        if not self.fused:
            self.appearance, self.motion = Tower(frames), Tower(flow)
            return
        self.appearance = Tower(frames, chunks=config.chunks, predicts=False)
        self.motion = Tower(flow, chunks=config.chunks, predicts=config.keep_motion)
        channels = config.channels[-1]
        self.fusion = fusion_module(config.fusion, channels)
        self.pool5, self.fc6, self.fc7, self.label = _prediction(
            frames, fused_channels(config.fusion, channels), chunks=config.chunks
        )
        self.consensus = Consensus()

    def forward(self, frames: FrameBatch, flow: FlowBatch) -> Scores:
        return average_predictions(self.branches(frames, flow))

    def branches(self, frames: FrameBatch, flow: FlowBatch) -> tuple[Scores, ...]:
        """The raw scores of each prediction, the fused one first."""
        appearance, motion = self.appearance.maps(frames), self.motion.maps(flow)
        if not self.fused:
            return self.appearance.predict(appearance), self.motion.predict(motion)
        x = self.pool5(self.fusion(appearance, motion))
        scores = self.consensus(self.label(self.fc7(self.fc6(x))))
        return (scores, self.motion.predict(motion)) if self.motion.predicts else (scores,)


class Tower(nn.Module):
    """VGG-16 over one stream, to conv5_3 and where wanted to its own prediction.

    Args:
        config: its sizes, and what it is shown.
        chunks: how many chunks pool5 gathers; where it is 1, each chunk is scored and the scores
            are averaged.
        predicts: whether it goes on after conv5_3.
    """

    def __init__(self, config: VGG16Config, *, chunks: int = 1, predicts: bool = True):
        super().__init__()
        a, b, c, d, e = config.channels
        before = 3 if config.stream == "frames" else 2 * config.chunk
        self.least: Size = (chunks * config.chunk, config.size, config.size)
        self.prepare = _prepare(config)
        self.conv1_1, self.conv1_2, self.pool1 = _conv(before, a), _conv(a, a), _pool()
        self.conv2_1, self.conv2_2, self.pool2 = _conv(a, b), _conv(b, b), _pool()
        self.conv3_1, self.conv3_2, self.conv3_3 = _conv(b, c), _conv(c, c), _conv(c, c)
        self.pool3 = _pool()
        self.conv4_1, self.conv4_2, self.conv4_3 = _conv(c, d), _conv(d, d), _conv(d, d)
        self.pool4 = _pool()
        self.conv5_1, self.conv5_2, self.conv5_3 = _conv(d, e), _conv(e, e), _conv(e, e)
        self.predicts = predicts
        if predicts:
            self.pool5, self.fc6, self.fc7, self.label = _prediction(config, e, chunks=chunks)
            self.consensus = Consensus()

    def forward(self, stream: Volume) -> Scores:
        return self.predict(self.maps(stream))

    def maps(self, stream: Volume) -> Maps:
        """What the tower sees, place by place: where the streams meet."""
        check_least(stream, self.least)
        x = self.prepare(stream)
        x = self.pool1(self.conv1_2(self.conv1_1(x)))
        x = self.pool2(self.conv2_2(self.conv2_1(x)))
        x = self.pool3(self.conv3_3(self.conv3_2(self.conv3_1(x))))
        x = self.pool4(self.conv4_3(self.conv4_2(self.conv4_1(x))))
        return self.conv5_3(self.conv5_2(self.conv5_1(x)))

    def predict(self, maps: Volume) -> Scores:
        """Raw scores from this stream alone."""
        return self.consensus(self.label(self.fc7(self.fc6(self.pool5(maps)))))


def build(config: VGG16Config | TwoStreamConfig) -> nn.Module:
    """The model of a configuration, untrained."""
    return Tower(config) if isinstance(config, VGG16Config) else TwoStreamVGG16(config)


def expects(config: VGG16Config | TwoStreamConfig) -> ClipSpec:
    """The clips it is made for; flow is TV-L1's, as in the models the authors released."""
    one = isinstance(config, VGG16Config)
    return ClipSpec(
        streams=(config.stream,) if one else ("frames", "flow"),
        frames=config.chunk if one else config.chunks * config.chunk,
        short_side=config.size * 256 // 224,
        size=(config.size, config.size),
        flow_method="tvl1",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        flow_scale=FLOW_SCALE,
    )


def published_layers(config: VGG16Config | TwoStreamConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    if isinstance(config, VGG16Config):
        return (*MAPS, *PREDICTION)
    late = config.fusion == "late"
    return (
        *(f"appearance.{layer}" for layer in MAPS),
        *(f"motion.{layer}" for layer in MAPS),
        *(f"appearance.{layer}" for layer in PREDICTION if late),
        *(layer for layer in ("fusion", *PREDICTION) if not late),
        *(f"motion.{layer}" for layer in PREDICTION if late or config.keep_motion),
    )


def _tower(config: TwoStreamConfig, stream: Stream) -> VGG16Config:
    return VGG16Config(
        labels=config.labels,
        stream=stream,
        chunk=config.chunk,
        channels=config.channels,
        hidden=config.hidden,
        dropout=config.dropout,
        size=config.size,
    )


def _prepare(config: VGG16Config) -> nn.Module:
    if config.stream == "flow":
        return StackFlow(config.chunk)
    return Sample(config.chunk, start=config.chunk // 2)  # the frame around which the flow lies


def _conv(before: int, after: int) -> Conv:
    return Conv(before, after, kernel=(1, 3, 3))


def _pool() -> nn.MaxPool3d:
    return nn.MaxPool3d((1, 2, 2))


def _prediction(
    config: VGG16Config, before: int, *, chunks: int
) -> tuple[nn.MaxPool3d, Hidden, Hidden, Label]:
    side = config.size // SHRINKING
    stride = 1 if chunks == 1 else 2
    return (
        nn.MaxPool3d((chunks, 2, 2), stride=(stride, 2, 2)),
        Hidden(before, config.hidden, kernel=(1, side, side), dropout=config.dropout),
        Hidden(config.hidden, config.hidden, dropout=config.dropout),
        Label(config.hidden, config.labels),
    )
