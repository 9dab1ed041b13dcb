"""How is a network trained: what does a recipe say, and is it one that can be followed?

A recipe is a TOML file. It is read whole before anything is opened; a setting that no recipe has
is refused, so that a misspelled one is never silently left at its default. The recipe that made
a network is saved as `recipe.toml` beside its weights, with every setting written out.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import tomli_w
from beartype.door import is_bearable

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, RecipeError

Range = tuple[float, float]
Limits = Mapping[str, tuple[int | float, int | float]]
OptimizerName = Literal["adamw", "sgd"]
Upstream = Literal["none", "meta", "meta-finite-difference"]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training clips are changed. Frames and flow change together, all frames of a clip alike.

    Clips are never played backward: that is another action. Mirroring is off by default, because
    left and right are other actions in many catalogs.

    Args:
        flip: probability of mirroring a clip.
        shift_pixels: furthest shift right, left, up or down [pixels].
        scale: smallest and largest magnification.
        rotate_degrees: largest rotation to either side [degrees].
        brightness: most that is added to or taken from every pixel, of 1.
        contrast: most that the contrast is raised or lowered, of 1.
        noise: largest standard deviation of noise on the pixels, of 1.
        cutout_pixels: side of a square that is blanked in all frames and in the flow [pixels].
        jitter_frames: most that a clip starts before or after the middle of its video [frames of
            the video]; -1 for anywhere in it.
        speed: slowest and fastest, as multiples of the video's own speed.
        mixup: alpha of Beta(alpha, alpha), by which pairs of clips are blended; 0 for none.
        stream_dropout: probability of blanking one of two streams, half of the time each.
    """

    flip: float = 0.0
    shift_pixels: float = 0.0
    scale: Range = (1.0, 1.0)
    rotate_degrees: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0
    cutout_pixels: int = 0
    jitter_frames: int = -1
    speed: Range = (1.0, 1.0)
    mixup: float = 0.0
    stream_dropout: float = 0.0

    def __post_init__(self):
        _check_types(type(self), vars(self))
        _check_limits(self, _AUGMENTATION_LIMITS)
        for name in ("scale", "speed"):
            low, high = getattr(self, name)
            if not 0.1 <= low <= high <= 10:
                raise RecipeError(
                    f"{name} is not a range",
                    got=f"{name} = [{low}, {high}]",
                    expected="two numbers from 0.1 to 10, the smaller first",
                )


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """How weights are moved by gradients.

    Args:
        name: `adamw` or `sgd` (with Nesterov's momentum).
        upstream: how those weights are trained that a network calls upstream, because they decide
            what its other weights learn: `none` as all the others; `meta` by what the others have
            learned after a step (see meta.py); `meta-finite-difference` in the form that does
            without second derivatives, and needs less memory.
    """

    name: OptimizerName = "adamw"
    upstream: Upstream = "none"

    def __post_init__(self):
        _check_types(type(self), vars(self), "optimizer.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything a training depends on. Saved as `recipe.toml` beside the weights it made.

    Args:
        network: its name in the zoo.
        options: what else the network is built with.
        catalog: a folder or a csv file, as seen from where the command is given, or the name of a
            published format.
        root: the folder of a published format; empty where `catalog` is a path.
        clip: settings of the ClipSpec that differ from the network's own.
        train_split, validation_split, test_split: names of splits; empty for none.
        validation_fraction: how much of the training split is held out where no validation split
            is named; nobody (by the catalog's groups) is in both.
        epochs: how often every clip is seen.
        clips_per_batch: on all devices together.
        learning_rate: the highest.
        optimizer: how weights are moved; in a file, a name alone stands for one of that name.
        momentum: of sgd; the first beta of adamw.
        weight_decay: not of biases and norms.
        warm_up_epochs: in which the learning rate rises from 0.
        schedule: `cosine` falls to 0 at the last step; `constant` stays.
        label_smoothing: share of the target that is spread over all labels.
        multi_task: whether labels are named `task/label`, and only those of one task are rivals:
            a network for several data sets at once.
        class_balance: `loss` weighs clips of rare labels more, `sampling` draws them more often.
        ema_decay: of the running average of the weights, which is what is evaluated and saved; 0
            for none. It is shorter over the first steps.
        precision: `32-true`, or `bf16-mixed` on machines that have it.
        memory_format: `channels_last` is the faster for most networks of 3-D convolutions, on
            processors as well; `contiguous` for some of many channels, such as VGG's.
        gradient_clip: largest norm of the gradient; 0 for any.
        early_stopping_epochs: stop after so many epochs without a better validation; 0 for never.
        keep_every: keep the weights of every so many epochs as well, and those before the first,
            in the folder `epochs`; 0 for the best alone.
        bad_videos_allowed: share of videos that may fail to open before training is refused.
        seed: of everything random.
        augmentation: how training clips are changed.
    """

    network: str
    catalog: str
    root: str = ""
    train_split: str = "train"
    validation_split: str = ""
    validation_fraction: float = 0.1
    test_split: str = ""
    epochs: int = 30
    clips_per_batch: int = 16
    learning_rate: float = 1e-3
    optimizer: Optimizer = field(default_factory=Optimizer)
    momentum: float = 0.9
    weight_decay: float = 0.01
    warm_up_epochs: float = 1.0
    schedule: Literal["cosine", "constant"] = "cosine"
    label_smoothing: float = 0.1
    multi_task: bool = False
    class_balance: Literal["none", "loss", "sampling"] = "none"
    ema_decay: float = 0.99
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    gradient_clip: float = 1.0
    early_stopping_epochs: int = 0
    keep_every: int = 0
    bad_videos_allowed: float = 0.1
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self):
        _check_types(type(self), vars(self))
        _check_limits(self, _LIMITS)
        _check_known(self.clip, [each.name for each in fields(ClipSpec)], "clip.")
        for name in ("network", "catalog", "train_split"):
            if not getattr(self, name):
                raise RecipeError(f"{name} is empty", got='""', expected=f"a {name}")

    @property
    def validates(self) -> bool:
        """Whether clips are held out to choose the best epoch by."""
        return bool(self.validation_split) or self.validation_fraction > 0

    def spec(self, network_spec: ClipSpec) -> ClipSpec:
        """What clips are, where a network expects `network_spec` unless told otherwise.

        Raises:
            RecipeError: a setting of `clip` has a value that can't be used.
        """
        changes = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.clip.items()
        }
        try:
            return replace(network_spec, **changes)
        except (ClipError, TypeError) as error:
            raise RecipeError(
                "the table [clip] can't be used",
                got=str(error).splitlines()[0],
                expected="settings of a ClipSpec",
            ) from error

    def to_toml(self) -> str:
        """The recipe with every setting written out."""
        return tomli_w.dumps(asdict(self))


_LIMITS: Limits = {
    "validation_fraction": (0, 0.9),
    "epochs": (1, math.inf),
    "clips_per_batch": (1, math.inf),
    "learning_rate": (1e-12, 1000),
    "momentum": (0, 0.9999),
    "weight_decay": (0, 1000),
    "warm_up_epochs": (0, math.inf),
    "label_smoothing": (0, 0.99),
    "ema_decay": (0, 0.99999),
    "gradient_clip": (0, math.inf),
    "early_stopping_epochs": (0, math.inf),
    "keep_every": (0, math.inf),
    "bad_videos_allowed": (0, 1),
    "seed": (0, 2**32 - 1),
}
_AUGMENTATION_LIMITS: Limits = {
    "flip": (0, 1),
    "shift_pixels": (0, math.inf),
    "rotate_degrees": (0, 180),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "noise": (0, 1),
    "cutout_pixels": (0, math.inf),
    "jitter_frames": (-1, math.inf),
    "mixup": (0, 100),
    "stream_dropout": (0, 1),
}
_HINTS = {
    "reverse": "a recipe never plays clips backward: that is another action",
    "batch_size": "clips_per_batch",
    "lr": "learning_rate",
    "dataset": "catalog",
    "model": "network",
}


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe from its TOML file.

    Args:
        path: of the file.
        changes: settings to put in place of the file's, such as `epochs=5` or
            `augmentation.flip=0.5`; values as in TOML, text with or without quotes.

    Raises:
        RecipeError: the file can't be read, has a setting that no recipe has, or a value that
            can't be used; says which file and which setting.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(
            f"{path} is not a recipe", got=error, expected="a TOML file of settings"
        ) from error
    try:
        if isinstance(values.get("optimizer"), str):
            values["optimizer"] = {"name": values["optimizer"]}
        for change in changes:
            _put(values, change)
        return recipe_from(values)
    except RecipeError as error:
        raise RecipeError(
            f"{path}: {error.what}", got=error.got, expected=error.expected, hint=error.hint
        ) from None


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """The recipe of plain values, as a TOML file has them.

    Raises:
        RecipeError: a setting that no recipe has, one that is missing, or a bad value.

    >>> recipe_from({"network": "c3d", "catalog": "videos", "epochs": 3}).epochs
    3
    """
    values = dict(values)
    if isinstance(inner := values.get("augmentation"), Mapping):
        _check_known(inner, [each.name for each in fields(Augmentation)], "augmentation.")
        values["augmentation"] = Augmentation(**_fitted(Augmentation, inner))
    if isinstance(inner := values.get("optimizer"), str | Mapping):
        values["optimizer"] = _optimizer_from(inner)
    _check_known(values, [each.name for each in fields(Recipe)], "")
    if missing := [name for name in ("network", "catalog") if name not in values]:
        raise RecipeError(
            "a recipe names a network and a catalog",
            got=f"no {' and no '.join(missing)}",
            expected='lines such as network = "two_stream_small" and catalog = "videos"',
        )
    return Recipe(**_fitted(Recipe, values))


def _optimizer_from(values: str | Mapping[str, Any]) -> Optimizer:
    if isinstance(values, str):
        values = {"name": values}
    _check_known(values, [each.name for each in fields(Optimizer)], "optimizer.")
    _check_types(Optimizer, values, "optimizer.")
    return Optimizer(**values)


def _put(values: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    if not equals or not name.strip():
        raise RecipeError("a change is a setting and a value", got=change, expected="name=value")
    *tables, last = name.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise RecipeError(f"{table} is not a table", got=change, expected=f"{table}=value")
    try:
        values[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = text.strip()


def _fitted(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as tuples and whole numbers as fractions where a setting is one; kinds are checked."""
    hints = get_type_hints(kind)

    def fit(name: str, value: Any) -> Any:
        if hints[name] == Range and isinstance(value, list):
            return tuple(_fraction(item) for item in value)
        return _fraction(value) if hints[name] is float else value

    fitted = {name: fit(name, value) for name, value in values.items()}
    _check_types(kind, fitted)
    return fitted


def _fraction(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _check_known(values: Mapping[str, Any], known: Sequence[str], table: str) -> None:
    for name in values:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        raise RecipeError(
            f"no recipe has the setting {table}{name}",
            got=f"{table}{name} = {values[name]!r}",
            expected=f"one of {', '.join(known)}",
            hint=_HINTS.get(name, f"near: {', '.join(near)}" if near else None),
        )


def _check_types(kind: type, values: Mapping[str, Any], table: str = "") -> None:
    hints = get_type_hints(kind)
    for name, value in values.items():
        truth = isinstance(value, bool) and hints[name] is not bool  # a bool is an int in Python
        if truth or not is_bearable(value, hints[name]):
            raise RecipeError(
                f"{table}{name} has a value of another kind",
                got=f"{table}{name} = {value!r}",
                expected=_KINDS.get(hints[name]) or f"one of {', '.join(get_args(hints[name]))}",
            )


_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    Range: "two numbers, such as [0.8, 1.2]",
    Augmentation: "a table [augmentation]",
    Optimizer: "a name or a table [optimizer]",
    Mapping[str, Any]: "a table",
}


def _check_limits(settings: Any, limits: Limits) -> None:
    for name, (low, high) in limits.items():
        value = getattr(settings, name)
        if not (low <= value <= high and math.isfinite(value)):
            said = f"{low} or more" if high == math.inf else f"a number from {low} to {high}"
            raise RecipeError(f"{name} is out of its range", got=f"{name} = {value}", expected=said)
