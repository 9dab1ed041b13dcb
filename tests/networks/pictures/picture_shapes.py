"""What the tests of networks for pictures share."""

import torch

from kinetoscope.networks.pictures.picture_zoo import preparation


def shapes_of_layers(module, name):
    """What each direct part of a network answers to one picture: channel, height, width."""
    found, size = {}, preparation(name).size
    for part, each in module.named_children():
        each.register_forward_hook(
            lambda m, taken, answer, part=part: (
                found.update({part: tuple(answer.shape[1:])})
                if isinstance(answer, torch.Tensor)
                else None
            )
        )
    with torch.no_grad():
        module.eval()(torch.empty(1, 3, size, size, device=next(module.parameters()).device))
    return found


def without_time(table):
    """The rows of a network's table as shapes of pictures."""
    return {layer: (shape[0], *shape[2:]) for layer, shape in table.items()}


def settled(module):
    """The module with norms that have seen something, so that they are not the identity."""
    generator = torch.Generator().manual_seed(1)
    for each in module.modules():
        if isinstance(each, torch.nn.modules.batchnorm._BatchNorm):
            each.running_mean.copy_(0.2 * torch.rand(each.num_features, generator=generator) - 0.1)
            each.running_var.copy_(0.5 + torch.rand(each.num_features, generator=generator))
    return module.eval()


def count(module):
    """How many weights a module has."""
    return sum(each.numel() for each in module.parameters())
