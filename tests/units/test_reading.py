import threading

import pytest
import torch
from torch import Tensor, nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.network import Network
from kinetoscope.units.axes import habits_of
from kinetoscope.units.reading import read, read_normalized, watch

SPEC = ClipSpec(frames=4, size=(8, 8), short_side=8)


class Counter(nn.Module):
    """Passes on what it gets, and counts how often."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        if type(x) is Tensor:  # rehearsals do not count
            self.calls += 1
        return x


class Chain(nn.Module):
    """Two convolutions with everything in between that makes reading hard."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 5, 3, padding=1)
        self.norm = nn.BatchNorm3d(5)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv3d(5, 6, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.late = Counter()
        self.drop = nn.Dropout(0.5)
        self.unused = nn.Conv3d(3, 3, 1)
        self.fc = nn.Linear(6, 2)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv1(frames)))
        x = self.late(torch.relu_(self.conv2(x)))
        return self.fc(self.drop(x.mean(dim=(2, 3, 4))))


def network_of(model: nn.Module, *, spec: ClipSpec = SPEC, labels: int = 2, name: str = "planted"):
    """The model as a network, in eval mode."""
    names = [f"label {number}" for number in range(labels)]
    return Network(model, labels=names, expects=spec, name=name).eval()


def random_batch(spec: ClipSpec = SPEC, *, clips: int = 3, seed: int = 0) -> ClipBatch:
    """Random clips in display space."""
    generator = torch.Generator().manual_seed(seed)
    place = (spec.frames, *spec.size)
    frames = torch.rand(clips, 3, *place, generator=generator)
    flow = torch.randn(clips, 2, *place, generator=generator)
    return ClipBatch(
        frames=frames if "frames" in spec.streams else None,
        flow=flow if "flow" in spec.streams else None,
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    return network_of(Chain())


def _hooks(network):
    return sum(len(module._forward_hooks) for module in network.modules())


# Known answer


def test_reads_what_the_layers_compute(network):
    batch, model = random_batch(), network.model
    found = read(network, batch, ["conv2", "conv1"])
    conv1 = model.conv1(network.normalize(batch).frames)
    conv2 = model.conv2(model.norm(conv1).relu())
    assert list(found) == ["conv2", "conv1"]
    torch.testing.assert_close(found["conv1"], conv1)
    torch.testing.assert_close(found["conv2"], conv2)


def test_normalized_clips_are_not_normalized_again(network):
    batch = random_batch()
    direct = read_normalized(network, network.normalize(batch), ["conv2"])["conv2"]
    torch.testing.assert_close(direct, read(network, batch, ["conv2"])["conv2"])


class Folding(nn.Module):
    """A 2-D network that folds time into the batch, then features, as TSN does."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.fc = nn.Linear(5, 2)

    def forward(self, frames):
        clips = len(frames)
        x = self.conv(frames.movedim(1, 2).flatten(0, 1)).mean(dim=(2, 3))
        return self.fc(x).unflatten(0, (clips, -1)).mean(dim=1)


def test_layers_that_fold_time_into_the_batch_are_unfolded():
    network, batch = network_of(Folding()), random_batch()
    found = read(network, batch, ["conv", "fc"])
    frames = network.normalize(batch).frames
    assert found["conv"].shape == (3, 5, 4, 6, 6)
    torch.testing.assert_close(found["conv"][1][:, 2], network.model.conv(frames[1][:, 2]))
    assert found["fc"].shape == (3, 2, 4, 1, 1)


class LastAxis(nn.Module):
    """Keeps its features on the last axis, as transformers do, then gates them."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Conv3d(3, 10, 2, stride=2), nn.Identity())
        self.block = nn.Sequential(nn.LayerNorm(10), nn.Linear(10, 7))
        self.fc = nn.Linear(7, 2)

    def forward(self, frames):
        x = self.block(self.embed(frames).movedim(1, -1))
        return self.fc(x.mean(dim=(1, 2, 3)))


def test_features_on_the_last_axis_are_brought_to_the_second():
    found = read(network_of(LastAxis()), random_batch(), ["embed", "block", "block.0", "fc"])
    shapes = [tuple(answer.shape[1:]) for answer in found.values()]
    assert shapes == [(10, 2, 4, 4), (7, 2, 4, 4), (10, 2, 4, 4), (2,)]


# Slow twin


def test_agrees_with_a_pass_that_is_not_stopped(network):
    batch, heard = random_batch(), {}
    names = ["conv1", "norm", "relu", "conv2", "fc"]
    for name in names:
        keep = lambda module, _, answer, name=name: heard.update({name: answer.clone()})  # noqa: E731
        network.layer(name).register_forward_hook(keep)
    network(batch)
    for name in names:
        torch.testing.assert_close(read(network, batch, [name])[name], heard[name])


def test_watching_shows_what_reading_gives_and_ends_with_the_scores(network):
    batch, seen = random_batch(), {}
    names = ["conv1", "relu", "conv2", "fc"]
    scores = watch(network, batch, names, lambda name, answer: seen.update({name: answer.clone()}))
    torch.testing.assert_close(scores, network.scores(batch))
    assert list(seen) == names
    for name, answer in read(network, batch, names).items():
        torch.testing.assert_close(seen[name], answer)
    assert _hooks(network) == 0


# Promise


@pytest.mark.parametrize("layers", [["conv1"], ["conv2", "norm"]], ids=str)
def test_the_pass_stops_when_the_last_wanted_layer_has_answered(network, layers):
    read(network, random_batch(), layers)
    assert network.model.late.calls == 0
    read(network, random_batch(), [*layers, "fc"])
    assert network.model.late.calls == 1


def test_a_clip_too_small_for_the_rest_of_the_network_can_be_read():
    model = nn.Sequential(nn.Conv3d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 2 * 6 * 6, 2))
    small = ClipBatch(frames=torch.rand(1, 3, 3, 3, 3))
    assert read(network_of(model), small, ["0"])["0"].shape == (1, 2, 1, 1, 1)


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_nothing_is_left_behind(network, training):
    network.train(training)
    network.model.fc.eval()
    modes = [module.training for module in network.modules()]
    generator = torch.get_rng_state()
    tracked = network.model.norm.num_batches_tracked.clone()
    habits_of(network)
    assert torch.equal(network.model.norm.num_batches_tracked, tracked)
    assert torch.equal(torch.get_rng_state(), generator)
    read(network, random_batch(), ["conv1"])
    assert [module.training for module in network.modules()] == modes
    assert _hooks(network) == 0
    assert all(weight.grad is None for weight in network.parameters())
    assert all(weight.requires_grad for weight in network.parameters())


