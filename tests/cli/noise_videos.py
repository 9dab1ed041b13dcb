"""A catalog of noise in two colours, and an untrained network for it."""

import csv

import torch

from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4


def noise_catalog(folder):
    """Three short videos of each of two labels, and a file that is none, listed in a csv."""
    generator = torch.Generator().manual_seed(0)
    rows = [("path", "label")]
    for number in range(6):
        pictures = torch.randint(0, 256, (8, 64, 64, 3), generator=generator, dtype=torch.uint8)
        pictures[..., number % 2] = 255
        write_mp4(folder / f"{number}.mp4", pictures, 8.0)
        rows.append((f"{number}.mp4", ["red", "green"][number % 2]))
    (folder / "broken.mp4").write_text("not a video")
    rows.append(("broken.mp4", "green"))
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def noise_network(folder):
    """Its folder of weights; it has a label more than the catalog."""
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=["red", "green", "blue"])
    save_network(network, folder / "weights.safetensors")
    return folder
