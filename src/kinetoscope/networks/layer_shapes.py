"""Which shape does each layer answer, and in which order are the layers computed?

Found out by running the model once on a clip without content, as `trial.py` does it. Whoever puts
something behind a layer learns here how many channels it has to take, and where a layer can't have
anything behind it.
"""

from collections.abc import Callable

from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network
from kinetoscope.networks.trial import run

Shape = tuple[int, ...]


def shapes_in_order(network: Network) -> dict[str, list[Shape]]:
    """The shapes of all answers of every layer to one clip, in the order of the first answers.

    An answer that is not one tensor has the shape `()`.

    Raises:
        ClipError: the model fails on a clip as the network expects it.
    """
    heard: dict[str, list[Shape]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, taken: object, answer: object) -> None:
            heard.setdefault(name, []).append(
                tuple(answer.shape) if isinstance(answer, Tensor) else ()
            )

        return hook

    # A model that can't run without content is run again, from the start.
    handles = [network.model.register_forward_pre_hook(lambda module, taken: heard.clear())]
    named = [(name, module) for name, module in network.model.named_modules() if name]
    handles += [module.register_forward_hook(keep(name)) for name, module in named]
    try:
        run(network.model, network.expects)
    except Exception as error:  # whatever a user's model raises
        raise ClipError(
            f"{network.name} fails on a clip as it expects it",
            got=f"{type(error).__name__}: {error}",
            expected=f"an answer to {network.expects.frames} frames of {network.expects.size}",
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return heard


def channels_behind(network: Network, layer: str, shapes: dict[str, list[Shape]]) -> int:
    """How many channels come out of a layer that has places in time, height and width.

    Args:
        network: that the layer is of.
        layer: its name.
        shapes: of `shapes_in_order`.

    Raises:
        ClipError: the layer is called not once, or answers anything but maps with places.
    """
    answers = shapes.get(layer, [])
    if len(answers) != 1:
        raise ClipError(
            f"layer {layer} can't have anything put behind it",
            got=f"a layer that answers {len(answers)} times in a forward pass",
            expected="one that answers once",
        )
    if why := _not_maps(network.layer(layer), answers[0]):
        raise ClipError(
            f"layer {layer} can't have anything put behind it that works on maps: {why}",
            got=f"answers of shape {answers[0]}" if answers[0] else "several tensors",
            expected="clip, channel, time, height and width, of more than one place",
            hint=f"the layers of {network.name}: {', '.join(network.layers)}",
        )
    return answers[0][1]


def _not_maps(module: nn.Module, shape: Shape) -> str | None:
    if len(shape) == 4:
        return "its frames are folded into the clips"
    if len(shape) != 5:
        return "it has no places"
    if shape[2:] == (1, 1, 1):
        return "it has a single place, as fully connected layers have"
    if _channels_are_last(module, shape):
        return "its channels are on the last axis"
    return None


def _channels_are_last(module: nn.Module, shape: Shape) -> bool:
    """Whether the layers with weights within it work on the last axis, and none on the second."""
    inside = list(module.modules())
    last = {each.out_features for each in inside if isinstance(each, nn.Linear)}
    last |= {each.normalized_shape[-1] for each in inside if isinstance(each, nn.LayerNorm)}
    second = {
        getattr(each, name, None) for each in inside for name in ("out_channels", "num_features")
    }
    return shape[-1] in last and shape[1] not in second
