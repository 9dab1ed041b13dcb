import copy

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import RecipeError
from kinetoscope.networks.noise import frozen_noise
from kinetoscope.networks.zoo import build_network
from kinetoscope.training import batches as plan
from kinetoscope.training.augment import change, draw_changes
from kinetoscope.training.drawing import open_material
from kinetoscope.training.fitting import Fitting, optimizer_for
from kinetoscope.training.meta import downstream_names, meta_gradient, upstream_names
from kinetoscope.training.recipe import Augmentation, Optimizer, Recipe
from tests.squares import videos_of_squares

PLAIN = {
    "network": "two_stream_small_toy",
    "options": {"norm": False, "dropout": 0.0},
    "clip": {"frames": 4, "short_side": 32, "size": [32, 32]},
    "clips_per_batch": 5,
    "learning_rate": 0.05,
    "optimizer": Optimizer(name="sgd"),
    "momentum": 0.0,
    "weight_decay": 0.0,
    "warm_up_epochs": 0.0,
    "schedule": "constant",
    "gradient_clip": 0.0,
    "ema_decay": 0.0,
    "validation_fraction": 0.0,
    "memory_format": "contiguous",
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return str(videos_of_squares(tmp_path_factory.mktemp("squares"), train=4, test=0))


def recipe(videos, **settings):
    return Recipe(**{**PLAIN, "catalog": videos, **settings})


def fitting(wanted):
    material = open_material(wanted, progress=False)
    torch.manual_seed(0)
    network = build_network(
        wanted.network, labels=material.labels, expects=material.spec, **wanted.options
    )
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    return Fitting(fabric, wanted, network, material)


def silent(**said):
    pass


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_an_epoch_agrees_with_its_definition_written_out(videos, smoothing):
    quiet = Augmentation(jitter_frames=0, shift_pixels=3.0, contrast=0.2)
    wanted = recipe(videos, label_smoothing=smoothing, augmentation=quiet, seed=3)
    fast, slow = fitting(wanted), fitting(wanted)
    line = fast.epoch(0, silent)
    train, model, losses = slow.material.train, slow.network.model, []
    for number, batch in enumerate(plan.batches(plan.epoch_order(None, 12, 3, 0), 5)):
        rng = plan.randomness(3, plan.CHANGES, 0, number)
        rng.random((len(batch), 4))
        changes = draw_changes(quiet, len(batch), slow.network.expects, rng)
        clips = change(train.centre(batch), changes, spec=slow.network.expects)
        scores = slow.network.scores(clips)
        truth = torch.as_tensor(train.truth[batch])
        share = 1 - smoothing
        each = -(
            share * scores.log_softmax(1)[torch.arange(len(batch)), truth]
            + smoothing * scores.log_softmax(1).mean(1)
        )
        model.zero_grad()
        each.mean().backward()
        losses += each.tolist()
        with torch.no_grad():
            for weight in model.parameters():
                weight -= 0.05 * weight.grad
    torch.testing.assert_close(fast.network.model.state_dict(), model.state_dict())
    assert line["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert line["clips"] == 12


def test_validation_is_of_the_averaged_weights_on_centre_clips(videos):
    fitted = fitting(recipe(videos, validation_fraction=0.25, ema_decay=0.5))
    line = fitted.epoch(0, silent)
    held, network = fitted.material.validation, fitted.averaged_network()
    clips = [held.store.centre(place) for place in range(len(held))]
    with torch.inference_mode():
        scores = network.scores(ClipBatch.of(clips, network.expects))
    expected = functional.cross_entropy(scores, torch.as_tensor(held.truth))
    assert line["validation_loss"] == pytest.approx(expected.item(), rel=1e-4)
    right = (scores.argmax(dim=1).numpy() == held.truth).mean()
    assert line["validation_accuracy"] == pytest.approx(right)


def test_rare_labels_weigh_more_in_the_loss(videos):
    fitted = fitting(recipe(videos, class_balance="loss"))
    torch.testing.assert_close(fitted.label_weights, torch.ones(3))
    fitted.material.train.truth[:] = [0] * 6 + [1] * 4 + [2] * 2
    again = Fitting(fitted.fabric, fitted.recipe, fitted.network, fitted.material)
    torch.testing.assert_close(again.label_weights, torch.tensor([12 / 18, 1.0, 2.0]))


def test_a_state_that_is_loaded_goes_on_as_before(videos):
    wanted = recipe(videos, optimizer=Optimizer(name="adamw"), momentum=0.9, ema_decay=0.9)
    first, second = fitting(wanted), fitting(wanted)
    first.epoch(0, silent)
    second.load(copy.deepcopy(first.state()))
    lines = [each.epoch(1, silent) for each in (first, second)]
    assert lines[0]["loss"] == lines[1]["loss"]
    for mine, theirs in zip(
        first.average.module.parameters(), second.average.module.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


UPSTREAM = {
    "network": "dsts_two_stream_small_toy",
    "options": {"backbone_options": {"norm": False, "dropout": 0.3, "keep_motion": False}},
    "augmentation": Augmentation(jitter_frames=0),
}


@pytest.mark.parametrize("upstream", ["meta", "meta-finite-difference"])
def test_an_iteration_of_upstream_learning_agrees_with_its_definition_written_out(videos, upstream):
    """Two plain steps: of pulses and gates by what comes next, of the others by what is shown."""
    optimizer = Optimizer(name="sgd", upstream=upstream)
    wanted = recipe(videos, **UPSTREAM, optimizer=optimizer, clips_per_batch=6, seed=4)
    fast, slow = fitting(wanted), fitting(wanted)
    fast.epoch(0, silent)
    model, train = slow.network.model.train(), slow.material.train
    shown = plan.batches(plan.epoch_order(None, 12, 4, 0), 6)
    steps = 2 * wanted.epochs
    upstream_weights = upstream_names(model)

    def loss_of(batch):
        clips = slow.network.normalize(train.centre(batch))
        truth = torch.as_tensor(train.truth[batch])

        def loss(weights):
            kept = {name: each.clone() for name, each in model.named_buffers()}
            scores = functional_call(model, {**kept, **weights}, (clips.frames, clips.flow))
            return functional.cross_entropy(scores, truth, label_smoothing=0.1)

        return loss

    for number, batch in enumerate(shown):
        for layer in (model.average.dsts.layer1, model.average.dsts.layer2):
            layer.neuron.temperature.fill_(5 * 0.1 ** (number / (steps - 1)))
        weights = dict(model.named_parameters())
        with frozen_noise(model, plan.seed_for(4, plan.ITERATION, 0, number, 0)):
            slopes = meta_gradient(
                loss_of(batch),
                loss_of(shown[1 - number]),
                weights,
                upstream_weights,
                rate=0.05,
                exact=upstream == "meta",
            )
            with torch.no_grad():
                for name, slope in slopes.items():
                    weights[name] -= 0.05 * slope
            clips = slow.network.normalize(train.centre(batch))
            scores = model(clips.frames, clips.flow)
        truth = torch.as_tensor(train.truth[batch])
        model.zero_grad()
        functional.cross_entropy(scores, truth, label_smoothing=0.1).backward()
        with torch.no_grad():
            for name in downstream_names(model):
                weights[name] -= 0.05 * weights[name].grad
    torch.testing.assert_close(
        fast.network.model.state_dict(), model.state_dict(), atol=1e-5, rtol=1e-4
    )


def test_the_form_by_differences_moves_upstream_weights_where_the_exact_one_does(videos):
    found = {}
    for upstream in ("none", "meta", "meta-finite-difference"):
        optimizer = Optimizer(name="sgd", upstream=upstream)
        fitted = fitting(recipe(videos, **UPSTREAM, optimizer=optimizer))
        before = copy.deepcopy(fitted.network.model.state_dict())
        fitted.epoch(0, silent)
        after, name = fitted.network.model.state_dict(), "average.dsts.layer1.gates.weight"
        found[upstream] = after[name] - before[name]
    assert all(each.abs().max() > 0 for each in found.values())
    assert not torch.equal(found["meta"], found["none"])


def test_choices_harden_while_a_network_is_trained(videos):
    fitted = fitting(recipe(videos, **UPSTREAM, epochs=2))
    fitted.epoch(0, silent)
    neuron = fitted.network.model.average.dsts.layer1.neuron
    first = neuron.temperature.item()
    fitted.epoch(1, silent)
    assert 0.5 < first < 5.0
    assert neuron.temperature.item() == pytest.approx(0.5)


def test_refuses_upstream_learning_of_a_network_that_has_nothing_upstream(videos):
    wanted = recipe(videos, optimizer=Optimizer(upstream="meta"))
    with pytest.raises(RecipeError, match="two_stream_small_toy can't be trained with"):
        open_material(wanted, progress=False)
    fitted = fitting(recipe(videos))
    with pytest.raises(RecipeError, match="two_stream_small_toy can't be trained with"):
        Fitting(fitted.fabric, wanted, fitted.network, fitted.material)


def test_biases_and_norms_are_not_decayed():
    model = nn.Sequential(nn.Conv3d(3, 2, 3), nn.BatchNorm3d(2), nn.Linear(2, 2))
    decayed, others = optimizer_for(model, recipe("videos", weight_decay=0.1)).param_groups
    assert {weight.ndim for weight in decayed["params"]} == {2, 5}
    assert {weight.ndim for weight in others["params"]} == {1}
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)


def test_refuses_more_processes_than_there_are_clips_in_a_batch(videos):
    fitted = fitting(recipe(videos, clips_per_batch=2))
    fitted.fabric = Fabric(accelerator="cpu", devices=3, strategy="ddp")
    with pytest.raises(RecipeError, match="batches of 2 clips for 3 processes"):
        fitted._check_batches()
