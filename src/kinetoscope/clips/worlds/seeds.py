"""Which random numbers does a made clip get?

A generator is seeded by words, such as the seed of the world, the label, the split and the clip's
number. So a clip is the same whichever clips were made before it, and on however many processes.
Only `Generator.random` is used: of NumPy's draws it is the one that is the same in every version.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def generator_for(*words: str | int) -> np.random.Generator:
    """A generator that depends on these words and nothing else.

    >>> round(float(generator_for(0, "ring", "train", 3).random()), 6)
    0.251945
    """
    key = hashlib.blake2b(repr(words).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))


def uniform(generator: np.random.Generator, low: float | int, high: float | int) -> float:
    """A number from low up to, not including, high."""
    return low + (high - low) * float(generator.random())


def pick(generator: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely."""
    return options[int(generator.random() * len(options))]
