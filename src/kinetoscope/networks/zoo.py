"""Which networks are there, and how is one built by its name?

One table, read without loading torch. A network is one file beside this one and one row here. Its
file has `VARIANTS` (a configuration for each name), `build`, `expects` and `published_layers`,
each a function of the configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from kinetoscope.errors import ClipError, RecipeError, WeightsError, unknown_name

if TYPE_CHECKING:  # these load torch
    import kinetoscope.clips.spec
    import kinetoscope.networks.network


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is known of a network before it is built.

    Args:
        module: the file beside this one that builds it.
        streams: what it is shown.
        frames: how many frames its clips have.
        size: height and width of its clips [pixels].
        labels: how many it scores where nothing else is asked for.
        weights: how many it has, with that many labels.
        about: the network in a few words.
        source: where it was published.
    """

    module: str
    streams: tuple[str, ...] = ("frames",)
    frames: int
    size: int
    labels: int
    weights: int
    about: str
    source: str


_BOTH = ("frames", "flow")

ZOO: dict[str, Listing] = {
    "two_stream_small": Listing(
        module="two_stream_small",
        streams=_BOTH,
        frames=16,
        size=64,
        labels=16,
        weights=328_384,
        about="two small towers, 3-D conv fusion",
        source="after Feichtenhofer 2016",
    ),
    "two_stream_vgg16": Listing(
        module="two_stream",
        streams=_BOTH,
        frames=50,
        size=224,
        labels=101,
        weights=283_514_762,
        about="two VGG-16 towers, 3-D conv fusion at relu5",
        source="Feichtenhofer 2016",
    ),
    "vgg16_frames": Listing(
        module="two_stream",
        frames=1,
        size=224,
        labels=101,
        weights=134_674_341,
        about="its tower for frames alone",
        source="Feichtenhofer 2016",
    ),
    "vgg16_flow": Listing(
        module="two_stream",
        streams=("flow",),
        frames=10,
        size=224,
        labels=101,
        weights=134_684_133,
        about="its tower for stacked flow alone",
        source="Feichtenhofer 2016",
    ),
    "c3d": Listing(
        module="c3d",
        frames=16,
        size=112,
        labels=487,
        weights=79_991_015,
        about="3-D convolutions over sixteen frames",
        source="Tran 2015",
    ),
    "single_frame": Listing(
        module="frames",
        frames=1,
        size=170,
        labels=487,
        weights=60_276_583,
        about="one frame at a time, scores averaged",
        source="Karpathy 2014",
    ),
    "early_fusion": Listing(
        module="frames",
        frames=10,
        size=170,
        labels=487,
        weights=60_590_215,
        about="all frames in the first convolution",
        source="Karpathy 2014",
    ),
    "late_fusion": Listing(
        module="frames",
        frames=16,
        size=170,
        labels=487,
        weights=98_025_319,
        about="two frames 15 apart, compared at the end",
        source="Karpathy 2014",
    ),
    "slow_fusion": Listing(
        module="frames",
        frames=10,
        size=170,
        labels=487,
        weights=61_880_263,
        about="time seen more and more, layer by layer",
        source="Karpathy 2014",
    ),
    "early_fusion_cs231n": Listing(
        module="frames",
        frames=20,
        size=64,
        labels=10,
        weights=9_358,
        about="early fusion, two convolutions",
        source="CS231n",
    ),
    "late_fusion_cs231n": Listing(
        module="frames",
        frames=20,
        size=64,
        labels=10,
        weights=3_202,
        about="late fusion, two convolutions",
        source="CS231n",
    ),
    "slow_fusion_cs231n": Listing(
        module="frames",
        frames=20,
        size=64,
        labels=10,
        weights=9_034,
        about="slow fusion, two convolutions",
        source="CS231n",
    ),
    "r3d_18": Listing(
        module="adapters",
        frames=16,
        size=112,
        labels=400,
        weights=33_371_472,
        about="3-D ResNet-18, as in torchvision",
        source="Tran 2018",
    ),
    "mc3_18": Listing(
        module="adapters",
        frames=16,
        size=112,
        labels=400,
        weights=11_695_440,
        about="ResNet-18, 3-D below and 2-D above, as in torchvision",
        source="Tran 2018",
    ),
    "r2plus1d_18": Listing(
        module="adapters",
        frames=16,
        size=112,
        labels=400,
        weights=31_505_325,
        about="ResNet-18, space and time apart, as in torchvision",
        source="Tran 2018",
    ),
    "s3d": Listing(
        module="adapters",
        frames=128,
        size=224,
        labels=400,
        weights=8_320_048,
        about="separable 3-D Inception, as in torchvision",
        source="Xie 2018",
    ),
    "mvit_v1_b": Listing(
        module="adapters",
        frames=16,
        size=224,
        labels=400,
        weights=36_610_672,
        about="multiscale vision transformer, as in torchvision",
        source="Fan 2021",
    ),
    "mvit_v2_s": Listing(
        module="adapters",
        frames=16,
        size=224,
        labels=400,
        weights=34_537_744,
        about="improved multiscale transformer, as in torchvision",
        source="Li 2022",
    ),
    "swin3d_t": Listing(
        module="adapters",
        frames=32,
        size=224,
        labels=400,
        weights=28_158_070,
        about="shifted-window transformer, tiny, as in torchvision",
        source="Liu 2022",
    ),
    "swin3d_s": Listing(
        module="adapters",
        frames=32,
        size=224,
        labels=400,
        weights=49_816_678,
        about="shifted-window transformer, small, as in torchvision",
        source="Liu 2022",
    ),
    "swin3d_b": Listing(
        module="adapters",
        frames=32,
        size=224,
        labels=400,
        weights=88_048_984,
        about="shifted-window transformer, base, as in torchvision",
        source="Liu 2022",
    ),
    "two_stream_small_toy": Listing(
        module="two_stream_small",
        streams=_BOTH,
        frames=8,
        size=32,
        labels=3,
        weights=3_178,
        about="tiny, for tests",
        source="after Feichtenhofer 2016",
    ),
    "two_stream_vgg16_toy": Listing(
        module="two_stream",
        streams=_BOTH,
        frames=6,
        size=64,
        labels=3,
        weights=7_050,
        about="tiny, for tests",
        source="Feichtenhofer 2016",
    ),
    "vgg16_frames_toy": Listing(
        module="two_stream",
        frames=1,
        size=64,
        labels=3,
        weights=2_523,
        about="tiny, for tests",
        source="Feichtenhofer 2016",
    ),
    "vgg16_flow_toy": Listing(
        module="two_stream",
        streams=("flow",),
        frames=3,
        size=64,
        labels=3,
        weights=2_577,
        about="tiny, for tests",
        source="Feichtenhofer 2016",
    ),
    "c3d_toy": Listing(
        module="c3d",
        frames=16,
        size=112,
        labels=3,
        weights=4_987,
        about="tiny, for tests",
        source="Tran 2015",
    ),
    "single_frame_toy": Listing(
        module="frames",
        frames=1,
        size=62,
        labels=3,
        weights=1_455,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
    "early_fusion_toy": Listing(
        module="frames",
        frames=10,
        size=62,
        labels=3,
        weights=7_989,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
    "late_fusion_toy": Listing(
        module="frames",
        frames=16,
        size=62,
        labels=3,
        weights=1_551,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
    "slow_fusion_toy": Listing(
        module="frames",
        frames=10,
        size=62,
        labels=3,
        weights=3_891,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
}


def build_network(
    name: str,
    *,
    labels: Sequence[str] | int | None = None,
    expects: "kinetoscope.clips.spec.ClipSpec | None" = None,
    **options: Any,
) -> "kinetoscope.networks.network.Network":
    """Build a network of the zoo, untrained.

    Args:
        name: one of `ZOO`.
        labels: the name of each score, or how many there are; None takes the published ones.
        expects: what a clip must be, where it differs from what the network was published with.
        options: settings of the network's configuration, such as `fusion="sum"`.

    Raises:
        UnknownNameError: no network or no option has this name; says which are near.
        RecipeError: an option has a value of the wrong kind.
        ClipError: `expects` names other streams than the network takes.
        WeightsError: there are no labels, or one of them twice.
    """
    family = import_module(f"kinetoscope.networks.{listing(name).module}")
    config = _with_options(name, family.VARIANTS[name], options)
    names = _label_names(family, config, labels)
    config = replace(config, labels=len(names))
    spec = expects or family.expects(config)
    if spec.streams != (takes := family.expects(config).streams):
        raise ClipError(
            f"{name} takes other streams than it is to expect",
            got=f"expects {', '.join(spec.streams)}",
            expected=", ".join(takes),
        )

    from kinetoscope.networks.network import Network

    return Network(
        family.build(config),
        labels=names,
        expects=spec,
        name=name,
        options={option: value for option, value in asdict(config).items() if option != "labels"},
        layers=family.published_layers(config),
    )


def listing(name: str) -> Listing:
    """The row of a network.

    Raises:
        UnknownNameError: no network has this name; says which are near.
    """
    if name not in ZOO:
        raise unknown_name("network", name, list(ZOO))
    return ZOO[name]


def _label_names(family: Any, config: Any, labels: Sequence[str] | int | None) -> tuple[str, ...]:
    if labels is None and hasattr(family, "label_names"):
        return family.label_names(config)
    if labels is None or isinstance(labels, int):
        count = config.labels if labels is None else labels
        labels = [f"label {place}" for place in range(count)]
    if len(labels) == 0 or len(set(labels)) < len(labels):
        raise WeightsError(
            "a network needs labels that differ",
            got=f"{len(labels)} labels, {len(set(labels))} of them different",
            expected="one label or more, each once",
        )
    return tuple(labels)


def _with_options(name: str, config: Any, options: Mapping[str, Any]) -> Any:
    kinds = {
        option: kind for option, kind in get_type_hints(type(config)).items() if option != "labels"
    }
    made = {}
    for option, value in options.items():
        if option not in kinds:
            raise unknown_name(f"option of {name}", option, list(kinds))
        choices = get_args(kinds[option]) if get_origin(kinds[option]) is Literal else ()
        if choices and value not in choices:
            raise unknown_name(option, str(value), list(choices))
        made[option] = _of_kind(f"{option} of {name}", value, getattr(config, option))
    return replace(config, **made)


def _of_kind(what: str, value: Any, default: Any) -> Any:
    value = _tupled(value)
    if isinstance(default, float) and _kind(value) == "int":
        value = float(value)
    if _kind(value) != _kind(default):
        raise RecipeError(
            f"{what} can't have this value",
            got=f"{value!r}",
            expected=f"a value such as {default!r}",
        )
    return value


def _tupled(value: Any) -> Any:
    """Lists, as JSON and TOML have them, as tuples."""
    return tuple(_tupled(part) for part in value) if isinstance(value, list | tuple) else value


def _kind(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_kind(part) for part in value)
    return type(value).__name__
