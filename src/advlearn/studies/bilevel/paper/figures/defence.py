"""Settings chosen for the largest certified radius, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import GREY, Look
from advlearn.report.numbers import format_significant
from advlearn.report.panels import annotate, decade_ticks, grid, legend, log_span
from advlearn.studies.bilevel.paper.labels import DATASETS, PARAMETERS, WEIGHTS
from advlearn.studies.bilevel.schema import BilevelTidy

_ROW = 0.142  # inches


class _Row(NamedTuple):
    """The settings that one parameter gives on one data set."""

    label: str
    look: Look
    settings: pd.DataFrame


def draw(tidy: BilevelTidy) -> Figure:
    """One row a data set and parameter; the radius left, the agreement with the truth right."""
    # A value with which no gamma gives a few clusters has no radius.
    frame = tidy["bilevel_defence"].dropna(subset=["radius"])
    blocks = {name: list(_rows(frame[frame["dataset"] == name])) for name in _names(frame)}
    count = sum(1 + len(rows) for rows in blocks.values())
    figure, panels = grid(1, 2, height=_ROW * count, head=0.75, y="all")
    radii, truth = panels[0]
    labels: list[str] = []
    for name, rows in blocks.items():
        labels.append(DATASETS.short(name))
        for row in rows:
            _draw_row(radii, row, "radius", len(labels))
            _draw_row(truth, row, "ari_truth", len(labels))
            labels.append(row.label)
    radii.set_yticks(range(len(labels)), labels)
    place = 0
    for rows in blocks.values():
        radii.yaxis.get_major_ticks()[place].label1.set_fontweight("bold")
        place += 1 + len(rows)
    for axis in (radii, truth):
        axis.set_ylim(len(labels) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="y", visible=False)
    _axes(radii, truth, frame)
    settings = Line2D([], [], color=GREY, marker="o", ms=2.5, ls="none", label="a setting")
    safest = Line2D([], [], color=GREY, marker="o", ms=5, ls="none", label="the safest one")
    legend(figure, [settings, safest], 2)
    return figure


def _names(frame: pd.DataFrame) -> list[str]:
    return DATASETS.order(frame["dataset"])


def _rows(part: pd.DataFrame) -> Iterator[_Row]:
    for name, look in PARAMETERS.looks(part["parameter"]).items():
        settings = part[part["parameter"] == name]
        chosen = settings.loc[settings["chosen"] == 1, "value"]
        label = look.label if chosen.empty else f"{look.label} = {_value(chosen.iloc[0])}"
        yield _Row(label, look, settings)


def _value(value: object) -> str:
    number = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
    if pd.isna(number):
        return WEIGHTS.short(value)
    text = format_significant(float(number), 3)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _draw_row(axis: Axes, row: _Row, column: str, at: int) -> None:
    values = row.settings[column]
    axis.plot(
        values, np.full(len(values), at), row.look.marker, color=row.look.colour, ms=2.5,
        markeredgewidth=0, alpha=0.55, label=row.look.label,
    )  # fmt: skip
    chosen = values[row.settings["chosen"] == 1]
    axis.plot(
        chosen, np.full(len(chosen), at), row.look.marker, color=row.look.colour, ms=5,
        markeredgecolor="white", markeredgewidth=0.4, label=f"{row.look.label}, the safest",
    )  # fmt: skip


def _axes(radii: Axes, truth: Axes, frame: pd.DataFrame) -> None:
    positive = [float(radius) for radius in frame["radius"] if radius > 0]
    low, high = log_span(positive)
    # Whole marks, and not halves of them, at either end.
    radii.set(xscale="log", xlim=(low / 1.3, high * 1.3), xlabel="certified radius")
    decade_ticks(radii.xaxis)
    agreement = frame["ari_truth"].dropna()
    least = min(0.0, float(agreement.min())) if len(agreement) else 0.0
    truth.set(xlim=(least - 0.06, 1.06), xlabel="ARI to the truth")
    if agreement.empty:
        annotate(truth, "no true classes known")
