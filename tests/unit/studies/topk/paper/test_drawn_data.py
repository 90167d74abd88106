"""What study 2's figures show: the numbers in them are those of the tidy tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.style import PAGE_WIDTH, figure_style
from advlearn.studies.topk.paper.labels import METHODS
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.study import STUDY

pytestmark = pytest.mark.slow


def draw(name: str, run: TopkTidy) -> Figure:
    with figure_style():
        found: Figure = STUDY.figure(name).draw(run)
    return found


def names_at_the_ends(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.texts if text.get_text()]


def test_every_method_is_named_at_the_end_of_its_line(full: TopkTidy) -> None:
    methods = {METHODS(name) for name in full.primary_images()["method"]}
    for name in ("topk_measure_change", "topk_perturbation_vs_k"):
        figure = draw(name, full)
        assert not figure.legends
        assert figure.get_size_inches()[0] == PAGE_WIDTH
        assert set(names_at_the_ends(figure.axes[-1])) - {"n = 0"} == methods


def test_seeds_are_dots_beside_their_mean(full: TopkTidy) -> None:
    axis = draw("topk_measure_change", full).axes[0]
    images = full.primary_images().query("scheme == 'global' and method == 'tkmia'")
    expected = images.groupby(["k", "seed"])["delta_tkacc"].mean()
    dots = next(line for line in axis.lines if line.get_label() == "seeds")
    assert np.asarray(dots.get_ydata()) == pytest.approx(expected.to_numpy())


def test_success_rates_at_a_norm_and_what_they_lack_of_the_first(full: TopkTidy) -> None:
    figure = draw("topk_success_vs_norm", full)
    ks = sorted(full.primary_images()["k"].unique())
    upper, lower = figure.axes[0], figure.axes[len(ks)]
    images = full.primary_images().query("scheme == 'global' and k == @ks[0]")

    def share(method: str, norm: float) -> float:
        part = images[images["method"] == method]
        return float((part["success"] & (part["l2"] <= norm)).mean())

    methods = METHODS.order(images["method"])
    curves = [line for line in upper.lines if len(np.asarray(line.get_xdata())) > 2]
    assert len(curves) == len(methods)
    for method, line in zip(methods, curves, strict=True):
        points = np.asarray(line.get_xydata(), dtype=float)[::37]
        assert [share(method, x) for x, _ in points] == pytest.approx([y for _, y in points])
    differences = [line for line in lower.lines if len(np.asarray(line.get_xdata())) > 2]
    assert len(differences) == len(methods) - 1
    for method, line in zip(methods[1:], differences, strict=True):
        x, y = np.asarray(line.get_xydata(), dtype=float)[111]
        assert y == pytest.approx(share(method, x) - share(methods[0], x))


def test_the_axis_of_norms_begins_with_the_first_successes(full: TopkTidy) -> None:
    axis = draw("topk_success_vs_norm", full).axes[0]
    first = min(
        float(np.quantile(part["l2"].where(part["success"], np.inf), 0.05, method="lower"))
        for _, part in full.primary_images().groupby(["scheme", "k", "method"])
    )
    assert axis.get_xlim()[0] == pytest.approx(first, rel=0.25)


def test_norms_of_weights_are_compared_where_both_succeed(full: TopkTidy) -> None:
    """A weight with which only easy images are left does not look like a smaller perturbation."""
    run = TopkTidy(full.folder, full.folder)
    images = full["topk_images"].copy()
    alpha = images["experiment"] == "alpha"
    largest = alpha & (images["alpha"] == images.loc[alpha, "alpha"].max())
    middle = images.loc[largest, "l2"].median()
    images.loc[largest, "success"] &= images.loc[largest, "l2"] < middle
    run._tables["topk_images"] = images
    run._tables["topk_metrics"] = full["topk_metrics"]
    axis = draw("topk_alpha", run).axes[1]
    marks = [each for each in axis.lines if each.get_marker() == "o" and not each.is_dashed()]
    means = np.concatenate([np.asarray(each.get_ydata(), dtype=float) for each in marks])
    keys = ["seed", "image", "model", "scheme", "labels", "n_specified", "k"]
    wide = (
        images[alpha & images["success"]]
        .pivot_table("l2", keys, "alpha")
        .dropna(subset=[0.0, images.loc[alpha, "alpha"].max()])
    )
    expected = float(np.exp(np.log(wide.iloc[:, -1] / wide[0.0]).mean()))
    assert np.isclose(means, expected).any()
    assert np.isclose(means, 1.0).any()


def test_transfer_has_names_below_every_panel_and_a_scale(full: TopkTidy) -> None:
    figure = draw("topk_transfer", full)
    *panels, bar = figure.axes
    assert bar.get_ylabel() == "share of the images"
    for axis in panels:
        assert [tick.get_text() for tick in axis.get_xticklabels()] == full.models
        assert axis.xaxis.get_major_ticks()[0].label1.get_visible()


def test_marks_of_few_images_are_explained_where_there_are_some(
    full: TopkTidy, small: TopkTidy
) -> None:
    for run in (full, small):
        figure = draw("topk_measure_change", run)
        hollow = any(
            line.get_markerfacecolor() == "white" and len(np.asarray(line.get_xdata()))
            for axis in figure.axes
            for line in axis.lines
        )
        said = any("hollow: fewer than 10 images" in text.get_text() for text in figure.texts)
        assert hollow == said


def test_examples_say_size_and_scale_of_the_difference(full: TopkTidy) -> None:
    figure = draw("topk_examples", full)
    arrays = full.arrays("topk_examples")
    norm = np.linalg.norm(arrays["adversarial"][0].astype(float) - arrays["clean"][0])
    label = figure.axes[2].get_xlabel()
    assert label.startswith("× ")
    assert float(label.rpartition(" ")[2]) == pytest.approx(norm, rel=0.06)
    assert pd.Series([text.get_text() for text in figure.texts]).str.contains("✗ specified").any()
