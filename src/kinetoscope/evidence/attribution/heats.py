"""How is heat kept, where is it strongest, and how much of it is drawn in full colour?

Heat is kept in half precision, as parts of its largest: three digits over five decades, at half
the room. What is drawn in full colour is one number for all clips of a method, so that they can be
compared: few pixels of a heat map are much stronger than all others, and would make the rest fade.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from kinetoscope.tensors import Heat
from kinetoscope.units.receptive import Box

_STRONG = 0.995  # of the pixels of a clip are below what is strong in it
_CLIPS = 0.9  # of the clips have nothing stronger than what is drawn in full colour
_BOX = 8  # the strongest box is this part of the clip along each side
_LARGEST = "largest"


def keep_heats(path: Path, heats: Mapping[str, Heat]) -> None:
    """Write heat by name as safetensors, each as parts of its largest, which stand in the header.

    Args:
        path: of the file.
        heats: by name.
    """
    largest = {name: float(heat.abs().max()) for name, heat in heats.items()}
    parts = {
        name: (heat / (largest[name] or 1.0)).half().contiguous() for name, heat in heats.items()
    }
    save_file(parts, path, metadata={_LARGEST: json.dumps(largest, sort_keys=True)})


def kept_heats(path: Path) -> dict[str, Heat]:
    """Read what `keep_heats` has written, in units of the objective."""
    with safe_open(path, "pt") as file:
        largest = json.loads(file.metadata()[_LARGEST])
        return {name: file.get_tensor(name).float() * largest[name] for name in file.keys()}  # noqa: SIM118 - not a dictionary


def strong_heat(heat: Heat) -> float:
    """How strong heat is in a clip, without sign, but for the few strongest pixels."""
    sizes = heat.abs().flatten()
    strong = float(sizes.kthvalue(max(1, round(_STRONG * len(sizes)))).values)
    return strong or float(sizes.max())


def full_colour(strong: Sequence[float]) -> float:
    """What is drawn in full colour in all of some clips.

    Args:
        strong: how strong heat is in each.

    >>> full_colour([1.0, 2.0, 3.0, 100.0])
    3.0
    """
    some = [each for each in strong if each > 0]
    return float(np.quantile(some, _CLIPS, method="lower")) if some else 1.0


def strongest_box(heat: Heat) -> Box:
    """Where most speaks for the objective: an eighth of the clip along each side.

    The place of the largest single pixel is chance in maps that are found pixel by pixel; boxes
    of one size have a mean that is not.

    Returns:
        From and to of frames, rows and columns; the first, if several are as strong.
    """
    sides = [max(1, length // _BOX) for length in heat.shape]
    means = F.avg_pool3d(heat.clamp(min=0)[None, None], sides, stride=1)[0, 0]
    place = [int(each) for each in torch.unravel_index(means.argmax(), means.shape)]
    time, rows, columns = ((start, start + side) for start, side in zip(place, sides, strict=True))
    return time, rows, columns
