"""Study 1's own sections of the report: calibration and sanity checks."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import ABSENT, format_exactly, format_number
from advlearn.report.page import Rows
from advlearn.studies.selective.schema import SelectiveTidy, is_own_model

QUANTITIES = ("classic_clean", "classic_fgsm", "classic_pgd", "at_clean", "at_fgsm", "at_pgd")
_MOST_FAILURES = 50
_CHECK = ["universe", "attack", "model", "check"]


def _open_choices(tidy: SelectiveTidy) -> list[str]:
    about = ("universe_id", "seed", "quantity", "value")
    return [name for name in tidy["selective_calibration"].columns if name not in about]


def _published(tidy: SelectiveTidy) -> pd.Series:
    """The published baselines by quantity; missing where the run is of other data."""
    found: pd.Series = tidy.published("selective_baselines").set_index("quantity")["published"]
    return found if tidy.study.of_the_papers_data else found * float("nan")


def distances(tidy: SelectiveTidy) -> pd.DataFrame:
    """How far each universe of the calibration is from the published baselines.

    Returns:
        One row a universe, nearest first: universe_id, its choices, the mean over seeds of each of
        the `QUANTITIES`, and ``distance``, the mean absolute difference to the published values,
        missing where they belong to other data or another network.
    """
    frame = tidy["selective_calibration"]
    published = _published(tidy)
    own = frame.groupby("universe_id", sort=True)["model"].first().map(is_own_model)
    wide = frame.groupby(["universe_id", "quantity"], sort=True)["value"].mean().unstack("quantity")
    measured = [name for name in QUANTITIES if name in wide.columns]
    wide["distance"] = (wide[measured] - published[measured]).abs().mean(axis="columns")
    wide["distance"] = wide["distance"].mask(own)
    described = frame.groupby("universe_id", sort=True)[_open_choices(tidy)].first()
    result = described.join(wide[[*measured, "distance"]]).reset_index()
    return result.sort_values(["distance", "universe_id"], ignore_index=True)


def calibration(tidy: SelectiveTidy) -> Rows:
    """The calibration as readable rows: the published numbers first, then the nearest universe."""
    frame, published, choices = distances(tidy), _published(tidy), _open_choices(tidy)
    measured = [name for name in QUANTITIES if name in frame.columns]
    printed = [format_number(published[name], 4) for name in measured]
    rows = [["published", *[ABSENT] * len(choices), *printed, ABSENT]]
    if published.isna().all():
        rows = []
    for place, universe in enumerate(records(frame)):
        nearest = place == 0 and pd.notna(universe["distance"])
        rows.append(
            [
                f"{universe['universe_id']}{' (nearest)' if nearest else ''}",
                *(str(universe[name]) for name in choices),
                *(format_number(universe[name]) for name in [*measured, "distance"]),
            ]
        )
    heads = [name.replace("_", " ").replace("at ", "AT ") for name in measured]
    return ["universe", *choices, *heads, "distance"], rows


def sanity(tidy: SelectiveTidy) -> tuple[Rows, Rows]:
    """Counts of the passed checks, and the checks that failed (at most 50)."""
    frame = tidy["selective_sanity"]
    counts = frame.groupby(_CHECK, sort=True)["passed"].agg(["sum", "count"]).reset_index()
    rows = [
        [*(str(row[key]) for key in _CHECK), f"{row['sum']:.0f} of {row['count']}"]
        for row in records(counts)
    ]
    about = ["universe", "seed", *_CHECK[1:]]
    failures = [
        [*(str(row[key]) for key in about), _value(row["expected"]), _value(row["value"])]
        for row in records(frame[frame["passed"] != 1].head(_MOST_FAILURES))
    ]
    return ([*_CHECK, "passed"], rows), ([*about, "expected", "value"], failures)


def _value(value: object) -> str:
    return format_exactly(value) if isinstance(value, int | float) else str(value)
