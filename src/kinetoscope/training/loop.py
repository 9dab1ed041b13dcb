"""How is a network fitted to videos by a recipe, from the first epoch to the result?

After each epoch everything is kept on disk, whole. A training that is killed and started again
goes on after its last whole epoch, and ends with the weights that it would have ended with.
Lightning Fabric brings devices, precision and several processes (`torchrun -m kinetoscope train`);
the loop itself is all here and in fitting.py.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from kinetoscope.errors import RecipeError
from kinetoscope.files import remove_leftovers, whole_file, write_text
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network
from kinetoscope.networks.weights import load_network, save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.training.drawing import check_errors, open_material
from kinetoscope.training.evaluate import evaluate
from kinetoscope.training.fitting import Fitting
from kinetoscope.training.progress import tracked
from kinetoscope.training.recipe import Recipe
from kinetoscope.training.result import (
    EPOCHS,
    HISTORY,
    RECIPE,
    RESULT,
    WEIGHTS,
    TrainResult,
    read_result,
)
from kinetoscope.training.svm import fit_svm_fusion, takes_svm

_LAST, _BEST = "last.pt", "best.pt"  # while under way


def train(
    recipe: Recipe, folder: Path | str, *, progress: bool = True, accelerator: str = "auto"
) -> TrainResult:
    """Train a network by a recipe, or go on where that was interrupted.

    The same recipe on the same videos gives the same weights on the same machine.

    Args:
        recipe: what to do.
        folder: for the result; one that holds another recipe's is refused.
        progress: whether to show it, where there is a terminal.
        accelerator: `cpu`, `cuda`, `mps`; or `auto`, whatever is there.

    Raises:
        RecipeError: the recipe can't be followed, or the loss is no longer a number.
        CatalogError: the videos can't be listed, or too many of them can't be opened.
    """
    folder = Path(folder)
    if (found := read_result(folder, recipe)) is not None:
        return found
    keep_memory()
    fabric = _fabric(recipe, accelerator)
    if fabric.is_global_zero:
        remove_leftovers(folder)
    material = open_material(recipe, progress=progress and fabric.is_global_zero)
    with torch.random.fork_rng(_indices(fabric.device)):
        torch.manual_seed(recipe.seed)
        network = build_network(
            recipe.network,
            labels=material.labels,
            expects=material.spec,
            multi_task=recipe.multi_task,
            **recipe.options,
        )
        training = Training(Fitting(fabric, recipe, network, material), folder)
        training.run(progress=progress)
    if fabric.is_global_zero:
        _finish(training)
    fabric.barrier()
    result = read_result(folder, recipe)
    assert result is not None
    return result


class Training:
    """A training under way.

    Args:
        fitting: the network and its clips.
        folder: where it is kept after each epoch.
    """

    def __init__(self, fitting: Fitting, folder: Path):
        self.fitting, self.folder = fitting, folder
        self.fabric, self.recipe = fitting.fabric, fitting.recipe
        self.material = fitting.material
        self.history: list[dict[str, Any]] = []
        self.errors: list[dict[str, str]] = []

    @property
    def kept(self) -> dict[str, Any]:
        """The epoch whose weights are the best so far; without validation, the last one."""
        if self.material.validation is None:
            return self.history[-1]
        return max(self.history, key=_rank)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        patience = self.recipe.early_stopping_epochs
        waited = len(self.history) - self.kept["epoch"] if self.history else 0
        return len(self.history) == self.recipe.epochs or 0 < patience <= waited

    def run(self, *, progress: bool) -> None:
        """Train from wherever it stands to the end."""
        self._load()
        steps, done = self.fitting.steps_per_epoch, len(self.history)
        shown = progress and self.fabric.is_global_zero
        total = self.recipe.epochs * steps
        if done == 0:
            self._keep_epoch(0)
        with tracked("training", total, shown=shown, done=done * steps) as advance:
            while not self.over:
                line = self.fitting.epoch(len(self.history), advance, said=self._said())
                self.history.append(line)
                self._list_errors()
                self._save()

    def best_network(self) -> Network:
        """The averaged weights of the epoch that is kept."""
        path = self.folder / _BEST
        state = torch.load(path, map_location=self.fabric.device, weights_only=True)
        self.fitting.average.module.load_state_dict(state)
        return self.fitting.averaged_network()

    def _list_errors(self) -> None:
        """Gather which videos could not be opened so far, by any process."""
        found = [self.material.errors()] * self.fabric.world_size
        if self.fabric.world_size > 1:
            torch.distributed.all_gather_object(found, self.material.errors())
        every = [*self.errors, *(row for each in found for row in each)]
        self.errors = list({row["path"]: row for row in every}.values())
        held = self.material.validation
        opened = len(self.material.train) + (0 if held is None else len(held))
        # those that failed at the start are not among the opened ones
        check_errors(self.recipe, self.errors, opened + len(self.errors))

    def _said(self) -> str:
        if not self.history or self.material.validation is None:
            return ""
        return f", validation {self.history[-1]['validation_accuracy']:.1%}"

    def _save(self) -> None:
        """Keep this epoch, and the averaged weights if they are the best."""
        if self.fabric.is_global_zero:
            write_text(self.folder / RECIPE, self.recipe.to_toml())
            if self.kept is self.history[-1]:
                _put(self.folder / _BEST, self.fitting.average.module.state_dict())
            self._keep_epoch(len(self.history))
            state = {
                "catalog": self.material.key,
                **self.fitting.state(),
                "history": self.history,
                "errors": self.errors,
            }
            _put(self.folder / _LAST, state)
            lines = (json.dumps(line) for line in self.history)
            write_text(self.folder / HISTORY, "".join(f"{line}\n" for line in lines))
        self.fabric.barrier()

    def _keep_epoch(self, epoch: int) -> None:
        """Keep the averaged weights of this epoch as a network, where the recipe asks for it."""
        every = self.recipe.keep_every
        if self.fabric.is_global_zero and every and epoch % every == 0:
            path = self.folder / EPOCHS / f"{epoch:04}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_network(self.fitting.averaged_network(), path, recipe_toml=self.recipe.to_toml())

    def _load(self) -> None:
        path = self.folder / _LAST
        if not path.exists():
            return
        state = torch.load(path, map_location=self.fabric.device, weights_only=True)
        if state["catalog"] != self.material.key:
            raise RecipeError(
                f"{self.folder} holds a training on other videos",
                got=f"a catalog whose key is {state['catalog']}",
                expected=self.material.key,
                hint="train into another folder",
            )
        self.fitting.load(state)
        self.history, self.errors = state["history"], state["errors"]


def _fabric(recipe: Recipe, accelerator: str) -> Fabric:
    """One device, or the one that `torchrun` gives to this process."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator=accelerator,
        devices=here,
        num_nodes=processes // here,
        strategy="ddp" if processes > 1 else "auto",
        precision=recipe.precision,
    )
    fabric.launch()
    return fabric


