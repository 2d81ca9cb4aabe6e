"""A part of an entity: some of the staged batches of each of its sources, mapped and validated by
itself.

Nothing but its batch decides about a record in map and validate, so that parts need to know
nothing of each other; see :mod:`.joining` for how they come together again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(r"(?P<entity>.+)_\d+_of_\d+")


@dataclass(frozen=True)
class Part:
    """Which part of an entity, of how many.

    Attributes:
        number: counted from 1.
        of: how many parts there are; 1: it is the whole.
    """

    number: int = 1
    of: int = 1

    @property
    def suffix(self) -> str:
        """What it adds to the names of steps and staged tables; nothing where it is the whole."""
        return "" if self.of == 1 else f"_{self.number}_of_{self.of}"

    @property
    def in_words(self) -> str:
        """What it adds to the names of pieces of work."""
        return "" if self.of == 1 else f", part {self.number} of {self.of}"

    def batches(self, count: int) -> range:
        """Which of ``count`` staged batches are its own. Parts are as even as can be; each batch is
        in one of them, and what a later part has comes later."""
        return range(count * (self.number - 1) // self.of, count * self.number // self.of)


WHOLE = Part()


def parts(count: int) -> tuple[Part, ...]:
    """All parts of which there are ``count``, in their order."""
    return tuple(Part(number, count) for number in range(1, count + 1))


def entity_of(key: str) -> str:
    """The entity of a dynamic step's key: ``customer`` of ``customer`` and ``customer_2_of_4``."""
    found = _KEY.fullmatch(key)
    return found["entity"] if found else key
