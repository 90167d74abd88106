"""Tables of study 3 on made-up runs of known structure."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.report.writers import latex, write_table
from advlearn.studies.bilevel.paper.tables import (
    attacks,
    blackbox,
    gamma_interval,
    onepoint,
    poisoning,
)
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from tests.helpers.bilevel_run import RATIO, write_bilevel
from tests.helpers.spoiled import mean_interval, replace_columns

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("run", ["full", "small"])
@pytest.mark.parametrize("name", STUDY.tables)
def test_every_table(name: str, run: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    write_table(STUDY.table(name).build(request.getfixturevalue(run)), tmp_path / name)
    with (tmp_path / f"{name}.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    for index, column in enumerate(header):
        assert any(row[index].strip() not in ("", "nan", "None") for row in rows), column
    for suffix in (".md", ".tex"):
        text = (tmp_path / f"{name}{suffix}").read_text()
        assert "nan" not in text
        assert " inf " not in text


def test_attack_cells_against_the_rows_of_the_run(full: BilevelTidy) -> None:
    where = (
        "dataset == 'iris' and weights == 'fixed' and method == 'cut' and budget == 'per_point'"
        " and target == 'first change'"
    )
    raw = full["bilevel_attacks"].query(where)
    rows = attacks.measure(full).query(where).set_index("metric")
    for metric in attacks.METRICS:
        expected = mean_interval(raw[metric])
        assert list(rows.loc[metric, ["mean", "ci_low", "ci_high", "n"]]) == pytest.approx(
            [expected.mean, expected.low, expected.high, 3]
        )
    assert list(rows.loc["reached", ["mean", "reached", "seeds"]]) == [1, 3, 3]


def test_attack_that_never_reached_its_target_stays(full: BilevelTidy) -> None:
    rows = [row for group in attacks.build(full).groups for row in group.rows]
    failed = [row for row in rows if row[3] == "0 of 3"]
    assert len(failed) == 8  # noise, target 0.1, on four data sets by two attackers
    assert all(row[1:3] == ["matching error ≥ 0.1", "random noise"] for row in failed)
    assert all(set(row[4:]) == {"–"} for row in failed)
    assert any(row[1] == "τ = 0.5" and row[4] == "0.500 [0.500, 0.500]" for row in rows)


def test_mean_is_over_the_seeds_that_reached_the_target(copy: Path, published: Path) -> None:
    write_bilevel(copy, seeds=[0, 1, 2], datasets=["blobs"], drawn=[], weights=["fixed"])
    path = copy / "bilevel_attacks.csv"
    frame = pd.read_csv(path)
    frame.loc[(frame["method"] == "cut") & (frame["seed"] == 2), "reached"] = False
    frame.to_csv(path, index=False)
    study = copy / "bilevel_study.json"
    study.write_text(json.dumps(json.loads(study.read_text()) | {"files": {}}))
    rows = attacks.measure(BilevelTidy(copy, published))
    cut = rows.query("method == 'cut' and target == 'first change'").set_index("metric")
    assert cut.loc["epsilon", "n"] == 2
    assert cut.loc["epsilon", "mean"] == pytest.approx(RATIO["cut"] * 0.25 * 1.05)
    assert list(cut.loc["reached", ["mean", "reached", "seeds"]]) == pytest.approx([2 / 3, 2, 3])


def test_one_seed_has_no_interval(small: BilevelTidy) -> None:
    frame = attacks.measure(small)
    assert frame["mean"].notna().all()
    assert frame["ci_low"].isna().all()
    assert "[" not in "".join(cell for g in attacks.build(small).groups for cell in g.rows[0])
    assert "One seed" in attacks.build(small).caption


def test_gamma_intervals(full: BilevelTidy) -> None:
    lines = records(gamma_interval.measure(full))
    by_bound = {(line["dataset"], line["weights"], line["bound"]): line for line in lines}
    theorem = by_bound["iris", "knn", "sun_toh_yuan"]
    assert math.isinf(theorem["low"])
    assert theorem["certifies"] == "no"
    reweighted = by_bound["iris", "knn", "reweighted"]
    assert reweighted["certifies"] == "yes"
    assert reweighted["ratio"] == pytest.approx(0.31 / 0.30)
    table = gamma_interval.build(full)
    assert table.groups[0].title == "k-NN Gaussian weights"
    assert table.groups[0].rows[0] == [
        *("iris", "150", "4", "3", "∞", "0.460", "0.310", "0.300", "2.20", "2.50", "yes")
    ]


def test_interval_without_a_certificate(copy: Path, published: Path) -> None:
    replace_columns(copy, "intervals", low=3.0)
    table = gamma_interval.build(BilevelTidy(copy, published))
    assert [row[-1] for group in table.groups for row in group.rows] == ["no", "no"]
    path = copy / "bilevel_intervals.csv"
    frame = pd.read_csv(path)
    frame[frame["bound"] != "true"].to_csv(path, index=False)
    table = gamma_interval.build(BilevelTidy(copy, published))
    assert "γ max, true" not in table.columns
    assert table.frame["ratio"].isna().all()


def test_transfer_matrix(full: BilevelTidy) -> None:
    table = blackbox.build(full)
    assert list(table.columns[3:]) == [
        *("convex clustering", "k-means", "Ward", "spectral", "DBSCAN", "HDBSCAN")
    ]
    genetic = next(row for row in table.groups[0].rows if row[:2] == ["k-means", "genetic"])
    assert genetic[3] == "–"  # not run on another clusterer
    raw = full["bilevel_blackbox"].query("dataset == 'iris' and target == 'kmeans'")
    expected = mean_interval(raw[raw["method"] == "genetic"]["matching_error"])
    assert genetic[4] == f"{expected.mean:.3f} ± {expected.high - expected.mean:.3f}"
    assert genetic[2] == "0.800"


def test_published_values_stand_apart(full: BilevelTidy) -> None:
    table = onepoint.build(full)
    rows = {(group.title, *row[:2]): row for group in table.groups for row in group.rows}
    assert rows[("digits 1 and 4", "Ward", "published attack")][2:] == ["24", *["–"] * 5]
    assert rows[("digits 8 and 9", "Ward", "published attack")][2] == "21"
    ours = rows[("digits 1 and 4", "Ward", "one point")]
    expected = mean_interval([22, 23, 24])
    assert ours[2] == f"23.0 [{expected.low:.1f}, {expected.high:.1f}]"
    published = table.frame.set_index(["pair", "victim", "method", "metric"])["published"].to_dict()
    assert published["digits_1_4", "ward", "one_point", "misclustered"] == 24
    assert math.isnan(published["digits_1_4", "convex", "one_point", "misclustered"])
    assert "Published: arrays released with the paper." in table.notes


def test_targets_in_the_order_of_their_size(copy: Path, published: Path) -> None:
    path = copy / "bilevel_attacks.csv"
    frame = pd.read_csv(path)
    frame = frame[(frame["form"] == "min_effort") & (frame["method"] == "merge")]
    wanted = ["first change", "0.1", "0.25", "1"]
    parts = [frame[frame["target"] == "0.1"].assign(target=name) for name in reversed(wanted)]
    pd.concat(parts).to_csv(path, index=False)
    rows = [
        row for group in attacks.build(BilevelTidy(copy, published)).groups for row in group.rows
    ]
    assert [row[1] for row in rows] == [
        "first change",
        *(f"matching error ≥ {n}" for n in wanted[1:]),
    ]


def test_letters_of_the_tables_are_latex(full: BilevelTidy) -> None:
    for name in STUDY.tables:
        text = latex(STUDY.table(name).build(full), name)
        assert text.isascii(), [letter for letter in text if not letter.isascii()][:5]


def test_poisoned_classifiers(full: BilevelTidy) -> None:
    table = poisoning.build(full)
    assert [group.title for group in table.groups][:2] == [
        "iris, logistic regression", "iris, linear SVM",
    ]  # fmt: skip
    assert [row[:2] for row in table.groups[0].rows] == [
        ["τ = 0.3", "hypergradient"], ["τ = 0.3", "random noise"],
        ["5 % of the labels", "greedy flips"], ["5 % of the labels", "random flips"],
    ]  # fmt: skip
    raw = full["bilevel_poisoning"].query(
        "dataset == 'iris' and learner == 'svm' and method == 'hypergradient'"
    )
    expected = mean_interval(raw["error_after"])
    rows = poisoning.measure(full).query(
        "dataset == 'iris' and learner == 'svm' and method == 'hypergradient'"
    )
    found = rows.set_index("metric").loc["error_after", ["mean", "ci_low", "ci_high"]]
    assert list(found) == pytest.approx([expected.mean, expected.low, expected.high])


def test_a_run_that_poisoned_no_classifier_says_so(copy: Path, published: Path) -> None:
    (copy / "bilevel_poisoning.csv").unlink()
    table = poisoning.build(BilevelTidy(copy, published))
    assert [group.title for group in table.groups] == ["blobs"]
    assert table.notes[0] == "This run poisoned no classifier."
    assert (table.frame["n"] == 0).all()
