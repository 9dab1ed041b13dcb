"""Which pieces do several networks share?

Every piece takes and answers `clip channel time height width`, and every output worth looking at
is that of a module of its own, never changed in place. Two-dimensional convolutions are
three-dimensional ones of one frame, and fully connected layers are convolutions over all they
see: so a layer keeps its places, and a network also takes clips larger than it was trained on.
"""

from einops import rearrange
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Maps, Scores, Size, Volume

ONE: Size = (1, 1, 1)


class Conv(nn.Module):
    """A convolution, its batch norm where it has one, and a ReLU: the layer that papers name.

    Args:
        before: channels it takes.
        after: channels it answers.
        kernel: extent [frames, pixels, pixels].
        stride: step [frames, pixels, pixels].
        padding: zeros on either side; None keeps the size where the stride is 1.
        norm: batch norm instead of a bias.
        relu: whether a ReLU follows; where something is added first, it comes after the sum.
    """

    def __init__(
        self,
        before: int,
        after: int,
        *,
        kernel: Size = (3, 3, 3),
        stride: Size = ONE,
        padding: Size | None = None,
        norm: bool = False,
        relu: bool = True,
    ):
        super().__init__()
        if padding is None:
            padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(before, after, kernel, stride, padding, bias=not norm)
        self.norm = nn.BatchNorm3d(after) if norm else nn.Identity()
        self.relu = nn.ReLU() if relu else nn.Identity()
        start_for_relu(self.conv)

    def forward(self, x: Volume) -> Maps:
        return self.relu(self.norm(self.conv(x)))


class Hidden(nn.Module):
    """A fully connected layer as a convolution over all it sees, a ReLU, and dropout."""

    def __init__(self, before: int, after: int, *, kernel: Size = ONE, dropout: float = 0.5):
        super().__init__()
        self.conv = nn.Conv3d(before, after, kernel)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        start_for_relu(self.conv)

    def forward(self, x: Volume) -> Maps:
        return self.dropout(self.relu(self.conv(x)))


class Label(nn.Module):
    """Raw scores of every label at every place."""

    def __init__(self, before: int, labels: int):
        super().__init__()
        self.conv = nn.Conv3d(before, labels, 1)
        nn.init.normal_(self.conv.weight, std=0.01)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Volume) -> Maps:
        return self.conv(x)


class Consensus(nn.Module):
    """The mean of the scores over all places and times, before softmax.

    Source: Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.1 (average consensus).
    """

    def __init__(self):
        super().__init__()
        self.mean = nn.AdaptiveAvgPool3d(1)

    def forward(self, scores: Volume) -> Scores:
        return rearrange(self.mean(scores), "clip label 1 1 1 -> clip label")


class Sample(nn.Module):
    """Every few frames one."""

    def __init__(self, step: int, *, start: int = 0):
        super().__init__()
        self.step, self.start = step, start

    def forward(self, x: Volume) -> Maps:
        return x[:, :, self.start :: self.step]


def check_least(clips: Volume, least: Size) -> None:
    """Refuse clips that a network's last layers would see nothing of.

    Raises:
        ClipError: the clips are shorter or smaller than `least` [frames, pixels, pixels].
    """
    if any(found < wanted for found, wanted in zip(clips.shape[2:], least, strict=True)):
        raise ClipError(
            "the clip is too small for the network",
            got="{} frames of {} x {}".format(*clips.shape[2:]),
            expected="{} frames of {} x {} or more".format(*least),
        )


def start_for_relu(conv: nn.Conv3d) -> None:
    """Start weights so that a ReLU after them keeps the variance (He et al., ICCV 2015)."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
