"""Which weights does a network of MatConvNet have, and under which names?

MatConvNet saves a chain of layers (SimpleNN), each with its filters, or a graph (DagNN), whose
parameters are named by their layer and `f` for filters or `b` for biases. Filters lie as height,
width, before, after, and those over time as height, width, time, before, after: here they become
PyTorch's. Fully connected layers are convolutions there as they are here. Pictures are RGB from 0
to 255, flow is its JPEG, u and v in turn, and from both a mean is subtracted that is in the file.

Source: Vedaldi and Lenc, "MatConvNet: Convolutional Neural Networks for MATLAB", ACM Multimedia
2015; names of the two-stream networks are those of the authors' `twostreamfusion`
(`cnn_ucf101_fusion.m`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinetoscope.networks.files.pickled import DamagedError

ORDERS = {4: (3, 2, 0, 1), 5: (4, 3, 2, 0, 1)}
"""Axes of MatConvNet's filters in PyTorch's order: after, before, (time,) height, width."""

PARAMETER = re.compile(r"(?P<layer>.+?)(?P<kind>[fb])(?P<tower>_spatial|_temporal)?$")

UNNAMED = "layer"
"""What begins the name of a layer that had none: the authors put one in as the last."""


@dataclass(frozen=True)
class MatConvNet:
    """A network of MatConvNet.

    Args:
        arrays: its weights in PyTorch's order of axes, as `conv1_1.weight` or
            `spatial.conv1_1.weight`.
        mean: what is subtracted of each channel of its input, from 0 to 255.
        labels: the name of each score, where the file says.
    """

    arrays: dict[str, np.ndarray]
    mean: tuple[float, ...] | None
    labels: tuple[str, ...] | None


def read_matconvnet(variables: Mapping[str, Any]) -> MatConvNet:
    """Find a network among the variables of a file of MATLAB.

    Raises:
        DamagedError: there is none.
    """
    net = variables.get("net", variables)
    params, layers = _listed(_within(net, "params")), _listed(_within(net, "layers"))
    if not params and not layers:
        raise DamagedError(f"a file of MATLAB with {', '.join(variables) or 'nothing'} in it")
    named = _of_graph(params) if params else _of_chain(layers)
    if not named:
        raise DamagedError("a network of MatConvNet without weights")
    meta = net.get("meta", net)  # older files have both beside the layers
    return MatConvNet(
        arrays={name: _turned(array) for name, array in named.items()},
        mean=_mean(_within(meta, "normalization", "averageImage")),
        labels=_labels(_within(meta, "classes")),
    )


def _of_graph(params: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    found = {}
    for each in params:
        name, value = _within(each, "name"), _within(each, "value")
        match = PARAMETER.match(name) if isinstance(name, str) else None
        if match and isinstance(value, np.ndarray):
            tower = f"{match['tower'][1:]}." if match["tower"] else ""
            kind = "weight" if match["kind"] == "f" else "bias"
            found[f"{tower}{_layer(match['layer'])}.{kind}"] = value
    return found


def _of_chain(layers: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    found = {}
    for number, each in enumerate(layers, 1):
        if not _is(each.get("type"), "conv"):
            continue
        weights = each.get("weights", [each.get("filters"), each.get("biases")])
        name = each.get("name")
        name = _layer(name if isinstance(name, str) and name else f"{UNNAMED}{number}")
        for kind, value in zip(("weight", "bias"), _cells(weights), strict=False):
            if isinstance(value, np.ndarray) and value.size:
                found[f"{name}.{kind}"] = value
    return found


def _layer(name: str) -> str:
    """The layer's name; one that had none is the last, and scores labels.

    >>> _layer("conv5_3"), _layer("layer39")
    ('conv5_3', 'fc8')
    """
    return "fc8" if re.fullmatch(rf"{UNNAMED}\d+|prediction", name) else name


def _turned(array: np.ndarray) -> np.ndarray:
    """Filters with PyTorch's order of axes; biases as one row.

    MATLAB drops axes of one channel at the end; filters have four or more.
    """
    if array.ndim <= 2 and 1 in array.shape:  # a row or a column
        return np.ascontiguousarray(array.reshape(-1))
    order = ORDERS.get(max(array.ndim, 4))
    if order is None:
        raise DamagedError(f"filters of the shape {array.shape}")
    array = array.reshape(array.shape + (1,) * (len(order) - array.ndim))
    return np.ascontiguousarray(array.transpose(order))


def _mean(image: Any) -> tuple[float, ...] | None:
    """The mean of each channel: some files have a whole picture of means."""
    if not isinstance(image, np.ndarray) or image.size == 0:
        return None
    if image.ndim < 3:  # one number a channel
        return tuple(float(n) for n in image.reshape(-1))
    return tuple(float(n) for n in image.mean(axis=(0, 1)))


def _labels(classes: Any) -> tuple[str, ...] | None:
    for names in (_within(classes, "description"), _within(classes, "name"), classes):
        if isinstance(names, list) and names and all(isinstance(each, str) for each in names):
            return tuple(names)
    return None


def _within(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _listed(value: Any) -> list[dict[str, Any]]:
    """The structures of a row of them, or of cells; a single one is no row in MATLAB."""
    return [each for each in _cells(value) if isinstance(each, dict)]


def _cells(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is(value: Any, text: str) -> bool:
    return isinstance(value, str) and value == text  # numbers have no truth to compare by
