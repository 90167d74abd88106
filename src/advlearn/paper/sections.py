"""Sections of the report that are no table of the paper: choices, calibration, sanity, record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from advlearn.paper.html import table_html
from advlearn.paper.page import Rows, Section
from advlearn.paper.tidy import Tidy
from advlearn.paper.writers import ABSENT, number, pipe_table

QUANTITIES = ("classic_clean", "classic_fgsm", "classic_pgd", "at_clean", "at_fgsm", "at_pgd")
CHOICES_TITLE = "What the paper leaves open"


def choices(tidy: Tidy, study: str = "selective") -> Rows:
    """What a study's paper leaves open, one row a choice, one column of values a universe."""
    tables = {"topk": "topk_choices", "bilevel": "bilevel_choices"}
    frame: pd.DataFrame = getattr(tidy, tables.get(study, "choices"))
    frame = frame.fillna({"universe": "", "paper": ABSENT, "value": ABSENT, "source": ""})
    universes = [name for name in dict.fromkeys(frame["universe"]) if name not in ("", "all")]
    rows: list[list[str]] = []
    for key, part in frame.groupby("key", sort=False):
        first = {str(name): str(value) for name, value in part.iloc[0].items()}
        values = {
            str(name): str(value)
            for name, value in zip(part["universe"], part["value"], strict=True)
        }
        common = values.get("", values.get("all", ABSENT))
        used = [values.get(universe, common) for universe in universes] or [common]
        choice = [first["question"]] if "question" in frame.columns else []
        rows.append([*choice, str(key), first["paper"], *used, first["source"]])
    names = [f"used in {universe}" for universe in universes] or ["used"]
    heads = ["choice", "key"] if "question" in frame.columns else ["choice"]
    return [*heads, "the paper says", *names, "where"], rows


def choices_section(tidy: Tidy, study: str = "selective") -> Section:
    """The section 'What the paper leaves open' of a study's part of the report."""
    return Section(
        id=f"{study}-choices",
        title=CHOICES_TITLE,
        text=f"Each choice is a configuration key; changing it gives another {_whole(study)}.",
        html=_wrapped(choices(tidy, study)),
    )


def record_section(anchor: str, title: str, text: str, content: Mapping[str, Any]) -> Section:
    """A section that shows a record; ``anchor`` is its id."""
    return Section(id=anchor, title=title, text=text, html=_wrapped(record(content)))


def choices_markdown(tidy: Tidy, studies: Sequence[str] = ("selective",)) -> str:
    """The sections 'What the paper leaves open' of the studies as Markdown."""
    parts = []
    for study in studies:
        header, rows = choices(tidy, study)
        lines = [
            f"## {CHOICES_TITLE}" + (f": {study}" if len(studies) > 1 else ""),
            "",
            "Each choice is a key of the configuration. Changing it gives another"
            f" {_whole(study)}, not a bug.",
            "",
            *pipe_table(header, rows),
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def distances(tidy: Tidy) -> pd.DataFrame:
    """How far each universe of the calibration is from the published baselines.

    Returns:
        One row a universe, nearest first: universe_id, its choices, the mean over seeds of each of
        the `QUANTITIES`, and ``distance``, the mean absolute difference to the published values.
    """
    frame = tidy.calibration
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


def calibration(tidy: Tidy) -> Rows:
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


def sanity(tidy: Tidy) -> tuple[Rows, Rows]:
    """Counts of the passed checks, and the checks that failed (at most 50)."""
    frame = tidy.sanity
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


def record(content: Mapping[str, Any]) -> Rows:
    """A run record as rows of dotted keys and values; unknown values stay a dash."""
    rows: list[list[str]] = []

    def visit(prefix: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                visit(f"{prefix}.{key}" if prefix else str(key), inner)
        elif isinstance(value, list) and not any(
            isinstance(item, Mapping | list) for item in value
        ):
            rows.append([prefix, ", ".join(map(str, value))])
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                visit(f"{prefix}.{place}", inner)
        else:
            rows.append([prefix, ABSENT if value is None else str(value)])

    visit("", content)
    return ["key", "value"], rows


def _whole(study: str) -> str:
    """What another choice gives another one of."""
    return "universe" if study == "selective" else "study"


def _wrapped(rows: Rows) -> str:
    """An HTML table whose long cells are broken into lines."""
    return f'<div class="wrap">{table_html(*rows)}</div>\n'


def _value(value: object) -> str:
    return number(float(value)) if isinstance(value, int | float) else str(value)
