"""The first table and the picture of docs/performance.md: one line a kind of work."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import BLACK, BLUE, VERMILION, Look
from advlearn.report.panels import grid, legend, legend_entries, log_ticks
from advlearn.report.style import PAGE_WIDTH, figure_style

FIGURE = Path("docs/performance.svg")
_MET = Look(BLUE, "o", "none", "goal reached")
_MISSED = Look(VERMILION, "X", "none", "goal not reached")


class Bound(Protocol):
    """A goal of one row: the column that is judged, its bound, and whether it is met."""

    @property
    def column(self) -> str: ...

    @property
    def bound(self) -> float: ...

    def met(self, row: pd.Series) -> bool: ...


@dataclass(frozen=True)
class Work:
    """One line of the table.

    Attributes:
        name: the work, for readers.
        peer: what it is compared with; empty where the goal is a time.
        file: stem of the CSV file.
        cases: how the cases of its rows begin; all rows by default.
        columns: the goals that judge it, by column; others, such as agreement with the peer, stand
            in the tables of the details.
        unit: of what is judged; empty for a ratio.
    """

    name: str
    peer: str
    file: str
    cases: Sequence[str] = ("",)
    columns: Sequence[str] = field(default=("ratio", "cpu_ratio"))
    unit: str = ""


WORKS = (
    Work("robust accuracy, undefended networks", "torchattacks", "robust_accuracy",
         ("pooled undefended", "strided undefended")),
    Work("robust accuracy, defended networks", "torchattacks", "robust_accuracy",
         ("pooled defended", "strided defended")),
    Work("top-k attacks on scenes", "one image at a time", "topk", ("scenes",)),
    Work("top-k attacks on photos, ResNet-50", "one image at a time", "topk", ("photos",)),
    Work("Ward clustering, 20,000 points", "scikit-learn", "ward", ("time",)),
    Work("convex clustering, points of the plane", "CVXPY with Clarabel", "convex", ("plane",)),
    Work("convex clustering, digits", "CVXPY with Clarabel", "convex", ("digits",)),
    Work("t-SNE, 55,000 images", "scikit-learn", "tsne"),
    Work("Table 1, one seed", "a plain script", "table1"),
    Work("graph of 10,000 jobs", "", "dag", ("the workflow",), ("ours_s",), "s"),
    Work("crafting, 55,000 images", "torchattacks", "gpu_crafting"),
    Work("robust accuracy, undefended networks", "torchattacks", "gpu_robust",
         ("pooled undefended", "strided undefended")),
    Work("robust accuracy, defended networks", "torchattacks", "gpu_robust",
         ("pooled defended", "strided defended")),
    Work("top-k attacks on scenes", "", "gpu_topk", ("scenes",),
         ("ours_images_per_s",), "images/s"),
    Work("top-k attacks on photos, ResNet-50", "one image at a time", "gpu_topk", ("photos",)),
    Work("photos on ResNet-50, share of the float32 rate", "", "gpu_topk",
         ("photos",), ("tflop_share",), "of the card's"),
    Work("training 64 networks, MLP", "", "gpu_training", ("MLP",),
         ("ours_images_per_s",), "images/s"),
    Work("training 64 networks, CNN", "", "gpu_training", ("CNN",),
         ("ours_images_per_s",), "images/s"),
    Work("smoke run", "", "gpu_workflow", ("smoke",), ("ours_s",), "s"),
    Work("study 1 at full size, five seeds", "", "gpu_workflow", ("study 1",), ("ours_s",), "s"),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What a kind of work came to.

    Attributes:
        work: which.
        values: what was measured, one a row of the CSV file that has a number.
        bounds: the goal of each.
        met: whether it is reached.
        machine: processor and cores; empty where the file does not say.
    """

    work: Work
    values: Sequence[float]
    bounds: Sequence[float]
    met: Sequence[bool]
    machine: str = ""


