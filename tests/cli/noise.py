"""Short videos of noise, a network of random weights, and verbs that are run on both."""

import csv

import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4


def write_noise(folder, labels, *, broken=None):
    """Videos `0.mp4` and so on, listed in a csv. A label is told by the colour that is full.

    Args:
        folder: that they are written to.
        labels: of each video; at most three different ones.
        broken: the label of `broken.mp4`, which is no video; None for no such file.
    """
    generator = torch.Generator().manual_seed(0)
    rows = [("path", "label")]
    for number, label in enumerate(labels):
        pictures = torch.randint(0, 256, (8, 64, 64, 3), generator=generator, dtype=torch.uint8)
        pictures[..., sorted(set(labels)).index(label)] = 255
        write_mp4(folder / f"{number}.mp4", pictures, 8.0)
        rows.append((f"{number}.mp4", label))
    if broken is not None:
        (folder / "broken.mp4").write_text("not a video")
        rows.append(("broken.mp4", broken))
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def write_network(folder, labels):
    """Weights of a small network of both streams, as `kinetoscope train` puts them."""
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=labels)
    save_network(network, folder / "weights.safetensors")
    return folder


def run_on(folder, verb, *arguments):
    """Run a verb on videos and the weights beside them; what it finds goes to the folder `look`."""
    words = [verb, folder / "weights", folder, *arguments, "--out", folder / "look"]
    return CliRunner().invoke(main, [str(word) for word in words])


def check_names_what_can_not_be_read(folder, verb, kind, *arguments):
    """One video of three is broken: it is named, and the rest is done."""
    (folder / "2.mp4").write_text("not a video")
    answered = run_on(folder, verb, *arguments)
    assert answered.exit_code == 1
    assert "2.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    assert (folder / "look" / "evidence" / kind / "evidence.json").is_file()
