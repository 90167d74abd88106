"""Clean and adversarial images, their difference, and the ranked labels before and after."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.labels import BLUE, GREY, VERMILION
from advlearn.report.panels import show_image
from advlearn.report.style import COLUMN_WIDTH
from advlearn.studies.topk.paper.common import method_label
from advlearn.studies.topk.paper.schema import TopkTidy
from advlearn.support.errors import UserError

_MOST = 6  # examples
_BELOW = 2  # ranks shown below the top k
_LONGEST = 12  # letters of a label
_RANKS = 8


def draw(tidy: TopkTidy) -> Figure:
    """One row an example.

    Raises:
        UserError: the archive holds no images.
    """
    arrays = tidy.arrays("topk_examples")
    count = min(_MOST, len(arrays["clean"]))
    if count == 0:
        raise UserError(
            "there are no adversarial example images",
            where=f"{tidy.folder}/topk_examples.npz",
            remedy="use a smaller k or fewer specified labels, attack and collect again",
        )
    figure = Figure(figsize=(COLUMN_WIDTH, 0.2 + 0.85 * count))
    axes = figure.subplots(count, 5, squeeze=False, width_ratios=(1, 1, 1, 1.05, 1.05))
    figure.set_layout_engine("constrained", w_pad=0.01, wspace=0.0)
    for row in range(count):
        clean, adversarial = (arrays[name][row].astype(float) for name in ("clean", "adversarial"))
        change = adversarial - clean
        factor = 0.5 / max(float(np.abs(change).max()), 1e-6)
        factor = float(f"{factor:.1g}") if factor >= 1 else 1.0
        for axis, image in zip(
            axes[row], (clean, adversarial, 0.5 + factor * change), strict=False
        ):
            show_image(axis, image)
            axis.set_anchor("N")
        method = method_label(str(arrays["method"][row]))
        axes[row, 1].set_xlabel(method, fontsize=6, labelpad=1.5)
        axes[row, 2].set_xlabel(f"× {factor:g}", fontsize=6, labelpad=1.5)
        for axis, name in zip(axes[row, 3:], ("clean_logits", "adversarial_logits"), strict=True):
            _ranking(
                axis,
                arrays[name][row],
                arrays["relevant"][row],
                arrays["specified"][row],
                int(arrays["k"][row]),
                [str(label) for label in arrays["class_names"]],
            )
    for axis, title in zip(
        axes[0], ("clean", "adversarial", "difference", "before", "after"), strict=True
    ):
        axis.set_title(title, fontsize=6.5)
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
    top = [(rank, int(label)) for rank, label in enumerate(order, start=1)]
    first = top[: min(k, _RANKS)]
    rest = top[len(first) :]
    wanted = sorted(rest, key=lambda pair: (not specified[pair[1]], pair[0]))
    room = min(_RANKS - len(first), max(_BELOW, int(specified[[p[1] for p in rest]].sum())))
    return first + sorted(wanted[:room])


def _ranking(
    axis: Axes,
    logits: np.ndarray,
    relevant: np.ndarray,
    specified: np.ndarray,
    k: int,
    names: list[str],
) -> None:
    axis.set_axis_off()
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    step = 1 / _RANKS
    pairs = ranked(logits, specified, k)
    for place, (rank, label) in enumerate(pairs):
        name = names[label]
        name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        colour, sign = (
            (VERMILION, "✗") if specified[label] else (BLUE, "✓") if relevant[label] else (GREY, "")
        )
        height = 1 - (place + 0.5) * step
        axis.text(0.13, height, f"{rank}", fontsize=5, va="center", ha="right", color="#666666")
        axis.text(
            0.2,
            height,
            f"{name} {sign}",
            fontsize=6,
            va="center",
            color=colour if colour != GREY else "#666666",
            fontweight="bold" if specified[label] else "normal",
        )
    if k <= len(pairs):
        axis.axhline(1 - k * step, xmin=0.02, xmax=0.95, color="black", lw=0.6)
