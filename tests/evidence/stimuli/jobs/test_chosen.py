import pytest
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.stimuli.jobs.chosen import choose, layers_worth_maximizing, read_words
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.early = nn.Conv3d(3, 2, 3, padding=1)
        self.pool = nn.MaxPool3d(2)
        self.late = nn.Conv3d(2, 4, 3, padding=1)
        self.fc = nn.Linear(4, 3)

    def forward(self, frames):
        return self.fc(self.late(self.pool(self.early(frames))).mean(dim=(2, 3, 4)))


@pytest.fixture(scope="module")
def small():
    return Network(
        Small(),
        labels=["walk", "run", "apply lipstick"],
        expects=ClipSpec(frames=4, short_side=8, size=(8, 8)),
        name="small",
        layers=["early", "pool", "late"],
    ).eval()


def chosen(network, *words, scan=None):
    return [str(each) for each in choose(network, read_words(words), scan)]


def test_a_layer_stands_for_all_its_channels_by_number(small):
    assert chosen(small, "late") == ["late:0", "late:1", "late:2", "late:3"]


def test_labels_are_the_networks_in_its_order(small):
    assert chosen(small, "labels") == ["label:walk", "label:run", "label:apply lipstick"]


def test_what_is_asked_for_by_itself_comes_first_then_labels_then_layers_in_turn(small):
    assert chosen(small, "early", "late", "labels", "label:run", "late:3@centre", "late:3") == [
        *("label:run", "late:3@centre", "late:3"),
        *("label:walk", "label:apply lipstick"),
        *("late:0", "early:0", "late:1", "early:1", "late:2"),
    ]


def test_all_is_labels_and_every_layer_but_pools(small):
    assert layers_worth_maximizing(small) == ["early", "late"]
    assert chosen(small, "all") == chosen(small, "labels", "early", "late")


def test_a_scan_says_which_units_come_first_and_the_dead_come_last(network, scanned):
    """Of the three, one likes light, one dark, and the last is dead; their catalog has both."""
    assert scanned.channel_maxima("relu")[2] == 0
    assert sorted(chosen(network, "relu", scan=scanned)) == chosen(network, "relu")
    assert chosen(network, "relu", scan=scanned)[2] == "relu:2"


def test_words_are_read_before_there_is_a_network():
    assert read_words(["fusion", "labels"]) == ["fusion", "labels"]
    [neuron] = read_words(["fusion:1@centre"])
    assert isinstance(neuron, Objective)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("lat", "near: late"),
        ("lat:1", "near: late"),
        ("late:9", "late:0 to late:3"),
        ("label:wlak", "near: walk"),
        ("label:walk - 2 * late:9", "late:0 to late:3"),
        ("late:x", "such as fusion:17"),
        ("", "no layer is called"),
    ],
)
def test_refuses_what_the_network_does_not_have(small, word, message):
    with pytest.raises(UnknownNameError, match=message):
        chosen(small, word)
