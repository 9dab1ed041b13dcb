"""A hundred units whose favourite clip is known, in six families.

Each is a neuron of an ordinary network of one layer. Twice as much of what it likes excites it
twice as much, and quadratic priors x'Rx charge four times as much, so there is one best amount of
it. For a reward of g a(x), with the products of filters collected in A = W' R^-1 W:

    linear       w'x                                              g/2 A
    energy       |W'x|, of a pair in quadrature                   g/2, largest eigenvalue of A
    opponent     |W'x| less that of what drifts the other way     g/2 / least eigenvalue of the
                                                                  first block of A^-1
    looming      energy of rings that grow or shrink; or motion   as energy; as linear
                 from the centre or to it
    motion       how near flow is to one velocity, on average     1
                 over a window
    two streams  of a texture's energy and of motion one way,     g/4 A, where both have the same A
                 the smaller, or the geometric mean

That of an opponent unit holds where the other pair stays silent, which is checked. The sizes of
weights are such that the largest pixel of the best clip comes half way to its bound.

Source: Adelson and Bergen, "Spatiotemporal energy models for the perception of motion", JOSA A
1985, for energy and opponent units.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.planted import GREY, Both, Filters, Planted, Velocities

Kind = Literal["linear", "energy", "opponent"]

FRAMES = 12
SPEEDS = (0.5, 1.0, 1.5)
"""[pixels per frame]"""
APART = (1.0, 1.25, 1.5)
"""At which a grating and the one that drifts the other way are told apart in 12 frames."""
WAVELENGTHS = (6, 8, 11)
"""[pixels]"""
GOLDEN = 137.508
"""Between the directions of one unit and the next, so that they spread evenly [degrees]."""
FLOW_SCALE = 4.0
HALF = 0.5
"""How near the largest pixel of a best clip comes to its bound."""

SETTINGS = Maximizing(
    steps=200,
    travel=3.0,
    frames=Prior(bound=160 / 255, alpha=2.0, periodic=True),
    flow=Prior(bound=6.0, alpha=2.0, periodic=True),
    robustness=Robustness(shift=0),
)
"""The closed forms are those of quadratic priors, and of clips that are not shifted."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What was planted in one stream; None where the unit does not care.

    Args:
        stream: frames or flow.
        direction: counter-clockwise from right, or from outwards [degrees].
        speed: [pixels per frame].
        frequency: across the stripes [cycles per pixel].
        polar: whether it is told as seen from the centre.
        texture: whether it stands still, so that the direction is that across its stripes, and
            the opposite one is as good.
    """

    stream: Stream
    direction: float
    speed: float | None = None
    frequency: float | None = None
    polar: bool = False
    texture: bool = False


@dataclass(frozen=True, kw_only=True)
class PlantedUnit:
    """A unit whose favourite clip is known.

    Args:
        family: which kind it is.
        network: that has it, perhaps beside others.
        objective: the neuron.
        truths: what was planted, a stream each.
        optimum: its answer to the best clip, at slowness 0.
        clip: one that is best, in units of the network's input, a stream each.
    """

    family: str
    network: Network
    objective: Objective
    truths: tuple[Truth, ...]
    optimum: float
    clip: Mapping[Stream, Tensor]


def planted_bank() -> list[PlantedUnit]:
    """All hundred, family by family."""
    return [
        *linear_units(),
        *energy_units(),
        *opponent_units(),
        *looming_units(),
        *motion_units(),
        *two_stream_units(),
    ]


def linear_units() -> list[PlantedUnit]:
    """Twenty-four that each like one grating that drifts, in one phase."""
    asked = _gratings(24, 10.0, SPEEDS)
    filters = [drifting(*each)[:1] for each in asked]
    return _of_filters("linear", "linear", filters, [_truth(*each) for each in asked])


def energy_units() -> list[PlantedUnit]:
    """Twenty-four that each like one grating that drifts, in any phase."""
    asked = _gratings(24, 50.0, SPEEDS)
    filters = [drifting(*each) for each in asked]
    return _of_filters("energy", "energy", filters, [_truth(*each) for each in asked])


def opponent_units() -> list[PlantedUnit]:
    """Sixteen that besides dislike the one that drifts the other way."""
    asked = _gratings(16, 90.0, APART)
    filters = [torch.cat([drifting(d, s, w), drifting(d, -s, w)]) for d, s, w in asked]
    return _of_filters("opponent", "opponent", filters, [_truth(*each) for each in asked])


def looming_units() -> list[PlantedUnit]:
    """Eight of rings that grow or shrink, and four of motion from the centre or to it."""
    rings = [(SPEEDS[n % 3] * (-1) ** n, WAVELENGTHS[n // 3]) for n in range(8)]
    truths = [
        Truth(
            stream="frames",
            direction=0.0 if speed > 0 else 180.0,
            speed=abs(speed),
            frequency=1 / wavelength,
            polar=True,
        )
        for speed, wavelength in rings
    ]
    made = _of_filters("looming", "energy", [growing(*each) for each in rings], truths)
    fields = [sign * outwards(side)[None] for side in (21, 31) for sign in (1, -1)]
    truths = [Truth(stream="flow", direction=way, polar=True) for way in (0.0, 180.0)] * 2
    return made + _of_filters("looming", "linear", fields, truths)


def motion_units() -> list[PlantedUnit]:
    """Twelve tuned to a direction and a speed, in windows of two sizes."""
    return [*_motion_units(15, 20.0), *_motion_units(25, 200.0)]


def two_stream_units() -> list[PlantedUnit]:
    """Twelve that need a texture in frames and a motion in flow."""
    return [
        _two_stream_unit(texture, heading, wavelength, joined)
        for joined, start in (("smaller", 30.0), ("product", 150.0))
        for texture, heading, wavelength in zip(
            _turned(6, start), _turned(6, start + 77.0), WAVELENGTHS * 2, strict=True
        )
    ]


def _turned(count: int, start: float) -> list[float]:
    return [(start + GOLDEN * number) % 360 for number in range(count)]


def _gratings(
    count: int, start: float, speeds: Sequence[float]
) -> list[tuple[float, float, float]]:
    """Directions, speeds and wavelengths, all of them mixed."""
    return [
        (direction, speeds[number % 3], WAVELENGTHS[number // 3 % 3])
        for number, direction in enumerate(_turned(count, start))
    ]


def _truth(direction: float, speed: float, wavelength: float) -> Truth:
    return Truth(stream="frames", direction=direction, speed=speed, frequency=1 / wavelength)


def _of_filters(
    family: str, kind: Kind, filters: Sequence[Tensor], truths: Sequence[Truth]
) -> list[PlantedUnit]:
    """Units of filters, of which those of one size share a network."""
    made: dict[int, PlantedUnit] = {}
    for shape in dict.fromkeys(each.shape for each in filters):
        places = [place for place, each in enumerate(filters) if each.shape == shape]
        stream = truths[places[0]].stream
        sized = [_sized(filters[place], kind, stream) for place in places]
        layer = Filters(torch.stack([weights for weights, _, _ in sized]), kind)
        network = _network(layer, len(places), shape[-1], (stream,))
        for channel, (place, (_, optimum, clip)) in enumerate(zip(places, sized, strict=True)):
            made[place] = PlantedUnit(
                family=family,
                network=network,
                objective=neuron(Unit("layer", channel)),
                truths=(truths[place],),
                optimum=optimum,
                clip={stream: clip},
            )
    return [made[place] for place in range(len(filters))]


def _motion_units(side: int, start: float) -> list[PlantedUnit]:
    asked = list(zip(_turned(6, start), (1.0, 2.0, 3.0) * 2, strict=True))
    velocities = torch.stack([speed * heading(way) for way, speed in asked]) / FLOW_SCALE
    window = bell(side)
    network = _network(Velocities(velocities, window / window.sum()), len(asked), side, ("flow",))
    return [
        PlantedUnit(
            family="motion",
            network=network,
            objective=neuron(Unit("layer", channel)),
            truths=(Truth(stream="flow", direction=way, speed=speed),),
            optimum=1.0,
            clip={"flow": velocities[channel, :, None, None, None].expand(2, *window.shape)},
        )
        for channel, (way, speed) in enumerate(asked)
    ]


def _two_stream_unit(
    texture: float, way: float, wavelength: float, joined: Literal["smaller", "product"]
) -> PlantedUnit:
    """Both parts come at the same cost, so that the best clip has as much of each."""
    side = side_for(wavelength)
    frames, at_best, picture = _sized(drifting(texture, 0.0, wavelength), "energy", "frames")
    motion = heading(way)[:, None, None, None] * bell(side)
    flow, of_flow, field = _sized(motion[None], "linear", "flow")
    level = (at_best / of_flow) ** 0.5
    layer = Both(Filters(frames[None], "energy"), Filters(level * flow[None], "linear"), joined)
    return PlantedUnit(
        family="two streams",
        network=_network(layer, 1, side, ("frames", "flow")),
        objective=neuron(Unit("layer", 0)),
        truths=(
            Truth(stream="frames", direction=texture, frequency=1 / wavelength, texture=True),
            Truth(stream="flow", direction=way),
        ),
        optimum=at_best / 2,
        clip={"frames": picture / 2, "flow": level * field / 2},
    )


def _network(layer: nn.Module, units: int, side: int, streams: tuple[Stream, ...]) -> Network:
    """A network whose clips are a little larger than what a neuron sees."""
    spec = ClipSpec(
        streams=streams,
        frames=FRAMES + 1,
        short_side=side + 2,
        size=(side + 2, side + 2),
        flow_scale=FLOW_SCALE,
        **GREY,
    )
    labels = [f"unit {unit}" for unit in range(units)]
    model = Planted(layer)
    return Network(model, labels=labels, expects=spec, name="bank", layers=["layer"]).eval()


# What is planted.


def drifting(direction: float, speed: float, wavelength: float) -> Tensor:
    """Two filters in quadrature, of a grating that drifts [degrees, pixels per frame, pixels]."""
    t, y, x = grid(side_for(wavelength))
    right, down = heading(direction)
    return _pair(2 * math.pi / wavelength * (right * x + down * y - speed * t))


def growing(speed: float, wavelength: float) -> Tensor:
    """Two in quadrature, of rings that grow, or shrink where the speed is negative."""
    t, y, x = grid(side_for(wavelength))
    return _pair(2 * math.pi / wavelength * ((x**2 + y**2).sqrt() - speed * t))


def outwards(side: int) -> Tensor:
    """Motion from the centre, `2 time height width`."""
    _, y, x = grid(side)
    return bell(side) * torch.stack([x, y]) / (x**2 + y**2).sqrt().clamp(min=1e-6)


def heading(direction: float) -> Tensor:
    """Right and down, of length 1."""
    turned = math.radians(direction)
    return torch.tensor([math.cos(turned), -math.sin(turned)])


def side_for(wavelength: float) -> int:
    """Four waves, and odd [pixels]."""
    return 2 * round(2 * wavelength) + 1


def grid(side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Time, down and right from the middle, `time height width`."""
    time, place = torch.arange(FRAMES) - (FRAMES - 1) / 2, torch.arange(side) - (side - 1) / 2
    t, y, x = torch.meshgrid(time, place, place, indexing="ij")
    return t, y, x


