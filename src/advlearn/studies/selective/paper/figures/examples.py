"""Clean and adversarial images, their difference, and what the classifier says."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.labels import VERMILION
from advlearn.report.panels import show_image
from advlearn.report.style import COLUMN_WIDTH
from advlearn.studies.selective.paper.common import attack_label
from advlearn.studies.selective.paper.schema import SelectiveTidy
from advlearn.support.errors import UserError

_MOST = 6


def draw(tidy: SelectiveTidy) -> Figure:
    """One column an image; rows: clean, then adversarial and difference for each attack.

    Raises:
        UserError: the archive holds no adversarial images.
    """
    arrays = tidy.arrays("selective_examples")
    prefix = "adversarial_"
    attacks = sorted(name.removeprefix(prefix) for name in arrays if name.startswith(prefix))
    if not attacks or len(arrays["clean"]) == 0:
        raise UserError(
            "there are no adversarial example images",
            where=f"{tidy.folder}/selective_examples.npz",
            remedy="run the stages 'craft' and 'collect' again",
        )
    clean, labels = arrays["clean"], arrays["label"]
    count = min(_MOST, len(clean))
    rows = 1 + 2 * len(attacks)
    side = (COLUMN_WIDTH - 0.35) / count
    figure = Figure(figsize=(COLUMN_WIDTH, rows * (side + 0.06) + 0.2 * (1 + len(attacks)) + 0.1))
    axes = figure.subplots(rows, count, squeeze=False)
    for i in range(count):
        show_image(axes[0, i], clean[i])
        _verdict(axes[0, i], int(arrays["clean_prediction"][i]), int(labels[i]))
        for j, attack in enumerate(attacks):
            image = arrays[prefix + attack][i]
            show_image(axes[1 + 2 * j, i], image)
            _verdict(axes[1 + 2 * j, i], int(arrays[f"prediction_{attack}"][i]), int(labels[i]))
            change = image.astype(float) - clean[i]
            largest = float(np.abs(arrays[prefix + attack][:count] - clean[:count]).max()) or 1.0
            # Shown on [0, 1] with grey for no change, so that colour images work the same way.
            show_image(axes[2 + 2 * j, i], 0.5 + change / (2 * largest))
    _row_label(axes[0, 0], "clean")
    for j, attack in enumerate(attacks):
        _row_label(axes[1 + 2 * j, 0], attack_label(attack))
        _row_label(axes[2 + 2 * j, 0], "difference")
    return figure


def _verdict(axis: Axes, prediction: int, label: int) -> None:
    right = prediction == label
    axis.set_xlabel(
        f"{prediction} {'✓' if right else '✗'}",
        color="black" if right else VERMILION,
        fontweight="normal" if right else "bold",
        labelpad=1.5,
    )


def _row_label(axis: Axes, text: str) -> None:
    axis.set_ylabel(text, rotation=90, labelpad=3, fontsize=6.5)
