"""Sections of the report that are no table of the paper: choices, calibration, sanity, record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advlearn.report.numbers import ABSENT
from advlearn.report.page import Rows, Section, Sheet
from advlearn.report.writers import pipe_table
from advlearn.tidy.reader import Tidy

CHOICES_TITLE = "What the paper leaves open"


def choices_rows(tidy: Tidy) -> Rows:
    """What a study's paper leaves open, one row a choice, one column of values a universe."""
    frame = tidy[tidy.schema.choices].fillna(
        {"universe": "", "paper": ABSENT, "value": ABSENT, "source": ""}
    )
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
        rows.append([first["question"], str(key), first["paper"], *used, first["source"]])
    names = [f"used in {universe}" for universe in universes] or ["used"]
    return ["choice", "key", "the paper says", *names, "where"], rows


def choices_section(tidy: Tidy) -> Section:
    """The section 'What the paper leaves open' of a study's part of the report."""
    return Section(
        id=f"{tidy.schema.study}-choices",
        title=CHOICES_TITLE,
        text=(
            f"Each choice is a configuration key; changing it gives another {tidy.schema.another}."
        ),
        sheets=[Sheet(CHOICES_TITLE, choices_rows(tidy), wrap=True)],
    )


def shared_images(shared: Mapping[str, int], what: str = "images") -> str:
    """A sentence on the images that two splits have in common; empty where there are none.

    Args:
        shared: for ``train and test`` the number of test images that are training images, too.
        what: what is counted.
    """
    counts = []
    for pair, count in shared.items():
        first, second = pair.split(" and ")
        counts.append(f"{count:,} of the {second} split in the {first} split")
    return f"Two splits share {what}, byte for byte: {', '.join(counts)}." if counts else ""


def record_section(anchor: str, title: str, text: str, content: Mapping[str, Any]) -> Section:
    """A section that shows a record; ``anchor`` is its id."""
    return Section(anchor, title, text, [Sheet(title, record_rows(content), wrap=True)])


def choices_markdown(runs: Sequence[Tidy]) -> str:
    """The sections 'What the paper leaves open' of the studies as Markdown."""
    parts = []
    for tidy in runs:
        header, rows = choices_rows(tidy)
        lines = [
            f"## {CHOICES_TITLE}" + (f": {tidy.schema.study}" if len(runs) > 1 else ""),
            "",
            "Each choice is a key of the configuration. Changing it gives another"
            f" {tidy.schema.another}, not a bug.",
            "",
            *pipe_table(header, rows),
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def record_rows(content: Mapping[str, Any]) -> Rows:
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
