"""How is the last layer of a two-stream network fitted as a support vector machine?

The towers stay as they are. What they tell of each video of a catalog, on average over its views,
is given to scikit-learn's linear machine, one against the rest for each label; what that finds
becomes the weights of a linear layer, so that the network is saved, loaded and run without it. Two
networks have such a layer: those with `fusion="svm"`, whose machine sees the probabilities of both
streams, and those with `fusion="bilinear"`, whose label layer sees the products of their channels.
Answers are margins then: the largest is right as often as before, but as probabilities they say
little.

Source: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in
Videos", NIPS 2014, section 5 (fusion by SVM); Feichtenhofer, Pinz, Zisserman, "Convolutional
Two-Stream Network Fusion for Video Action Recognition", CVPR 2016, section 3.1 (bilinear).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import reduce
from torch import Tensor

from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.open import open_entry_views
from kinetoscope.errors import CatalogError, KinetoscopeError, WeightsError
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.training.evaluate import label_places
from kinetoscope.training.progress import tracked
from kinetoscope.units.reading import read

_LAYERS = {"svm": ("svm.features", "svm.label"), "bilinear": ("fusion", "label.conv")}
"""By its fusion, where a network's features are read, and the layer that is fitted to them."""


@dataclass(frozen=True, kw_only=True)
class SVMFit:
    """What came of fitting a machine.

    Args:
        videos: how many it was fitted to.
        accuracy: how many of these it is right about, of 1.
        errors: a row for each video that could not be opened: its path and why.
    """

    videos: int
    accuracy: float
    errors: tuple[dict[str, str], ...] = ()


def fit_svm_fusion(
    network: Network,
    catalog: Catalog,
    *,
    clips: int = 1,
    cost: float = 1.0,
    seed: int = 0,
    progress: bool = False,
) -> SVMFit:
    """Fit the last layer of a network to what its towers tell of the videos of a catalog.

    Args:
        network: built with `fusion="svm"` or `fusion="bilinear"`, its towers trained; changed in
            place, and only if all goes well.
        catalog: labelled videos, best those that the towers were trained on; those without a label
            are left out.
        clips: how many of each, spread evenly over it.
        cost: what a video on the wrong side costs (scikit-learn's C).
        seed: of the order in which the machine looks at videos.
        progress: whether to show it, where there is a terminal.

    Raises:
        WeightsError: the network has no layer to be fitted so.
        CatalogError: a label is not the network's, or the network's has no video.
    """
    source, target = _layers_of(network)
    places = label_places(network.labels, catalog)
    features, truth, errors = [], [], []
    with tracked("fitting", len(catalog), shown=progress) as advance, evaluating(network):
        for path, label, found in _opened(network, catalog, clips):
            advance()
            if isinstance(found, KinetoscopeError):
                errors.append({"path": path, "error": str(found)})
            elif label is not None:
                features.append(_told(network, found, source))
                truth.append(places[label])
    _check_every_label(network, catalog, truth)
    known, of_label = torch.stack(features).double().numpy(), np.array(truth)
    weight, bias = _fitted(network, known, of_label, cost=cost, seed=seed)
    _fill(network, target, weight, bias)
    return SVMFit(
        videos=len(truth),
        accuracy=_accuracy(network, known @ weight.T + bias, of_label),
        errors=tuple(errors),
    )


def takes_svm(network: Network) -> bool:
    """Whether a network's answer waits for `fit_svm_fusion`."""
    return network.options.get("fusion") == "svm"


def _layers_of(network: Network) -> tuple[str, str]:
    fusion = str(network.options.get("fusion"))
    if fusion not in _LAYERS:
        raise WeightsError(
            f"{network.name} has no layer that a support vector machine could be",
            got=f"fusion = {fusion}",
            expected='fusion = "svm", or "bilinear"',
        )
    return _LAYERS[fusion]


def _opened(
    network: Network, catalog: Catalog, clips: int
) -> Iterator[tuple[str, str | None, list[Clip] | KinetoscopeError]]:
    for entry in catalog:
        path = catalog.relative_path(entry)
        try:
            yield path, entry.label, open_entry_views(entry, network.expects, clips=clips)
        except KinetoscopeError as error:
            yield path, entry.label, error


@torch.inference_mode()
def _told(network: Network, views: list[Clip], layer: str) -> Tensor:
    """The mean of a layer over the views of a video, and over time where it has some."""
    batch = ClipBatch.of(views, network.expects).to(network.device)
    answer = read(network, batch, [layer])[layer]
    return reduce(answer, "clip channel ... -> channel", "mean").cpu()


def _fitted(
    network: Network, features: np.ndarray, truth: np.ndarray, *, cost: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A machine for each task: the weights and the bias of each label."""
    from sklearn.svm import LinearSVC

    weight = np.zeros((len(network.labels), features.shape[1]))
    bias = np.zeros(len(network.labels))
    for rivals in _rivals(network):
        mine = np.isin(truth, rivals)
        machine: Any = LinearSVC(C=cost, dual="auto", max_iter=10_000, random_state=seed)
        machine.fit(features[mine], truth[mine])
        one = len(rivals) == 2  # one machine tells two labels apart
        weight[rivals] = np.concatenate([-machine.coef_, machine.coef_]) if one else machine.coef_
        bias[rivals] = (
            np.concatenate([-machine.intercept_, machine.intercept_]) if one else machine.intercept_
        )
    return weight, bias


def _rivals(network: Network) -> list[list[int]]:
    """The places of the labels of each task."""
    tasks = network.tasks or ("",) * len(network.labels)
    return [
        [place for place, each in enumerate(tasks) if each == task] for task in dict.fromkeys(tasks)
    ]


def _fill(network: Network, target: str, weight: np.ndarray, bias: np.ndarray) -> None:
    layer: Any = network.layer(target)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight).reshape(layer.weight.shape))
        layer.bias.copy_(torch.from_numpy(bias))
    network.__dict__.pop("weights_hash", None)  # the hash of the weights that were there before


def _accuracy(network: Network, scores: np.ndarray, truth: np.ndarray) -> float:
    right = 0
    for rivals in _rivals(network):
        mine = np.isin(truth, rivals)
        right += int(
            (np.array(rivals)[scores[mine][:, rivals].argmax(axis=1)] == truth[mine]).sum()
        )
    return right / len(truth)


def _check_every_label(network: Network, catalog: Catalog, truth: list[int]) -> None:
    without = [label for place, label in enumerate(network.labels) if place not in set(truth)]
    if without or any(len(rivals) < 2 for rivals in _rivals(network)):
        raise CatalogError(
            f"{catalog.name} has not enough videos to fit a machine to",
            got=f"no video of {', '.join(without[:8])}" if without else "one label alone",
            expected="two labels or more of each task, and a video of each that could be opened",
        )
