from __future__ import annotations

import csv
from pathlib import Path

import advlearn.paper.tables as package
import numpy as np
import pandas as pd
import pytest
from advlearn.paper.tables import TABLES

from advlearn.metrics.intervals import mean_interval, paired_difference
from advlearn.report.tidy import Tidy, of_study
from advlearn.report.writers import write_table
from advlearn.studies.selective.paper.common import POOLED, baselines, cells, cluster_number, scopes
from advlearn.studies.selective.paper.tables import baselines as selective_baselines
from advlearn.studies.selective.paper.tables import controls as selective_controls
from advlearn.studies.selective.paper.tables import table3_overall as selective_table3_overall
from advlearn.support.errors import UserError
from tests.helpers.selective_run import GAIN, N_TRAIN, PUBLISHED


def test_every_module_is_registered() -> None:
    modules = {path.stem for path in Path(package.__path__[0]).glob("*_*.py")} - {"__init__"}
    assert modules == set(TABLES)


@pytest.mark.parametrize("name", of_study(TABLES, "selective"))
def test_every_table_of_every_run(folder: Path, tmp_path: Path, name: str) -> None:
    write_table(TABLES[name](Tidy(folder, PUBLISHED)), tmp_path / name)
    with (tmp_path / f"{name}.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    for index, column in enumerate(header):
        assert any(row[index].strip() not in ("", "nan", "None") for row in rows), column
    assert "nan" not in (tmp_path / f"{name}.md").read_text()
    assert "nan" not in (tmp_path / f"{name}.tex").read_text().replace("DBSCAN", "")


def test_primary_comes_first(full: Tidy) -> None:
    assert scopes(full) == [
        ("closest", "whitebox"),
        ("closest", "transfer"),
        ("sound", "whitebox"),
        ("sound", "transfer"),
    ]


def test_table_1_against_the_rows_of_the_run(full: Tidy) -> None:
    frame = TABLES["selective_table1_fgsm"](full).frame
    row = frame[
        (frame["universe"] == "closest")
        & (frame["protocol"] == "whitebox")
        & (frame["algorithm"] == "kmeans")
        & (frame["n_clusters"] == 4)
        & (frame["metric"] == "adversarial_accuracy")
    ].iloc[0]
    raw = full.metrics.query(
        "universe == 'closest' and protocol == 'whitebox' and clusterer == 'kmeans'"
        " and setting == 'n_clusters=4' and rule == 'random' and reduction == 'pca'"
        " and attack == 'fgsm' and split == 'test' and metric == 'adversarial_accuracy'"
    )
    expected = mean_interval(list(raw["value"]))
    assert [row["mean"], row["ci_low"], row["ci_high"], row["n"]] == pytest.approx(
        [expected.mean, expected.low, expected.high, 3]
    )
    assert row["published"] == 0.228
    assert row["primary"] == "yes"
    assert row["difference"] == pytest.approx(expected.mean - 0.228)
    assert row["published_inside_ci"] == ("yes" if expected.contains(0.228) else "no")


def test_published_cells_that_were_not_run_stay_in_the_csv(full: Tidy) -> None:
    table = TABLES["selective_table2_pgd"](full)
    five = table.frame[table.frame["n_clusters"] == 5]
    assert five["mean"].isna().all()
    assert five["published"].notna().all()
    assert [row[0] for row in table.groups[0].rows] == ["1", "2", "4", "8"]


def test_one_seed_has_no_interval(smoke: Tidy) -> None:
    frame = TABLES["selective_table1_fgsm"](smoke).frame
    assert frame["mean"].notna().any()
    assert frame["ci_low"].isna().all()
    assert frame["published_inside_ci"].isna().all()


def test_attack_that_was_not_run_shows_the_published_numbers(bare_folder: Path) -> None:
    table = TABLES["selective_table2_pgd"](Tidy(bare_folder, PUBLISHED))
    assert table.groups[0].rows[0][1] == "– (0.973)"


def test_baselines_are_those_of_the_run(full: Tidy) -> None:
    frame = selective_baselines.compare(full)
    primary = frame[frame["primary"] == "yes"].set_index(["rule", "attack", "metric"])
    assert primary.loc[("classic", "any", "clean_accuracy"), "published"] == 0.9701
    assert primary.loc[("all", "pgd", "adversarial_accuracy"), "published"] == 0.2888
    assert primary.loc[("all", "fgsm", "clean_accuracy"), "published"] == 0.9699
    assert pd.isna(primary.loc[("none", "fgsm", "adversarial_accuracy"), "published"])
    raw = full.metrics.query(
        "universe == 'closest' and protocol == 'whitebox' and rule == 'all' and attack == 'pgd'"
        " and split == 'test' and metric == 'adversarial_accuracy'"
    )
    assert primary.loc[("all", "pgd", "adversarial_accuracy"), "mean"] == pytest.approx(
        raw["value"].mean()
    )


def test_setting_is_chosen_on_validation_never_on_test(full_folder: Path, tmp_path: Path) -> None:
    before = selective_table3_overall.choose(Tidy(full_folder, PUBLISHED))
    for path in full_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    metrics = pd.read_csv(tmp_path / "selective_metrics.csv", keep_default_na=False)
    generator = np.random.default_rng(0)
    test = metrics["split"] == "test"
    metrics.loc[test, "value"] = generator.uniform(size=int(test.sum()))
    metrics.to_csv(tmp_path / "selective_metrics.csv", index=False)
    pd.testing.assert_frame_equal(
        before, selective_table3_overall.choose(Tidy(tmp_path, PUBLISHED))
    )


def test_setting_that_failed_on_a_seed_is_not_preferred(full: Tidy) -> None:
    chosen = selective_table3_overall.choose(full)
    dbscan = chosen[chosen["clusterer"] == "dbscan"]
    assert set(dbscan["setting"]) == {"eps_quantile=0.5,min_samples=10"}
    assert set(dbscan["seeds_run"]) == {3}


def test_subset_difference_is_paired_by_digest(full: Tidy) -> None:
    """By brute force for one cell: same job, same seed, paired_digest equal to the digest."""
    keys = "universe == 'sound' and protocol == 'transfer' and attack == 'fgsm'"
    keys += " and reduction == 'tsne' and clusterer == 'kmeans' and setting == 'n_clusters=4'"
    raw = full.metrics.query(f"{keys} and split == 'test' and metric == 'adversarial_accuracy'")
    first, second = [], []
    for seed in (0, 1, 2):
        cell = raw[(raw["seed"] == seed) & (raw["rule"] == "random")].iloc[0]
        control = raw[(raw["seed"] == seed) & (raw["paired_digest"] == cell["digest"])].iloc[0]
        assert control["rule"] == "subset"
        first.append(float(cell["value"]))
        second.append(float(control["value"]))
    expected = paired_difference(first, second)
    frame = selective_controls.compare(full)
    row = frame.query(f"{keys} and rule == 'random' and metric == 'adversarial_accuracy'").iloc[0]
    assert row["difference_subset"] == pytest.approx(expected.mean)
    assert row["difference_subset_low"] == pytest.approx(expected.low)
    assert row["difference_subset_high"] == pytest.approx(expected.high)
    assert row["difference_subset_n"] == 3


def test_controls_find_the_gain_that_was_put_in(full: Tidy) -> None:
    frame = selective_controls.compare(full)
    adversarial = frame.query("setting == @POOLED and metric == 'adversarial_accuracy'")
    adversarial = adversarial[adversarial["protocol"] == "whitebox"]
    assert adversarial["difference_subset"].mean() == pytest.approx(GAIN, abs=0.003)
    assert POOLED in set(frame["setting"])


def test_selecting_everything_is_adversarial_training_and_no_selection(full: Tidy) -> None:
    frame = selective_controls.compare(full)
    whole = frame[frame["setting"] == "n_clusters=1"]
    assert len(whole)
    assert (whole["difference_all"].abs() < 1e-12).all()
    numbers = frame.query("setting == @POOLED and clusterer == 'kmeans'")
    assert (numbers["n_settings"] == 3).all()  # of 1, 2, 4 and 8
    assert (numbers["n_selected"] < N_TRAIN).all()


def test_spread_over_clusters_brackets_their_mean(full: Tidy) -> None:
    frame = cells(full)
    every = frame[frame["rule"] == "every"]
    assert (every["every_min"] <= every["value"]).all()
    assert (every["value"] <= every["every_max"]).all()
    assert (every["every_min"] < every["every_max"]).any()


def test_baselines_come_once_a_seed(full: Tidy) -> None:
    frame = baselines(full)
    keys = ["universe", "protocol", "attack", "seed", "metric", "rule"]
    assert not frame.duplicated(keys).any()


def test_cluster_number() -> None:
    settings = pd.Series(["n_clusters=4", "eps=1,n_clusters=10", "eps=1", "xn_clusters=3"])
    assert [None if pd.isna(n) else int(n) for n in cluster_number(settings)] == [4, 10, None, None]


def test_run_without_baselines(full: Tidy) -> None:
    tidy = Tidy(full.folder, full.published_folder)
    tidy.__dict__["metrics"] = full.metrics[full.metrics["clusterer"] != "single"]
    with pytest.raises(UserError, match="no cells without clustering") as caught:
        selective_baselines.compare(tidy)
    assert "--include-single" in caught.value.remedy
