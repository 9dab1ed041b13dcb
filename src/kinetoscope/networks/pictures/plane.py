"""Which pieces do networks for pictures share?

Every piece takes and answers `picture channel height width`, and every output worth looking at is
that of a module of its own, never changed in place. As elsewhere, fully connected layers are
convolutions over all they see: a layer keeps its places, so that a network also takes pictures
larger than it was made for, and can be inflated to take clips, with a time axis before the height.
"""

from jaxtyping import Float
from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Activation, Scores

Answer = Float[Tensor, "clip _channel *_place"]
"""What a layer answers, where that is of another size than what it takes."""


class PlaneConv(nn.Module):
    """A convolution in the plane, its batch norm where it has one, and a ReLU.

    Args:
        before: channels it takes.
        after: channels it answers.
        kernel: height and width of what it sees [pixels].
        stride: step [pixels].
        padding: zeros on each side; None keeps the size where the stride is 1.
        norm: batch norm instead of a bias.
        dropout: share of the answers left out in training.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        norm: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=not norm)
        self.norm = nn.BatchNorm2d(after) if norm else nn.Identity()
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Activation) -> Answer:
        return self.dropout(self.relu(self.norm(self.conv(x))))


class MeanOfPlaces(nn.Module):
    """The mean of each map: from a score at every place to one for the picture."""

    def forward(self, x: Activation) -> Scores:
        return x.mean(dim=(2, 3))


class AnyRank(nn.Module):
    """A module that takes volumes as it takes pictures."""


class AtLeast(AnyRank):
    """Refuses pictures that a network's last layers would see nothing of; answers what it takes.

    Args:
        least: height and width [pixels].
    """

    def __init__(self, least: int):
        super().__init__()
        self.least = least

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        if min(height, width) < self.least:
            raise ClipError(
                "the picture is too small for the network",
                got=f"{height} x {width}",
                expected=f"{self.least} x {self.least} or more",
            )
        return pictures
