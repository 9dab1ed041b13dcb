"""What the tests of networks share."""

import ast
import re
from pathlib import Path

import pytest
import torch

import kinetoscope.networks
from kinetoscope.clips.clip import ClipBatch

CHANNELS = {"frames": 3, "flow": 2}


@pytest.fixture
def clips_for():
    """Clips that a network expects: random ones, or on the meta device ones of a shape alone."""

    def make(network, count=1):
        spec, generator = network.expects, torch.Generator().manual_seed(0)
        meta = network.device.type == "meta"
        return ClipBatch(
            **{
                stream: torch.empty(shape, device="meta")
                if meta
                else torch.rand(shape, generator=generator)
                for stream in spec.streams
                for shape in [(count, CHANNELS[stream], spec.frames, *spec.size)]
            }
        )

    return make


@pytest.fixture
def shapes_of(clips_for):
    """The shape that each published layer answers to one clip, without the clip axis."""

    def run(network):
        found = {}

        def keep(name):
            def hook(module, taken, answer):
                tensor = (
                    answer[0] if isinstance(answer, tuple) else answer
                )  # tokens, and their grid
                found[name] = tuple(tensor.shape[1:])

            return hook

        handles = [network.layer(name).register_forward_hook(keep(name)) for name in network.layers]
        with torch.no_grad():
            network.eval()(clips_for(network))
        for handle in handles:
            handle.remove()
        return found

    return run


@pytest.fixture
def table_of():
    """The output shapes in the table of a network's docstring, a layer."""

    def read(module, *, column=0):
        (path,) = Path(kinetoscope.networks.__path__[0]).rglob(f"{module}.py")
        shapes, channels = {}, 0
        text = ast.get_docstring(ast.parse(path.read_text()))
        for line in text.partition("\n    layers ")[2].partition("\n\n")[0].splitlines():
            row = re.match(r"    (\S.*?)  +(\d+)?  +(\d+ x .*)", line)
            if row is None:
                continue
            channels = int(row[2] or channels)
            extents = re.findall(r"(\d+) x +(\d+)(?:²| x +(\d+))", row[3])
            time, height, width = extents[column]
            width = width or height
            for layer in _names(row[1]):
                shapes[layer] = (channels, int(time), int(height), int(width))
        return shapes

    return read


def _names(cell):
    """The layers of a table's first cell; `conv3_1 ... conv3_3` names the one between, too."""
    names = cell.split()
    if "..." in names:
        stem = names[0][:-1]
        return [f"{stem}{number}" for number in range(int(names[0][-1]), int(names[-1][-1]) + 1)]
    return names
