"""Each comparison against plain loops over the rows of the tidy table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from statistics import mean
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.studies.selective.paper.claims import comparisons
from advlearn.studies.selective.paper.claims.comparisons import (
    ADVERSARIAL,
    AVERAGE,
    CLEAN,
    Comparison,
    change_of,
    evaluation,
)
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import N_TRAIN, PUBLISHED, with_table, write_run

Row = dict[str, object]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SelectiveTidy:
    """A run in which every number differs from every other."""
    folder = write_run(tmp_path_factory.mktemp("many") / "tidy", cluster_numbers=[1, 2, 4, 5, 8])
    tidy = SelectiveTidy(folder, PUBLISHED)
    frame = tidy["selective_metrics"].copy()
    # Rows of one training have one number, whatever rule they stand under.
    keys = ["universe", "protocol", "seed", "attack", "metric", "split", "digest", "reduction"]
    group = frame.groupby(keys, dropna=False).ngroup().to_numpy()
    frame["value"] = np.random.default_rng(3).uniform(size=group.max() + 1)[group]
    return with_table(tidy, "selective_metrics", frame)


def rows_of(run: SelectiveTidy, **equal: object) -> list[Row]:
    """Test rows of small, transfer with these values."""
    return [row for row in _records(run) if all(row[key] == equal[key] for key in equal)]


@lru_cache(maxsize=4)
def _records(run: SelectiveTidy) -> list[Row]:
    frame = run["selective_metrics"]
    frame = frame[(frame["universe"] == "small") & (frame["protocol"] == "transfer")]
    return records(frame[frame["split"] == "test"])


def found(comparison: Comparison) -> list[float]:
    frame = comparison.seeds
    mine = frame[(frame["universe"] == "small") & (frame["protocol"] == "transfer")]
    return list(mine.sort_values("seed")["value"])


def value(rows: Sequence[Row]) -> float:
    return mean(float(str(row["value"])) for row in rows)


def chosen(run: SelectiveTidy, seed: int, metric: str, clusterer: str, **more: object) -> list[Row]:
    wanted = {"attack": "fgsm", "reduction": "pca", "rule": "random", **more}
    return rows_of(run, seed=seed, metric=metric, clusterer=clusterer, **wanted)


def part(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if int(str(row["n_selected"])) < N_TRAIN]


@pytest.mark.parametrize("clusterer", ["kmeans", "dbscan"])
@pytest.mark.parametrize("metric", [ADVERSARIAL, CLEAN, AVERAGE])
def test_one_random_cluster_against_all_images(
    run: SelectiveTidy, clusterer: str, metric: str
) -> None:
    expected = [
        value(part(chosen(run, seed, metric, clusterer)))
        - value(rows_of(run, seed=seed, metric=metric, attack="fgsm", rule="all"))
        for seed in range(3)
    ]
    made = comparisons.cluster_against(
        evaluation(run), "all", metric=metric, attack="fgsm", clusterer=clusterer
    )
    assert found(made) == pytest.approx(expected)


def test_one_random_cluster_against_its_own_subset(run: SelectiveTidy) -> None:
    expected = []
    for seed in range(3):
        differences = []
        for row in part(chosen(run, seed, ADVERSARIAL, "kmeans")):
            control = rows_of(
                run, seed=seed, metric=ADVERSARIAL, attack="fgsm", reduction="pca",
                clusterer="kmeans", setting=row["setting"], control_of=row["digest"],
            )  # fmt: skip
            differences.append(value([row]) - value(control))
        expected.append(mean(differences))
    made = comparisons.cluster_against(
        evaluation(run), "subset", metric=ADVERSARIAL, attack="fgsm", clusterer="kmeans"
    )
    assert found(made) == pytest.approx(expected)


def test_the_gap_is_clean_minus_adversarial(run: SelectiveTidy) -> None:
    expected = []
    for seed in range(3):
        gaps = []
        for rows in (
            [
                rows_of(run, seed=seed, metric=m, attack="fgsm", rule="all")
                for m in (CLEAN, ADVERSARIAL)
            ],
            [part(chosen(run, seed, m, "kmeans")) for m in (CLEAN, ADVERSARIAL)],
        ):
            clean, adversarial = map(value, rows)
            gaps.append(clean - adversarial)
        expected.append(gaps[0] - gaps[1])
    made = comparisons.gap_closed(evaluation(run), attack="fgsm", clusterer="kmeans")
    assert found(made) == pytest.approx(expected)


def test_one_cluster_is_adversarial_training(run: SelectiveTidy) -> None:
    made = comparisons.cluster_against(
        evaluation(run), "all", metric=ADVERSARIAL, attack="pgd", clusterer="kmeans", whole=True
    )
    assert found(made) == [0.0, 0.0, 0.0]


def test_clusterers_are_compared_with_as_many_clusters(run: SelectiveTidy) -> None:
    data = evaluation(run)
    # A number that only one of them ran is left out.
    kept = ~((data.selected["clusterer"] == "kmeans") & (data.selected["n_clusters"] == 5))
    data = comparisons.Evaluation(data.selected[kept], data.subsets, data.single)
    expected = []
    for seed in range(3):
        pairs = [
            value(chosen(run, seed, ADVERSARIAL, "agglomerative", setting=f"n_clusters={k}"))
            - value(chosen(run, seed, ADVERSARIAL, "kmeans", setting=f"n_clusters={k}"))
            for k in (2, 4, 8)
        ]
        expected.append(mean(pairs))
    made = comparisons.one_clusterer_against(
        data, "agglomerative", "kmeans", metric=ADVERSARIAL, attack="fgsm"
    )
    assert found(made) == pytest.approx(expected)


def test_dbscan_is_compared_by_its_mean_over_settings(run: SelectiveTidy) -> None:
    expected = [
        value(chosen(run, seed, CLEAN, "dbscan")) - value(part(chosen(run, seed, CLEAN, "kmeans")))
        for seed in range(3)
    ]
    made = comparisons.one_clusterer_against(
        evaluation(run), "dbscan", "kmeans", metric=CLEAN, attack="fgsm"
    )
    assert found(made) == pytest.approx(expected)


def test_reductions_are_compared_with_as_many_clusters(run: SelectiveTidy) -> None:
    expected = [
        mean(
            value(chosen(run, seed, CLEAN, "kmeans", reduction="tsne", n_clusters=k))
            - value(chosen(run, seed, CLEAN, "kmeans", n_clusters=k))
            for k in (2, 4, 5, 8)
        )
        for seed in range(3)
    ]
    made = comparisons.one_reduction_against(
        evaluation(run), "tsne", "pca", metric=CLEAN, attack="fgsm", clusterer="kmeans"
    )
    assert found(made) == pytest.approx(expected)


def test_a_number_is_compared_with_the_mean_of_the_others(run: SelectiveTidy) -> None:
    expected = [
        value(chosen(run, seed, AVERAGE, "kmeans", n_clusters=4))
        - mean(value(chosen(run, seed, AVERAGE, "kmeans", n_clusters=k)) for k in (2, 5, 8))
        for seed in range(3)
    ]
    made = comparisons.one_number_against(
        evaluation(run), 4, metric=AVERAGE, attack="fgsm", clusterer="kmeans"
    )
    assert found(made) == pytest.approx(expected)


def test_the_change_is_the_line_of_least_squares_over_its_range(run: SelectiveTidy) -> None:
    numbers = np.array([2, 4, 5, 8])
    expected = []
    for seed in range(3):
        changes = []
        for clusterer in ("kmeans", "agglomerative"):
            for attack in ("fgsm", "pgd"):
                curve = [
                    value(chosen(run, seed, ADVERSARIAL, clusterer, attack=attack, n_clusters=k))
                    for k in numbers
                ]
                changes.append(6 * np.polyfit(numbers, curve, 1)[0])
        expected.append(mean(changes))
    assert found(comparisons.change_of_curves(evaluation(run), ["fgsm", "pgd"])) == pytest.approx(
        expected
    )
    assert change_of(np.array([2.0, 6.0, 10.0]), np.array([0.5, 0.4, 0.3])) == pytest.approx(-0.2)


def test_the_images_nearest_to_the_centres_have_a_control_of_their_own(run: SelectiveTidy) -> None:
    frame = run["selective_metrics"]
    like = frame[(frame["clusterer"] == "kmeans") & (frame["setting"] == "n_clusters=4")]
    nearest = like[like["rule"] == "largest"].assign(rule="nearest", cluster=np.nan)
    tidy = with_table(run, "selective_metrics", pd.concat([frame, nearest], ignore_index=True))
    made = comparisons.cluster_against(
        evaluation(tidy), "subset", metric=ADVERSARIAL, attack="fgsm", clusterer="kmeans",
        rule="nearest",
    )  # fmt: skip
    expected = []
    for seed in range(3):
        (own,) = chosen(run, seed, ADVERSARIAL, "kmeans", rule="largest", n_clusters=4)
        control = rows_of(
            run, seed=seed, metric=ADVERSARIAL, attack="fgsm", reduction="pca",
            control_of=own["digest"],
        )  # fmt: skip
        expected.append(value([own]) - value(control))
    assert found(made) == pytest.approx(expected)


def test_costs_are_shares_of_adversarial_training(run: SelectiveTidy) -> None:
    frame = run["selective_metrics"]
    tidy = with_table(run, "selective_metrics", frame.assign(n_steps=100 + frame["n_selected"]))
    made = comparisons.cluster_against(
        evaluation(tidy), "all", metric=ADVERSARIAL, attack="fgsm", clusterer="kmeans"
    )
    sizes = [N_TRAIN // k for k in (2, 4, 5, 8)]
    assert made.seeds["images"].to_numpy() == pytest.approx(mean(sizes) / N_TRAIN)
    assert made.seeds["steps"].to_numpy() == pytest.approx((100 + mean(sizes)) / (100 + N_TRAIN))
    unknown = comparisons.cluster_against(
        evaluation(run), "all", metric=ADVERSARIAL, attack="fgsm", clusterer="kmeans"
    )
    assert unknown.seeds["steps"].isna().all()


def test_rows_behind_a_comparison_are_its_own(run: SelectiveTidy) -> None:
    made = comparisons.cluster_against(
        evaluation(run), "all", metric=ADVERSARIAL, attack="fgsm", clusterer="kmeans"
    )
    behind = run["selective_metrics"].loc[made.rows["row"]]
    assert set(behind["rule"]) == {"random", "all"}
    assert set(behind["metric"]) == {ADVERSARIAL}
    assert "n_clusters=1" not in set(behind.loc[behind["rule"] == "random", "setting"])


def test_what_was_not_run_is_empty(smoke: SelectiveTidy, tmp_path: Path) -> None:
    data = evaluation(smoke)
    made = comparisons.cluster_against(
        data, "subset", metric=ADVERSARIAL, attack="fgsm", clusterer="kmeans", rule="nearest"
    )
    assert made.seeds.empty
    assert made.rows.empty
    # Two numbers of clusters make no curve.
    assert comparisons.change_of_curves(data, ["fgsm"]).seeds.empty


def test_a_comparison_that_several_claims_rest_on_is_made_once(
    run: SelectiveTidy, monkeypatch: pytest.MonkeyPatch
) -> None:
    paired = Mock(wraps=comparisons.paired)
    monkeypatch.setattr(comparisons, "paired", paired)
    data = evaluation(run)
    data = comparisons.Evaluation(data.selected, data.subsets, data.single)
    comparisons.gap_closed(data, attack="fgsm", clusterer="kmeans")
    for metric in (ADVERSARIAL, CLEAN):
        comparisons.cluster_against(data, "all", metric=metric, attack="fgsm", clusterer="kmeans")
    assert paired.call_count == 2
    comparisons.cluster_against(data, "none", metric=CLEAN, attack="fgsm", clusterer="kmeans")
    assert paired.call_count == 3
