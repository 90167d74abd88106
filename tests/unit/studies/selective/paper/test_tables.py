from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from advlearn.report.table import Table
from advlearn.report.writers import write_table
from advlearn.studies.selective.paper.cells import baseline_rows, baselines, cells, selections
from advlearn.studies.selective.paper.tables import baselines as baseline_table
from advlearn.studies.selective.paper.tables import controls
from advlearn.studies.selective.paper.tables.controls import POOLED
from advlearn.studies.selective.paper.tables.table3_overall import choose, competing
from advlearn.studies.selective.paper.universe_protocol import universe_protocols
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.intervals import paired_difference
from tests.helpers.selective_run import GAIN, N_TRAIN, PUBLISHED, with_table

pytestmark = pytest.mark.slow


def table(name: str, run: SelectiveTidy) -> Table:
    found: Table = STUDY.table(f"selective_{name}").build(run)
    return found


@pytest.mark.parametrize("name", STUDY.tables)
def test_every_table_of_every_run(folder: Path, tmp_path: Path, name: str) -> None:
    run = SelectiveTidy(folder, PUBLISHED)
    write_table(STUDY.table(name).build(run), tmp_path / name)
    with (tmp_path / f"{name}.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    for index, column in enumerate(header):
        assert any(row[index].strip() not in ("", "nan", "None") for row in rows), column
    assert "nan" not in (tmp_path / f"{name}.md").read_text()
    assert "nan" not in (tmp_path / f"{name}.tex").read_text().replace("DBSCAN", "")


def test_primary_comes_first(full: SelectiveTidy) -> None:
    assert universe_protocols(full) == [
        ("small", "whitebox"),
        ("small", "transfer"),
        ("standard", "whitebox"),
        ("standard", "transfer"),
    ]


def test_table_1_against_the_rows_of_the_run(full: SelectiveTidy) -> None:
    frame = table("table1_fgsm", full).frame
    row = frame[
        (frame["universe"] == "small")
        & (frame["protocol"] == "whitebox")
        & (frame["algorithm"] == "kmeans")
        & (frame["n_clusters"] == 4)
        & (frame["metric"] == "adversarial_accuracy")
    ].iloc[0]
    raw = full["selective_metrics"].query(
        "universe == 'small' and protocol == 'whitebox' and clusterer == 'kmeans'"
        " and setting == 'n_clusters=4' and rule == 'random' and reduction == 'pca'"
        " and attack == 'fgsm' and split == 'test' and metric == 'adversarial_accuracy'"
    )
    low, high = bounds_by_hand(raw["value"].to_numpy(), images=200)
    expected = [raw["value"].mean(), low, high, 3]
    assert [row["mean"], row["ci_low"], row["ci_high"], row["n"]] == pytest.approx(expected)
    further = [row["prediction_low"], row["prediction_high"]]
    assert further == pytest.approx(further_by_hand(raw["value"].to_numpy(), images=200))
    assert row["published"] == 0.228
    assert row["primary"] == "yes"
    assert row["difference"] == pytest.approx(raw["value"].mean() - 0.228)
    assert row["published_inside_ci"] == ("yes" if low <= 0.228 <= high else "no")


def bounds_by_hand(shares: np.ndarray, images: int) -> tuple[float, float]:
    """Korn and Graubard's interval with the images' own variance."""
    n, p, s = len(shares), shares.mean(), shares.std(ddof=1)
    ratio = stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, images - 1)
    effective = 1 / (1 / images + (s * ratio) ** 2 / (n * p * (1 - p)))
    hits = p * effective
    low = stats.beta.ppf(0.025, hits, effective - hits + 1)
    return low, stats.beta.ppf(0.975, hits + 1, effective - hits)


def further_by_hand(shares: np.ndarray, images: int) -> list[float]:
    """One further run: Student's t on the logit scale."""
    logits = np.log((shares * images + 0.5) / (images - shares * images + 0.5))
    n, p = len(shares), expit(logits.mean())
    scale = np.sqrt(logits.var(ddof=1) * (1 + 1 / n) + 1 / (images * p * (1 - p)))
    return list(expit(stats.t.ppf([0.025, 0.975], n - 1, logits.mean(), scale)))


def test_published_cells_that_were_not_run_stay_in_the_csv(full: SelectiveTidy) -> None:
    second = table("table2_pgd", full)
    five = second.frame[second.frame["n_clusters"] == 5]
    assert five["mean"].isna().all()
    assert five["published"].notna().all()
    assert [row[0] for row in second.groups[0].rows] == ["1", "2", "4", "8"]


def test_one_seed_has_no_interval(smoke: SelectiveTidy) -> None:
    frame = table("table1_fgsm", smoke).frame
    assert frame["mean"].notna().any()
    assert frame["ci_low"].isna().all()
    assert frame["published_inside_ci"].isna().all()


def test_attack_that_was_not_run_shows_the_published_numbers(bare_folder: Path) -> None:
    second = table("table2_pgd", SelectiveTidy(bare_folder, PUBLISHED))
    assert second.groups[0].rows[0][1] == "– (0.973)"


