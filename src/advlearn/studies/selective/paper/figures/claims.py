"""Forest plot: the effect of every claim, its interval, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from advlearn.report.claims import Verdict
from advlearn.report.colours import ink
from advlearn.report.frames import records
from advlearn.report.labels import BLACK, GREEN, GREY, VERMILION, Look
from advlearn.report.numbers import with_interval
from advlearn.report.panels import annotate, grid
from advlearn.report.style import PAGE_HEIGHT, PAGE_WIDTH, SMALL
from advlearn.studies.selective.paper.claims.catalogue import FAMILIES
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.schema import SelectiveTidy

_LOOKS = {
    Verdict.HOLDS: Look(GREEN, "o", "-", "holds"),
    Verdict.REFUTED: Look(VERMILION, "s", "-", "refuted"),
    Verdict.NOT_DECIDED: Look(BLACK, "D", "-", "not decided"),
    Verdict.NOT_TESTABLE: Look(GREY, "o", "-", "not testable"),
}
_LETTERS = (80, 45)  # of a claim on one line: at most and at least
_ROOM = 3.7  # inches for a line of a claim
_SHORT = {
    "clustering helps to reduce the gap between the two accuracies": (
        "a smaller gap between the accuracies"
    ),
    "overcomes classic adversarial training even when the number of clusters is 1": (
        "better than adv. training with 1 cluster, too"
    ),
    "adversarial": "adv.",
    "agglomerative": "agglom.",
    "an equally large random subset": "an equal random subset",
}
_LINE, _LEAST = 0.125, 0.114  # inches a line: where there is room, and at least
_MOST = 4  # lines of a claim
_HEAD = 0.5
_FARTHEST = 10.0
"""Smallest effects of interest; what is farther away is an arrow, its number stands beside it."""
_SIZE = SMALL
_WIDTHS = (3.85, 1.08, 2.07)
_VERDICT = 0.69
"""Where the verdicts begin in the right panel."""


class Row(NamedTuple):
    """One claim.

    Attributes:
        id: its name in the tables.
        words: the claim.
        family: heading below which it stands.
        effect: above zero where the claim is right; NaN where nothing was measured.
        low: lower bound of the interval; NaN where there is none.
        high: upper bound.
        smallest: smallest effect of interest, above 0.
        verdict: what the numbers say.
    """

    id: str
    words: str
    family: str
    effect: float
    low: float
    high: float
    smallest: float
    verdict: Verdict


def draw(tidy: SelectiveTidy) -> Figure:
    """The claims of the paper and the protocol's prediction, the primary family first.

    Claims in settings outside the sets repeat the primary family; the table has them.
    """
    frame = verdicts(tidy).frame
    rows = [
        Row(
            line["claim"],
            line["words"],
            line["family"],
            line["mean"],
            line["ci_low"],
            line["ci_high"],
            line["smallest"],
            Verdict(line["verdict"]),
        )
        for line in records(frame[frame["family"] != "standard"])
    ]
    return forest(rows, {str(family): heading for family, heading in FAMILIES.items()})


def forest(rows: Sequence[Row], families: Mapping[str, str]) -> Figure:
    """The claims one below the other, family by family.

    Effects of accuracies of different kinds have smallest effects of interest of different sizes;
    each is drawn in units of its own, and printed at the margin as it is.

    Args:
        rows: the claims; those of a family in their order.
        families: family -> heading, in the order of the figure.
    """
    blocks = [(families[name], [row for row in rows if row.family == name]) for name in families]
    blocks = [(heading, block) for heading, block in blocks if block]
    labels = _labels(rows, 2 * len(blocks))
    lines = 2 * len(blocks) + sum(len(labels[row.id]) for _, block in blocks for row in block)
    height = min(_LINE, (PAGE_HEIGHT - _HEAD) / max(lines, 1))
    figure, panels = grid(
        1,
        3,
        height=height * lines,
        head=_HEAD,
        width=PAGE_WIDTH,
        y="all",
        gridspec_kw={"width_ratios": _WIDTHS},
    )
    left, axis, right = panels[0]
    axis.axvspan(-1, 1, color=GREY, alpha=0.18, lw=0, label="smallest effect of interest")
    axis.axvline(0, color=BLACK, lw=0.6)
    farthest = _span(rows)
    at = 0.0
    for heading, block in blocks:
        at += 1
        _write(left, 0, at, heading, fontweight="bold")
        at += 1
        for row in block:
            taken = len(labels[row.id])
            middle = at + (taken - 1) / 2
            _write(left, 0.02, middle, "\n".join(labels[row.id]))
            _draw_row(axis, row, middle, farthest)
            _write_row(right, row, middle)
            at += taken
    if not any(math.isfinite(row.effect) for row in rows):
        annotate(axis, "no effect measured")
    axis.set_ylim(at - 0.3, 0.3)
    axis.set_xlim(-farthest * 1.04, farthest * 1.04)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("effect / smallest effect of interest")
    for texts in (left, right):
        texts.set_axis_off()
        texts.set_xlim(0, 1)
    return figure


def _labels(rows: Sequence[Row], others: int) -> dict[str, list[str]]:
    """The lines of each claim; long ones end early where the page has no room for all.

    Args:
        rows: the claims.
        others: lines of the page that are taken already.
    """
    labels: dict[str, list[str]] = {}
    for most in range(_MOST, 0, -1):
        labels = {row.id: _lines(f"{row.id}  {_short(row.words)}", most) for row in rows}
        if others + sum(map(len, labels.values())) <= (PAGE_HEIGHT - _HEAD) / _LEAST:
            break
    return labels


def _lines(words: str, most: int) -> list[str]:
    """The words in at most so many lines that the left panel has room for."""
    font = FontProperties(size=_SIZE)
    lines: list[str] = []
    for letters in range(*_LETTERS, -1):
        lines = wrap(words, letters, max_lines=most, placeholder=" …")
        widths = [
            text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines
        ]
        if max(widths) <= 72 * _ROOM:
            break
    return lines


def _short(words: str) -> str:
    """A claim with its longest words shortened; the table has them in full."""
    for word, short in _SHORT.items():
        words = words.replace(word, short)
    return words


def _span(rows: Sequence[Row]) -> float:
    """Half the width of the axis: all that is near enough, and the band with some air."""
    numbers = [
        abs(number) / row.smallest
        for row in rows
        for number in (row.effect, row.low, row.high)
        if math.isfinite(number)
    ]
    return min(_FARTHEST, max([2.0, *numbers]))


def _draw_row(axis: Axes, row: Row, at: float, farthest: float) -> None:
    look = _LOOKS[row.verdict]
    if math.isfinite(row.effect):
        centre = row.effect / row.smallest
        low, high = (
            bound / row.smallest if math.isfinite(bound) else centre
            for bound in (row.low, row.high)
        )
        ends = [min(max(bound, -farthest), farthest) for bound in (low, high)]
        axis.plot(
            ends, [at, at], color=look.colour, lw=1.1, solid_capstyle="butt", label=f"{row.id} ci"
        )
        outside = abs(centre) > farthest
        marker = look.marker if not outside else (">" if centre > 0 else "<")
        axis.plot(
            min(max(centre, -farthest), farthest),
            at,
            marker,
            color=look.colour,
            markerfacecolor="white" if row.verdict == Verdict.NOT_TESTABLE else look.colour,
            ms=3.6,
            label=row.id,
            clip_on=False,
        )


def _write_row(axis: Axes, row: Row, at: float) -> None:
    """The effect as it is, and the verdict."""
    if math.isfinite(row.effect):
        _write(axis, 0, at, with_interval(row.effect, row.low, row.high, sign=True))
    _write(axis, _VERDICT, at, str(row.verdict), color=ink(_LOOKS[row.verdict].colour))


def _write(axis: Axes, x: float, y: float, text: str, **style: Any) -> None:
    written = axis.text(x, y, text, va="center", fontsize=_SIZE, linespacing=1.0, **style)
    # The panels of texts have fixed widths, so that the layout does not depend on the words.
    written.set_in_layout(False)