def lines(
    frames: Mapping[str, pd.DataFrame],
    goals: Mapping[str, Callable[[pd.Series], Sequence[Bound]]],
) -> list[Line]:
    """One line a kind of work; one without values where the CSV file is not there.

    Args:
        frames: contents of the CSV files by stem.
        goals: goals of a row, by stem.
    """
    found = []
    for work in WORKS:
        frame = frames.get(work.file, pd.DataFrame())
        judged = [
            (row, goal)
            for _, row in frame.iterrows()
            if str(row["case"]).startswith(tuple(work.cases))
            for goal in goals[work.file](row)
            if goal.column in work.columns
        ]
        found.append(
            Line(
                work,
                [float(row[goal.column]) for row, goal in judged if pd.notna(row[goal.column])],
                [goal.bound for _, goal in judged],
                [goal.met(row) for row, goal in judged],
                _machine(frame),
            )
        )
    return found


def table(lines: Sequence[Line], number: Callable[[float], str]) -> pd.DataFrame:
    """The readable table: work, machine, peer, times as fast, goal, met."""
    columns = ["work", "machine", "peer", "times as fast", "goal", "met"]
    return pd.DataFrame([_cells(line, number) for line in lines], columns=columns, dtype=object)


def _cells(line: Line, number: Callable[[float], str]) -> list[str]:
    name, peer = label(line), line.work.peer or "–"
    if not line.met:
        return [name, "", peer, "not measured yet", "", ""]
    bounds, unit = _span(line.bounds, number), line.work.unit
    limit = "at most" if unit == "s" else "at least"
    shown = [_span(line.values, number) if line.values else "not finished", bounds]
    if unit:
        shown = [f"{shown[0]} {unit}" if line.values else shown[0], f"{limit} {bounds} {unit}"]
    return [name, line.machine, peer, *shown, _met(line.met)]


def _machine(frame: pd.DataFrame) -> str:
    if "processor" not in frame:
        return ""
    columns = ["processor", "cores", *{"card"} & {*frame}]
    known = frame[columns].drop_duplicates().itertuples(index=False)
    return "; ".join(map(computer, known))


def computer(row: Any) -> str:
    """The card of a row, or else its processor and cores."""
    card = getattr(row, "card", "")
    beside = f"{row.processor}, {row.cores} cores"
    return f"{card} beside {beside}" if card else beside


def _span(values: Sequence[float], number: Callable[[float], str]) -> str:
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"


def _met(met: Sequence[bool]) -> str:
    if all(met):
        return "yes"
    return f"**{sum(met)} of {len(met)}**" if any(met) else "**no**"


def label(line: Line) -> str:
    """The work, and where it was done if not on a CPU."""
    return f"{line.work.name} (GPU)" if line.work.file.startswith("gpu_") else line.work.name


def draw(lines: Sequence[Line]) -> bytes:
    """The ratios of all work that has a peer, each beside its goal, as an SVG file."""
    return svg(figure(lines))


def figure(lines: Sequence[Line]) -> Figure:
    """The picture of `draw`: one row a kind of work, one mark a ratio."""
    compared = [line for line in lines if line.work.peer and line.values]
    with figure_style():
        found, panels = grid(1, 1, height=0.24 * len(compared), head=0.9, width=PAGE_WIDTH)
        axis = panels[0, 0]
        axis.set_xscale("log")
        axis.axvline(1, color=BLACK, lw=0.8)
        for place, line in enumerate(compared):
            axis.plot(line.bounds, [place] * len(line.bounds), "|", color=BLACK, ms=11, mew=1.4)
            for value, met in zip(line.values, line.met, strict=True):
                look = _MET if met else _MISSED
                axis.plot(value, place, look.marker, ms=5, color=look.colour)
        names = [f"{label(line)}, against {line.work.peer}" for line in compared]
        axis.set_yticks(range(len(compared)), names)
        axis.set_ylim(len(compared) - 0.4, -0.6)
        axis.set_xlabel("times as fast as the peer")
        log_ticks(axis.xaxis)
        axis.grid(axis="y", visible=False)
        goal = Line2D([], [], color=BLACK, marker="|", ms=9, mew=1.4, ls="none", label="goal")
        reached = [met for line in compared for met in line.met]
        looks = [_MET] * any(reached) + [_MISSED] * (not all(reached))
        legend(found, [*legend_entries(looks, line=False), goal])
        return found


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file, the same bytes each time."""
    stream = io.BytesIO()
    with figure_style():
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
