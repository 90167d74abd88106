"""What the tables that stand beside published numbers share, and the words of study 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from advlearn.report.intervals import compare_with_published
from advlearn.report.numbers import (
    ABSENT,
    format_number,
    seed_count,
    share_with_interval,
    with_published,
)
from advlearn.report.sentences import Sentences
from advlearn.report.table import Group
from advlearn.studies.selective.paper.labels import PROTOCOLS
from advlearn.studies.selective.paper.universe_protocol import (
    PREDICTED,
    in_blocks,
    primary_pair,
    universe_protocols,
)
from advlearn.studies.selective.paper.universe_set import weights_of
from advlearn.studies.selective.schema import SelectiveTidy

SAY = Sentences(__package__)
HOW = (
    "mean over seeds, after averaging what one seed has several of; ci_low, ci_high: 95 % interval"
    " of the mean, seeds and images random; prediction_low, prediction_high: where one further run"
    " would fall; both lie in [0, 1] and are missing for one seed;"
    " difference: mean minus published"
)
_COMPARED = (
    "published mean ci_low ci_high prediction_low prediction_high prediction_width n difference"
    " published_inside_ci published_inside_prediction source note"
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
    apart = np.array([not _belongs(tidy, name) for name in frame["universe"]], bool)
    quoted = {name: frame[name].mask(apart) for name in ("published", "source", "note")}
    width = frame["prediction_high"] - frame["prediction_low"]
    frame = compare_with_published(frame.assign(**quoted, prediction_width=width))
    frame = in_blocks(tidy, frame, list(orders), **orders)
    return frame[["universe", "protocol", "primary", *columns.split(), *_COMPARED]]


def _belongs(tidy: SelectiveTidy, universe: str) -> bool:
    """Whether published numbers may stand beside a universe, or beside all of the plausible set."""
    predicted = universe == PREDICTED.universe
    universes = tidy.study.weights("plausible") if predicted else [universe]
    return all(tidy.study.belongs_beside(name) for name in universes)


def blocks(
    tidy: SelectiveTidy, frame: pd.DataFrame, rows: Callable[[pd.DataFrame], list[list[str]]]
) -> list[Group]:
    """Readable rows of the predictions, then of each universe and protocol with lines."""
    groups = []
    if len(lines := PREDICTED.of(frame)):
        universes = "; ".join(pair.label for pair in weights_of(tidy, "plausible"))
        known = any(settings.get("sets") for settings in tidy.study.universes.values())
        who = "by the plausible set: " if known else "more of "
        heading = f"Predicted for one run {who}{universes}"
        groups.append(Group(with_seeds(heading, lines, frame), rows(lines)))
    for pair in universe_protocols(tidy):
        lines = pair.of(frame)
        beside = pair == primary_pair(tidy) and tidy.study.belongs_beside(pair.universe)
        mark = " (set beside the published numbers)" if beside else ""
        heading = f"Universe {pair.universe}, {PROTOCOLS(pair.protocol)} evaluation{mark}"
        if len(lines):
            groups.append(Group(with_seeds(heading, lines, frame), rows(lines)))
    return groups


def with_seeds(heading: str, lines: pd.DataFrame, frame: pd.DataFrame) -> str:
    """The heading of some lines, with their number of seeds where that differs in the table.

    Args:
        heading: what the lines are.
        lines: those below the heading, with their numbers of seeds ``n``.
        frame: all lines of the table.
    """
    whole, own = seed_count(frame["n"]), seed_count(lines["n"])
    return f"{heading}, {own.words}" if own.most and whole.fewest < whole.most else heading


def comparison(line: object) -> str:
    """``mean [low, high] (published)`` of a line, a named tuple; a dash for no line.

    Lines of predictions have the interval of one further run, and whether it holds the number.
    """
    if line is None:
        return ABSENT
    predicted = getattr(line, "primary", None) == "predicted"
    bounds = ("prediction_low", "prediction_high") if predicted else ("ci_low", "ci_high")
    mean, low, high, published = (
        float(getattr(line, name)) for name in ("mean", *bounds, "published")
    )
    cell = share_with_interval(mean, low, high)
    inside = getattr(line, "published_inside_prediction", None)
    if not predicted or not isinstance(inside, str):
        return with_published(cell, published)
    return f"{cell} ({format_number(published)}, {'inside' if inside == 'yes' else 'outside'})"


def common_notes(tidy: SelectiveTidy, frame: pd.DataFrame) -> list[str]:
    """Remarks that belong below every table with published numbers; ``frame``: its lines."""
    return [*without_published(tidy), SAY.how_to_compare(seed_count(frame["n"]))]


def without_published(tidy: SelectiveTidy) -> list[str]:
    """One sentence where the published numbers are left out: why; none where all stand."""
    study = tidy.study
    if not study.of_the_papers_data:
        return [SAY.other_data(study.dataset)]
    apart = [name for name in study.universes if not study.belongs_beside(name)]
    return [SAY.own_network(apart)] if apart else []
