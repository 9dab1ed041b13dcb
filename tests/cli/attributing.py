"""What attribution is asked of on the command line: a small network of both streams, and videos."""

import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from tests.squares import COLOURS, videos_of_squares


def two_streams(folder):
    """A network, and a catalog whose last video can't be read."""
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=sorted(COLOURS))
    save_network(network, folder / "trained" / "weights.safetensors")
    return folder / "trained", videos_of_squares(folder / "videos", train=1, test=0, broken=1)


def attribute(*arguments):
    return CliRunner().invoke(main, ["attribute", *map(str, arguments)])
