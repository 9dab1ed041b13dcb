"""Who performs: how is a person built and dressed, and where are the limbs in a pose?

A body is the recorded skeleton with other proportions, wrapped in capsules: lines with a radius at
either end, each with its cloth. Persons are drawn at random, and no two are alike.

Source: joints as in Peng et al., "DeepMimic", SIGGRAPH 2018, humanoid3d; the capsules and their
clothes are ours.
"""

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from kinetoscope.clips.worlds.mocap import TURNING, Poses
from kinetoscope.clips.worlds.seeds import pick, uniform
from kinetoscope.clips.worlds.textures import Colour, Pattern, Texture, draw_texture

Array = np.ndarray
Vector = tuple[float | int, float | int, float | int]
Cloth = Literal["skin", "head", "hair", "shirt", "sleeve", "trousers", "leg", "shoes"]
Part = Literal[
    "head", "torso",
    "right_upper_arm", "right_forearm", "right_thigh", "right_shin", "right_foot",
    "left_upper_arm", "left_forearm", "left_thigh", "left_shin", "left_foot",
]  # fmt: skip
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Capsule:
    """A line with a radius at either end, fixed to a joint [m: forward, up, right]."""

    part: Part
    cloth: Cloth
    joint: str
    start: Vector
    end: Vector
    radii: tuple[float, float]


_SHOULDER, _ANKLE = "right_shoulder", "right_ankle"
_SIDE_JOINTS: dict[str, tuple[str, Vector]] = {
    "hip": ("root", (0.0, 0.0, 0.0849)),
    "knee": ("right_hip", (0.0, -0.4215, 0.0)),
    "ankle": ("right_knee", (0.0, -0.4099, 0.0)),
    "toe": ("right_ankle", (0.13, -0.04, 0.0)),
    "shoulder": ("chest", (-0.024, 0.2435, 0.1831)),
    "elbow": ("right_shoulder", (0.0, -0.2748, 0.0)),
    "wrist": ("right_elbow", (0.0, -0.2589, 0.0)),
}
# Part, cloth, joint, start, end, radii.
_SIDE_CAPSULES = (
    Capsule("torso", "shirt", "chest", (0, 0, 0.05), (-0.015, 0.18, 0.09), (0.1, 0.09)),
    Capsule("right_upper_arm", "shirt", _SHOULDER, (0, 0.01, -0.02), (0, -0.1, 0), (0.066, 0.056)),
    Capsule("right_upper_arm", "sleeve", _SHOULDER, (0, -0.08, 0), (0, -0.275, 0), (0.055, 0.045)),
    Capsule("right_forearm", "sleeve", "right_elbow", (0, 0, 0), (0, -0.22, 0), (0.046, 0.037)),
    Capsule("right_forearm", "skin", "right_elbow", (0, -0.25, 0), (0, -0.31, 0), (0.038, 0.036)),
    Capsule("right_thigh", "trousers", "right_hip", (0, 0, 0), (0, -0.42, 0), (0.092, 0.063)),
    Capsule("right_shin", "leg", "right_knee", (0, 0, 0), (0, -0.39, 0), (0.061, 0.045)),
    Capsule("right_foot", "shoes", _ANKLE, (-0.03, -0.03, 0), (0.13, -0.04, 0), (0.05, 0.04)),
)
_MIDDLE_CAPSULES = (
    Capsule("torso", "trousers", "root", (0, 0, -0.055), (0, 0, 0.055), (0.105, 0.105)),
    Capsule("torso", "shirt", "root", (0, 0.08, 0), (0, 0.24, 0), (0.115, 0.12)),
    Capsule("torso", "shirt", "chest", (-0.02, 0.205, -0.1), (-0.02, 0.205, 0.1), (0.075, 0.075)),
    Capsule("head", "skin", "neck", (-0.01, -0.02, 0), (0, 0.08, 0), (0.05, 0.05)),
    Capsule("head", "head", "neck", (0.01, 0.14, 0), (0.005, 0.2, 0), (0.088, 0.1)),
)
LONG_HAIR = Capsule("head", "hair", "neck", (-0.04, 0.2, 0), (-0.075, 0.02, 0), (0.095, 0.065))


