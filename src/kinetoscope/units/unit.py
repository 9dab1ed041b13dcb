"""How is one unit of a network named?"""

import re
from dataclasses import dataclass

from kinetoscope.errors import UnknownNameError


@dataclass(frozen=True, order=True)
class Unit:
    """One channel of one layer: the smallest thing Kinetoscope looks at.

    A unit is written the same way in Python, on the command line, in file names and in the
    report's links.

    >>> Unit.parse("conv3b:17")
    Unit(layer='conv3b', channel=17)
    >>> print(Unit("slow.res5.2", 17))
    slow.res5.2:17
    """

    layer: str
    channel: int

    def __post_init__(self):
        if self.channel < 0 or not self.layer:
            raise UnknownNameError(
                "a unit is a layer and a channel",
                got=f"{self.layer}:{self.channel}",
                expected="layer:channel with a channel of 0 or more, such as conv3b:17",
            )

    def __str__(self):
        return f"{self.layer}:{self.channel}"

    @classmethod
    def parse(cls, address: str) -> "Unit":
        """Read an address such as `conv3b:17`.

        Raises:
            UnknownNameError: it is not a layer, a colon and a number.
        """
        found = re.fullmatch(r"(.+):(\d+)", address)
        if found is None:
            raise UnknownNameError(
                f"{address} is not the address of a unit",
                got=address,
                expected="layer:channel, such as conv3b:17",
            )
        return cls(found[1], int(found[2]))

    @property
    def file_name(self) -> str:
        """The address where a colon is not allowed, as in names of files.

        >>> Unit("slow.res5.2", 17).file_name
        'slow.res5.2-17'
        """
        safe = re.sub(r"[^A-Za-z0-9._]", lambda found: f"~{ord(found[0]):x}~", self.layer)
        return f"{safe}-{self.channel}"
