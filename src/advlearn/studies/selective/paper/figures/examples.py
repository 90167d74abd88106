"""Clean and adversarial images, their difference, and what the classifier says."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from advlearn.report.labels import VERMILION
from advlearn.report.panels import grid, show_image
from advlearn.report.style import COLUMN_WIDTH, SMALL
from advlearn.studies.selective.paper.labels import ATTACKS
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.errors import UserError

_MOST = 6


def draw(tidy: SelectiveTidy) -> Figure:
    """One column an image; rows: clean, then adversarial and difference for each attack."""
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
    count, rows = min(_MOST, len(clean)), 1 + 2 * len(attacks)
    changes = {
        name: arrays[prefix + name][:count].astype(float) - clean[:count] for name in attacks
    }
    # One scale for all attacks, so that a weaker one looks weaker.
    largest = max(float(np.abs(change).max()) for change in changes.values()) or 1.0
    side = (COLUMN_WIDTH - 0.45) / count
    head = 0.2 * (1 + len(attacks)) + 0.55
    figure, panels = grid(rows, count, height=side + 0.06, head=head)
    for axis, image, said, label in zip(
        panels[0], clean, arrays["clean_prediction"], labels, strict=False
    ):
        show_image(axis, image)
        _say_class(axis, int(said), int(label))
    _name(panels[0, 0], "clean")
    for attack, (attacked, difference) in zip(
        attacks, panels[1:].reshape(-1, 2, count), strict=True
    ):
        images, predictions = arrays[prefix + attack], arrays[f"prediction_{attack}"]
        for i in range(count):
            show_image(attacked[i], images[i])
            _say_class(attacked[i], int(predictions[i]), int(labels[i]))
            # Shown on [0, 1] with grey for no change, so that colour images work the same way.
            show_image(difference[i], 0.5 + changes[attack][i] / (2 * largest))
        _name(attacked[0], _with_epsilon(tidy, attack))
        _name(difference[0], f"difference\n≤ {np.abs(changes[attack]).max():.2g}")
    scale = ScalarMappable(Normalize(-largest, largest), "gray")
    bar = figure.colorbar(scale, ax=panels, location="bottom", aspect=40, shrink=0.8, pad=0.02)
    bar.set_label("difference (adversarial − clean), pixels in [0, 1]", fontsize=SMALL)
    bar.set_ticks([-largest, 0, largest], labels=[f"−{largest:.2g}", "0", f"+{largest:.2g}"])
    return figure


def _with_epsilon(tidy: SelectiveTidy, attack: str) -> str:
    """The attack and the size of its ball in the universe of the images, where it is recorded."""
    universe = tidy.study.universes[tidy.study.primary.universe]
    settings = universe.get("attacks", {}).get(attack, {})
    name = ATTACKS.short(attack)
    return f"{name}\nε = {settings['epsilon']:g}" if "epsilon" in settings else name


def _say_class(axis: Axes, prediction: int, label: int) -> None:
    """The predicted class below an image, and whether it is the right one."""
    right = prediction == label
    axis.set_xlabel(
        f"{prediction} {'✓' if right else '✗'}",
        color="black" if right else VERMILION,
        fontweight="normal" if right else "bold",
        labelpad=1.5,
    )


def _name(axis: Axes, text: str) -> None:
    axis.set_ylabel(text, rotation=90, labelpad=3, fontsize=SMALL)
