"""Which networks for pictures are there, and how is one built by its name?

The networks of a course that no library ships are files beside this one. All others are those of
torchvision and, where it is installed, of timm: built untrained, with nothing done in place, and
never downloaded. A name that both libraries have means torchvision's; `timm:` before it, timm's.

Source: torchvision.models; Wightman, "PyTorch Image Models" (timm). Sizes, means and standard
deviations are those that each library states of its own weights.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import nn

from kinetoscope.errors import ClipError, MissingPackageError, unknown_name
from kinetoscope.networks.others.adapters import without_in_place

CLASSICS = {
    "lenet5": "lenet5",
    "lenet5_toy": "lenet5",
    "zfnet": "zfnet",
    "zfnet_toy": "zfnet",
    "nin_imagenet": "network_in_network",
    "nin_cifar": "network_in_network",
    "nin_toy": "network_in_network",
    "fractalnet20": "fractalnet",
    "fractalnet40": "fractalnet",
    "fractalnet_toy": "fractalnet",
}
"""The file that builds each network of the course."""

TIMM = "timm:"

Colour = tuple[float, float, float]

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""What begins the names of the auxiliary predictions of GoogLeNet and Inception v3."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a picture is prepared for a network.

    Args:
        labels: how many the network scores where nothing else is asked for.
        size: height and width [pixels].
        short_side: of the picture it is cut from [pixels].
        mean, std: of RGB in [0, 1].
    """

    labels: int = 1000
    size: int = 224
    short_side: int = 256
    mean: Colour = (0.485, 0.456, 0.406)
    std: Colour = (0.229, 0.224, 0.225)


def picture_names(*, timm: bool = True) -> tuple[str, ...]:
    """The names of all networks for pictures: the course's, torchvision's, and timm's.

    Args:
        timm: whether to list those that only timm has, where it is installed.
    """
    ours = [*CLASSICS, *_torchvision_names()]
    return (*ours, *(name for name in _timm_names() if timm and name not in ours))


def picture_network(name: str, *, labels: int | None = None) -> nn.Module:
    """Build a network for pictures, untrained, with nothing done in place.

    The auxiliary predictions of GoogLeNet and Inception v3 are left out, in training as well.

    Args:
        name: one of `picture_names`.
        labels: how many scores; None for as many as it was published with.

    Returns:
        what takes `picture channel height width`, normalized, and answers `picture label`.

    Raises:
        UnknownNameError: there is no such network; says which are near.
        MissingPackageError: only timm could have it, and timm is not installed.
    """
    prepared = preparation(name)
    count = prepared.labels if labels is None else labels
    if name in CLASSICS:
        family: Any = _family(name)
        return family.build(replace(family.VARIANTS[name], labels=count))
    build = _of_torchvision if name in _torchvision_names() else _of_timm
    try:
        module = build(name, count, prepared.size)
    except (NotImplementedError, RuntimeError):  # it computes its widths with tensors
        if (device := torch.get_default_device()).type != "meta":
            raise
        with torch.device("cpu"):
            module = build(name, count, prepared.size).to(device)
    return without_in_place(module)


def preparation(name: str) -> Preparation:
    """How pictures are prepared for a network.

    Raises:
        UnknownNameError, MissingPackageError: as for `picture_network`.
    """
    if name in CLASSICS:
        return _family(name).PREPARATION[name]
    if name in _torchvision_names():
        return _torchvision_preparation(name)
    if name.removeprefix(TIMM) in _timm_names():
        return _timm_preparation(name.removeprefix(TIMM))
    raise _unknown(name)


def course_layers(name: str) -> tuple[str, ...]:
    """The published layers of a network of the course, in the order of computation."""
    family: Any = _family(name)
    return family.published_layers(family.VARIANTS[name])


def head_names(module: nn.Module) -> tuple[str, ...]:
    """Which layers of a network for pictures score the labels.

    timm says so of its own; in all others it is the last layer with weights.

    Raises:
        ClipError: it has no linear layer and no convolution.
    """
    stated = getattr(module, "pretrained_cfg", {}).get("classifier")
    if stated:
        return (stated,) if isinstance(stated, str) else tuple(stated)
    layers = [name for name, each in module.named_modules() if isinstance(each, _SCORING)]
    if not layers:
        raise ClipError(
            f"{type(module).__name__} has no layer that scores labels",
            got="a module without linear layers and convolutions",
            expected="a network for pictures",
        )
    return (layers[-1],)


def without_head(module: nn.Module) -> tuple[nn.Module, int]:
    """Take the layer that scores the labels out of a network for pictures.

    Args:
        module: changed in place.

    Returns:
        the module, which answers `picture feature` now, and how many features there are.
    """
    features = 0
    for name in head_names(module):
        head: Any = module.get_submodule(name)
        features = head.in_features if isinstance(head, nn.Linear) else head.in_channels
        module.set_submodule(name, nn.Identity())
    return module, features


_SCORING = (nn.Linear, nn.Conv2d, nn.Conv3d)


def _family(name: str) -> ModuleType:
    return import_module(f"kinetoscope.networks.pictures.{CLASSICS[name]}")


def _torchvision_names() -> list[str]:
    from torchvision import models

    return models.list_models(module=models)


def _timm_names() -> list[str]:
    try:
        import timm
    except ImportError:
        return []
    return timm.list_models()


def _of_torchvision(name: str, labels: int, size: int) -> nn.Module:
    from torchvision import models

    options: dict[str, Any] = {"weights": None, "num_classes": labels}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        options["image_size"] = size
    return models.get_model(name, **options)


def _of_timm(name: str, labels: int, size: int) -> nn.Module:
    import timm

    return timm.create_model(name.removeprefix(TIMM), pretrained=False, num_classes=labels)


def _torchvision_preparation(name: str) -> Preparation:
    """As its best weights want it.

    The weights of GoogLeNet and Inception v3 were trained elsewhere, on colours from -1 to 1;
    torchvision brings its own colours back to these within the model, and here nothing has to.
    """
    from torchvision import models

    best: Any = models.get_model_weights(name)
    prepare = best.DEFAULT.transforms()
    elsewhere = name in ("googlenet", "inception_v3")
    return Preparation(
        size=prepare.crop_size[0],
        short_side=prepare.resize_size[0],
        mean=(0.5, 0.5, 0.5) if elsewhere else _colour(prepare.mean),
        std=(0.5, 0.5, 0.5) if elsewhere else _colour(prepare.std),
    )


def _timm_preparation(name: str) -> Preparation:
    from timm.models import get_pretrained_cfg

    stated = get_pretrained_cfg(name)
    if stated is None:
        return Preparation()
    size = stated.input_size[-1]
    return Preparation(
        labels=stated.num_classes or 1000,
        size=size,
        short_side=int(size / stated.crop_pct),
        mean=_colour(stated.mean),
        std=_colour(stated.std),
    )


def _colour(values: Any) -> Colour:
    red, green, blue = values
    return (float(red), float(green), float(blue))


def _unknown(name: str) -> Exception:
    error = unknown_name("network for pictures", name, picture_names())
    if _timm_names():
        return error
    return MissingPackageError(
        f"no network of torchvision is called {name}, and timm is not installed",
        got=name,
        expected="a network of torchvision, or one of timm where that is installed",
        hint="; ".join(filter(None, ['pip install "kinetoscope[timm]"', error.hint])),
    )
