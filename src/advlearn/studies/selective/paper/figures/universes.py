"""Specification curve: the likeliest universes, their baselines and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from advlearn.report.colours import ink
from advlearn.report.labels import BLACK, BLUE, GREEN, GREY, LONGEST, VERMILION
from advlearn.report.panels import grid, limits, seed_dots
from advlearn.report.placing import apart
from advlearn.report.style import PAGE_HEIGHT, PAGE_WIDTH, SMALL
from advlearn.studies.selective.paper.choices import (
    SHORT_QUESTIONS,
    answer_label,
    by_question,
    distance,
    in_order,
)
from advlearn.studies.selective.paper.search import SHARE
from advlearn.studies.selective.paper.searched import Searched, searched, without_weights
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.text import shown

MOST = 60
"""Universes for which the figure has room."""
_MOST_ANSWERS = 36
_Quantities = Sequence[tuple[str, str, str, str]]
_PANELS: dict[str, _Quantities] = {
    "clean accuracy": (
        ("classic_clean", "classic", BLACK, "o"),
        ("at_clean", "adv. training", GREEN, "s"),
    ),
    "adv. accuracy,\nclassic": (
        ("classic_fgsm", "FGSM", BLUE, "o"),
        ("classic_pgd", "PGD", VERMILION, "s"),
    ),
    "adv. accuracy,\nadv. training": (
        ("at_fgsm", "FGSM", BLUE, "o"),
        ("at_pgd", "PGD", VERMILION, "s"),
    ),
}
"""Panels of the baselines: quantity, name, colour and mark of each."""
_HEIGHTS = (0.6, 0.85, 0.85, 1.0)
_ROW, _HEAD, _SIZE = 0.117, 0.55, SMALL
_STEP = 10  # ranks between two ticks, where there are more


def draw(tidy: SelectiveTidy) -> Figure:
    """The universes of the search under both protocols."""
    found = searched(tidy, most=MOST)
    return specification(found) if found else without_weights()


def specification(curve: Searched) -> Figure:
    """Weights and baselines of the likeliest universes, and below them their answers."""
    questions = _telling(curve)
    count = sum(len(answers) for answers in questions.values())
    heights = [*_HEIGHTS, max(_ROW * count, 0.3)]
    scale = min(1.0, (PAGE_HEIGHT - _HEAD) / sum(heights))
    figure, panels = grid(
        len(heights),
        1,
        height=scale * sum(heights) / len(heights),
        head=_HEAD,
        width=PAGE_WIDTH,
        share="all",
        gridspec_kw={"height_ratios": heights},
    )
    weights, *baselines, matrix = panels[:, 0]
    _weights(weights, curve.weights)
    for axis, (title, quantities) in zip(baselines, _PANELS.items(), strict=True):
        _baselines(axis, curve, quantities)
        axis.set_ylabel(title, fontsize=_SIZE)
    _matrix(matrix, curve, questions)
    weights.set_xlim(-0.8, len(curve.weights) - 0.2)
    matrix.set_xlabel("universe, the likeliest first", fontsize=_SIZE)
    step = _STEP if len(curve.weights) > _STEP else 1
    ranks = sorted({1, *range(step, len(curve.weights) + 1, step)})
    matrix.set_xticks([rank - 1 for rank in ranks], [str(rank) for rank in ranks])
    figure.align_ylabels(panels[:-1, 0])
    return figure


def _telling(curve: Searched) -> dict[str, list[str]]:
    """Questions whose weights are farthest from their priors, as many as there is room for.

    With the largest discrepancy: with a smaller one the heaviest universe decides alone, and each
    of its answers looks as if the published numbers spoke for it.
    """
    questions = by_question(curve.widest)
    questions = {name: part for name, part in questions.items() if name in curve.answers}
    chosen: dict[str, list[str]] = {}
    free = _MOST_ANSWERS
    for name in sorted(questions, key=lambda name: -distance(questions[name])):
        answers = in_order([*questions[name].index, *filter(None, curve.answers[name])])
        if len(answers) <= free:
            chosen[name] = answers
            free -= len(answers)
    return {name: chosen[name] for name in SHORT_QUESTIONS.order(chosen)}


def _weights(axis: Axes, weights: np.ndarray) -> None:
    places = np.arange(len(weights))
    axis.bar(places, weights, 0.75, color=GREY, label="weights")
    axis.set_ylabel("weight", fontsize=_SIZE)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3))
    reached = np.flatnonzero(np.cumsum(weights) >= SHARE)
    if len(reached):
        axis.axvline(reached[0] + 0.5, color=BLACK, lw=0.7, ls="--")
        left, number = reached[0] < len(weights) / 2, reached[0] + 1
        axis.annotate(
            f"{number} {'holds' if number == 1 else 'hold'} {100 * SHARE:.0f} % of the weight",
            (reached[0] + 0.5, 0.95),
            xycoords=axis.get_xaxis_transform(),
            xytext=(3 if left else -3, 0),
            textcoords="offset points",
            ha="left" if left else "right",
            va="top",
            fontsize=_SIZE,
        )


def _baselines(
    axis: Axes, curve: Searched, quantities: Sequence[tuple[str, str, str, str]]
) -> None:
    drawn: list[float] = []
    ends: list[tuple[float, str, str]] = []
    for number, (quantity, name, colour, marker) in enumerate(quantities):
        part = curve.values[curve.values["quantity"] == quantity].dropna(subset=["value"])
        shift = 0.25 * (number - (len(quantities) - 1) / 2)
        seed_dots(axis, part["place"] + shift, part["value"], colour)
        mean = part.groupby("place")["value"].mean()
        axis.plot(mean.index + shift, mean, marker, color=colour, ms=2.8, label=quantity)
        drawn += [*part["value"]]
        level = curve.published.get(quantity)
        if level is not None:
            axis.axhline(level, color=colour, lw=0.8, ls=":", label=f"published {quantity}")
            drawn.append(level)
        end = float(mean.iloc[-1]) if len(mean) else 0.5
        text = name if level is None else f"{name} {level:.4f}"
        ends.append((end if level is None else level, text, colour))
    axis.set_ylim(*limits(drawn))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axis.ticklabel_format(axis="y", useOffset=False)
    low, high = axis.get_ylim()
    # Lines of text need some height, whatever the scale of the panel.
    gap = (high - low) * 0.17
    for at, (_, text, colour) in zip(apart([end for end, _, _ in ends], gap), ends, strict=True):
        axis.text(
            1.01, at, text, transform=axis.get_yaxis_transform(), color=ink(colour), va="center",
            fontsize=_SIZE,
        )  # fmt: skip


def _matrix(axis: Axes, curve: Searched, questions: Mapping[str, Sequence[str]]) -> None:
    """A dot where a universe gives the answer of the row."""
    labels: list[str] = []
    for number, (question, answers) in enumerate(questions.items()):
        first = len(labels)
        given = curve.answers[question]
        for answer in answers:
            at = len(labels)
            places = [place for place, said in enumerate(given) if said == answer]
            axis.plot(
                places, [at] * len(places), "o", color=BLACK, ms=2.2, label=f"{question}: {answer}"
            )
            labels.append(shown(answer_label(question, answer), LONGEST + 4))
        if number % 2 == 0:
            axis.axhspan(first - 0.5, len(labels) - 0.5, color=GREY, alpha=0.13, lw=0)
        axis.text(
            1.01, (first + len(labels) - 1) / 2, SHORT_QUESTIONS.short(question),
            transform=axis.get_yaxis_transform(), va="center", fontsize=_SIZE, fontweight="bold",
        )  # fmt: skip
    axis.set_yticks(range(len(labels)), labels, fontsize=_SIZE)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.set_ylim(len(labels) - 0.5, -0.5)
