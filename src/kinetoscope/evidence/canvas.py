"""Where do stimuli take shape, and how do they move uphill?

A canvas holds the clips of a batch while they are being made, in units of the network's input, a
margin larger on all sides so that they can be shifted between steps. It moves them along their
gradient by Adam, and brings every pixel back within its bound.

Source: Kingma and Ba, "Adam", ICLR 2015. Differs: the channels of a pixel share one second moment.
A step then has the direction of the pixel's gradient, so that the best point on the bound is one
where the ascent rests; with a moment for each channel it drifts to the diagonals.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS
from kinetoscope.evidence.priors import Prior
from kinetoscope.files import settings_key
from kinetoscope.networks.network import Network

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-12


class Canvas:
    """Clips under way.

    Args:
        network: whose input they are.
        priors: of each stream that is made; the network's others stay blank.
        keys: what each noise depends on, and nothing else; each key gets a clip for every chi.
        chi: the weights of change over time.
        margin: how much larger than the network's input, on every side [pixels].
    """

    def __init__(
        self,
        network: Network,
        *,
        priors: Mapping[str, Prior],
        keys: Sequence[str],
        chi: Sequence[float],
        margin: int,
    ):
        spec, device = network.expects, network.device
        self.size, self.margin, self.priors = spec.size, margin, priors
        self.chi = torch.tensor(tuple(chi) * len(keys), device=device, dtype=torch.float32)
        black = torch.zeros(1, 3, 1, 1, 1, device=device)
        self._darkest = network.normalize(ClipBatch(frames=black)).stream("frames")
        self._brightest = network.normalize(ClipBatch(frames=black + 1)).stream("frames")
        height, width = (side + 2 * margin for side in spec.size)
        self.streams: dict[str, Tensor] = {}
        for stream, prior in priors.items():
            shape = (CHANNELS[stream], spec.frames, height, width)
            noise = torch.stack([_noise(f"{key} {stream}", shape) for key in keys])
            first = 0.1 * prior.bound * noise.repeat_interleave(len(chi), dim=0).to(device)
            # Twice as fast for small networks on a CPU as the plain layout.
            self.streams[stream] = first.contiguous(memory_format=torch.channels_last_3d)
        self._blank = {
            stream: torch.zeros(
                len(self.chi), CHANNELS[stream], spec.frames, *spec.size, device=device
            )
            for stream in spec.streams
            if stream not in priors
        }
        self._step = 0
        self._first = {name: torch.zeros_like(x) for name, x in self.streams.items()}
        self._second = {name: torch.zeros_like(x[:, :1]) for name, x in self.streams.items()}
        self._project_()
        for leaf in self.streams.values():
            leaf.requires_grad_()

    def crop(self, down: int, right: int) -> ClipBatch:
        """What the network is shown when its window stands there."""
        height, width = self.size
        window = (..., slice(down, down + height), slice(right, right + width))
        shown = {stream: leaf[window] for stream, leaf in self.streams.items()}
        return ClipBatch(**shown, **self._blank)

    @torch.no_grad()
    def resist(self, share: float = 1.0) -> dict[str, Tensor]:
        """Add a share of the priors' gradient to the clips' own; return each term, whole."""
        terms = {}
        for stream, leaf in self.streams.items():
            energy, roughness, gradient = self.priors[stream].terms(leaf, self.chi)
            gradient = gradient.mul_(share)
            leaf.grad = gradient if leaf.grad is None else leaf.grad.add_(gradient)
            terms[f"{stream} energy"], terms[f"{stream} roughness"] = energy, roughness
        return terms

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move against the gradient and forget it.

        Args:
            rate: length of the step, as a share of the bound.
        """
        self._step += 1
        for stream, leaf in self.streams.items():
            gradient, leaf.grad = leaf.grad, None
            if gradient is None:
                continue
            first, second = self._first[stream], self._second[stream]
            first.lerp_(gradient, 1 - _FIRST)
            second.lerp_(gradient.square().mean(dim=1, keepdim=True), 1 - _SECOND)
            scale = (second / (1 - _SECOND**self._step)).sqrt_().add_(_TINY)
            length = rate * self.priors[stream].bound / (1 - _FIRST**self._step)
            leaf.sub_(length * first / scale)
        self._project_()

    @torch.no_grad()
    def _project_(self) -> None:
        """Bring every pixel back within its bound, and colours to what a screen can show."""
        for stream, leaf in self.streams.items():
            self.priors[stream].project_(leaf)
            if stream == "frames":
                leaf.clamp_(self._darkest, self._brightest)


def _noise(key: str, shape: tuple[int, ...]) -> Tensor:
    """Normal noise that depends on the key alone."""
    seed = int(settings_key(key), 16) % 2**63
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
