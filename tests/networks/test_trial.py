import pytest
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.networks.trial import count_labels, find_spec, layers_worth_looking_at, run

SMALL = ClipSpec(frames=4, short_side=16, size=(16, 16))


def head(before, labels=2):
    return nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(before, labels))


class Both(nn.Module):
    """Takes flow, then frames."""

    def __init__(self):
        super().__init__()
        self.motion, self.appearance = nn.Conv3d(2, 4, 3), nn.Conv3d(3, 4, 3)
        self.head = head(4)

    def forward(self, flow, frames):
        return self.head(self.motion(flow) + self.appearance(frames))


class Counting(nn.Module):
    """Computes with values, which the meta device can't."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv3d(3, 4, 3), head(4)
        self.weighted = torch.ones(4, 1, 1, 1)  # neither a weight nor a buffer

    def forward(self, frames):
        x = self.conv(frames) * self.weighted
        return self.head(x if x.mean().item() < 1e9 else -x)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(True))
        self.second = nn.Conv3d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.second(self.first(x)) + x)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = head(4)  # registered first, computed last
        self.stem = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU())
        self.stage = nn.Sequential(Block(), Block())
        self.pool = nn.MaxPool3d(2)

    def forward(self, frames):
        return self.head(self.pool(self.stage(self.stem(frames))))


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Sequential(nn.Conv3d(3, 4, 3), head(4)), ClipSpec()),
        (nn.Sequential(nn.Conv3d(2, 4, 3), head(4)), ClipSpec(streams=("flow",))),
        (Both(), ClipSpec(streams=("flow", "frames"))),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 224 * 224, 2, device="meta")),
            ClipSpec(frames=8, short_side=256, size=(224, 224)),
        ),
    ],
    ids=["frames", "flow", "flow and frames", "of one size"],
)
def test_the_clips_that_a_module_takes_are_found(module, expected):
    assert find_spec(module, "mine") == expected


def test_layers_are_found_in_the_order_of_computation():
    assert layers_worth_looking_at(Residual(), SMALL) == (
        "stem",
        "stage.0.first",
        "stage.0.second",
        "stage.0",
        "stage.1.first",
        "stage.1.second",
        "stage.1",
        "pool",
        "head.0",
        "head",
    )


def test_a_module_that_computes_with_values_is_run_in_earnest():
    assert layers_worth_looking_at(Counting(), SMALL) == ("conv", "head.0", "head")
    assert count_labels(Counting(), SMALL, "mine") == 2


def test_a_module_is_left_as_it_was():
    module = Residual().train()
    module.stage.eval()
    modes = [each.training for each in module.modules()]
    state = {name: each.clone() for name, each in module.state_dict().items()}
    random = torch.random.get_rng_state()
    layers_worth_looking_at(module, SMALL)
    assert [each.training for each in module.modules()] == modes
    assert all(torch.equal(state[name], each) for name, each in module.state_dict().items())
    assert all(weight.grad is None for weight in module.parameters())
    assert not any(each._forward_hooks for each in module.modules())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert module.stem[2].inplace is False
    assert module.stage[0].relu.inplace is True


def test_nothing_is_computed_where_shapes_are_enough():
    answer = run(Residual(), SMALL)
    assert answer.device.type == "meta"


def test_refuses_a_module_that_takes_none_of_the_usual_clips():
    pictures = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ClipError, match=r"frames of 16 x 112 x 112: .*(\n.*)*FrameByFrame"):
        find_spec(pictures, "pictures")


def test_refuses_a_module_that_takes_three_things():
    class Three(nn.Module):
        def forward(self, frames, flow, sound):
            return frames

    with pytest.raises(ClipError, match="neither one stream nor two"):
        find_spec(Three(), "three")


class Answers(nn.Module):
    """Answers what it was shown, and nothing else."""

    def forward(self, frames):
        return (frames,)


@pytest.mark.parametrize(
    ("module", "found"),
    [(nn.Conv3d(3, 4, 3), r"\(1, 4, 2, 14, 14\)"), (Answers(), "tuple")],
    ids=["maps", "tuple"],
)
def test_refuses_what_are_not_scores(module, found):
    with pytest.raises(ClipError, match=f"does not answer scores\n  got:      {found}"):
        count_labels(module, SMALL, "mine")


def test_refuses_clips_that_a_module_does_not_take():
    with pytest.raises(
        ClipError, match=r"mine does not take the clips .*\n  got:      frames of 4"
    ):
        count_labels(nn.Conv2d(3, 4, 3), SMALL, "mine")
