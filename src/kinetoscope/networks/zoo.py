"""How is a network built by its name?

A network is one file beside this one and one row of `listings.py`. Its file has `VARIANTS` (a
configuration for each name), `build`, `expects` and `published_layers`, each a function of the
configuration. Names that begin with a prefix of `OPEN` are as many as their library has: there the
file has `variant` in place of `VARIANTS`; or, where the network is somebody else's whole,
`open_network`. Nothing here loads torch before a network is built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from kinetoscope.errors import ClipError, RecipeError, UnknownNameError, WeightsError, unknown_name
from kinetoscope.networks.listings import ZOO, Listing

if TYPE_CHECKING:  # these load torch
    import kinetoscope.clips.spec
    import kinetoscope.networks.network


OPEN = {
    "frames_": "pictures.pictures",
    "torchvision:": "others.adapters",
    "hf:": "others.hugging_face",
    "file:": "others.user_file",
}
"""What a name may begin with that is in no table, and the file that knows the rest."""


def build_network(
    name: str,
    *,
    labels: Sequence[str] | int | None = None,
    expects: "kinetoscope.clips.spec.ClipSpec | None" = None,
    multi_task: bool = False,
    added_non_local: Sequence[Mapping[str, Any]] = (),
    **options: Any,
) -> "kinetoscope.networks.network.Network":
    """Build a network, untrained; or one of somebody else's, as it comes.

    Args:
        name: one of `ZOO`, or one that begins with a prefix of `OPEN`: `frames_resnet50`,
            `torchvision:r3d_18`, `hf:<repository or folder>`, `file:<path>:<function>`.
        labels: the name of each score, or how many there are; None takes the published ones.
        expects: what a clip must be, where it differs from what the network was published with.
        multi_task: whether labels are named `task/label`, and only those of one task are rivals.
        added_non_local: non-local blocks to add, as `add_non_local` records them.
        options: settings of the network's configuration, such as `fusion="sum"`.

    Raises:
        UnknownNameError: no network or no option has this name; says which are near.
        RecipeError: an option has a value of the wrong kind, or labels carry no task.
        ClipError: `expects` names other streams than the network takes.
        WeightsError: there are no labels, or one of them twice.
    """
    family, rest = family_of(name)
    if hasattr(family, "open_network"):
        _check_no_options(name, {**options, **_told_of(multi_task)})
        opened = family.open_network(rest, labels=labels, expects=expects)
        return _with_non_local(opened, added_non_local)
    config = _with_options(name, _config(family, name, rest), options)
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

    built_with = {option: value for option, value in asdict(config).items() if option != "labels"}
    built = Network(
        family.build(config),
        labels=names,
        expects=spec,
        name=name,
        options={**built_with, **_told_of(multi_task)},
        layers=family.published_layers(config),
    )
    return _with_non_local(built, added_non_local)


def _with_non_local(
    network: "kinetoscope.networks.network.Network", added: Sequence[Mapping[str, Any]]
) -> "kinetoscope.networks.network.Network":
    for record in added:
        from kinetoscope.networks.non_local import add_non_local

        network = add_non_local(network, **record)
    return network


def _told_of(multi_task: bool) -> dict[str, bool]:
    """What of it stands among a network's options: nothing, where all labels are rivals."""
    return {"multi_task": True} if multi_task else {}


def is_name(text: str) -> bool:
    """Whether a text is the name of a network, rather than the path of a file.

    >>> is_name("c3d"), is_name("frames_resnet50"), is_name("weights.pth")
    (True, True, False)
    """
    return text in ZOO or text.startswith(tuple(OPEN))


def listing(name: str) -> Listing:
    """The row of a network.

    Raises:
        UnknownNameError: no network has this name; says which are near.
    """
    if name not in ZOO:
        raise unknown_name("network", name, list(ZOO))
    return ZOO[name]


def family_of(name: str) -> tuple[Any, str]:
    """The module that builds a network, and its name without a prefix."""
    prefix = next((each for each in OPEN if name.startswith(each)), None)
    home = OPEN[prefix] if prefix and name not in ZOO else listing(name).module
    return import_module(f"kinetoscope.networks.{home}"), name.removeprefix(prefix or "")


def _config(family: Any, name: str, rest: str) -> Any:
    return family.VARIANTS[name] if name in ZOO else family.variant(rest)


def _check_no_options(name: str, options: Mapping[str, Any]) -> None:
    if options:
        raise UnknownNameError(
            f"{name} is taken as it is",
            got=f"options {', '.join(options)}",
            expected="none",
            hint="where it is made is where it is changed",
        )


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
        made[option] = _of_kind(
            f"{option} of {name}", value, kinds[option], getattr(config, option)
        )
    return replace(config, **made)


def _of_kind(what: str, value: Any, kind: Any, default: Any) -> Any:
    value = _tupled(value)
    if type(value) is int and float in (kind, *get_args(kind)):
        value = float(value)
    if not _is_of(kind, value):
        raise RecipeError(
            f"{what} can't have this value",
            got=f"{value!r}",
            expected=f"a value such as {default!r}",
        )
    return value


def _tupled(value: Any) -> Any:
    """Lists, as JSON and TOML have them, as tuples."""
    return tuple(_tupled(part) for part in value) if isinstance(value, list | tuple) else value


def _is_of(kind: Any, value: Any) -> bool:
    from beartype.door import is_bearable

    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        return isinstance(value, tuple) and all(_is_of(get_args(kind)[0], part) for part in value)
    return is_bearable(value, kind) and (kind is bool or not isinstance(value, bool))
