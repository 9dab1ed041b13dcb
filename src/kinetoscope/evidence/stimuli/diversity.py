"""How alike are several stimuli of one unit, as the layer sees them?

A unit often likes more than one thing. Of several stimuli that are made for it at once, each is
asked to drive the layer in another way: what may not agree is which channels are active together,
wherever that is, as with textures.

Source: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, section "Diversity",
after Gatys, Ecker and Bethge, "Texture synthesis using convolutional neural networks", NIPS 2015,
equation 2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinetoscope.evidence.stimuli.priors import PerClip
from kinetoscope.tensors import Activation

_TINY = 1e-12


def likeness(layer_answer: Activation, groups: Sequence[int] | Tensor) -> PerClip:
    """How alike each clip is to the others of its group.

    Args:
        layer_answer: what the layer answers to the clips.
        groups: which clips belong together: a number for each. Others have no influence.

    Returns:
        Of each clip, the mean over the others of its group of the cosine between their Gram
        matrices, channels by channels over places; 0 where it is alone. Gradients reach both.
    """
    numbers = torch.as_tensor(groups).tolist()
    found = layer_answer.new_zeros(len(numbers))
    for group in dict.fromkeys(numbers):
        members = [clip for clip, number in enumerate(numbers) if number == group]
        if len(members) > 1:
            cosines = _cosines(layer_answer[members])
            others = (cosines.sum(1) - cosines.diagonal()) / (len(members) - 1)
            found[members] = others.to(found.dtype)
    return found


def _cosines(answers: Activation) -> Tensor:
    """Between the Gram matrices of all pairs of clips."""
    lines = answers[..., None].flatten(2)
    lines = lines.float() if lines.dtype in (torch.float16, torch.bfloat16) else lines
    # Powers of the answers could leave the range of floats, and cosines do not depend on scale.
    lines = lines / lines.detach().abs().amax(dim=(1, 2), keepdim=True).clamp(min=_TINY)
    if lines.shape[2] < lines.shape[1]:  # <A A', B B'> = |A' B|^2
        between = torch.einsum("acp,bcq->abpq", lines, lines)
        products = between.square().sum((2, 3))
    else:
        grams = (lines @ lines.transpose(1, 2)).flatten(1)
        products = grams @ grams.T
    lengths = products.diagonal().clamp(min=_TINY).sqrt()
    return products / (lengths[:, None] * lengths)
