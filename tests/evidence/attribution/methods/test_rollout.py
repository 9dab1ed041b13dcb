"""Attention rolled out: by hand, in whatever form attention is written, or refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.methods.rollout import AttentionRollout, rolled_out
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit

SPEC = ClipSpec(frames=4, short_side=8, size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)
LABELS = ("walk", "run")

# How much each token takes from each: four places, in two moments of two columns.
FIRST = torch.tensor(
    [[0.7, 0.1, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.2, 0.2, 0.3, 0.3]]
)
SECOND = torch.tensor(
    [[0.1, 0.1, 0.4, 0.4], [0.1, 0.7, 0.1, 0.1], [0.3, 0.3, 0.3, 0.1], [0.1, 0.2, 0.3, 0.4]]
)
FORMS = ("fused", "written", "einsum", "module", "module with weights")


class Planted(nn.Module):
    """Attention that is set by hand: each token carries its own number, and asks by it."""

    def __init__(self, mixing, form):
        super().__init__()
        self.form, count = form, len(mixing)
        self.asked = nn.Parameter(mixing.log())  # of one token (row) for each other (column)
        if form.startswith("module"):
            self.heads = nn.MultiheadAttention(count, 1, batch_first=True, bias=False)
            with torch.no_grad():
                parts = (self.asked.T * count**0.5, torch.eye(count), torch.zeros(count, count))
                self.heads.in_proj_weight.copy_(torch.cat(parts))
                self.heads.out_proj.weight.zero_()

    def forward(self, x):
        if self.form.startswith("module"):
            return x + self.heads(x, x, x, need_weights="weights" in self.form)[0]
        query, key, value = (each[:, None] for each in (x @ self.asked, x, 0 * x))
        if self.form == "fused":
            found = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        elif self.form == "written":
            found = (query @ key.transpose(-2, -1)).softmax(-1) @ value
        else:
            weights = torch.einsum("nhic,nhjc->nhij", query, key).softmax(-1)
            found = torch.einsum("nhij,nhjc->nhic", weights, value)
        return x + found[:, 0]


class Transformer(nn.Module):
    """Tokens that hold nothing but their number, through blocks of planted attention."""

    def __init__(self, blocks, places):
        super().__init__()
        self.blocks, self.places = nn.Sequential(*blocks), places
        self.label = nn.Linear(places, 2)

    def forward(self, frames):
        numbers = torch.eye(self.places).expand(len(frames), -1, -1)
        return self.label(self.blocks(numbers + 0 * frames.mean()).mean(1))


def question_of(*blocks, before=0, size=(2, 1, 2), order="time height width"):
    grid = TokenGrid(size=size, before=before, order=order)
    model = Transformer(blocks, before + size[0] * size[1] * size[2])
    network = Network(
        model, labels=LABELS, expects=SPEC, name="planted", layers=["label"], tokens=grid
    ).eval()
    clip = Clip(frames=torch.rand(3, 4, 8, 8, generator=torch.Generator().manual_seed(0)))
    return Question.about(network, clip, label("run"))


def multiplied(*blocks):
    """The definition, written out: from the first block to the last."""
    found = torch.eye(len(blocks[0]))
    for mixing in blocks:
        both = 0.5 * mixing + 0.5 * torch.eye(len(mixing))
        found = (both / both.sum(1, keepdim=True)) @ found
    return found


def test_two_tokens_by_hand():
    first, second = torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([[0.0, 1], [1, 0]])
    # Halved with what stays: [[1, 0], [1/2, 1/2]], then [[1/2, 1/2], [1/2, 1/2]].
    assert rolled_out([first, second], read_at=0).tolist() == [0.75, 0.25]
    assert rolled_out([first], read_at=None).tolist() == [0.75, 0.25]
    assert rolled_out([first], read_at=1).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_write_attention_is_caught(form):
    question = question_of(Planted(FIRST, form), Planted(SECOND, form))
    AttentionRollout().check(question.network, question.objective)
    found = AttentionRollout().answer(question)
    expected = multiplied(FIRST, SECOND).mean(0).reshape(2, 1, 2)
    torch.testing.assert_close(found.native["frames"], expected)
    assert found.heat["frames"].shape == (4, 8, 8)
    assert found.facts == {"blocks": 2.0, "without place": 0.0}
    assert found.value == pytest.approx(question.value)


def test_a_class_token_is_read_where_there_is_one():
    question = question_of(
        Planted(FIRST, "fused"), Planted(SECOND, "fused"), before=1, size=(3, 1, 1)
    )
    found = AttentionRollout().answer(question)
    expected = multiplied(FIRST, SECOND)[0]
    torch.testing.assert_close(found.native["frames"].flatten(), expected[1:])
    assert found.facts["without place"] == pytest.approx(expected[0].item())


def test_tokens_lie_where_the_network_says():
    question = question_of(Planted(FIRST, "fused"), order="width height time")
    found = AttentionRollout().answer(question).native["frames"]
    torch.testing.assert_close(found[:, 0].T.flatten(), multiplied(FIRST).mean(0))


def test_heads_are_averaged():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.asked = nn.Parameter(torch.stack([FIRST, SECOND]).log())

        def forward(self, x):
            query = x[:, None] @ self.asked
            key = x[:, None].expand_as(query)
            return x + F.scaled_dot_product_attention(query, key, 0 * key, scale=1.0).sum(1)

    found = AttentionRollout().answer(question_of(TwoHeads()))
    expected = multiplied((FIRST + SECOND) / 2).mean(0)
    torch.testing.assert_close(found.native["frames"].flatten(), expected)


def test_it_is_the_same_for_every_objective():
    question = question_of(Planted(FIRST, "fused"), Planted(SECOND, "fused"))
    goals = label("walk"), activation(Unit("label", 1)), activation(Unit("blocks.0", 1))
    expected = AttentionRollout().answer(question).heat["frames"]
    for goal in goals:
        found = AttentionRollout().answer(question.asking(goal))
        assert torch.equal(found.heat["frames"], expected)
        assert found.value == pytest.approx(question.asking(goal).value)


def test_the_fast_path_of_torch_comes_back():
    question = question_of(Planted(FIRST, "fused"))
    question.network.model.label.register_forward_pre_hook(_fail)
    with pytest.raises(RuntimeError, match="inside"):
        AttentionRollout().answer(question)
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def _fail(*given):
    raise RuntimeError("inside")


class Windowed(nn.Module):
    """Attention among every two tokens."""

    def forward(self, x):
        halves = x.unflatten(1, (2, -1))
        return x + F.scaled_dot_product_attention(halves, halves, halves).flatten(1, 2)


class Pooled(nn.Module):
    """Attention to the mean of every two tokens."""

    def forward(self, x):
        means = x.unflatten(1, (2, -1)).mean(2)
        return x + F.scaled_dot_product_attention(x, means, means)


@pytest.mark.parametrize(
    ("blocks", "got"),
    [
        ([nn.Identity()], "no attention"),
        ([Windowed()], "of 2 tokens to 2"),
        ([Planted(FIRST, "fused"), Pooled()], "of 4 tokens to 2"),
    ],
    ids=["none", "windowed", "pooled"],
)
def test_what_can_not_be_multiplied_through_is_refused(blocks, got):
    question = question_of(*blocks)
    with pytest.raises(ClipError, match=got):
        AttentionRollout().check(question.network, question.objective)


def test_a_network_that_does_not_say_where_its_tokens_lie_is_refused():
    question = question_of(Planted(FIRST, "fused"))
    question.network.tokens = None
    with pytest.raises(ClipError, match=r"(?s)no grid of tokens.*TokenGrid"):
        AttentionRollout().check(question.network, label("run"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["videomae", "vivit"])
def test_as_transformers_tells_its_own_attention(kind, tmp_path):
    pytest.importorskip("transformers")
    from kinetoscope.networks.others.hugging_face import open_network
    from tests.networks.others.made_classifiers import save

    save(kind, tmp_path)
    network = open_network(str(tmp_path))
    size = (3, network.expects.frames, *network.expects.size)
    clip = Clip(frames=torch.rand(size, generator=torch.Generator().manual_seed(0)))
    found = AttentionRollout().answer(Question.about(network, clip, label("run")))

    theirs = network.model.model
    theirs.set_attn_implementation("eager")
    batch = network.normalize(ClipBatch.of([clip], network.expects))
    with torch.no_grad():
        told = theirs(batch.frames.transpose(1, 2), output_attentions=True).attentions
    whole = multiplied(*[each[0].mean(0) for each in told])
    before = network.tokens.before
    expected = whole[0, 1:] if before else whole.mean(0)
    torch.testing.assert_close(found.native["frames"].flatten(), expected, rtol=1e-4, atol=1e-6)
