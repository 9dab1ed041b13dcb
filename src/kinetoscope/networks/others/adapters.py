"""How does somebody else's network become a Network?

Any module that takes `clip channel time height width` and answers a score for each label can be
looked into, and is used as it is: not copied, not changed. torchvision's video networks are built
here by torchvision's names, with nothing done in place, so that every layer can be read.

Source: torchvision, `torchvision.models.video`; the clips are those that its weights were measured
with on Kinetics-400.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from einops import rearrange, reduce
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.networks.others.released import PUBLISHED, Released, find_released
from kinetoscope.networks.trial import count_labels, find_spec, layers_worth_looking_at
from kinetoscope.tensors import FrameBatch, Scores


def as_network(
    module: nn.Module,
    *,
    labels: Sequence[str],
    expects: ClipSpec | None = None,
    name: str | None = None,
    layers: Sequence[str] = (),
    tokens: TokenGrid | None = None,
) -> Network:
    """Make any module a Network. The module itself is used, and left as it was.

    Args:
        module: takes normalized clips, once a stream, and answers raw scores.
        labels: the name of each score.
        expects: what a clip must be, and how it is normalized; None tries the usual clips.
        name: for messages and captions; None takes the name of the module's class.
        layers: the layers to look at, in the order of computation; none takes every block,
            convolution, linear layer and pool that answers maps.
        tokens: where tokens lie, in a module whose layers answer `clip token channel`.

    Raises:
        ClipError: the module does not answer to such clips, or not one score a label.
        UnknownNameError: it has no such layer; says which are near.
    """
    name = name or type(module).__name__
    spec = expects or find_spec(module, name)
    scored = count_labels(module, spec, name)
    if scored != len(labels):
        raise ClipError(
            f"the labels do not fit the scores of {name}",
            got=f"{len(labels)} labels",
            expected=f"{scored}, one for each score",
        )
    known = [path for path, _ in module.named_modules() if path]
    for layer in layers:
        if layer not in known:
            raise unknown_name("layer", layer, known)
    looked_at = tuple(layers) or layers_worth_looking_at(module, spec)
    return Network(module, labels=labels, expects=spec, name=name, layers=looked_at, tokens=tokens)


def numbered(count: int) -> tuple[str, ...]:
    """Labels for scores of which nobody has said what they are.

    >>> numbered(2)
    ('label 0', 'label 1')
    """
    return tuple(f"label {place}" for place in range(count))


class FrameByFrame(nn.Module):
    """A picture network shown every frame of a clip; its scores are averaged over time.

    Args:
        model: takes `clip channel height width`, answers `clip label`.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, frames: FrameBatch) -> Scores:
        pictures = rearrange(
            frames, "clip channel time height width -> (clip time) channel height width"
        )
        return reduce(
            self.model(pictures), "(clip time) label -> clip label", "mean", clip=frames.shape[0]
        )


def without_in_place(module: nn.Module) -> nn.Module:
    """Change a module so that none of its layers overwrites what another answered."""
    for each in module.modules():
        if getattr(each, "inplace", False):
            each.__dict__["inplace"] = False
    return module


@dataclass(frozen=True, kw_only=True)
class TorchvisionConfig:
    """One of torchvision's video networks, and the clips it was measured with.

    Args:
        builder: torchvision's name.
        labels: how many scores.
        frames: length of its clips.
        frames_per_second: their rate.
        size: height and width of its clips [pixels].
        short_side: of the frames they are cut from [pixels].
        mean, std: of RGB in [0, 1].
    """

    builder: str
    labels: int = 400  # Kinetics-400
    frames: int = 16
    frames_per_second: float = 15.0
    size: int = 112
    short_side: int = 128
    mean: tuple[float, float, float] = (0.43216, 0.394666, 0.37645)
    std: tuple[float, float, float] = (0.22803, 0.22145, 0.216989)


def _mvit(builder: str) -> TorchvisionConfig:
    return TorchvisionConfig(
        builder=builder,
        frames_per_second=7.5,
        size=224,
        short_side=256,
        mean=(0.45, 0.45, 0.45),
        std=(0.225, 0.225, 0.225),
    )


def _swin(builder: str) -> TorchvisionConfig:
    return TorchvisionConfig(
        builder=builder,
        frames=32,
        size=224,
        short_side=256,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )


VARIANTS = {
    "r3d_18": TorchvisionConfig(builder="r3d_18"),
    "mc3_18": TorchvisionConfig(builder="mc3_18"),
    "r2plus1d_18": TorchvisionConfig(builder="r2plus1d_18"),
    "s3d": TorchvisionConfig(builder="s3d", frames=128, size=224, short_side=256),
    "mvit_v1_b": _mvit("mvit_v1_b"),
    "mvit_v2_s": _mvit("mvit_v2_s"),
    "swin3d_t": _swin("swin3d_t"),
    "swin3d_s": _swin("swin3d_s"),
    "swin3d_b": _swin("swin3d_b"),
}


def variant(name: str) -> TorchvisionConfig:
    """The configuration of `torchvision:<name>`.

    Raises:
        UnknownNameError: torchvision has no such video network.
    """
    if name not in VARIANTS:
        raise unknown_name("video network of torchvision", name, list(VARIANTS))
    return VARIANTS[name]


_RESNET = "stem layer1.0 layer1.1 layer2.0 layer2.1 layer3.0 layer3.1 layer4.0 layer4.1 avgpool fc"
_MVIT = " ".join(["conv_proj", *(f"blocks.{place}" for place in range(16)), "norm head.1"])
_SWIN = (
    "patch_embed.proj features.0 features.1 features.2 features.3 features.4 features.5 features.6"
    " norm head"
)

LAYERS = {
    "r3d_18": _RESNET,
    "mc3_18": _RESNET,
    "r2plus1d_18": _RESNET,
    "s3d": " ".join(f"features.{place}" for place in range(16)) + " avgpool classifier",
    "mvit_v1_b": _MVIT,
    "mvit_v2_s": _MVIT,
    "swin3d_t": _SWIN,
    "swin3d_s": _SWIN,
    "swin3d_b": _SWIN,
}


def build(config: TorchvisionConfig) -> nn.Module:
    """The module of torchvision, untrained, with nothing done in place."""
    from torchvision.models import video

    builder = getattr(video, config.builder)
    return without_in_place(builder(weights=None, num_classes=config.labels))


def expects(config: TorchvisionConfig) -> ClipSpec:
    """The clips its weights were measured with."""
    return ClipSpec(
        frames=config.frames,
        frames_per_second=config.frames_per_second,
        short_side=config.short_side,
        size=(config.size, config.size),
        mean=config.mean,
        std=config.std,
    )


def published_layers(config: TorchvisionConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return tuple(LAYERS[config.builder].split())


def released(name: str, weights: str = PUBLISHED) -> Released:
    """The weights that torchvision released for one of its video networks, with their labels.

    Raises:
        UnknownNameError: there is no such network, or there are no such weights.
    """
    return find_released(variant(name).builder, weights)


def download(name: str) -> Path:
    """Fetch the weights that torchvision released, into torch's own cache.

    Raises:
        WeightsError: they can't be fetched.
    """
    return released(name).download()