def bell(side: int) -> Tensor:
    """A window that falls off to all sides, and to both ends."""
    t, y, x = grid(side)
    return torch.exp(-(x**2 + y**2) / (2 * (side / 5) ** 2) - t**2 / (2 * (FRAMES / 4) ** 2))


def _pair(phase: Tensor) -> Tensor:
    """Two grey filters without a mean, `filter channel time height width`."""
    window = bell(phase.shape[-1])
    waves = window * torch.stack([phase.cos(), phase.sin()])
    waves = waves - window * waves.sum((1, 2, 3), keepdim=True) / window.sum()
    return waves[:, None].repeat(1, 3, 1, 1, 1)


# The best clip of a unit.


def best(weights: Tensor, kind: Kind, stream: Stream) -> tuple[float, Tensor]:
    """The largest answer of a unit under `SETTINGS` at slowness 0, and the clip."""
    made = SETTINGS.strength / 2 * _resisted(weights, stream)
    products = made.flatten(1) @ weights.flatten(1).double().T
    if kind == "opponent":
        inverse = torch.linalg.inv(products)
        values, vectors = torch.linalg.eigh(inverse[:2, :2])
        most, mixed = 1 / values[0], inverse[:, :2] @ vectors[:, 0] / values[0]
        # What the other pair would give is less than what it would take away.
        assert (inverse[2:, :2] @ vectors[:, 0]).norm() <= values[0]
    else:
        values, vectors = torch.linalg.eigh(products)
        most, mixed = values[-1], vectors[:, -1]
    return most.item(), torch.einsum("f,fcthw->cthw", mixed, made)


