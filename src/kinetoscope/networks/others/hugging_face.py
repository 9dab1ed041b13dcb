"""Hugging Face's video classifiers: what four families of transformers see in a clip.

VideoMAE, TimeSformer, ViViT and V-JEPA 2, as `transformers` builds them, with the labels and the
preprocessing of their folder. Nothing is downloaded and no code of a repository is run: weights are
read from safetensors in a folder or in the hub's cache, and are refused where any is missing or
left over. A model takes its clips as `clip time channel height width`; that is folded in here.

A folder says how a clip is resized, cropped and normalized and how many frames it has, but not how
far apart they are: the stride is that of each paper on Kinetics-400, and `expects` may say another.
Where a folder squeezes whole frames into a square, the centre is cut out instead.

Source: Tong et al., "VideoMAE", NeurIPS 2022; Bertasius et al., "Is Space-Time Attention All You
Need for Video Understanding?", ICML 2021; Arnab et al., "ViViT", ICCV 2021; Assran et al.,
"V-JEPA 2", 2025; and the code of transformers for the order of the tokens.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, MissingPackageError, WeightsError, unknown_name
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.tensors import FrameBatch, Scores

SETTINGS = "config.json"
PREPROCESSING = ("video_preprocessor_config.json", "preprocessor_config.json")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One family of video classifiers.

    Args:
        builder: its class in transformers.
        patches: the layer that makes tokens of a clip.
        blocks: where its blocks are.
        norms: the norms after them, of which a model may lack one.
        stride: of the paper's clips of Kinetics-400 [frames of the video].
        class_tokens: how many tokens stand before those that have a place.
        order: in which the others lie.
    """

    builder: str
    patches: str
    blocks: str
    norms: tuple[str, ...]
    stride: int
    class_tokens: int = 0
    order: str = "time height width"


KINDS = {
    "videomae": Kind(
        builder="VideoMAEForVideoClassification",
        patches="videomae.embeddings.patch_embeddings.projection",
        blocks="videomae.encoder.layer",
        norms=("videomae.layernorm", "fc_norm"),
        stride=4,
    ),
    "timesformer": Kind(
        builder="TimesformerForVideoClassification",
        patches="timesformer.embeddings.patch_embeddings.projection",
        blocks="timesformer.encoder.layer",
        norms=("timesformer.layernorm",),
        stride=32,
        class_tokens=1,
        order="height width time",  # so that attention along time is a reshape
    ),
    "vivit": Kind(
        builder="VivitForVideoClassification",
        patches="vivit.embeddings.patch_embeddings.projection",
        blocks="vivit.layers",
        norms=("vivit.layernorm",),
        stride=2,
        class_tokens=1,
    ),
    "vjepa2": Kind(
        builder="VJEPA2ForVideoClassification",
        patches="vjepa2.encoder.embeddings.patch_embeddings.proj",
        blocks="vjepa2.encoder.layer",
        norms=("vjepa2.encoder.layernorm",),
        stride=4,
    ),
}
"""By the `model_type` of a folder's settings."""


class TimeFirst(nn.Module):
    """A model of transformers, shown its clips as it wants them.

    Args:
        model: takes `clip time channel height width`, answers an object that has `logits`.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, frames: FrameBatch) -> Scores:
        pictures = rearrange(
            frames, "clip channel time height width -> clip time channel height width"
        )
        return self.model(pictures).logits


def open_network(
    name: str, *, labels: Sequence[str] | int | None = None, expects: ClipSpec | None = None
) -> Network:
    """Open a classifier with the weights of its folder.

    Args:
        name: a folder, or a repository that is in the hub's cache.
        labels: other names for its scores; None takes those of the folder.
        expects: what a clip must be, where it differs from what the folder says.

    Raises:
        WeightsError: it is not here, is no classifier, is damaged, or has not every weight.
        UnknownNameError: it is of a kind that is not known here.
        ClipError: the labels do not fit the scores, or the model does not take such clips.
        MissingPackageError: transformers is not installed.
    """
    folder = _folder(name)
    kind = _kind(_read(folder / SETTINGS), folder)
    model = _load(folder, kind)
    settings = model.config.to_dict()
    spec = expects or _spec(folder, settings, kind)
    _check_size(settings, spec, name)
    names = tuple(model.config.id2label[place] for place in range(model.config.num_labels))
    if labels is None or labels == len(names):
        labels = names
    return as_network(
        TimeFirst(model),
        labels=numbered(labels) if isinstance(labels, int) else labels,
        expects=spec,
        name=f"hf:{name}",
        layers=_layers(model, kind),
        tokens=_tokens(settings, spec, kind),
    ).eval()


def download(name: str) -> Path:
    """Fetch the settings and weights of a repository into the hub's cache.

    Raises:
        WeightsError: they can't be fetched.
        MissingPackageError: transformers is not installed.
    """
    if Path(name).is_dir():
        return Path(name)
    hub = _library("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, OSError) as error:
        raise WeightsError(
            f"the repository {name} can't be fetched",
            got=str(error).splitlines()[0],
            expected="a public repository of the hub, as org/name",
        ) from error


def _folder(name: str) -> Path:
    """Where the files of a folder or of a cached repository are."""
    if name and Path(name).is_dir():
        return Path(name)
    if Path(name).is_absolute() or name.startswith("."):
        raise WeightsError(
            f"{name} is not there", got="no such folder", expected="a folder with a model in it"
        )
    hub = _library("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, local_files_only=True))
    except (hub.errors.LocalEntryNotFoundError, hub.errors.HFValidationError) as error:
        raise WeightsError(
            f"{name} is not on this machine",
            got="neither a folder nor a repository in the hub's cache",
            expected="one of the two",
            hint=f"kinetoscope download hf:{name} fetches it",
        ) from error


def _library(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            "Hugging Face's classifiers need its library",
            got=f"no package {name}",
            expected="transformers",
            hint='pip install "kinetoscope[transformers]"',
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} can't be read",
            got=error,
            expected="the settings of a model that transformers saved, as JSON",
        ) from error
    if not isinstance(found, dict):
        raise WeightsError(f"{path} has no settings", got=type(found).__name__, expected="a table")
    return found


def _kind(settings: Mapping[str, Any], folder: Path) -> Kind:
    model_type = str(settings.get("model_type"))
    if model_type not in KINDS:
        raise unknown_name(f"kind of video classifier in {folder}", model_type, list(KINDS))
    return KINDS[model_type]


def _load(folder: Path, kind: Kind) -> Any:
    """The model with every weight of the folder, on the CPU."""
    transformers = _library("transformers")
    with _quiet(transformers):
        try:
            model, report = getattr(transformers, kind.builder).from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except Exception as error:  # whatever the library raises on what it finds in a folder
            raise WeightsError(
                f"{folder} can't be loaded as {kind.builder}",
                got=str(error).splitlines()[0] if str(error) else type(error).__name__,
                expected="its settings and its weights, as whole safetensors",
            ) from error
    wrong = {what: sorted(report[what]) for what in ("missing_keys", "unexpected_keys")}
    if any(wrong.values()):
        told = (
            f"{what.partition('_')[0]}: {', '.join(names[:4])}" for what, names in wrong.items()
        )
        raise WeightsError(
            f"the weights in {folder} do not fit {kind.builder}",
            got="; ".join(told),
            expected="every weight in both",
            hint="a model that was not trained to classify has no classifier; others were saved by"
            " another version of transformers",
        )
    return model


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Neither progress nor reports on the terminal: what is wrong is raised."""
    log = transformers.utils.logging
    before, shown = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(before)
        if shown:
            log.enable_progress_bar()


