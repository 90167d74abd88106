"""What study 3's figures show: the numbers in them are those of the tidy tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.style import PAGE_WIDTH, figure_style
from advlearn.studies.bilevel.paper.labels import DATASETS, PATTERNS
from advlearn.studies.bilevel.paper.sandwich import sandwich
from advlearn.studies.bilevel.paper.staircase import normalised_delta
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from tests.helpers.spoiled import replace_columns

pytestmark = pytest.mark.slow


def draw(name: str, run: BilevelTidy) -> Figure:
    with figure_style():
        found: Figure = STUDY.figure(name).draw(run)
    return found


def points(axis: Axes, marker: str) -> np.ndarray:
    """(n, 2) the points of all lines with a mark."""
    found = [np.asarray(each.get_xydata()) for each in axis.lines if each.get_marker() == marker]
    return np.concatenate(found).astype(float)


def ticks(axis: Axes) -> list[str]:
    return [tick.get_text() for tick in axis.get_yticklabels()]


def test_each_bound_of_calmness_stands_in_the_row_of_its_data(full: BilevelTidy) -> None:
    axis = draw("bilevel_calmness", full).axes[2]
    frame = full["bilevel_calmness"].query("weights == 'recomputed'")
    names = ticks(draw("bilevel_calmness", full).axes[0])
    expected = {
        (DATASETS(dataset), modulus)
        for dataset, modulus in frame[["dataset", "modulus"]].dropna().itertuples(index=False)
        if np.isfinite(modulus)
    }
    shown = {(names[int(y)], x) for x, y in points(axis, "|")}
    assert shown == expected


def test_changes_by_the_perturbation_and_by_the_bound(full: BilevelTidy) -> None:
    ratios, shares, *_ = draw("bilevel_calmness", full).axes
    frame = full["bilevel_calmness"].query("weights == 'fixed' and size > 0").dropna()
    for axis, values in (
        (ratios, frame["change"] / frame["size"]),
        (shares, frame["change"] / frame["bound"]),
    ):
        marks = [line for line in axis.lines if line.get_marker() not in ("|", "None")]
        shown = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in marks])
        assert sorted(shown) == pytest.approx(sorted(values.clip(lower=1e-5)))


def test_the_safest_setting_of_each_parameter_is_named_and_large(full: BilevelTidy) -> None:
    radii, truth = draw("bilevel_defence", full).axes[:2]
    frame = full["bilevel_defence"].dropna(subset=["radius"])
    chosen = frame[frame["chosen"] == 1]
    for axis, column in ((radii, "radius"), (truth, "ari_truth")):
        large = [line for line in axis.lines if line.get_markersize() == 5]
        shown = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in large])
        assert sorted(shown) == pytest.approx(sorted(chosen[column].dropna()))
        small = [line for line in axis.lines if line.get_markersize() == 2.5]
        assert sum(len(np.asarray(line.get_xdata())) for line in small) == len(frame)
    labels = ticks(radii)
    first = labels[1 : 1 + frame["parameter"].nunique()]
    values = chosen[chosen["dataset"] == DATASETS.order(frame["dataset"])[0]]["value"]
    said = {float(label.partition(" = ")[2]) for label in first if " = " in label}
    assert said <= {float(f"{float(value):.3g}") for value in pd.to_numeric(values).dropna()}
    assert said


def test_agreement_is_drawn_from_none_to_full(full: BilevelTidy) -> None:
    low, high = draw("bilevel_defence", full).axes[1].get_xlim()
    assert low < 0
    assert high > 1


def test_panels_of_radii_use_their_range(whole: BilevelTidy) -> None:
    figure = draw("bilevel_sandwich", whole)
    assert figure.get_size_inches()[0] == PAGE_WIDTH
    frame = sandwich(whole)
    names = DATASETS.order(frame["dataset"])
    titled = {axis.get_title(): axis for axis in figure.axes if axis.get_title()}
    assert set(titled) == {DATASETS(name) for name in names}
    for name in names:
        low, high = titled[DATASETS(name)].get_xlim()
        gammas = frame.loc[frame["dataset"] == name, "gamma"]
        used = np.log(gammas.max() / gammas.min()) / np.log(high / low)
        assert used > 0.85, name


def test_the_value_function_lies_above_and_is_a_lower_bound(full: BilevelTidy) -> None:
    figure = draw("bilevel_staircase", full)
    frame = normalised_delta(full)
    names = DATASETS.order(frame["dataset"])
    assert [axis.get_title() for axis in figure.axes] == [DATASETS(name) for name in names]
    for axis, name in zip(figure.axes, names, strict=True):
        assert "v(τ) ≥ thick line" in [text.get_text() for text in axis.texts]
        part = frame[(frame["dataset"] == name) & (frame["curve"] == "value")]
        thick = max(axis.lines, key=lambda line: line.get_linewidth())
        first = part[part["seed"] == part["seed"].min()].sort_values("tau")
        assert np.asarray(thick.get_ydata()) == pytest.approx(first["value"].to_numpy())
        # The marks of directions lie on it, and not it on them.
        assert all(line.get_zorder() >= thick.get_zorder() for line in axis.lines)


def test_patterns_are_named_at_their_lines(full: BilevelTidy) -> None:
    figure = draw("bilevel_delta_vs_moved", full)
    assert not figure.legends
    three = full["bilevel_moved"].query("n_clusters == 3")
    said = {text.get_text() for text in figure.axes[-1].texts}
    assert {PATTERNS(name) for name in three["pattern"]} <= said


def test_no_exception_is_white_and_one_is_not(copy: Path, published: Path) -> None:
    def shares(run: BilevelTidy) -> np.ma.MaskedArray:
        mesh = draw("bilevel_delta_monotonicity", run).axes[0].collections[0]
        found: np.ma.MaskedArray = np.ma.asarray(mesh.get_array())
        return found

    replace_columns(copy, "monotone", not_monotone=0)
    assert shares(BilevelTidy(copy, published)).mask.all()
    replace_columns(copy, "monotone", not_monotone=1)
    assert not np.ma.getmaskarray(shares(BilevelTidy(copy, published))).any()


def test_the_clusterpath_says_what_the_attacks_get(full: BilevelTidy) -> None:
    figure = draw("bilevel_clusterpath", full)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[0] == "iris"
    assert titles[1] == "γ = 1.00: 3 clusters, ARI 0.80"