def test_gradients_reach_the_clip(network):
    frames = random_batch().frames.requires_grad_()
    found = read(network, ClipBatch(frames=frames), ["conv1", "conv2"])
    found["conv1"].sum().backward(retain_graph=True)
    first = frames.grad.clone()
    (found["conv1"].sum() + found["conv2"].sum()).backward()
    assert (first != 0).any()
    assert (frames.grad != 2 * first).any()
    with torch.no_grad():
        assert not read(network, random_batch(), ["conv1"])["conv1"].requires_grad


def test_clips_do_not_depend_on_who_stands_beside_them(network):
    batch = random_batch()
    together = read(network, batch, ["conv2"])["conv2"]
    for number in range(3):
        alone = read(network, ClipBatch(frames=batch.frames[number, None]), ["conv2"])["conv2"]
        torch.testing.assert_close(alone[0], together[number])


def test_an_error_of_the_model_passes_through_and_no_hook_stays(network):
    network.model.conv2.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read(network, random_batch(), ["conv1", "fc"])
    assert _hooks(network) == 0


class Guarded(nn.Module):
    """Goes on whatever happens inside, and looks at values."""

    def __init__(self):
        super().__init__()
        self.inner, self.late = Chain(), Counter()

    def forward(self, frames):
        try:
            scores = self.inner(frames)
        except Exception:
            scores = torch.zeros(len(frames), 2)
        return self.late(scores) if frames.sum().item() < 1e9 else scores


