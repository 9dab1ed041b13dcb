import json
import re

import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network


def layers(*arguments):
    return CliRunner().invoke(main, ["layers", *arguments])


def test_prints_each_layer_with_what_it_sees():
    answered = layers("two_stream_small")
    assert answered.exit_code == 0
    row = next(line for line in answered.stdout.splitlines() if "fusion" in line)
    assert [cell.strip() for cell in re.split(r"  +", row.strip())] == [
        "fusion",
        "ConvFusion",
        "48",
        "8 x 8 x 8",
        "16 x 51 x 51",
        "2 x 8 x 8",
        "6 x 51 x 51",
        "16 x 51 x 51",
    ]


def test_as_json_it_is_the_same_for_a_name_and_for_saved_weights(tmp_path):
    network = build_network("two_stream_small_toy")
    save_network(network, tmp_path / "weights.safetensors")
    by_name = json.loads(layers("two_stream_small_toy", "--json").stdout)
    assert [layer["name"] for layer in by_name["layers"]] == list(network.layers)
    assert json.loads(layers(str(tmp_path), "--json").stdout) == by_name
    assert json.loads(layers(f"{tmp_path}/weights.safetensors", "--json").stdout) == by_name


def test_all_lists_more_than_the_published_layers():
    counts = [
        len(json.loads(layers("two_stream_small_toy", "--json", *more).stdout)["layers"])
        for more in ([], ["--all"])
    ]
    assert counts[0] < counts[1]


@pytest.mark.parametrize("name", ["c3", "no/such.safetensors"])
def test_refuses_a_network_that_is_not_there(name):
    answered = layers(name)
    assert answered.exit_code == 1
    assert name in answered.stderr
    assert "Traceback" not in answered.stderr
