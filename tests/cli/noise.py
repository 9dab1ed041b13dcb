"""Short videos of noise, a network of random weights, and verbs that are run on both."""

import csv

import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4


def write_noise(folder):
    """Three short videos, listed in a csv, and weights of a network that takes them."""
    generator = torch.Generator().manual_seed(0)
    rows = [("path", "label")]
    for number in range(3):
        pictures = torch.randint(0, 256, (8, 64, 64, 3), generator=generator, dtype=torch.uint8)
        write_mp4(folder / f"{number}.mp4", pictures, 8.0)
        rows.append((f"{number}.mp4", "noise" if number else "other"))
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    network = build_network("two_stream_small_toy", labels=["noise", "other", "b"])
    save_network(network, folder / "weights" / "weights.safetensors")
    return folder


def run_on(folder, verb, *arguments):
    """Run a verb; what it finds goes to the folder `look`."""
    words = [verb, folder / "weights", folder, *arguments, "--out", folder / "look"]
    return CliRunner().invoke(main, [str(word) for word in words])
