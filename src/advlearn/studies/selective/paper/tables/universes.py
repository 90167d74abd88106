"""The search: universes beside the published baselines, the heaviest and the nearest."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import groups, records
from advlearn.report.numbers import format_number, format_significant
from advlearn.report.table import Group, Source, Table
from advlearn.studies.selective.paper.labels import PROTOCOLS
from advlearn.studies.selective.paper.published_tables import SAY, without_published
from advlearn.studies.selective.paper.search import (
    GOAL,
    SHARE,
    compared,
    counts,
    published,
    resolution,
    weighted,
)
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import decisive, effective_number, heaviest
from advlearn.studies.selective.search.questions import BASELINES, MEASURED_TO_THE_END

_SHOWN = 10
"""Universes of a group of the readable form, at most."""
_SMALLEST = 0.001
"""Weights below are not written out."""
_PAIR = ["universe", "protocol"]
_DRAW = ["universe"]
_WEIGHTS = ("weight", "log_likelihood")
"""Numbers that depend on the spread of all universes."""


def build(tidy: SelectiveTidy) -> Table:
    """Every universe that was measured to its end, and in the readable form the foremost."""
    frame = compared(tidy)
    weights = weighted(tidy)
    holders = len(heaviest(weights, SHARE))
    shown = []
    if holders:
        title = SAY.heaviest_universes(holders, effective_number(weights), SHARE)
        weighty = frame[frame["weight"] > 0][_PAIR].drop_duplicates()
        pairs = [*weighty.itertuples(index=False, name=None)]
        shown.append(Group(title, _readable(tidy, frame, pairs)))
    rows = decisive(tidy["selective_universes"])
    if not rows["status"].eq(MEASURED_TO_THE_END).any():
        known = frame.groupby(_PAIR, sort=False).size().sort_values(ascending=False, kind="stable")
        shown.append(Group(SAY.left_universes(), _readable(tidy, frame, [*known.index])))
    elif frame["largest_difference"].notna().any():
        nearest = frame.sort_values("largest_difference", kind="stable")[_PAIR].drop_duplicates()
        pairs = [*zip(nearest["universe"], nearest["protocol"], strict=True)]
        shown.append(Group(SAY.nearest_universes(), _readable(tidy, frame, pairs)))
    elif len(frame):
        pairs = [*frame[_PAIR].drop_duplicates().itertuples(index=False, name=None)]
        shown.append(Group(SAY.measured_universes(), _readable(tidy, frame, pairs)))
    return Table(
        title="Universes of the search",
        caption=SAY.universes(),
        frame=frame,
        columns=["draw", "protocol", *(_head(name) for name in BASELINES), "largest", "weight"],
        groups=shown,
        notes=[*without_published(tidy), SAY.searched(**counts(tidy)), *_resolution(tidy)],
        keys=[*_PAIR, "quantity"],
        how="mean over seeds; weight: product of normal densities on the logit scale, normalised",
        sources=[
            Source(
                "selective_universes", rows, columns=lambda name: name not in _WEIGHTS, keys=_DRAW
            ),
            Source(
                "selective_universes",
                rows,
                role="all universes, over which weights are normalised",
                columns=lambda name: name in _WEIGHTS,
                keys=[],
            ),
        ],
    )


def _readable(
    tidy: SelectiveTidy, frame: pd.DataFrame, pairs: list[tuple[int, str]]
) -> list[list[str]]:
    """The published values, and a row a universe and protocol."""
    given = published(tidy)
    found = {key: records(part) for key, part in groups(frame, _PAIR)}
    rows = []
    if given.notna().all():
        rows.append(
            ["published", "", *(format_number(given[name], 4) for name in BASELINES), "", ""]
        )
    for pair in pairs[:_SHOWN]:
        lines = found[pair]
        means = {line["quantity"]: line["mean"] for line in lines}
        rows.append(
            [
                str(pair[0]),
                PROTOCOLS(pair[1]),
                *(format_number(means.get(name, float("nan")), 4) for name in BASELINES),
                format_number(lines[0]["largest_difference"]),
                _weight(lines[0]["weight"]),
            ]
        )
    return rows


def _weight(value: float) -> str:
    return f"< {_SMALLEST}" if 0 < value < _SMALLEST else format_significant(value, 2)


def _resolution(tidy: SelectiveTidy) -> list[str]:
    found = resolution(tidy) if tidy.study.of_the_papers_data else None
    return [SAY.resolution(GOAL, **found._asdict())] if found else []


def _head(quantity: str) -> str:
    return (
        quantity.replace("at_", "AT ")
        .replace("_", " ")
        .replace("fgsm", "FGSM")
        .replace("pgd", "PGD")
    )