def _indices(device: torch.device) -> list[int]:
    """Whose random numbers are put back afterwards, besides the processor's."""
    return [device.index or 0] if device.type == "cuda" else []


def _rank(line: Mapping[str, Any]) -> tuple[float, float, int]:
    """The better validation; of equal ones the lower loss, then the later epoch."""
    return line["validation_accuracy"], -line["validation_loss"], line["epoch"]


def _finish(training: Training) -> None:
    """Write the network and the result, then remove what is needed no more."""
    recipe, material, folder = training.recipe, training.material, training.folder
    network = training.best_network()
    if takes_svm(network):
        fit_svm_fusion(network, material.train.store.catalog)
    save_network(network, folder / WEIGHTS, recipe_toml=recipe.to_toml())
    test_accuracy = None
    if material.test is not None:
        tested = evaluate(load_network(folder / WEIGHTS), material.test)
        tested.write(folder / "test")
        test_accuracy = tested.top1
    kept = training.kept
    result = TrainResult(
        folder=folder,
        epochs=len(training.history),
        kept_epoch=kept["epoch"],
        train_accuracy=kept["accuracy"],
        validation_accuracy=kept.get("validation_accuracy"),
        test_accuracy=test_accuracy,
        videos=len(material.train),
        errors=tuple(training.errors),
        seconds=round(sum(line["seconds"] for line in training.history), 3),
    )
    text = json.dumps(result.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(folder / RESULT, text + "\n")
    for name in (_LAST, _BEST):
        (folder / name).unlink(missing_ok=True)


def _put(path: Path, state: Mapping[str, Any]) -> None:
    with whole_file(path) as aside:
        torch.save(state, aside)
