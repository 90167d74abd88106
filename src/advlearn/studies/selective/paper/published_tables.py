"""What the tables that stand beside published numbers share, and the words of study 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from advlearn.report.intervals import compare_with_published
from advlearn.report.numbers import ABSENT, with_interval, with_published
from advlearn.report.sentences import Sentences
from advlearn.report.table import OVER_SEEDS, Group
from advlearn.studies.selective.paper.labels import PROTOCOLS
from advlearn.studies.selective.paper.universe_protocol import (
    in_blocks,
    primary_pair,
    universe_protocols,
)
from advlearn.studies.selective.schema import SelectiveTidy

SAY = Sentences(__package__)
HOW = (
    f"{OVER_SEEDS}; prediction_low, prediction_high: where one further run would fall;"
    " difference: mean minus published"
)
_COMPARED = (
    "published mean ci_low ci_high prediction_low prediction_high n difference published_inside_ci"
    " published_inside_prediction source note"
).split()


def compare_cells(
    tidy: SelectiveTidy, frame: pd.DataFrame, columns: str, **orders: Sequence[object]
) -> pd.DataFrame:
    """The lines of a table beside the published numbers, in its order of lines and columns.

    Beside a universe that they do not belong to, the cells of the published numbers are empty.

    Args:
        tidy: the run.
        frame: result of `over_seeds` with the columns of the published table.
        columns: names of the columns that describe a line; universe, protocol and primary precede.
        **orders: columns that order the lines of a universe and protocol, in this order, with the
            order of their values.
    """
    apart = np.array([not tidy.study.belongs_beside(name) for name in frame["universe"]], bool)
    quoted = {name: frame[name].mask(apart) for name in ("published", "source", "note")}
    frame = compare_with_published(frame.assign(**quoted))
    frame = in_blocks(tidy, frame, list(orders), **orders)
    return frame[["universe", "protocol", "primary", *columns.split(), *_COMPARED]]


def blocks(
    tidy: SelectiveTidy, frame: pd.DataFrame, rows: Callable[[pd.DataFrame], list[list[str]]]
) -> list[Group]:
    """Readable rows of each universe and protocol that has lines in ``frame``."""
    groups = []
    for pair in universe_protocols(tidy):
        lines = pair.of(frame)
        beside = pair == primary_pair(tidy) and tidy.study.belongs_beside(pair.universe)
        mark = " (set beside the published numbers)" if beside else ""
        heading = f"Universe {pair.universe}, {PROTOCOLS(pair.protocol)} evaluation{mark}"
        if len(lines):
            groups.append(Group(heading, rows(lines)))
    return groups


def comparison(line: object) -> str:
    """``mean [low, high] (published)`` of a line, a named tuple; a dash for no line."""
    if line is None:
        return ABSENT
    mean, low, high, published = (
        float(getattr(line, name)) for name in ("mean", "ci_low", "ci_high", "published")
    )
    return with_published(with_interval(mean, low, high), published)


def common_notes(tidy: SelectiveTidy) -> list[str]:
    """Remarks that belong below every table with published numbers."""
    return [*without_published(tidy), SAY.how_to_compare(len(tidy.study.seeds))]


def without_published(tidy: SelectiveTidy) -> list[str]:
    """One sentence where the published numbers are left out: why; none where all stand."""
    study = tidy.study
    if not study.of_the_papers_data:
        return [SAY.other_data(study.dataset)]
    apart = [name for name in study.universes if not study.belongs_beside(name)]
    return [SAY.own_network(apart)] if apart else []