def test_a_model_that_catches_exceptions_is_stopped_all_the_same():
    network = network_of(Guarded())
    assert read(network, random_batch(), ["inner.conv1"])["inner.conv1"].shape[1] == 5
    assert network.model.late.calls == 0


def test_threads_that_share_a_network_read_their_own_clips(network):
    batches = [random_batch(seed=seed) for seed in range(2)]
    alone = [read(network, batch, ["conv1", "conv2"])["conv2"] for batch in batches]
    wrong = []

    def many(number):
        for _ in range(20):
            found = read(network, batches[number], ["conv1", "conv2"])["conv2"]
            if not torch.allclose(found, alone[number]):
                wrong.append(number)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert _hooks(network) == 0


# Refusal


class Recurring(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.relu = nn.Conv3d(3, 3, 1), nn.Conv3d(3, 2, 1), nn.ReLU()
        self.last = nn.Flatten()

    def forward(self, frames):
        x = self.relu(self.conv2(self.relu(self.conv1(frames))))
        return self.last(x.mean(dim=(2, 3, 4)))


@pytest.mark.parametrize("layers", [["relu"], ["relu", "conv2"]], ids=str)
def test_refuses_a_layer_that_answers_more_than_once(layers):
    network = network_of(Recurring())
    with pytest.raises(ClipError, match="relu answers more than once"):
        read(network, random_batch(), layers)
    assert _hooks(network) == 0


def test_refuses_it_also_where_the_model_can_not_be_rehearsed():
    class LooksAtValues(Recurring):
        def forward(self, frames):
            assert frames.sum().item() > 0
            return super().forward(frames)

    network = network_of(LooksAtValues())
    assert habits_of(network).counts == {}
    with pytest.raises(ClipError, match="relu answers more than once"):
        read(network, random_batch(), ["relu", "last"])


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(3, 2, batch_first=True)
        self.tokens = nn.LayerNorm(3)
        self.long = nn.Conv1d(3, 2, 3)
        self.fc = nn.Linear(2, 2)

    def forward(self, frames):
        x = self.tokens(frames.mean(dim=(3, 4)).movedim(1, 2))
        self.long(x.movedim(1, 2))
        return self.fc(self.recurrent(x)[0][:, -1])


def test_a_layer_along_time_alone_has_one_row_and_column():
    assert read(network_of(Odd()), random_batch(), ["long"])["long"].shape == (3, 2, 2, 1, 1)


@pytest.mark.parametrize(
    ("layer", "message"),
    [("recurrent", "tuple"), ("tokens", "tokens"), ("unused", "does not answer")],
)
def test_refuses_answers_that_are_not_maps(layer, message):
    model = Odd()
    model.unused = nn.ReLU()
    with pytest.raises(ClipError, match=message):
        read(network_of(model), random_batch(), [layer])


@pytest.mark.parametrize("layer", ["relu", "unused"])
def test_watching_refuses_what_reading_refuses(layer):
    model = Recurring()
    model.unused = nn.ReLU()
    with pytest.raises(ClipError, match=f"layer {layer} "):
        watch(network_of(model), random_batch(), [layer], lambda name, answer: None)


def test_an_error_of_the_looker_passes_through_and_no_hook_stays(network):
    with pytest.raises(ZeroDivisionError):
        watch(network, random_batch(), ["conv1"], lambda name, answer: 1 / 0)
    assert _hooks(network) == 0


@pytest.mark.parametrize(
    ("layers", "message"), [([], "no layer is asked for"), (["conv"], "near: conv1, conv2")]
)
def test_refuses_layers_that_are_not_there(network, layers, message):
    with pytest.raises(UnknownNameError, match=message):
        read(network, random_batch(), layers)
    assert network.model.late.calls == 0


def test_refuses_a_batch_without_the_stream_that_the_network_takes():
    spec = ClipSpec(streams=("flow",), frames=4, size=(8, 8), short_side=8)
    network = network_of(nn.Sequential(nn.Conv3d(2, 2, 1)), spec=spec)
    with pytest.raises(ClipError, match="the network takes flow"):
        read(network, random_batch(SPEC), ["0"])