def _spec(folder: Path, settings: Mapping[str, Any], kind: Kind) -> ClipSpec:
    """The clips that a folder's preprocessing makes."""
    path = next((folder / name for name in PREPROCESSING if (folder / name).is_file()), None)
    if path is None:
        raise WeightsError(
            f"{folder} does not say how its clips are made",
            got=f"none of {', '.join(PREPROCESSING)}",
            expected="one of them, which transformers saves by processor.save_pretrained",
        )
    about = _read(path)
    resized = about.get("size", 224)
    cropped = about.get("crop_size", resized) if about.get("do_center_crop", True) else resized
    height, width = _extent(cropped)
    short_side = min(_extent(resized)) if about.get("do_resize", True) else min(height, width)
    if kind.builder.startswith("VJEPA2"):  # its processor heeds the crop alone
        short_side = height * 256 // 224
    mean, std = _normalizing(about, path)
    return ClipSpec(
        frames=settings["num_frames" if "num_frames" in settings else "frames_per_clip"],
        stride=kind.stride,
        short_side=max(short_side, min(height, width)),
        size=(height, width),
        mean=mean,
        std=std,
    )


def _extent(size: Any) -> tuple[int, int]:
    """Height and width of what may be said in several ways."""
    if isinstance(size, Mapping):
        side = size.get("shortest_edge")
        return int(size.get("height", side)), int(size.get("width", side))
    return int(size), int(size)


def _normalizing(about: Mapping[str, Any], path: Path) -> tuple[Any, Any]:
    """Mean and deviation of RGB in [0, 1], from all that is done to bytes.

    A byte is multiplied, ViViT's is then lessened by one, and mean and deviation follow.
    """
    scale = 255 * about.get("rescale_factor", 1 / 255) if about.get("do_rescale", True) else 255
    offset = 1.0 if about.get("offset", False) else 0.0
    normalized = about.get("do_normalize", True)
    if normalized and not {"image_mean", "image_std"} <= about.keys():
        raise WeightsError(
            f"{path} does not say how frames are normalized",
            got=f"the settings {', '.join(about)}",
            expected="image_mean and image_std among them",
        )
    mean = about["image_mean"] if normalized else (0.0,) * 3
    std = about["image_std"] if normalized else (1.0,) * 3
    return tuple((each + offset) / scale for each in mean), tuple(each / scale for each in std)


def _check_size(settings: Mapping[str, Any], spec: ClipSpec, name: str) -> None:
    """V-JEPA 2 takes other sizes without a word, and counts its tokens' places wrongly."""
    size = settings.get("crop_size")
    if size is not None and spec.size[1] != size:
        raise ClipError(
            f"hf:{name} takes clips of one size",
            got=" x ".join(map(str, spec.size)),
            expected=f"{size} x {size}",
        )


def _layers(model: nn.Module, kind: Kind) -> tuple[str, ...]:
    each = model.get_submodule(kind.blocks).named_children()
    blocks = [f"{kind.blocks}.{place}" for place, _ in each]
    modules = dict(model.named_modules())
    norms = [name for name in kind.norms if name in modules]
    return tuple(f"model.{name}" for name in (kind.patches, *blocks, *norms, "classifier"))


def _tokens(settings: Mapping[str, Any], spec: ClipSpec, kind: Kind) -> TokenGrid:
    """How many patches there are of a clip."""
    tubelet = settings.get("tubelet_size", 1)
    patch = settings.get("patch_size")
    sides = [tubelet, patch, patch] if isinstance(tubelet, int) else tubelet
    time, height, width = (
        length // side for length, side in zip((spec.frames, *spec.size), sides, strict=True)
    )
    return TokenGrid(size=(time, height, width), before=kind.class_tokens, order=kind.order)