def test_baselines_are_those_of_the_run(full: SelectiveTidy) -> None:
    frame = baseline_table.compare(full)
    primary = frame[frame["primary"] == "yes"].set_index(["rule", "attack", "metric"])
    assert primary.loc[("classic", "any", "clean_accuracy"), "published"] == 0.9701
    assert primary.loc[("all", "pgd", "adversarial_accuracy"), "published"] == 0.2888
    assert primary.loc[("all", "fgsm", "clean_accuracy"), "published"] == 0.9699
    assert "none" not in set(primary["published"].dropna().index.get_level_values("rule"))
    raw = full["selective_metrics"].query(
        "universe == 'small' and protocol == 'whitebox' and rule == 'all' and attack == 'pgd'"
        " and split == 'test' and metric == 'adversarial_accuracy'"
    )
    assert primary.loc[("all", "pgd", "adversarial_accuracy"), "mean"] == pytest.approx(
        raw["value"].mean()
    )


def chosen_of(run: SelectiveTidy) -> pd.DataFrame:
    return choose(competing(run, "validation"))


def test_setting_is_chosen_on_validation_never_on_test(full_folder: Path, tmp_path: Path) -> None:
    before = chosen_of(SelectiveTidy(full_folder, PUBLISHED))
    for path in full_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    metrics = pd.read_csv(tmp_path / "selective_metrics.csv", keep_default_na=False)
    generator = np.random.default_rng(0)
    test = metrics["split"] == "test"
    metrics.loc[test, "value"] = generator.uniform(size=int(test.sum()))
    metrics.to_csv(tmp_path / "selective_metrics.csv", index=False)
    pd.testing.assert_frame_equal(before, chosen_of(SelectiveTidy(tmp_path, PUBLISHED)))


def test_setting_that_failed_on_a_seed_is_not_preferred(full: SelectiveTidy) -> None:
    chosen = chosen_of(full)
    dbscan = chosen[chosen["algorithm"] == "dbscan"]
    assert set(dbscan["setting"]) == {"eps_quantile=0.5,min_samples=10"}
    assert set(dbscan["seeds_run"]) == {3}


def test_subset_difference_is_paired_by_digest(full: SelectiveTidy) -> None:
    """By brute force for one cell: same job, same seed, control_of equal to the digest."""
    keys = "universe == 'standard' and protocol == 'transfer' and attack == 'fgsm'"
    keys += " and reduction == 'tsne' and clusterer == 'kmeans' and setting == 'n_clusters=4'"
    raw = full["selective_metrics"].query(
        f"{keys} and split == 'test' and metric == 'adversarial_accuracy'"
    )
    first, second = [], []
    for seed in (0, 1, 2):
        cell = raw[(raw["seed"] == seed) & (raw["rule"] == "random")].iloc[0]
        control = raw[(raw["seed"] == seed) & (raw["control_of"] == cell["digest"])].iloc[0]
        assert control["rule"] == "subset"
        first.append(float(cell["value"]))
        second.append(float(control["value"]))
    expected = paired_difference(first, second)
    frame = controls.compare(full)
    row = frame.query(f"{keys} and rule == 'random' and metric == 'adversarial_accuracy'").iloc[0]
    assert row["difference_subset"] == pytest.approx(expected.mean)
    assert row["difference_subset_low"] == pytest.approx(expected.low)
    assert row["difference_subset_high"] == pytest.approx(expected.high)
    assert row["difference_subset_n"] == 3


def test_controls_find_the_gain_that_was_put_in(full: SelectiveTidy) -> None:
    frame = controls.compare(full)
    adversarial = frame.query("setting == @POOLED and metric == 'adversarial_accuracy'")
    adversarial = adversarial[adversarial["protocol"] == "whitebox"]
    assert adversarial["difference_subset"].mean() == pytest.approx(GAIN, abs=0.003)
    assert POOLED in set(frame["setting"])


def test_selecting_everything_is_adversarial_training_and_no_selection(full: SelectiveTidy) -> None:
    frame = controls.compare(full)
    whole = frame[frame["setting"] == "n_clusters=1"]
    assert len(whole)
    assert (whole["difference_all"].abs() < 1e-12).all()
    numbers = frame.query("setting == @POOLED and clusterer == 'kmeans'")
    assert (numbers["n_settings"] == 3).all()  # of 1, 2, 4 and 8
    assert (numbers["n_selected"] < N_TRAIN).all()


def test_spread_over_clusters_brackets_their_mean(full: SelectiveTidy) -> None:
    frame = cells(selections(full))
    every = frame[frame["rule"] == "every"]
    assert (every["every_min"] <= every["value"]).all()
    assert (every["value"] <= every["every_max"]).all()
    assert (every["every_min"] < every["every_max"]).any()


def test_baselines_come_once_a_seed(full: SelectiveTidy) -> None:
    frame = baselines(baseline_rows(full))
    keys = ["universe", "protocol", "attack", "seed", "metric", "rule"]
    assert not frame.duplicated(keys).any()


def test_curves_have_the_clusterers_that_are_asked_for_a_number(full: SelectiveTidy) -> None:
    """Whatever the settings are called."""
    metrics = full["selective_metrics"]
    renamed = metrics["setting"].where(metrics["clusterer"] != "kmeans", "k" + metrics["setting"])
    other = with_table(full, "selective_metrics", metrics.assign(setting=renamed))
    for run in (full, other):
        frame = table("table1_fgsm", run).frame
        assert set(frame["algorithm"]) == {"kmeans", "agglomerative"}
        assert set(frame.loc[frame["mean"].notna(), "n_clusters"]) == {1, 2, 4, 8}


def test_run_without_baselines(full: SelectiveTidy) -> None:
    metrics = full["selective_metrics"]
    tidy = with_table(full, "selective_metrics", metrics[metrics["clusterer"] != "single"])
    with pytest.raises(UserError, match="no cells without clustering") as caught:
        baseline_table.compare(tidy)
    assert "--include-single" in caught.value.remedy
