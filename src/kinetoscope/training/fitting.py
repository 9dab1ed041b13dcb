"""What happens in an epoch: how are clips shown, and the weights moved?

Each batch is drawn, changed and shown; the gradient of its loss moves the weights, and a running
average follows them. Weights that a network calls upstream can be moved by what the others have
learned instead (meta.py): by the batch that comes next, with the same chance in every pass of a
step. What a step does depends on the seed and on its place in the training alone.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import RecipeError
from kinetoscope.networks.network import Network
from kinetoscope.networks.noise import frozen_noise
from kinetoscope.networks.tasks import own_scores
from kinetoscope.training import batches as plan
from kinetoscope.training.augment import change, draw_changes, mix
from kinetoscope.training.drawing import CHANCES, Material
from kinetoscope.training.loss import losses
from kinetoscope.training.meta import check_upstream, meta_gradient, upstream_names
from kinetoscope.training.metrics import confusion_matrix, mean_class_accuracy, top_accuracy
from kinetoscope.training.progress import Advance
from kinetoscope.training.recipe import Recipe
from kinetoscope.training.schedule import averaged, learning_rate

_FORMATS = {"channels_last": torch.channels_last_3d, "contiguous": torch.contiguous_format}


@dataclass(frozen=True)
class Shown:
    """A process's clips of a batch, and what they show.

    Args:
        clips: in display space, changed already.
        targets: how much of each label they are, of 1.
        whole: how many clips the batch has for all processes.
    """

    clips: ClipBatch
    targets: Tensor
    whole: int


class Fitting:
    """A network whose weights are being moved, with their average and the optimizer.

    Args:
        fabric: devices and processes, launched.
        recipe: what to do.
        network: not yet trained; its weights are moved.
        material: the clips.

    Raises:
        RecipeError: there are more processes than clips in a batch, or the recipe trains upstream
            weights apart and the network has none.
    """

    def __init__(self, fabric: Fabric, recipe: Recipe, network: Network, material: Material):
        self.fabric, self.recipe, self.material = fabric, recipe, material
        self.network = network.to(fabric.device)
        self.network.model.to(memory_format=_FORMATS[recipe.memory_format])
        self.average = averaged(self.network.model, recipe.ema_decay)
        self.model, self.optimizer = fabric.setup(
            self.network.model, optimizer_for(self.network.model, recipe)
        )
        self.upstream = ()
        if recipe.optimizer.upstream != "none":
            check_upstream(self.network.model, recipe.network)
            self.upstream = upstream_names(self.network.model)
        self.label_weights, self.clip_weights = _balanced(recipe, material, fabric.device)
        self._check_batches()

    @property
    def steps_per_epoch(self) -> int:
        """How many batches there are in an epoch."""
        return -(-len(self.material.train) // self.recipe.clips_per_batch)

    def epoch(self, epoch: int, advance: Advance, *, said: str = "") -> dict[str, Any]:
        """Show every clip once.

        Args:
            epoch: which one, from 0.
            advance: is told after each step.
            said: what to say besides loss and accuracy.

        Returns:
            A line of history.
        """
        began, recipe = time.perf_counter(), self.recipe
        torch.manual_seed(plan.seed_for(recipe.seed, plan.DROPOUT, epoch, self.fabric.global_rank))
        order = plan.epoch_order(self.clip_weights, len(self.material.train), recipe.seed, epoch)
        self.model.train()
        sums = torch.zeros(3, dtype=torch.float64)  # loss, right, clips
        shown = plan.batches(order, recipe.clips_per_batch)
        for number, batch in enumerate(shown):
            sums += self._step(batch, epoch, number, shown[(number + 1) % len(shown)])
            loss, right, clips = sums.tolist()
            figures = f"loss {loss / clips:.3f}, accuracy {right / clips:.1%}{said}"
            advance(what=f"epoch {epoch + 1} of {recipe.epochs}", said=figures)
        sums = self.fabric.all_reduce(sums.to(self.fabric.device), reduce_op="sum")
        assert isinstance(sums, Tensor)
        loss, right, clips = sums.tolist()
        line = {
            "epoch": epoch + 1,
            "clips": int(clips),
            "loss": loss / clips,
            "accuracy": right / clips,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            **self._validate(),
        }
        return {**line, "seconds": round(time.perf_counter() - began, 3)}

    def averaged_network(self) -> Network:
        """The network with its averaged weights, in eval mode."""
        whole = self.network
        shown = Network(
            self.average.module,
            labels=whole.labels,
            expects=whole.expects,
            name=whole.name,
            options=whole.options,
            layers=whole.layers,
        )
        return shown.to(self.fabric.device).eval()

    def state(self) -> dict[str, Any]:
        """All that the steps to come depend on."""
        return {
            "model": self.network.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go back to a state."""
        self.network.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _step(self, batch: np.ndarray, epoch: int, number: int, following: np.ndarray) -> Tensor:
        """A batch shown, and a step down the gradient.

        Args:
            batch: what is shown.
            epoch: of the training, from 0.
            number: of the step in the epoch, from 0.
            following: the batch that comes next, which the upstream weights are moved by.

        Returns:
            Over this process's clips: the sum of the losses, how many are right, how many there
            are.
        """
        self._pace(epoch * self.steps_per_epoch + number)
        shown = Shown(*self._draw(batch, epoch, number), whole=len(batch))
        if not self.upstream:
            return self._descend(shown, epoch, number)
        # drawn as in a place of its own, so that its clips are not those that come next
        place = number + self.steps_per_epoch
        held = Shown(*self._draw(following, epoch, place), whole=len(following))
        rank = self.fabric.global_rank
        seed = plan.seed_for(self.recipe.seed, plan.ITERATION, epoch, number, rank)
        with frozen_noise(self.network.model, seed):
            self._move_upstream(shown, held)
            return self._descend(shown, epoch, number)

    def _pace(self, step: int) -> None:
        """How fast is learned in a step, and how hard choices are by then."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, step, self.steps_per_epoch)
        share = step / max(1, self.recipe.epochs * self.steps_per_epoch - 1)
        for module in self.network.model.modules():
            anneal = getattr(module, "anneal", None)
            if callable(anneal):
                anneal(share)

    def _descend(self, shown: Shown, epoch: int, number: int) -> Tensor:
        """A step of all weights; where some are upstream, of the others."""
        scores = self.model(*self._streams(shown.clips))
        each = self._losses(scores, shown)
        loss = each.sum()
        if not math.isfinite(loss.item()):
            raise _diverged(self.recipe, epoch, number)
        self.fabric.backward(self._whole(loss, shown))
        for name in self.upstream:
            self.network.model.get_parameter(name).grad = None
        self._move()
        self.average.update_parameters(self.network.model)
        truth = shown.targets.argmax(dim=1)
        right = (own_scores(scores, truth, self.network.tasks).argmax(dim=1) == truth).sum()
        return torch.tensor([loss.item(), right.item(), len(each)], dtype=torch.float64)

    def _move_upstream(self, shown: Shown, held: Shown) -> None:
        """The simulated step on what is shown, and the step of the upstream weights on the rest."""
        model = self.network.model
        weights = {
            name: weight for name, weight in model.named_parameters() if weight.requires_grad
        }
        slopes = meta_gradient(
            partial(self._loss_with, shown),
            partial(self._loss_with, held),
            weights,
            self.upstream,
            rate=self.optimizer.param_groups[0]["lr"],
            exact=self.recipe.optimizer.upstream == "meta",
            mean=self._mean,
        )
        for name, slope in slopes.items():
            weights[name].grad = slope
        self._move()

    def _loss_with(self, shown: Shown, weights: Mapping[str, Tensor]) -> Tensor:
        """The loss with other weights; running statistics are left as they are."""
        model = self.network.model
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        with self.fabric.autocast():
            scores = functional_call(model, {**weights, **buffers}, self._streams(shown.clips))
        return self._whole(self._losses(scores, shown).sum(), shown)

    def _losses(self, scores: Tensor, shown: Shown) -> Tensor:
        return losses(
            scores,
            shown.targets,
            self.recipe,
            label_weights=self.label_weights,
            tasks=self.network.tasks,
        )

    def _whole(self, loss: Tensor, shown: Shown) -> Tensor:
        """The mean over the clips of all processes, whose gradients are averaged afterwards."""
        return loss * (self.fabric.world_size / shown.whole)

    def _streams(self, clips: ClipBatch) -> tuple[Tensor, ...]:
        form = _FORMATS[self.recipe.memory_format]
        normalized = self.network.normalize(clips).laid_out(form)
        return tuple(normalized.stream(name) for name in self.network.expects.streams)

    def _mean(self, tensor: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return tensor
        mean = self.fabric.all_reduce(tensor, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _move(self) -> None:
        """A step of those weights that have a gradient."""
        if self.recipe.gradient_clip:
            self.fabric.clip_gradients(
                self.model,
                self.optimizer,
                max_norm=self.recipe.gradient_clip,
                error_if_nonfinite=False,
            )
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _draw(self, batch: np.ndarray, epoch: int, number: int) -> tuple[ClipBatch, Tensor]:
        """This process's clips of a batch, changed, and what they show.

        Chance is drawn for the whole batch, so that a clip is changed alike however many
        processes share it.
        """
        recipe, fabric, train = self.recipe, self.fabric, self.material.train
        spec, settings = self.network.expects, recipe.augmentation
        rng = plan.randomness(recipe.seed, plan.CHANGES, epoch, number)
        chances = rng.random((len(batch), CHANCES))
        changes = draw_changes(settings, len(batch), spec, rng)
        mine = plan.share_of(batch, fabric.global_rank, fabric.world_size)
        clips, drawn = train.draw(batch[mine], chances[mine])
        mine = mine[drawn]
        clips = change(
            clips.to(fabric.device),
            [changes[place] for place in mine],
            spec=spec,
            seed=plan.seed_for(recipe.seed, plan.NOISE, epoch, number, fabric.global_rank),
        )
        truth = torch.as_tensor(train.truth[batch[mine]], device=fabric.device)
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
            network, places = self.averaged_network(), np.arange(len(held))
            scores = [
                network.scores(held.centre(part).to(self.fabric.device)).cpu().float()
                for part in plan.batches(places, self.recipe.clips_per_batch)
            ]
            truth = torch.as_tensor(held.truth)
            measured = _measured(own_scores(torch.cat(scores), truth, network.tasks), truth)
        return self.fabric.broadcast(measured)

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
    if recipe.optimizer.name == "sgd":
        return torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
        )
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))


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


def _diverged(recipe: Recipe, epoch: int, number: int) -> RecipeError:
    return RecipeError(
        f"the loss is no longer a number in epoch {epoch + 1}, step {number + 1}",
        got=f"learning_rate = {recipe.learning_rate}, gradient_clip = {recipe.gradient_clip}",
        expected="a training that stays finite",
        hint="a lower learning_rate, more warm_up_epochs, or a gradient_clip of 1",
    )
