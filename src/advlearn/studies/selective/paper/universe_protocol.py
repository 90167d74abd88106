"""The blocks of every table: one universe under one protocol of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from advlearn.report.frames import ordered
from advlearn.studies.selective.paper.labels import PROTOCOLS
from advlearn.studies.selective.schema import SelectiveTidy


class UniverseProtocol(NamedTuple):
    """A universe and the protocol under which its models were attacked."""

    universe: str
    protocol: str

    @property
    def label(self) -> str:
        """``small, white-box``."""
        return f"{self.universe}, {PROTOCOLS(self.protocol)}"

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of this universe and protocol."""
        return frame[(frame["universe"] == self.universe) & (frame["protocol"] == self.protocol)]


PREDICTED = UniverseProtocol("plausible set", "own")
"""Lines of what the plausible set predicts, each universe under its own protocol. No universe has
this name, which has a blank."""


def primary_pair(tidy: SelectiveTidy) -> UniverseProtocol:
    """The pair beside which the published numbers are set."""
    return UniverseProtocol(tidy.study.primary.universe, tidy.study.primary.protocol)


def pairs_of(frame: pd.DataFrame) -> list[UniverseProtocol]:
    """The pair of each row."""
    return [UniverseProtocol(*pair) for pair in zip(frame.universe, frame.protocol, strict=True)]


def universe_protocols(tidy: SelectiveTidy) -> list[UniverseProtocol]:
    """The pairs of the run; the one beside the published numbers first."""
    found = dict.fromkeys(pairs_of(tidy["selective_metrics"]))
    first = primary_pair(tidy)
    universes = [first.universe, *tidy.study.universes, *(pair.universe for pair in found)]

    def place(pair: UniverseProtocol) -> tuple[int, bool, bool, str]:
        own = pair.protocol
        return universes.index(pair.universe), own != first.protocol, own != "whitebox", own

    return sorted(found, key=place)


def in_blocks(
    tidy: SelectiveTidy, frame: pd.DataFrame, by: Sequence[str], **orders: Sequence[object]
) -> pd.DataFrame:
    """The lines of a table pair by pair, with a column ``primary`` after universe and protocol.

    Lines that the plausible set predicts stand first and are ``predicted``; the others are those of
    the primary comparison, ``yes``, or of another, ``no``.

    Args:
        tidy: the run.
        frame: the lines; their first columns are universe and protocol.
        by: columns that order the lines of a pair.
        **orders: order of the values of such a column, as in `ordered`.
    """
    pairs = [PREDICTED, *universe_protocols(tidy)]
    frame = frame.assign(_place=[pairs.index(pair) for pair in pairs_of(frame)])
    frame = ordered(frame, ["_place", *by], **orders).drop(columns="_place")
    named = {PREDICTED: "predicted", primary_pair(tidy): "yes"}
    beside = [named.get(pair, "no") for pair in pairs_of(frame)]
    frame.insert(2, "primary", beside)
    return frame