def _mirrored(name: str) -> str:
    return name.replace("right_", "left_")


def _left(capsule: Capsule) -> Capsule:
    (a, b, c), (d, e, f) = capsule.start, capsule.end
    part: Part = next(part for part in PARTS if part == _mirrored(capsule.part))
    joint = _mirrored(capsule.joint)
    return Capsule(part, capsule.cloth, joint, (a, b, -c), (d, e, -f), capsule.radii)


JOINTS: dict[str, tuple[str | None, Vector]] = {
    "root": (None, (0.0, 0.0, 0.0)),
    "chest": ("root", (0.0, 0.2362, 0.0)),
    "neck": ("chest", (0.0, 0.2239, 0.0)),
    "head": ("neck", (0.005, 0.175, 0.0)),
    **{f"right_{name}": place for name, place in _SIDE_JOINTS.items()},
    **{
        f"left_{name}": (_mirrored(parent), (x, y, -z))
        for name, (parent, (x, y, z)) in _SIDE_JOINTS.items()
    },
}
"""Each joint's parent, and where in the parent it lies [m: forward, up, right]."""

CAPSULES = (*_MIDDLE_CAPSULES, *_SIDE_CAPSULES, *map(_left, _SIDE_CAPSULES))

SKINS: tuple[Colour, ...] = (
    (255, 219, 190), (241, 194, 155), (224, 172, 125), (198, 134, 88), (150, 92, 55), (105, 64, 42),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (35, 28, 26), (70, 45, 30), (120, 75, 40), (200, 160, 90), (150, 60, 35), (150, 150, 150),
)  # fmt: skip
CLOTH_PATTERNS: tuple[Pattern, ...] = ("plain", "plain", "stripes", "checks", "dots", "waves")


@dataclass(frozen=True, kw_only=True)
class Body:
    """A person.

    Args:
        stretch: how much longer than recorded the trunk, arms and legs are, how much broader
            shoulders and hips, and how much larger the head.
        girth: how much thicker than ours the capsules are.
        cloths: what covers each capsule.
        long_hair: whether hair covers the neck.
    """

    stretch: Mapping[str, float]
    girth: float
    cloths: Mapping[Cloth, Texture]
    long_hair: bool

    @property
    def capsules(self) -> tuple[Capsule, ...]:
        """What the person is made of."""
        return (*CAPSULES, LONG_HAIR) if self.long_hair else CAPSULES

    def scale(self, joint: str) -> Float[Array, "3"]:
        """How much longer everything is that is fixed to a joint: forward, up, right."""
        grown = self.stretch
        match joint.removeprefix("right_").removeprefix("left_"):
            case "root":
                return np.array([1.0, grown["trunk"], grown["hips"]])
            case "chest":
                return np.array([1.0, grown["trunk"], grown["shoulders"]])
            case "neck":
                return np.full(3, grown["head"])
            case "hip" | "knee":
                return np.array([1.0, grown["legs"], 1.0])
            case "shoulder" | "elbow":
                return np.array([1.0, grown["arms"], 1.0])
            case _:
                return np.ones(3)


@dataclass(frozen=True, kw_only=True)
class Limbs:
    """A person in space, at several moments [m].

    Args:
        joints: where each joint of JOINTS is.
        turns: of each joint of TURNING, in the world.
        ends: start and end of each capsule.
        radii: of each capsule at its start and end.
    """

    joints: Float[Array, "time joint 3"]
    turns: Float[Array, "time turning 3 3"]
    ends: Float[Array, "time capsule 2 3"]
    radii: Float[Array, "capsule 2"]


