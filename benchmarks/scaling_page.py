"""Fit and draw the curves of benchmarks/results/scaling.csv, and fill docs/scaling.md with them.

python -m benchmarks.scaling_page
python -m benchmarks.scaling_page --check   # fail if page or figure and CSV file differ
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report import style
from advlearn.report.labels import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, Look
from advlearn.report.panels import QUIET, grid
from advlearn.report.placing import End, name_ends
from benchmarks.goals import number
from benchmarks.report import MARKERS, machine, markdown
from benchmarks.scaling_fit import Curve, fit
from benchmarks.scaling_stages import IMAGES as SIZES
from benchmarks.scaling_wide import FEATURES
from benchmarks.summary import svg

PAGE, FIGURE = Path("docs/scaling.md"), Path("docs/scaling.svg")
MEMORY_MB, DAY_S = 24_000, 86_400
# How many times as many as were measured a curve is followed.
FURTHEST = 100
_BEYOND = 64  # times the last measured size: further the dashes do not go
IMAGES, POINTS, WIDE = "images", "points", "features"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK)
MARKERS_OF_LINES = ("o", "s", "^", "D", "v", "P", "X", "d")


@dataclass(frozen=True)
class Scaling:
    """One stage: what was measured, and the curves through it.

    Attributes:
        name: of the stage.
        what: what one run does.
        unit: what is counted.
        sizes: (m,) measured sizes.
        seconds: (m,) of the processor; of one model where a run has several.
        memory: (m,) peak in MB.
        time: curve of ``seconds``, none with fewer than three sizes.
        space: curve of ``memory``.
        stopped: why no larger size was measured; empty where none was wanted.
    """

    name: str
    what: str
    unit: str
    sizes: np.ndarray
    seconds: np.ndarray
    memory: np.ndarray
    time: Curve | None
    space: Curve | None
    stopped: str

    def line(self) -> Curve | None:
        """How memory goes on.

        Stages on images hold arrays with a row an image: the straight line through the last two
        sizes, since small sizes, mostly start, spoil a fit. Certificates hold matrices: the fit.
        """
        if self.unit != IMAGES or len(self.sizes) < 2:
            return self.space
        slope = (self.memory[-1] - self.memory[-2]) / (self.sizes[-1] - self.sizes[-2])
        slope = max(float(slope), 0.0)
        start = float(self.memory[-1]) - slope * float(self.sizes[-1])
        return Curve(start, slope, 1.0, 1.0, 1.0, 0.0)

    def limit(self) -> tuple[float, str]:
        """The size at which one job takes a day or 24 GB, whichever is smaller, and which it is."""
        places = []
        for curve, bound, reason in (
            (self.time, DAY_S, "time"),
            (self.line(), MEMORY_MB, "memory"),
        ):
            if curve is not None:
                places.append((curve.reaches(bound), reason))
        return min(places, default=(math.inf, ""))


def read(path: Path) -> list[Scaling]:
    """The stages of a CSV file of ``benchmarks.scaling``, in its order."""
    frame = pd.read_csv(path)
    found = []
    for name, rows in frame.groupby("stage", sort=False):
        measured = rows[rows["cpu_s"].notna()]
        sizes = measured["n"].to_numpy(dtype=float)
        seconds = (measured["cpu_s"] / measured["models"]).to_numpy(dtype=float)
        memory = measured["peak_mb"].to_numpy(dtype=float)
        first = rows.iloc[0]
        reasons = [str(reason) for reason in rows.get("stopped", pd.Series()).dropna()]
        found.append(
            Scaling(
                str(name), first["what"], first["unit"], sizes, seconds, memory,
                fit(sizes, seconds), fit(sizes, memory), reasons[-1] if reasons else "",
            )
        )  # fmt: skip
    return found


def reached(value: float, measured: float) -> str:
    """The size at which a limit is reached, if it is not too far beyond the measured sizes."""
    furthest = FURTHEST * measured
    return rounded(value) if value <= furthest else f"over {rounded(furthest)}"


def rounded(value: float) -> str:
    """Two significant digits: what lies beyond the measured sizes is known no better."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    return number(round(value, digits))


def costs_table(stages: list[Scaling], column: str, unit: str = IMAGES) -> str:
    """Seconds or MB of every stage at every size of what is counted; ``~`` marks the curve."""
    rows = []
    for stage in stages:
        if stage.unit != unit:
            continue
        values = stage.seconds if column == "seconds" else stage.memory
        curve = stage.time if column == "seconds" else stage.line()
        row = {"stage": stage.name.removeprefix("wide "), "one run": stage.what}
        for n in FEATURES if unit == WIDE else SIZES:
            at = np.flatnonzero(stage.sizes == n)
            if len(at):
                cell = number(values[at[0]])
            elif curve is not None:
                cell = f"~{rounded(curve.at(n))}"
            else:
                cell = ""
            row[f"{n:,}"] = cell
        rows.append(row)
    return markdown(pd.DataFrame(rows, dtype=object))


def points_table(stages: list[Scaling]) -> str:
    """Every measured size of the stages of study 3."""
    rows = [
        {"stage": stage.name, "one run": stage.what, "points": n, "seconds": s, "MB": mb}
        for stage in stages
        if stage.unit == POINTS
        for n, s, mb in zip(stage.sizes, stage.seconds, stage.memory, strict=True)
    ]
    return markdown(pd.DataFrame(rows))


