"""Names of things as readers see them: label, order and look in figures, each in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from advlearn.support.text import shown

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#8C8C8C"

LONGEST = 20
"""Characters of a user's name for which a figure has room."""


class Look(NamedTuple):
    """How one kind of thing is drawn."""

    colour: str
    marker: str
    line: str
    label: str


class Labels:
    """Readable names of one kind of thing, in the order in which they are shown.

    Args:
        named: name -> label, or label with colour, marker and line style.
        unknown: look of names that are not known.
    """

    def __init__(
        self,
        named: Mapping[str, str | tuple[str, str, str, str]],
        unknown: tuple[str, str, str] = (GREY, "*", "-"),
    ) -> None:
        self._labels: dict[str, str] = {}
        self._looks: dict[str, tuple[str, str, str]] = {}
        for name, entry in named.items():
            if isinstance(entry, str):
                self._labels[name] = entry
            else:
                self._labels[name] = entry[0]
                self._looks[name] = entry[1:]
        self._unknown = unknown

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def __contains__(self, name: object) -> bool:
        return name in self._labels

    def __call__(self, name: object) -> str:
        """The readable form of a name; names that are not known lose their underscores."""
        return self._labels.get(str(name), shown(str(name).replace("_", " ")))

    def short(self, name: object) -> str:
        """The readable form in a figure: names that are not known are shortened."""
        return self(name) if name in self else shown(self(name), LONGEST)

    def order(self, present: Iterable[object]) -> list[str]:
        """The names once each: known ones first and in their order, others by name."""
        places = {name: place for place, name in enumerate(self._labels)}
        names = {str(name) for name in present}
        return sorted(names, key=lambda name: (places.get(name, len(places)), name))

    def look(self, name: str) -> Look:
        """How a thing is drawn."""
        return Look(*self._looks.get(name, self._unknown), self.short(name))

    def looks(self, present: Iterable[object] | None = None) -> dict[str, Look]:
        """How the things of a figure are drawn, in their order; all known ones by default."""
        names = list(self._labels) if present is None else self.order(present)
        return {name: self.look(name) for name in names}
