"""What does a chapter tell?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a chapter tells.

    Args:
        summary: a few numbers, for the overview; plain values.
        data: everything that its page shows; plain values, loaded when the page is opened.
    """

    summary: Mapping[str, Any]
    data: Mapping[str, Any]