def _resisted(weights: Tensor, stream: Stream) -> Tensor:
    """R^-1 W; R is diagonal by frequency."""
    prior = SETTINGS.prior(stream)
    height, width = weights.shape[-2:]
    down, right = (
        4 * (math.pi * torch.fft.fftfreq(side, dtype=torch.float64)).sin() ** 2
        for side in (height, width)
    )
    rough = prior.smoothness_weight * prior.kappa * (down[:, None] + right)
    cost = (prior.energy_weight + rough) / (height * width * bound_of(stream) ** 2)
    wave = torch.fft.fftn(weights.double(), dim=(-3, -2, -1)) / cost
    return torch.fft.ifftn(wave, dim=(-3, -2, -1)).real


def _sized(weights: Tensor, kind: Kind, stream: Stream) -> tuple[Tensor, float, Tensor]:
    """Filters of such a size that their best clip comes half way to the bound; with both."""
    most, clip = best(weights, kind, stream)
    size = HALF * bound_of(stream) / clip.norm(dim=0).max().item()
    return weights * size, most * size**2, (clip * size).float()


def bound_of(stream: Stream) -> float:
    """In units of the network's input."""
    scale = 1 / GREY["std"][0] if stream == "frames" else 1 / FLOW_SCALE
    return SETTINGS.prior(stream).bound * scale
