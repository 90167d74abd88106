"""Clean and adversarial images, their difference, and the ranked labels before and after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.colours import ink
from advlearn.report.labels import BLUE, VERMILION
from advlearn.report.numbers import format_significant
from advlearn.report.panels import QUIET, grid, show_image
from advlearn.report.style import PAGE_WIDTH, SMALL
from advlearn.studies.topk.paper.labels import METHODS
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.support.errors import UserError
from advlearn.support.text import shown

_MOST = 6  # examples
_BELOW = 2  # ranks shown below the top k
_LONGEST = 14  # letters of a label
_RANKS = 8
_KEY = "✓ relevant   ✗ specified, to leave the top k   line: below the top k"


def draw(run: TopkTidy) -> Figure:
    """One row an example."""
    arrays = run.arrays("topk_examples")
    count = min(_MOST, len(arrays["clean"]))
    if count == 0:
        raise UserError(
            "there are no adversarial example images",
            where=f"{run.folder}/topk_examples.npz",
            remedy="use a smaller k or fewer specified labels, attack and collect again",
        )
    figure, axes = grid(
        count, 5, height=1.3, head=0.4, width=PAGE_WIDTH, width_ratios=(1, 1, 1, 0.95, 0.95)
    )
    figure.set_layout_engine("constrained", w_pad=0.02, wspace=0.0)
    names = [str(label) for label in arrays["class_names"]]
    for number, row in enumerate(axes):
        example = {name: each[number] for name, each in arrays.items() if name != "class_names"}
        clean, adversarial = (example[name].astype(float) for name in ("clean", "adversarial"))
        change = adversarial - clean
        factor = 0.5 / max(float(np.abs(change).max()), 1e-6)
        factor = float(f"{factor:.1g}") if factor >= 1 else 1.0
        images = (clean, adversarial, 0.5 + factor * change)
        norm = format_significant(float(np.linalg.norm(change)), 2)
        below = ("", METHODS.short(example["method"]), f"× {factor:g}, L2 norm {norm}")
        for axis, image, text in zip(row, images, below, strict=False):
            show_image(axis, image)
            axis.set_anchor("N")
            axis.set_xlabel(text, fontsize=SMALL, labelpad=2)
        for axis, when in zip(row[3:], ("clean", "adversarial"), strict=True):
            _ranking(axis, example[f"{when}_logits"], example, names)
    titles = ("clean", "adversarial", "difference", "labels before", "labels after")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    figure.supxlabel(_KEY, fontsize=SMALL)
    return figure


def ranked(logits: np.ndarray, specified: np.ndarray, k: int) -> list[tuple[int, int]]:
    """The (rank, label) pairs shown: the top k, some below, and every specified label.

    Args:
        logits: scores of the labels (c,).
        specified: whether each label was to leave the top k (c,).
        k: size of the top.

    Returns:
        At most `_RANKS` pairs by rank, from 1; the top k come first and specified labels before
        others below it.
    """
    order = np.argsort(-logits, kind="stable")
    pairs = [(rank, int(label)) for rank, label in enumerate(order, start=1)]
    first, rest = pairs[: min(k, _RANKS)], pairs[min(k, _RANKS) :]
    rest.sort(key=lambda pair: (not specified[pair[1]], pair[0]))
    wanted = max(_BELOW, sum(bool(specified[label]) for _, label in rest))
    return first + sorted(rest[: min(_RANKS - len(first), wanted)])


def _ranking(
    axis: Axes, logits: np.ndarray, example: Mapping[str, np.ndarray], names: list[str]
) -> None:
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    k, specified = int(example["k"]), example["specified"]
    pairs = ranked(logits, specified, k)
    for place, (rank, label) in enumerate(pairs):
        name = shown(names[label], _LONGEST)
        colour, sign, weight = QUIET, "", "normal"
        if specified[label]:
            colour, sign, weight = ink(VERMILION), "✗", "bold"
        elif example["relevant"][label]:
            colour, sign = BLUE, "✓"
        height = 1 - (place + 0.5) / _RANKS
        axis.text(0.13, height, f"{rank}", fontsize=SMALL, va="center", ha="right", color=QUIET)
        axis.text(
            0.2, height, f"{name} {sign}", fontsize=SMALL, va="center", color=colour,
            fontweight=weight,
        )  # fmt: skip
    if k <= len(pairs):
        axis.axhline(1 - k / _RANKS, xmin=0.02, xmax=0.95, color="black", lw=0.6)
