"""What would the same network find that has learnt nothing?

A copy whose weights are drawn anew. What it does as well as the trained network is owed to the
architecture, and not to what was learnt: the control for everything that is found inside.

Each module initializes itself, where it can (`reset_parameters`). Weights that no module resets,
such as class tokens, are drawn from a normal distribution of the same mean and deviation; one that
has a single value keeps it. Buffers stay, but for the statistics of batch normalization: those of
the trained weights say nothing of the new ones, so they are measured on clips where there are
some, and else begin as they do in training, at mean 0 and variance 1.

Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3: weights of all
layers are drawn anew. Differs: statistics of batch normalization are measured.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.sample import open_sample
from kinetoscope.networks.network import Network, evaluating

_Normalization = nn.modules.batchnorm._NormBase


def with_random_weights(
    network: Network, seed: int, *, batches: Iterable[ClipBatch] | None = None
) -> Network:
    """The same network with weights drawn anew; the one that is given stays as it is.

    Random numbers are drawn on the CPU, so that a seed gives the same weights on any device.

    Args:
        network: any; the copy is on its device, in its mode.
        seed: of the weights.
        batches: clips in display space, on which batch normalization is measured; a few dozen
            clips do. None leaves it at mean 0 and variance 1.
    """
    made = copy.deepcopy(network)
    made.__dict__.pop("weights_hash", None)  # it was computed of the other weights
    device = made.device
    made.to("cpu")
    with torch.random.fork_rng(devices=()), torch.no_grad():
        torch.manual_seed(seed)
        for module in made.model.modules():
            _draw(module)
    made.to(device)
    if batches is not None:
        measure_normalization(made, batches)
    return made


def control_of(
    network: Network,
    catalog: Catalog,
    clips: int,
    *,
    seed: int = 0,
    clip_cache: ClipCache | None = None,
) -> Network:
    """The same network with random weights, its batch normalization measured on a catalog.

    Args:
        network: stays as it is.
        catalog: which videos.
        clips: on how many it is measured, as many of each label as can be.
        seed: of the weights, and of the choice of clips.
        clip_cache: where clips are kept that were opened before.

    Raises:
        CatalogError: no video can be read.
    """
    sample = open_sample(catalog, network.expects, clips, seed=seed, clip_cache=clip_cache)
    return with_random_weights(network, seed, batches=sample.batches(network.expects))


@torch.no_grad()
def measure_normalization(network: Network, batches: Iterable[ClipBatch]) -> None:
    """Set the statistics of batch normalization to those of clips, the mean over the batches.

    Layers that keep no statistics are left alone, and so is the rest of the network: dropout, for
    one, is off. A layer is measured on what those before it answer with statistics of the batch.

    Args:
        network: is changed; comes back in the mode in which it was.
        batches: clips in display space.
    """
    layers = [
        module
        for module in network.model.modules()
        if isinstance(module, _Normalization) and isinstance(module.running_mean, Tensor)
    ]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    try:
        with evaluating(network):
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # the plain mean over batches
                layer.train()
            for batch in batches:
                network.scores(batch.to(network.device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    network.__dict__.pop("weights_hash", None)


def _draw(module: nn.Module) -> None:
    """Draw the weights that a module holds itself."""
    before = {
        name: weight.clone()
        for name, weight in module.named_parameters(recurse=False)
        if not nn.parameter.is_lazy(weight)
    }
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()
    for name, old in before.items():
        weight = getattr(module, name)
        # as where weights are written as others, which the reset does not reach
        if torch.equal(weight, old):
            _draw_alike(weight)


def _draw_alike(weight: Tensor) -> None:
    """From a normal distribution of the same mean and deviation."""
    if weight.numel() < 2 or not weight.is_floating_point():
        return
    values = weight.double()
    mean, deviation = values.mean(), values.std(correction=0)
    weight.copy_(torch.randn(weight.shape, dtype=torch.float64) * deviation + mean)