def draw_body(generator: np.random.Generator) -> Body:
    """Draw a person at random."""
    stretch = {
        name: uniform(generator, 0.9, 1.12)
        for name in ("trunk", "arms", "legs", "shoulders", "hips", "head")
    }
    stretch["head"] += 0.08  # a little large: it is what is looked for first
    return Body(
        stretch=stretch,
        girth=uniform(generator, 0.9, 1.3),
        cloths=_draw_cloths(generator),
        long_hair=pick(generator, (False, True)),
    )


def _draw_cloths(generator: np.random.Generator) -> dict[Cloth, Texture]:
    skin, hair = _plain(pick(generator, SKINS)), pick(generator, HAIRS)
    shirt, trousers = _draw_cloth(generator), _draw_cloth(generator)
    long_sleeves, long_legs = pick(generator, (False, True)), pick(generator, (False, True))
    return {
        "skin": skin,
        "head": Texture(pattern="plain", wavelength=1.0, dark=skin.dark, light=hair),
        "hair": _plain(hair),
        "shirt": shirt,
        "sleeve": shirt if long_sleeves else skin,
        "trousers": trousers,
        "leg": trousers if long_legs else skin,
        "shoes": _plain(_vivid(generator)[0]),
    }


def _draw_cloth(generator: np.random.Generator) -> Texture:
    return draw_texture(
        generator, patterns=CLOTH_PATTERNS, wavelengths=(0.13, 0.24), colours=_vivid(generator)
    )


def _vivid(generator: np.random.Generator) -> tuple[Colour, Colour]:
    hue, saturation = uniform(generator, 0, 1), uniform(generator, 0.45, 0.9)
    value, other = uniform(generator, 0.4, 0.75), uniform(generator, -0.12, 0.12)
    dark = colorsys.hsv_to_rgb(hue, saturation, value)
    light = colorsys.hsv_to_rgb((hue + other) % 1, saturation * 0.6, min(1.0, value + 0.35))
    return (255 * dark[0], 255 * dark[1], 255 * dark[2]), (
        255 * light[0],
        255 * light[1],
        255 * light[2],
    )


def _plain(colour: Colour) -> Texture:
    return Texture(pattern="plain", wavelength=1.0, dark=colour, light=colour)


def limbs_of(body: Body, poses: Poses) -> Limbs:
    """Where the person's joints and limbs are; the lowest touches the floor at height 0."""
    turns, joints = _along_the_skeleton(body, poses)
    order, capsules = list(TURNING), body.capsules
    radii = body.girth * np.array([capsule.radii for capsule in capsules])
    ends = np.stack([_ends(body, capsule, joints, turns) for capsule in capsules], axis=1)
    lowest = (ends[..., 1] - radii).min()
    floor = np.array([0.0, lowest, 0.0])
    return Limbs(
        joints=np.stack([joints[name] for name in JOINTS], axis=1) - floor,
        turns=np.stack([turns[name] for name in order], axis=1),
        ends=ends - floor,
        radii=radii,
    )


def _along_the_skeleton(body: Body, poses: Poses) -> tuple[dict[str, Array], dict[str, Array]]:
    """Turn [time 3 3] and place [time 3] of every joint in the world, from the root outward."""
    own = dict(zip(TURNING, np.moveaxis(poses.turns, 1, 0), strict=True))
    turns, places = {}, {}
    for name, (parent, offset) in JOINTS.items():
        if parent is None:
            turns[name], places[name] = own[name], poses.places * body.stretch["legs"]
            continue
        places[name] = places[parent] + turns[parent] @ (np.array(offset) * body.scale(parent))
        turns[name] = turns[parent] @ own[name] if name in own else turns[parent]
    return turns, places


def _ends(
    body: Body, capsule: Capsule, joints: dict[str, Array], turns: dict[str, Array]
) -> Float[Array, "time 2 3"]:
    fixed = np.array([capsule.start, capsule.end]) * body.scale(capsule.joint)
    turned = np.einsum("tij,ej->tei", turns[capsule.joint], fixed)
    return joints[capsule.joint][:, None] + turned
