"""What came of a training, and is what a folder holds the result of this recipe?

A folder of a training holds the weights, the recipe with every setting written out, a line of
history for each epoch, those epochs' weights that the recipe asks for, and the result, which is
written last: where it stands, all is there.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinetoscope.errors import RecipeError
from kinetoscope.training.recipe import Recipe, recipe_from

RECIPE, WEIGHTS = "recipe.toml", "weights.safetensors"
HISTORY, RESULT = "history.jsonl", "result.json"
EPOCHS = "epochs"
"""The folder of the weights that `keep_every` asks for, by epoch; 0 is before the first."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What came of a training. Accuracies are shares of 1.

    Args:
        folder: with the weights, the recipe, a line of history for each epoch, and this result.
        epochs: how many were trained.
        kept_epoch: whose averaged weights are kept, counted from 1: the one with the best
            validation, or the last where nothing was held out.
        train_accuracy: on the changed clips of that epoch, while the weights were moving.
        validation_accuracy: on the centre clips of what was held out; None if nothing was.
        test_accuracy: on the centre clips of the test split; None if none is named.
        videos: how many were trained on.
        errors: a row for each video that could not be opened: its path and why.
        seconds: how long it took, also over interruptions.
    """

    folder: Path
    epochs: int
    kept_epoch: int
    train_accuracy: float
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    videos: int = 0
    errors: tuple[Mapping[str, Any], ...] = ()
    seconds: float = 0.0

    @property
    def weights(self) -> Path:
        """The file that `load_network` opens."""
        return self.folder / WEIGHTS

    def to_json(self) -> dict[str, Any]:
        """All but the folder, as plain values."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}


def read_result(folder: Path | str, recipe: Recipe | None = None) -> TrainResult | None:
    """The result that a folder holds; None if there is none yet.

    Args:
        folder: of a training.
        recipe: what the training must have followed.

    Raises:
        RecipeError: it follows another recipe.
    """
    folder = Path(folder)
    if recipe is not None and (folder / RECIPE).exists():
        _check_same(folder / RECIPE, recipe)
    if not (folder / RESULT).exists():
        return None
    values = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return TrainResult(folder=folder, **{**values, "errors": tuple(values["errors"])})


def _check_same(path: Path, recipe: Recipe) -> None:
    wanted = _plain(recipe.to_toml())
    try:
        # through a recipe, so that a setting which came with a later version has its default
        found = _plain(recipe_from(_plain(path.read_text(encoding="utf-8"))).to_toml())
    except (tomllib.TOMLDecodeError, RecipeError):
        found = {}
    if found == wanted:
        return
    differ = ", ".join(name for name in wanted if found.get(name) != wanted[name])
    raise RecipeError(
        f"{path.parent} holds a training by another recipe",
        got=f"other values of {differ}" if found else f"a {path.name} that can't be read",
        expected="the same recipe, to go on with it",
        hint="train into another folder",
    )


def _plain(text: str) -> dict[str, Any]:
    return tomllib.loads(text)
