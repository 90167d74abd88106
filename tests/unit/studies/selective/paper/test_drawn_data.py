"""The figures over the number of clusters, of selections, maps and examples: what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.style import figure_style
from advlearn.studies.selective.paper.plausible import plausible_set
from advlearn.studies.selective.paper.universe_set import average
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.study import STUDY
from tests.helpers.readable import assert_readable
from tests.helpers.selective_run import (
    PUBLISHED,
    with_arrays,
    with_study,
    with_table,
    write_run,
)

pytestmark = pytest.mark.slow
CURVES = ("selective_fig1_fgsm", "selective_fig2_pgd", "selective_fig3_reduction")
ADVERSARIAL = "adversarial_accuracy"


def draw(name: str, run: SelectiveTidy) -> Figure:
    with figure_style():
        found: Figure = STUDY.figure(name).draw(run)
        assert_readable(found)
    return found


def data(axis: Axes, label: str) -> np.ndarray:
    """(n, 2) the points of all lines with a label."""
    found = [line.get_xydata() for line in axis.lines if line.get_label() == label]
    return np.concatenate([np.asarray(part) for part in found]) if found else np.empty((0, 2))


def labels(figure: Figure) -> list[str]:
    legends = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def cell_of(
    run: SelectiveTidy, universe: str, protocol: str = "whitebox", **values: object
) -> pd.DataFrame:
    frame = run["selective_metrics"]
    frame = frame[(frame["split"] == "test") & (frame["universe"] == universe)]
    frame = frame[frame["protocol"] == protocol]
    for name, value in values.items():
        frame = frame[frame[name] == value]
    return frame


def seeds_by_number(run: SelectiveTidy, universe: str, **values: Any) -> pd.DataFrame:
    rows = cell_of(run, universe, rule="random", metric=ADVERSARIAL, **values)
    return rows.pivot_table(index="n_clusters", columns="seed", values="value", aggfunc="mean")


@pytest.mark.parametrize(
    ("name", "attack", "table"),
    [
        ("selective_fig1_fgsm", "fgsm", "selective_table1_fgsm"),
        ("selective_fig2_pgd", "pgd", "selective_table2_pgd"),
    ],
)
def test_lines_are_means_dots_are_seeds_hollow_marks_are_published(
    full: SelectiveTidy, name: str, attack: str, table: str
) -> None:
    axis = draw(name, full).axes[0]
    every = []
    for clusterer in ("kmeans", "agglomerative"):
        seeds = seeds_by_number(full, "small", attack=attack, reduction="pca", clusterer=clusterer)
        assert data(axis, f"mean {clusterer}")[:, 1] == pytest.approx(seeds.mean(axis=1))
        every += [*seeds.to_numpy().ravel()]
        printed = full.published(table)
        printed = printed[(printed["algorithm"] == clusterer) & (printed["metric"] == ADVERSARIAL)]
        printed = printed[printed["n_clusters"].isin(seeds.index)]
        shown = data(axis, f"published {clusterer}")[:, 1]
        assert sorted(shown) == pytest.approx(sorted(printed["published"]))
    everything = cell_of(full, "small", rule="all", metric=ADVERSARIAL, attack=attack)["value"]
    every += [*everything]
    assert sorted(data(axis, "seeds")[:, 1]) == pytest.approx(sorted(every))
    assert data(axis, "published all")[:, 1] == pytest.approx(
        {"fgsm": 0.3016, "pgd": 0.2888}[attack]
    )
    dotted = [line for line in axis.lines if line.get_linestyle() == ":"]
    levels = [float(np.asarray(line.get_ydata())[0]) for line in dotted]
    assert levels == pytest.approx([everything.mean()])


def test_the_weighted_mean_of_the_plausible_universes(full: SelectiveTidy) -> None:
    universes = {
        "small": {"sets": {"plausible": 1}, "protocol": "whitebox"},
        "standard": {"sets": {"plausible": 3}, "protocol": "transfer"},
    }
    run = with_study(full, universes=universes)
    figure = draw("selective_fig1_fgsm", run)
    cell = {"attack": "fgsm", "reduction": "pca", "clusterer": "kmeans"}
    first = seeds_by_number(full, "small", **cell)
    second = seeds_by_number(full, "standard", protocol="transfer", **cell)
    expected = (first + 3 * second) / 4
    axis = figure.axes[0]
    assert data(axis, "mean kmeans")[:, 1] == pytest.approx(expected.mean(axis=1))
    shown = set(np.round(data(axis, "seeds")[:, 1], 9))
    assert set(np.round(expected.to_numpy().ravel(), 9)) <= shown
    title = axis.get_title(loc="left")
    assert title == "2 plausible universes, 3 seeds"


def test_a_seed_that_a_plausible_universe_lacks_does_not_count(full: SelectiveTidy) -> None:
    universes = {name: {"sets": {"plausible": 1}} for name in ("small", "standard")}
    frame = full["selective_metrics"]
    lacking = (frame["universe"] == "standard") & (frame["seed"] == 2)
    run = with_study(with_table(full, "selective_metrics", frame[~lacking]), universes=universes)
    run._tables["selective_metrics"] = frame[~lacking]
    axis = draw("selective_fig1_fgsm", run).axes[0]
    cell = {"attack": "fgsm", "reduction": "pca", "clusterer": "kmeans"}
    both = (seeds_by_number(full, "small", **cell) + seeds_by_number(full, "standard", **cell)) / 2
    assert data(axis, "mean kmeans")[:, 1] == pytest.approx(both[[0, 1]].mean(axis=1))


def test_reductions_are_drawn_on_the_seeds_and_universes_that_all_have(
    full: SelectiveTidy,
) -> None:
    universes = {name: {"sets": {"plausible": 1}} for name in ("small", "standard")}
    frame = full["selective_metrics"]
    lacking = (frame["reduction"] != "pca") & (frame["seed"] > 0)
    lacking |= (frame["reduction"] == "tsne") & (frame["universe"] == "standard")
    few = with_study(with_table(full, "selective_metrics", frame[~lacking]), universes=universes)
    few._tables["selective_metrics"] = frame[~lacking]
    axis = draw("selective_fig3_reduction", few).axes[0]
    assert axis.get_title(loc="left") == "1 of 2 plausible universes, 1 seed"
    for reduction in ("none", "pca", "tsne"):
        seeds = seeds_by_number(
            full, "small", attack="fgsm", reduction=reduction, clusterer="kmeans"
        )
        assert data(axis, f"mean {reduction}")[:, 1] == pytest.approx(seeds[0])
    assert draw("selective_fig1_fgsm", few).axes[0].get_title(loc="left").endswith(", 3 seeds")


def test_figure_3_has_published_marks_on_the_curve_that_the_paper_prints(
    full: SelectiveTidy,
) -> None:
    figure = draw("selective_fig3_reduction", full)
    assert len(figure.axes) == 2
    axis = figure.axes[0]
    assert len(data(axis, "published pca")) == 4
    assert len(data(axis, "published none")) == len(data(axis, "published tsne")) == 0
    for reduction in ("none", "pca", "tsne"):
        seeds = seeds_by_number(
            full, "small", attack="fgsm", reduction=reduction, clusterer="kmeans"
        )
        assert data(axis, f"mean {reduction}")[:, 1] == pytest.approx(seeds.mean(axis=1))


@pytest.mark.parametrize("name", [*CURVES, "selective_tradeoff"])
def test_few_legend_entries(full: SelectiveTidy, name: str) -> None:
    assert len(labels(draw(name, full))) <= 6


def test_an_attack_that_was_not_run(folder: Path) -> None:
    run = SelectiveTidy(folder, PUBLISHED)
    frame = run["selective_metrics"]
    figure = draw(
        "selective_fig2_pgd", with_table(run, "selective_metrics", frame[frame["attack"] != "pgd"])
    )
    assert [text.get_text() for text in figure.axes[0].texts] == ["not run"]


def test_tradeoff_shows_every_selection_and_the_published_ones(full: SelectiveTidy) -> None:
    figure = draw("selective_tradeoff", full)
    axis = figure.axes[0]
    rows = cell_of(full, "small", attack="fgsm", clusterer="kmeans", rule="random")
    # Of the reductions the one of the paper's tables.
    rows = rows[rows["reduction"] == "pca"]
    means = rows.groupby(["setting", "metric"])["value"].mean().unstack("metric")
    shown = data(axis, "random kmeans")
    assert sorted(shown[:, 1]) == pytest.approx(sorted(means[ADVERSARIAL]))
    assert sorted(shown[:, 0]) == pytest.approx(sorted(means["clean_accuracy"]))
    assert len(data(axis, "published kmeans")) == 10
    assert data(axis, "published all").ravel() == pytest.approx([0.9699, 0.3016])
    for rule in ("classic", "none", "all"):
        rows = cell_of(full, "small", attack="fgsm", clusterer="single", rule=rule)
        mean = rows.groupby("metric")["value"].mean()
        assert data(axis, f"mean {rule}").ravel() == pytest.approx(
            [mean["clean_accuracy"], mean[ADVERSARIAL]]
        )
    # Universes in no set have panels of their own, without the published points.
    assert [axis.get_title().split(",")[0] for axis in figure.axes] == [
        "small", "small", "standard", "standard",
    ]  # fmt: skip
    assert len(data(figure.axes[2], "published kmeans")) == 0


def test_the_classic_star_lies_on_top(full: SelectiveTidy) -> None:
    axis = draw("selective_tradeoff", full).axes[0]
    heights = {line.get_label(): line.get_zorder() for line in axis.lines}
    assert heights["mean classic"] > heights["mean none"] > heights["mean all"]


def test_maps_name_chosen_clusters_with_their_sizes(full: SelectiveTidy) -> None:
    figure = draw("selective_embedding", full)
    frame = full["selective_embedding"]
    for axis in figure.axes:
        title = axis.get_title().splitlines()
        assert title[-1].startswith("chosen: ")
        assert title[-1].endswith(" images")
        assert "" not in [text.get_text() for text in axis.texts]
    part = frame[(frame["clusterer"] == "kmeans") & (frame["reduction"] == "pca")]
    share = (part["cluster"] == 0).mean()
    (axis,) = (each for each in figure.axes if each.get_title().startswith("k-means, PCA"))
    assert f"0\n{100 * share:.0f} %" in [text.get_text() for text in axis.texts]


def test_the_key_of_the_maps_takes_the_panel_that_is_left_over(full: SelectiveTidy) -> None:
    frame = full["selective_embedding"]
    odd = frame[(frame["reduction"] == "pca") & (frame["clusterer"] != "hdbscan")]
    figure = draw("selective_embedding", with_table(full, "selective_embedding", odd))
    assert len(figure.axes) == 4
    assert not figure.legends
    assert labels(figure)[:2] == ["a cluster", "the chosen cluster"]


def test_crowded_clusters_leave_room_for_the_names_of_others(full: SelectiveTidy) -> None:
    frame = full["selective_embedding"]
    frame = frame[(frame["reduction"] == "pca") & (frame["clusterer"] == "dbscan")].copy()
    # Forty clusters whose medians lie on one another, as DBSCAN finds them.
    frame["cluster"] = np.arange(len(frame)) % 40
    frame["chosen"] = (frame["cluster"] == 7).astype(int)
    figure = draw("selective_embedding", with_table(full, "selective_embedding", frame))
    assert_readable(figure)
    assert figure.axes[0].texts[0].get_text().startswith("7\n")


def test_examples_say_epsilon_and_share_one_scale(smoke: SelectiveTidy) -> None:
    clean = np.full((2, 1, 8, 8), 0.5)
    arrays = {
        "clean": clean,
        "label": np.array([1, 2]),
        "clean_prediction": np.array([1, 2]),
        "adversarial_fgsm": clean + 0.4,
        "prediction_fgsm": np.array([2, 2]),
        "adversarial_pgd": clean - 0.1,
        "prediction_pgd": np.array([2, 2]),
    }
    attacks = {"fgsm": {"epsilon": 0.4}, "pgd": {"epsilon": 0.3}}
    run = with_arrays(smoke, "selective_examples", arrays)
    run = with_study(run, universes={"small": {"attacks": attacks}})
    run._arrays["selective_examples"] = arrays
    figure = draw("selective_examples", run)
    names = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert names == [
        "clean",
        "FGSM\nε = 0.4",
        "difference\n≤ 0.4",
        "PGD\nε = 0.3",
        "difference\n≤ 0.1",
    ]
    shown = [np.asarray(axis.images[0].get_array()).max() for axis in figure.axes if axis.images]
    assert shown[4] == pytest.approx(1.0)  # FGSM: the end of the scale
    assert shown[8] == pytest.approx(0.5 - 0.1 / 0.8)  # PGD: a quarter of it
    assert [tick.get_text() for tick in figure.axes[-1].get_xticklabels()] == ["−0.4", "0", "+0.4"]


@pytest.mark.parametrize("length", [10, 40])
@pytest.mark.parametrize("name", [*CURVES, "selective_tradeoff", "selective_embedding"])
def test_long_names(tmp_path: Path, name: str, length: int) -> None:
    universe, clusterer = "u" * length, "c" * length
    folder = write_run(
        tmp_path / "tidy",
        universes=[universe],
        seeds=[0],
        reductions=["pca", "none"],
        clusterers=["kmeans", clusterer],
        cluster_numbers=[1, 2, 30],
    )
    figure = draw(name, SelectiveTidy(folder, PUBLISHED))
    assert_readable(figure)


@pytest.mark.parametrize("name", [*CURVES, "selective_tradeoff"])
def test_texts_of_shipped_sizes_lie_apart(tmp_path: Path, name: str) -> None:
    folder = write_run(
        tmp_path / "tidy", seeds=range(3), cluster_numbers=range(1, 11), reductions=["pca", "tsne"]
    )
    assert_readable(draw(name, SelectiveTidy(folder, PUBLISHED)))


def test_means_over_sets_are_those_of_the_tables(full: SelectiveTidy) -> None:
    universes = {"small": {"sets": {"plausible": 1}}, "standard": {"sets": {"plausible": 3}}}
    run = with_study(full, universes=universes)
    frame = full["selective_metrics"].query("split == 'test' and rule == 'random'")
    # One seed lacks a universe, and one universe lacks a line.
    lacking = (frame["universe"] == "standard") & (
        ((frame["seed"] == 1) & (frame["n_clusters"] == 2)) | (frame["n_clusters"] == 4)
    )
    frame = frame[~lacking & frame["n_clusters"].notna()]
    keys = ["attack", "reduction", "clusterer", "n_clusters", "metric"]
    found = plausible_set(run).mean(frame, keys)
    for key, part in frame.groupby(keys):
        expected = average(part, plausible_set(run).weights).seeds["value"]
        mine = found[(found[keys] == list(key)).all(axis="columns")].set_index("seed")["value"]
        assert dict(mine) == pytest.approx(dict(expected))
