"""How is a network fitted to videos by a recipe?

An epoch at a time: clips are drawn, changed, shown, and the weights moved down the gradient; the
running average of the weights is validated, and everything is kept on disk, whole. A training
that is killed and started again goes on after its last whole epoch, and ends with the weights
that it would have ended with. Lightning Fabric brings devices, precision and several processes
(`torchrun -m kinetoscope train ...`); the loop itself is all here.
"""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import RecipeError
from kinetoscope.files import remove_leftovers, whole_file, write_text
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network
from kinetoscope.networks.weights import load_network, save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.training import batches as plan
from kinetoscope.training.augment import change, draw_changes, mix
from kinetoscope.training.drawing import CHANCES, Material, open_material
from kinetoscope.training.evaluate import evaluate
from kinetoscope.training.metrics import confusion_matrix, mean_class_accuracy, top_accuracy
from kinetoscope.training.progress import Advance, tracked
from kinetoscope.training.recipe import Recipe
from kinetoscope.training.result import HISTORY, RECIPE, RESULT, WEIGHTS, TrainResult, read_result
from kinetoscope.training.schedule import averaged, learning_rate

_FORMATS = {"channels_last": torch.channels_last_3d, "contiguous": torch.contiguous_format}
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
        write_text(folder / RECIPE, recipe.to_toml())
        remove_leftovers(folder)
    with torch.random.fork_rng(_indices(fabric.device)):
        torch.manual_seed(recipe.seed)
        material = open_material(recipe, progress=progress)
        network = build_network(
            recipe.network, labels=material.labels, expects=material.spec, **recipe.options
        )
        training = Training(fabric, recipe, network, material, folder)
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
        fabric: devices and processes, launched.
        recipe: what to do.
        network: not yet trained; its weights are moved.
        material: the clips.
        folder: where it is kept after each epoch.
    """

    def __init__(
        self, fabric: Fabric, recipe: Recipe, network: Network, material: Material, folder: Path
    ):
        self.fabric, self.recipe, self.material, self.folder = fabric, recipe, material, folder
        self.network = network.to(fabric.device)
        self.network.model.to(memory_format=_FORMATS[recipe.memory_format])
        self.average = averaged(self.network.model, recipe.ema_decay)
        self.model, self.optimizer = fabric.setup(
            self.network.model, optimizer_for(self.network.model, recipe)
        )
        self.history: list[dict[str, Any]] = []
        self.label_weights, self.clip_weights = _balanced(recipe, material, fabric.device)
        self._check_batches()

    @property
    def steps_per_epoch(self) -> int:
        """How many batches there are in an epoch."""
        return -(-len(self.material.train) // self.recipe.clips_per_batch)

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
        total, done = self.recipe.epochs, len(self.history)
        steps = self.steps_per_epoch
        shown = progress and self.fabric.is_global_zero
        with tracked("training", total * steps, shown=shown, done=done * steps) as advance:
            while not self.over:
                self.history.append(self._epoch(len(self.history), advance))
                self._save()

    def _epoch(self, epoch: int, advance: Advance) -> dict[str, Any]:
        began, recipe = time.perf_counter(), self.recipe
        torch.manual_seed(plan.seed_for(recipe.seed, plan.DROPOUT, epoch, self.fabric.global_rank))
        order = plan.epoch_order(self.clip_weights, len(self.material.train), recipe.seed, epoch)
        self.model.train()
        sums = torch.zeros(3, dtype=torch.float64)  # loss, right, clips
        for number, batch in enumerate(plan.batches(order, recipe.clips_per_batch)):
            sums += self._step(batch, epoch, number)
            advance(what=f"epoch {epoch + 1} of {recipe.epochs}", said=self._said(sums))
        sums = self.fabric.all_reduce(sums.to(self.fabric.device), reduce_op="sum")
        assert isinstance(sums, Tensor)
        loss, right, clips = sums.tolist()
        line = {
            "epoch": epoch + 1,
            "loss": loss / clips,
            "accuracy": right / clips,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            **self._validate(),
        }
        return {**line, "seconds": round(time.perf_counter() - began, 3)}

    def _step(self, batch: np.ndarray, epoch: int, number: int) -> Tensor:
        """A batch shown, and a step down the gradient.

        Returns:
            Over this process's clips: the sum of the losses, how many are right, how many there
            are.
        """
        clips, targets = self._draw(batch, epoch, number)
        normalized = self.network.normalize(clips)
        form = _FORMATS[self.recipe.memory_format]
        streams = [normalized.stream(name) for name in self.network.expects.streams]
        scores = self.model(*[stream.contiguous(memory_format=form) for stream in streams])
        losses = functional.cross_entropy(
            scores.float(),
            targets,
            weight=self.label_weights,
            label_smoothing=self.recipe.label_smoothing,
            reduction="none",
        )
        loss = losses.sum()
        if not math.isfinite(loss.item()):
            raise _diverged(self.recipe, epoch, number)
        # the mean over the clips of all processes, whose gradients are averaged afterwards
        self._descend(loss * (self.fabric.world_size / len(batch)), epoch, number)
        right = (scores.argmax(dim=1) == targets.argmax(dim=1)).sum()
        return torch.tensor([loss.item(), right.item(), len(losses)], dtype=torch.float64)

    def _descend(self, loss: Tensor, epoch: int, number: int) -> None:
        recipe, step = self.recipe, epoch * self.steps_per_epoch + number
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step, self.steps_per_epoch)
        self.fabric.backward(loss)
        if recipe.gradient_clip:
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=recipe.gradient_clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.network.model)

    def _draw(self, batch: np.ndarray, epoch: int, number: int) -> tuple[ClipBatch, Tensor]:
        """This process's clips of a batch, changed, and what they show.

        Chance is drawn for the whole batch, so that a clip is changed alike however many
        processes share it.
        """
        recipe, settings, spec = self.recipe, self.recipe.augmentation, self.network.expects
        rng = plan.randomness(recipe.seed, plan.CHANGES, epoch, number)
        chances = rng.random((len(batch), CHANCES))
        changes = draw_changes(settings, len(batch), spec, rng)
        mine = plan.share_of(batch, self.fabric.global_rank, self.fabric.world_size)
        clips = self.material.train.draw(batch[mine], chances[mine]).to(self.fabric.device)
        seed = plan.seed_for(recipe.seed, plan.NOISE, epoch, number, self.fabric.global_rank)
        clips = change(clips, [changes[place] for place in mine], spec=spec, seed=seed)
        truth = torch.as_tensor(self.material.train.truth[batch[mine]], device=self.fabric.device)
        targets = functional.one_hot(truth, len(self.network.labels)).float()
        return mix(clips, targets, settings.mixup, rng) if settings.mixup else (clips, targets)

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        """How the averaged weights do on what was held out."""
        held = self.material.validation
        if held is None:
            return {}
        measured: dict[str, float] = {}
        if self.fabric.is_global_zero:
            network = self._averaged_network()
            places = np.arange(len(held))
            scores = torch.cat(
                [
                    network.scores(held.centre(part).to(self.fabric.device)).cpu().float()
                    for part in plan.batches(places, self.recipe.clips_per_batch)
                ]
            )
            measured = _measured(scores, torch.as_tensor(held.truth))
        return self.fabric.broadcast(measured)

    def _averaged_network(self) -> Network:
        whole = self.network
        return (
            Network(
                self.average.module,
                labels=whole.labels,
                expects=whole.expects,
                name=whole.name,
                options=whole.options,
                layers=whole.layers,
            )
            .to(self.fabric.device)
            .eval()
        )

    def _said(self, sums: Tensor) -> str:
        loss, right, clips = sums.tolist()
        said = f"loss {loss / clips:.3f}, accuracy {right / clips:.1%}"
        if self.history and self.material.validation is not None:
            said += f", validation {self.history[-1]['validation_accuracy']:.1%}"
        return said

    def _save(self) -> None:
        """Keep this epoch, and the averaged weights if they are the best."""
        if self.fabric.is_global_zero:
            if self.kept is self.history[-1]:
                _put(self.folder / _BEST, self.average.module.state_dict())
            state = {
                "catalog": self.material.key,
                "model": self.network.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
            }
            _put(self.folder / _LAST, state)
            lines = (json.dumps(line) for line in self.history)
            write_text(self.folder / HISTORY, "".join(f"{line}\n" for line in lines))
        self.fabric.barrier()

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
        self.network.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = state["history"]

    def best_network(self) -> Network:
        """The averaged weights of the epoch that is kept."""
        path = self.folder / _BEST
        state = torch.load(path, map_location=self.fabric.device, weights_only=True)
        self.average.module.load_state_dict(state)
        return self._averaged_network()

    def _check_batches(self) -> None:
        smallest = len(self.material.train) // self.steps_per_epoch
        if smallest < self.fabric.world_size:
            raise RecipeError(
                "there are not enough clips for every process",
                got=f"batches of {smallest} clips for {self.fabric.world_size} processes",
                expected="one clip or more for each",
                hint="fewer processes, or a larger clips_per_batch",
            )


def optimizer_for(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer; biases and norms are not decayed."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {
            "params": [weight for weight in trained if weight.ndim > 1],
            "weight_decay": recipe.weight_decay,
        },
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
        )
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))


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


def _balanced(
    recipe: Recipe, material: Material, device: torch.device
) -> tuple[Tensor | None, np.ndarray | None]:
    """Weights of labels in the loss, and of clips in drawing."""
    weights = plan.label_weights(material.train.truth.tolist(), len(material.labels))
    if recipe.class_balance == "loss":
        return torch.as_tensor(weights, dtype=torch.float32, device=device), None
    if recipe.class_balance == "sampling":
        return None, weights[material.train.truth]
    return None, None


def _measured(scores: Tensor, truth: Tensor) -> dict[str, float]:
    confusion = confusion_matrix(scores.argmax(dim=1), truth, scores.shape[1])
    return {
        "validation_loss": functional.cross_entropy(scores, truth).item(),
        "validation_accuracy": top_accuracy(scores, truth, 1),
        "validation_mean_class_accuracy": mean_class_accuracy(confusion),
    }


def _rank(line: Mapping[str, Any]) -> tuple[float, float, int]:
    """The better validation; of equal ones the lower loss, then the later epoch."""
    return line["validation_accuracy"], -line["validation_loss"], line["epoch"]


def _finish(training: Training) -> None:
    """Write the network and the result, then remove what is needed no more."""
    recipe, material, folder = training.recipe, training.material, training.folder
    network = training.best_network()
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
        errors=material.errors,
        seconds=round(sum(line["seconds"] for line in training.history), 3),
    )
    text = json.dumps(result.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(folder / RESULT, text + "\n")
    for name in (_LAST, _BEST):
        (folder / name).unlink(missing_ok=True)


def _put(path: Path, state: Mapping[str, Any]) -> None:
    with whole_file(path) as aside:
        torch.save(state, aside)


def _diverged(recipe: Recipe, epoch: int, number: int) -> RecipeError:
    return RecipeError(
        f"the loss is no longer a number in epoch {epoch + 1}, step {number + 1}",
        got=f"learning_rate = {recipe.learning_rate}, gradient_clip = {recipe.gradient_clip}",
        expected="a training that stays finite",
        hint="a lower learning_rate, more warm_up_epochs, or a gradient_clip of 1",
    )
