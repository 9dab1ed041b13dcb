"""Light and dark videos in two folders, and a network that has learnt nothing of them."""

import torch

from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4

LABELS = ("dark", "light")


def write_videos(folder, each=3, first=0):
    """A folder a class."""
    for place, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + each):
            level = torch.tensor(60 + 100 * place + 5 * number, dtype=torch.uint8)
            write_mp4(
                folder / label / f"{label}{number}.mp4",
                level.expand(8, 64, 64, 3).contiguous(),
                8.0,
            )
    return folder


def save_weights(folder, seed=0):
    """In a folder as `kinetoscope train` writes them."""
    torch.manual_seed(seed)
    network = build_network("two_stream_small_toy", labels=LABELS)
    save_network(network, folder / "weights.safetensors")
    return folder
