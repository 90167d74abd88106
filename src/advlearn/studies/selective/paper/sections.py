"""Study 1's own sections of the report: calibration and sanity checks."""

from __future__ import annotations

import pandas as pd

from advlearn.report.numbers import ABSENT, number
from advlearn.report.page import Rows
from advlearn.studies.selective.paper.schema import SelectiveTidy

QUANTITIES = ("classic_clean", "classic_fgsm", "classic_pgd", "at_clean", "at_fgsm", "at_pgd")


def distances(tidy: SelectiveTidy) -> pd.DataFrame:
    """How far each universe of the calibration is from the published baselines.

    Returns:
        One row a universe, nearest first: universe_id, its choices, the mean over seeds of each of
        the `QUANTITIES`, and ``distance``, the mean absolute difference to the published values.
    """
    frame = tidy["selective_calibration"]
    open_choices = [
        name for name in frame.columns if name not in ("universe_id", "seed", "quantity", "value")
    ]
    published = tidy.published("selective_baselines").set_index("quantity")["published"]
    wide = frame.groupby(["universe_id", "quantity"], sort=True)["value"].mean().unstack("quantity")
    measured = [name for name in QUANTITIES if name in wide.columns]
    wide["distance"] = (wide[measured] - published[measured]).abs().mean(axis="columns")
    described = frame.groupby("universe_id", sort=True)[open_choices].first()
    result = described.join(wide[[*measured, "distance"]]).reset_index()
    return result.sort_values(["distance", "universe_id"], ignore_index=True)


def calibration(tidy: SelectiveTidy) -> Rows:
    """The calibration as readable rows: the published numbers first, then the nearest universe."""
    frame = distances(tidy)
    measured = [name for name in QUANTITIES if name in frame.columns]
    open_choices = [
        name for name in frame.columns if name not in ("universe_id", "distance", *measured)
    ]
    published = tidy.published("selective_baselines").set_index("quantity")["published"]
    rows = [
        [
            "published",
            *(ABSENT for _ in open_choices),
            *(number(float(published[name]), 4) for name in measured),
            ABSENT,
        ]
    ]
    for place, row in enumerate(frame.to_dict(orient="records")):
        rows.append(
            [
                f"{row['universe_id']}{' (nearest)' if place == 0 else ''}",
                *(str(row[name]) for name in open_choices),
                *(number(float(row[name])) for name in measured),
                number(float(row["distance"])),
            ]
        )
    heads = [name.replace("_", " ").replace("at ", "AT ") for name in measured]
    return ["universe", *open_choices, *heads, "distance"], rows


def sanity(tidy: SelectiveTidy) -> tuple[Rows, Rows]:
    """Counts of the passed checks, and the checks that failed (at most 50)."""
    frame = tidy["selective_sanity"]
    keys = ["universe", "attack", "model", "check"]
    counts = frame.groupby(keys, sort=True)["passed"].agg(["sum", "count"]).reset_index()
    rows = [
        [*(str(row[key]) for key in keys), f"{int(row['sum'])} of {int(row['count'])}"]
        for row in counts.to_dict(orient="records")
    ]
    failed = frame[frame["passed"] != 1].head(50)
    failures = [
        [
            *(str(row[key]) for key in ("universe", "seed", "attack", "model", "check")),
            _value(row["expected"]),
            _value(row["value"]),
        ]
        for row in failed.to_dict(orient="records")
    ]
    return (
        (["universe", "attack", "model", "check", "passed"], rows),
        (["universe", "seed", "attack", "model", "check", "expected", "value"], failures),
    )


def _value(value: object) -> str:
    return number(float(value)) if isinstance(value, int | float) else str(value)
