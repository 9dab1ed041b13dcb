"""CNN-M-2048: can a middling network, quick to train, tell actions from single frames or from flow?

Five convolutions, the first two with large steps, so that the third already sees maps of 13 x 13;
the second hidden layer is narrow, which halves what has to be learned of few videos.
`cnn_m_frames` sees one frame, `cnn_m_flow` the stacked flow of ten, without the second brightness
norm; `two_stream_cnn_m` averages what both say.

Source: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in
Videos", NIPS 2014, figure 1; the network is CNN-M-2048 of Chatfield et al., "Return of the Devil in
the Details", BMVC 2014, table 1, whose norms have n = 5, k = 2, alpha = 5e-4 over n, beta = 0.75.
Its hidden layers are convolutions here, so that larger frames are looked at densely. The paper
subtracts the mean vector of every field of flow (camera motion): `steady` does.

    layers           channels   output (time x height x width)
    frames or flow   3 or 20     1 x 224 x 224   a frame; ten fields of flow, stacked
    conv1 norm1      96          1 x 109 x 109
    pool1                        1 x  54 x  54
    conv2 norm2      256         1 x  26 x  26   no norm2 in flow
    pool2                        1 x  13 x  13
    conv3 conv4      512         1 x  13 x  13
    conv5                        1 x  13 x  13
    pool5                        1 x   6 x   6
    fc6              4096        1 x   1 x   1
    fc7              2048        1 x   1 x   1
    label            one score per label
"""

from dataclasses import dataclass, replace

from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.blocks import Conv, Hidden
from kinetoscope.networks.streams.towers import Stage, Tower, clips_for_towers, layers_of, scoring


@dataclass(frozen=True, kw_only=True)
class CNNMConfig:
    """What may differ between two CNN-M towers.

    Args:
        labels: how many scores.
        stream: what the tower is shown.
        chunk: how many flow fields are stacked [frames]; frames are taken one by one.
        steady: whether each field of flow loses its mean vector first.
        channels: of the five convolutions.
        hidden: units of fc6; fc7 has half as many.
        dropout: share of the hidden units left out in training.
        size: height and width of its clips [pixels].
    """

    labels: int = 101  # UCF-101
    stream: Stream = "frames"
    chunk: int = 1
    steady: bool = False
    channels: tuple[int, int, int, int, int] = (96, 256, 512, 512, 512)
    hidden: int = 4096
    dropout: float = 0.9
    size: int = 224


FRAMES = CNNMConfig()
FLOW = CNNMConfig(stream="flow", chunk=10)

VARIANTS = {
    "cnn_m_frames": FRAMES,
    "cnn_m_flow": FLOW,
    "cnn_m_frames_toy": replace(FRAMES, labels=3, channels=(2, 3, 4, 4, 5), hidden=8, size=64),
    "cnn_m_flow_toy": replace(FLOW, labels=3, chunk=3, channels=(2, 3, 4, 4, 5), hidden=8, size=64),
}


def stages(config: CNNMConfig, *, gathered: int = 1) -> tuple[Stage, ...]:
    """The tower, stage by stage.

    Args:
        config: its sizes.
        gathered: how many chunks pool5 makes one of.
    """
    a, b, c, d, e = config.channels
    norm2 = () if config.stream == "flow" else (_norm("norm2"),)
    return (
        *(_conv("conv1", a, 7, stride=2, padding=0), _norm("norm1"), _pool("pool1")),
        *(_conv("conv2", b, 5, stride=2, padding=1), *norm2, _pool("pool2", partly=True)),
        *(_conv("conv3", c, 3), _conv("conv4", d, 3), _conv("conv5", e, 3)),
        _pool("pool5", gathered=gathered),
        _hidden("fc6", config.hidden, _side(config.size), config.dropout),
        _hidden("fc7", config.hidden // 2, 1, config.dropout),
        *scoring(config.labels),
    )


def build(config: CNNMConfig) -> Tower:
    """The model of a configuration, untrained."""
    return Tower(
        stages(config),
        stream=config.stream,
        chunk=config.chunk,
        least=(config.chunk, config.size, config.size),
        steady=config.steady,
    )


def expects(config: CNNMConfig) -> ClipSpec:
    """The clips it is made for."""
    return clips_for_towers((config.stream,), frames=config.chunk, size=config.size)


def published_layers(config: CNNMConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return layers_of(stages(config))


def _conv(name: str, after: int, side: int, *, stride: int = 1, padding: int = 1) -> Stage:
    return Stage(
        name=name,
        build=lambda before: Conv(
            before,
            after,
            kernel=(1, side, side),
            stride=(1, stride, stride),
            padding=(0, padding, padding),
        ),
        after=after,
    )


def _norm(name: str) -> Stage:
    """Brightness norm; PyTorch, as Caffe, divides alpha by n."""
    return Stage(
        name=name, build=lambda before: nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
    )


def _pool(name: str, *, gathered: int = 1, partly: bool = False) -> Stage:
    """The largest of 3 x 3; `partly` also where a window lies only partly on the map."""
    step = 1 if gathered == 1 else 2
    return Stage(
        name=name,
        build=lambda before: nn.MaxPool3d((gathered, 3, 3), (step, 2, 2), ceil_mode=partly),
    )


def _hidden(name: str, after: int, side: int, dropout: float) -> Stage:
    return Stage(
        name=name,
        build=lambda before: Hidden(before, after, kernel=(1, side, side), dropout=dropout),
        after=after,
    )


def _side(size: int) -> int:
    """Height and width of pool5's maps.

    >>> _side(224), _side(64)
    (6, 1)
    """
    conv1 = (size - 7) // 2 + 1
    pool1 = (conv1 - 3) // 2 + 1
    conv2 = (pool1 - 3) // 2 + 1
    pool2 = -(-(conv2 - 3) // 2) + 1
    return (pool2 - 3) // 2 + 1