def curves_table(stages: list[Scaling]) -> str:
    """Exponents with their ranges, and where a day or 24 GB are reached."""
    rows = []
    for stage in (stage for stage in stages if stage.unit != WIDE):
        row = {"stage": stage.name, "measured to": f"{int(stage.sizes[-1]):,} {stage.unit}"}
        time, line = stage.time, stage.line()
        row["exponent of the time"] = _exponent(time)
        row["error of the fit"] = "" if time is None else f"{100 * time.error:.0f} %"
        row["exponent of the memory"] = _exponent(stage.space)
        row["kB an image"] = ""
        if line is not None and stage.unit == IMAGES:
            row["kB an image"] = number(line.factor * 1000)
        largest = float(stage.sizes[-1])
        row["a day at"] = "" if time is None else reached(time.reaches(DAY_S), largest)
        row["24 GB at"] = "" if line is None else reached(line.reaches(MEMORY_MB), largest)
        rows.append(row)
    return markdown(pd.DataFrame(rows, dtype=object))


def _exponent(curve: Curve | None) -> str:
    if curve is None:
        return ""
    if curve.factor == 0:
        return "0"
    return f"{curve.power:.2f} ({curve.low:.2f} to {curve.high:.2f})"


def first_to_break(stages: list[Scaling]) -> str:
    """The two stages with the smallest limits, their sizes and the reasons, in words."""
    limits = sorted((*stage.limit(), stage.name) for stage in stages if stage.unit == IMAGES)
    (size, reason, name), (next_size, next_reason, next_name) = limits[:2]
    why = {"time": "one job takes a day", "memory": "one job needs 24 GB"}
    return (
        f"**The first stage to break is `{name}`, at about {rounded(size)} images, by {reason}: "
        f"{why[reason]}.** Next is `{next_name}`, at about {rounded(next_size)}, by "
        f"{next_reason}.\n"
    )


def draw(stages: list[Scaling]) -> bytes:
    """Time and memory against the size, measured (marks) and along the curve (dashes); SVG."""
    return svg(figure(stages))


def figure(stages: list[Scaling]) -> Figure:
    """The picture of `draw`: time above memory, the name of each stage where its line ends."""
    # No name of a user's: the powers of ten at the axes are mathematics.
    with style.figure_style(), mpl.rc_context({"text.parse_math": True}):
        found, panels = grid(2, 1, height=2.75, head=0.3, width=style.PAGE_WIDTH, share="all")
        upper, lower = panels[:, 0]
        ends: list[list[End]] = [[], []]
        for place, stage in enumerate(stage for stage in stages if stage.unit != WIDE):
            look = Look(
                COLOURS[place % len(COLOURS)], MARKERS_OF_LINES[place % len(MARKERS_OF_LINES)],
                "-", stage.name,
            )  # fmt: skip
            ends[0].append(End(_line(upper, stage, stage.seconds, stage.time, look), look))
            ends[1].append(End(_line(lower, stage, stage.memory, stage.line(), look), look))
        for axis, bound, words in ((upper, DAY_S, "a day"), (lower, MEMORY_MB, "24 GB")):
            axis.axhline(bound, color=GREY, linewidth=0.8)
            axis.text(60, bound * 1.2, words, color=QUIET, fontsize=style.SMALL)
        upper.set(xscale="log", yscale="log", ylabel="processor time (s)", ylim=(0.3, 3e6))
        lower.set(yscale="log", ylabel="peak memory (MB)", ylim=(50, 1e5))
        lower.set(xlabel="images or points", xlim=(45, 1.3 * SIZES[-1]))
        name_ends(list(zip((upper, lower), ends, strict=True)))
        return found


def _line(axes: Axes, stage: Scaling, values: np.ndarray, curve: Curve | None, look: Look) -> float:
    """Draw a stage; where its line, or the dashes that go on from it, end."""
    axes.plot(
        stage.sizes, values, color=look.colour, marker=look.marker, markersize=3.5, linewidth=1
    )
    if curve is None or stage.sizes[-1] >= SIZES[-1]:
        return float(values[-1])
    beyond = np.geomspace(stage.sizes[-1], min(SIZES[-1], _BEYOND * stage.sizes[-1]), 30)
    # From the last mark on, so that the dashes go on where the line ends.
    shift = values[-1] / curve.at(stage.sizes[-1])
    line = [curve.at(n) * shift for n in beyond]
    axes.plot(beyond, line, color=look.colour, linewidth=0.8, linestyle=(0, (3, 2)))
    return float(line[-1])


def render(text: str, stages: list[Scaling], frame: pd.DataFrame) -> str:
    """``text`` with its tables renewed.

    Raises:
        ValueError: a marker names no table.
    """
    wide = frame["unit"] == WIDE
    tables = {
        "seconds": lambda: costs_table(stages, "seconds") + machine(frame[~wide]),
        "wide_seconds": lambda: costs_table(stages, "seconds", WIDE) + machine(frame[wide]),
        "wide_memory": lambda: costs_table(stages, "memory", WIDE),
        "memory": lambda: costs_table(stages, "memory"),
        "points": lambda: points_table(stages),
        "curves": lambda: curves_table(stages),
        "first": lambda: first_to_break(stages),
    }
    if unknown := {name for name, _ in MARKERS.findall(text)} - set(tables):
        raise ValueError(f"no table is called {', '.join(sorted(unknown))}")
    return MARKERS.sub(
        lambda found: f"<!-- {found[1]}:begin -->\n{tables[found[1]]()}<!-- {found[1]}:end -->",
        text,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/scaling.csv"))
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args()
    stages = read(options.results)
    before = options.page.read_text(encoding="utf-8")
    after, drawn = render(before, stages, pd.read_csv(options.results)), draw(stages)
    if options.check:
        if after != before or options.figure.read_bytes() != drawn:
            sys.exit(f"{options.page} is not what {options.results} says: run it without --check")
        return
    options.page.write_text(after, encoding="utf-8")
    options.figure.write_bytes(drawn)
    print(f"written to {options.page} and {options.figure}")


if __name__ == "__main__":
    main()
