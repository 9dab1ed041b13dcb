import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetoscope.errors import UnknownNameError
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import (
    Channel,
    Direction,
    Label,
    Neuron,
    Objective,
    Together,
    activation,
    direction,
    features,
    label,
    neuron,
)
from kinetoscope.units.reading import SCORES, read_normalized
from kinetoscope.units.rehearsal import blank_batch
from kinetoscope.units.unit import Unit

layers = st.from_regex(r"[a-z][a-z0-9_]{0,5}(\.[a-z0-9]{1,4}){0,2}", fullmatch=True)
places = st.one_of(st.none(), st.tuples(*[st.integers(0, 99)] * 3))
names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")))
goals = st.one_of(
    st.builds(Channel, layers, st.integers(0, 4000)),
    st.builds(Neuron, layers, st.integers(0, 4000), places),
    st.builds(Label, names.filter(lambda name: name.strip())),
    st.builds(
        Direction,
        layers,
        st.lists(st.floats(-9, 9), min_size=1, max_size=4).map(tuple),
        st.sampled_from([0.0, 2.0]),
    ),
)
weights = st.sampled_from([1.0, -1.0, 0.5, -2.0, 3.25])
# The shape checks of tests draw which item of a tuple they look at.
CHECKED = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
terms = st.lists(st.tuples(weights, goals), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network("c3d_toy", labels=["a", "apply lipstick", "tai-chi"]).eval()


@pytest.fixture(scope="module")
def answers(network):
    noise = torch.Generator().manual_seed(0)
    batch = blank_batch(network.expects, network.device)
    batch.frames.normal_(generator=noise)
    with torch.inference_mode():
        return read_normalized(network, batch, ["conv3a.conv", "conv2a.conv", "fc6", SCORES])


@CHECKED
@given(terms)
@settings(max_examples=100, deadline=None)
def test_what_is_written_can_be_read(asked):
    objective = Objective(tuple(asked))
    assert Objective.parse(str(objective)) == objective


@CHECKED
@given(terms, terms)
@settings(max_examples=50, deadline=None)
def test_two_objectives_have_two_folders(mine, theirs):
    first, second = Objective(tuple(mine)), Objective(tuple(theirs))
    assert (first.file_name == second.file_name) == (str(first) == str(second))
    assert not set(first.file_name) & set(':/\\*"<>|? ')


def test_a_unit_keeps_its_folder():
    assert activation(Unit("slow.res5.2", 17)).file_name == "slow.res5.2-17"


def test_values_are_what_the_definitions_say(network, answers):
    conv = answers["conv3a.conv"]
    time, row, column = (side // 2 for side in conv.shape[2:])
    vector = torch.randn(conv.shape[1])
    along = torch.einsum("cthw,c->thw", conv[1], vector / vector.norm())
    target = conv[0]
    expected = {
        activation(Unit("conv3a.conv", 2)): conv[1, 2].mean(),
        neuron(Unit("conv3a.conv", 2)): conv[1, 2, time, row, column],
        neuron(Unit("conv3a.conv", 1), (0, 1, 2)): conv[1, 1, 0, 1, 2],
        label("apply lipstick"): answers[SCORES][1, 1],
        direction("conv3a.conv", vector.tolist()): along.mean(),
        features("conv3a.conv", target): -(conv[1] - target).square().sum() / target.square().sum(),
    }
    for objective, value in expected.items():
        both = Together(network, [objective, objective])
        torch.testing.assert_close(both.values(answers)[1], value)


def test_sums_scale_and_subtract(network, answers):
    parts = [activation(Unit("conv3a.conv", 0)), neuron(Unit("conv2a.conv", 1)), label("tai-chi")]
    one, two, three = (Together(network, [part, part]).values(answers) for part in parts)
    whole = 0.5 * parts[0] - parts[1] + 2 * parts[2]
    torch.testing.assert_close(
        Together(network, [whole, whole]).values(answers), 0.5 * one - two + 2 * three
    )
    torch.testing.assert_close(Together(network, [-parts[0], parts[0]]).values(answers)[0], -one[0])


def test_each_clip_has_its_own_objective_whatever_stands_beside_it(network, answers):
    asked = [label("a") - 2 * activation(Unit("conv3a.conv", 3)), neuron(Unit("conv2a.conv", 2))]
    together = Together(network, asked).values(answers)
    for place, objective in enumerate(asked):
        alone = Together(network, [objective, objective]).values(answers)
        torch.testing.assert_close(together[place], alone[place])


def test_goals_are_divided_by_their_scales(network, answers):
    objective = activation(Unit("conv3a.conv", 0)) + label("a")
    scales = {Channel("conv3a.conv", 0): 4.0}
    scaled = Together(network, [objective] * 2, scales).values(answers)
    expected = answers["conv3a.conv"][:, 0].flatten(1).mean(1) / 4 + answers[SCORES][:, 0]
    torch.testing.assert_close(scaled, expected)


def test_peaks_are_the_largest_answer_where_one_unit_is_wanted(network, answers):
    unit = activation(Unit("conv3a.conv", 1))
    peaks = Together(network, [unit, -unit]).peaks(answers)
    maps = answers["conv3a.conv"][:, 1].flatten(1)
    torch.testing.assert_close(peaks, torch.stack([maps[0].amax(), -maps[1].mean()]))


def test_a_layer_without_places_has_one(network, answers):
    objective = activation(Unit("fc6", 3))
    torch.testing.assert_close(
        Together(network, [objective] * 2).values(answers), answers["fc6"].flatten(1)[:, 3]
    )


def test_the_power_of_the_cosine_asks_for_nothing_else(network, answers):
    vector = [1.0] * answers["conv3a.conv"].shape[1]
    plain, strict = (
        Together(network, [direction("conv3a.conv", vector, cosine_power=power)] * 2).values(
            answers
        )
        for power in (0.0, 2.0)
    )
    assert (strict.abs() < plain.abs()).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fusion", "no objective"),
        ("fusion:17 fusion:18", "no objective"),
        ("fusion:17@3", "no objective"),
        ("2 *", "no objective"),
        ("", "empty"),
    ],
    ids=["a layer", "no sign", "half a place", "no goal", "nothing"],
)
def test_refuses_what_is_no_objective(text, message):
    with pytest.raises(UnknownNameError, match=message):
        Objective.parse(text)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (label("aply lipstick"), "near: apply lipstick"),
        (activation(Unit("conv3", 0)), "near: conv3"),
    ],
    ids=["label", "layer"],
)
def test_refuses_what_the_network_does_not_have(network, objective, message):
    with pytest.raises(UnknownNameError, match=message):
        Together(network, [objective])


def test_refuses_a_place_outside_the_layer(network, answers):
    objective = neuron(Unit("conv3a.conv", 0), (99, 0, 0))
    with pytest.raises(UnknownNameError, match="no such place"):
        Together(network, [objective] * 2).values(answers)


def test_features_are_read_as_words_and_can_not_be_looked_for(network):
    objective = Objective.parse(str(features("conv3a.conv", torch.ones(2), name="a clip.mp4")))
    assert str(objective) == "conv3a.conv:features of a clip.mp4"
    with pytest.raises(UnknownNameError, match="not at hand"):
        objective.bound(network)


def test_refuses_a_vector_without_direction():
    with pytest.raises(UnknownNameError, match="no direction"):
        direction("conv3a.conv", [0.0, 0.0])
