import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from kinetoscope.errors import RecipeError
from kinetoscope.networks.noise import frozen_noise
from kinetoscope.networks.zoo import build_network
from kinetoscope.training import meta
from kinetoscope.training.meta import (
    check_upstream,
    downstream_names,
    meta_gradient,
    upstream_names,
)


class Gated(nn.Module):
    """A linear layer whose inputs are weighted by what is upstream."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.randn(3))
        self.score = nn.Linear(3, 2)

    def upstream(self):
        return ["gate"]

    def forward(self, x):
        return self.score(x * self.gate.sigmoid()).tanh()


@pytest.fixture(autouse=True)
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def loss_of(model, count):
    """The loss of a minibatch of random inputs and targets."""
    x, y = torch.randn(count, 3), torch.randn(count, 2)
    return lambda weights: (functional_call(model, dict(weights), (x,)) - y).square().mean()


@pytest.fixture
def gated():
    """A small model, the losses of two minibatches, and its weights."""
    torch.manual_seed(0)
    model = Gated()
    losses = [loss_of(model, 5), loss_of(model, 5)]
    return model, losses, dict(model.named_parameters())


def numerically(first, second, weights, upstream, rate, step=1e-5):
    """Each upstream weight moved a little in the simulated step, and only there."""
    fixed = {name: weight.detach() for name, weight in weights.items()}

    def after(moved):
        down = {
            name: weight.clone().requires_grad_()
            for name, weight in fixed.items()
            if name not in upstream
        }
        slopes = torch.autograd.grad(first({**moved, **down}), list(down.values()))
        stepped = {
            name: (weight - rate * slope).detach()
            for (name, weight), slope in zip(down.items(), slopes, strict=True)
        }
        return second({**fixed, **stepped}).item()

    found = {}
    for name in upstream:
        found[name] = torch.zeros_like(fixed[name])
        for place in range(fixed[name].numel()):
            sides = []
            for side in (step, -step):
                moved = {**fixed, name: fixed[name].clone()}
                moved[name].view(-1)[place] += side
                sides.append(after(moved))
            found[name].view(-1)[place] = (sides[0] - sides[1]) / (2 * step)
    return found


# Known answers


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "by differences"])
def test_two_quadratics_have_the_gradient_that_is_computed_by_hand(exact):
    upstream, downstream, goal, rate = 2.0, 5.0, 1.0, 0.1
    found = meta_gradient(
        lambda w: (w["d"] - w["u"]) ** 2 / 2,
        lambda w: (w["d"] - goal) ** 2 / 2,
        {"u": torch.tensor(upstream), "d": torch.tensor(downstream)},
        ("u",),
        rate=rate,
        exact=exact,
    )
    after = downstream - rate * (downstream - upstream)
    assert found["u"].item() == pytest.approx(rate * (after - goal), abs=1e-6)


def test_where_the_second_loss_sees_the_upstream_weight_itself_does_not_count():
    found = meta_gradient(
        lambda w: w["d"] ** 2,
        lambda w: w["u"] * w["d"],
        {"u": torch.tensor(2.0), "d": torch.tensor(5.0)},
        ("u",),
        rate=0.1,
    )
    assert found["u"] == 0


# The definition written out


def test_the_exact_gradient_agrees_with_numerical_differences(gated):
    _, (first, second), weights = gated
    found = meta_gradient(first, second, weights, ("gate",), rate=0.3)
    expected = numerically(first, second, weights, ("gate",), 0.3)
    torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-5)


def test_the_exact_gradient_is_that_of_one_graph_through_both_losses(gated):
    _, (first, second), weights = gated
    up = weights["gate"].detach().requires_grad_()
    down = {name: weight for name, weight in weights.items() if name != "gate"}
    slopes = torch.autograd.grad(
        first({**down, "gate": up}), list(down.values()), create_graph=True
    )
    moved = {
        name: weight - 0.3 * slope
        for (name, weight), slope in zip(down.items(), slopes, strict=True)
    }
    expected = torch.autograd.grad(second({**moved, "gate": up.detach()}), up)[0]
    found = meta_gradient(first, second, weights, ("gate",), rate=0.3)
    torch.testing.assert_close(found["gate"], expected)


def test_the_form_by_differences_agrees_with_the_exact_one(gated):
    _, (first, second), weights = gated
    exact, near = (
        meta_gradient(first, second, weights, ("gate",), rate=0.3, exact=exact)["gate"]
        for exact in (True, False)
    )
    torch.testing.assert_close(near, exact, rtol=1e-3, atol=1e-9)


def test_through_dsts_both_forms_agree_where_no_hard_choice_hangs_on_what_is_moved(monkeypatch):
    """Operators of the only layer: what they answer decides nothing."""
    monkeypatch.setattr(meta, "NEARNESS", 1e-5)  # so that no ReLU is passed
    torch.manual_seed(0)
    model = build_network("dsts_two_stream_small_toy", neurons=2, layers=1).model.train()
    moved = ("gates.weight", "pulse.weight", "spatial.weight", "temporal.weight", "mix.weight")
    nn.init.normal_(model.average.dsts.layer1.mix.weight)
    weights = {name: weight for name, weight in model.named_parameters() if name.endswith(moved)}
    upstream = tuple(name for name in upstream_names(model) if name in weights)

    def loss(seed):
        chance = torch.Generator().manual_seed(seed)
        clips = [torch.randn(4, channels, 4, 32, 32, generator=chance) for channels in (3, 2)]
        truth = torch.randint(3, (4,), generator=chance)

        def of(given):
            state = {name: each.clone() for name, each in model.named_buffers()}
            scores = functional_call(model, {**state, **given}, tuple(clips))
            return functional.cross_entropy(scores, truth)

        return of

    with frozen_noise(model, 7):
        exact, near = (
            meta_gradient(loss(1), loss(2), weights, upstream, rate=0.1, exact=exact)
            for exact in (True, False)
        )
    assert all(slope.abs().max() > 0 for slope in exact.values())
    torch.testing.assert_close(near, exact, rtol=1e-3, atol=1e-9)


# Promises


def test_the_mean_over_processes_is_the_gradient_of_the_whole_minibatch(gated):
    """Two processes in lockstep: what each gives to be averaged is averaged by hand."""
    model, _, weights = gated
    firsts, seconds = ([loss_of(model, 4) for _ in range(2)] for _ in range(2))

    def both(losses):
        return lambda w: (losses[0](w) + losses[1](w)) / 2

    whole = meta_gradient(both(firsts), both(seconds), weights, ("gate",), rate=0.2)["gate"]
    given = [[], []]
    for process in (0, 1):  # the first pass finds what is averaged first, the next what follows
        meta_gradient(
            firsts[process],
            seconds[process],
            weights,
            ("gate",),
            rate=0.2,
            mean=lambda tensor, process=process: given[process].append(tensor) or tensor,
        )
    slopes = [(a + b) / 2 for a, b in zip(given[0][:2], given[1][:2], strict=True)]

    def averaging(answers, kept):
        waiting = list(answers)

        def mean(tensor):
            kept.append(tensor)
            return waiting.pop(0) if waiting else tensor

        return mean

    kept = [[], []]
    for process in (0, 1):
        meta_gradient(
            firsts[process], seconds[process], weights, ("gate",), rate=0.2,
            mean=averaging(slopes, kept[process]),
        )  # fmt: skip
    pulls = [(a + b) / 2 for a, b in zip(kept[0][2:4], kept[1][2:4], strict=True)]
    found = [
        meta_gradient(
            firsts[process], seconds[process], weights, ("gate",), rate=0.2,
            mean=averaging([*slopes, *pulls], []),
        )["gate"]
        for process in (0, 1)
    ]  # fmt: skip
    torch.testing.assert_close((found[0] + found[1]) / 2, whole)


def test_weights_are_left_as_they_are(gated):
    model, (first, second), weights = gated
    before = {name: weight.clone() for name, weight in weights.items()}
    meta_gradient(first, second, weights, ("gate",), rate=0.3)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name])
        assert weight.grad is None


def test_upstream_weights_of_any_module_are_found_by_their_paths():
    model = nn.Sequential(nn.Linear(3, 3), Gated())
    assert upstream_names(model) == ("1.gate",)
    assert set(downstream_names(model)) == {
        "0.weight",
        "0.bias",
        "1.score.weight",
        "1.score.bias",
    }


def test_upstream_of_dsts_are_its_pulses_and_gates():
    model = build_network("dsts_two_stream_small_toy").model
    assert upstream_names(model) == tuple(
        f"average.dsts.layer{number}.{part}"
        for number in (1, 2)
        for part in ("pulse.weight", "standard.norm.scale", "standard.norm.shift", "gates.weight")
    )


# Refusals


def test_refuses_a_network_that_names_nothing_upstream():
    model = build_network("two_stream_small_toy").model
    with pytest.raises(RecipeError, match="two_stream_small_toy can't be trained with"):
        check_upstream(model, "two_stream_small_toy")
