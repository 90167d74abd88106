"""Statistics, tables, figures and verdict of study 3 on made-up runs of known structure."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from advlearn.paper.figures import FIGURES
from advlearn.paper.tables import TABLES
from advlearn.studies.bilevel.paper.common import (
    datasets,
    in_order,
    means,
    normalised_delta,
    sandwich,
)

from advlearn.metrics.intervals import mean_interval
from advlearn.report.numbers import format_significant, significant_interval
from advlearn.report.save import save_figure
from advlearn.report.style import COLUMN_WIDTH, figure_style
from advlearn.report.tidy import Tidy, of_study
from advlearn.report.writers import latex, write_table
from advlearn.studies.bilevel.paper.checks import checks, rand_pairs
from advlearn.studies.bilevel.paper.page import page
from advlearn.studies.bilevel.paper.schema import SHAPES
from advlearn.studies.bilevel.paper.tables import attacks as bilevel_attacks
from advlearn.studies.bilevel.paper.tables import blackbox as bilevel_blackbox
from advlearn.studies.bilevel.paper.tables import gamma_interval as bilevel_gamma_interval
from advlearn.studies.bilevel.paper.tables import onepoint as bilevel_onepoint
from advlearn.studies.bilevel.paper.verdict import headline, headline_rows, sentences, verdict_rows
from advlearn.support.errors import UserError
from tests.helpers.bilevel_run import RATIO, SIZES, radius, write_bilevel, write_published
from tests.helpers.drawn import assert_nothing_cut, pixels


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Tidy:
    """Three seeds, four data sets, all methods and victims."""
    return Tidy(write_bilevel(tmp_path_factory.mktemp("bilevel") / "tidy"), published)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Tidy:
    """Every data set, one seed: the tallest figures."""
    folder = tmp_path_factory.mktemp("whole") / "tidy"
    names = ("iris", "moons", "blobs")
    return Tidy(write_bilevel(folder, datasets=tuple(SIZES), drawn=names, seeds=[0]), published)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Tidy:
    """The least a run can have: one seed, one data set, one attacker, no trajectories."""
    folder = write_bilevel(
        tmp_path_factory.mktemp("small") / "tidy",
        seeds=[4],
        datasets=["blobs"],
        drawn=[],
        methods=["merge", "noise"],
        victims=["convex", "kmeans"],
        weights=["fixed"],
    )
    return Tidy(folder, published)


@pytest.fixture
def copy(small: Tidy, tmp_path: Path) -> Path:
    """A folder to spoil; without checksums, so that what is spoiled is read at all."""
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "bilevel_study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {}}))
    return folder


def changed(copy: Path, name: str, **columns: object) -> None:
    """Write a tidy table again with these values in these columns."""
    path = copy / f"bilevel_{name}.csv"
    pd.read_csv(path, keep_default_na=False, na_values=[""]).assign(**columns).to_csv(
        path, index=False
    )


@pytest.mark.parametrize("run", ["full", "small"])
@pytest.mark.parametrize("name", of_study(TABLES, "bilevel"))
def test_every_table(name: str, run: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    write_table(TABLES[name](request.getfixturevalue(run)), tmp_path / name)
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


@pytest.mark.slow
@pytest.mark.parametrize("name", of_study(FIGURES, "bilevel"))
def test_every_figure(full: Tidy, whole: Tidy, small: Tidy, tmp_path: Path, name: str) -> None:
    with figure_style():
        for tidy in (full, whole, small):
            assert_nothing_cut(FIGURES[name].draw(tidy))
        for run in ("first", "second"):
            save_figure(FIGURES[name].draw(small), tmp_path / run / name)
    width, height, rows = pixels(tmp_path / "first" / f"{name}.png")
    assert width == round(COLUMN_WIDTH * 300)
    assert height <= 9 * 300
    assert rows > 20
    for suffix in (".pdf", ".svg", ".png"):
        first, second = (tmp_path / run / f"{name}{suffix}" for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), suffix


def test_attack_cells_against_the_rows_of_the_run(full: Tidy) -> None:
    where = (
        "dataset == 'iris' and weights == 'fixed' and method == 'cut' and budget == 'per_point'"
        " and target == 'first change'"
    )
    raw = full.bilevel_attacks.query(where)
    rows = bilevel_attacks.measure(full).query(where).set_index("metric")
    for metric in bilevel_attacks.METRICS:
        expected = mean_interval(list(raw[metric]))
        assert rows.loc[metric, ["mean", "ci_low", "ci_high", "n"]].tolist() == pytest.approx(
            [expected.mean, expected.low, expected.high, 3]
        )
    assert rows.loc["reached", ["mean", "reached", "seeds"]].tolist() == [1, 3, 3]


def test_attack_that_never_reached_its_target_stays(full: Tidy) -> None:
    rows = [row for group in bilevel_attacks.build(full).groups for row in group.rows]
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
    rows = bilevel_attacks.measure(Tidy(copy, published))
    cut = rows.query("method == 'cut' and target == 'first change'").set_index("metric")
    assert cut.loc["epsilon", "n"] == 2
    assert cut.loc["epsilon", "mean"] == pytest.approx(RATIO["cut"] * 0.25 * 1.05)
    assert cut.loc["reached", ["mean", "reached", "seeds"]].tolist() == pytest.approx([2 / 3, 2, 3])


def test_one_seed_has_no_interval(small: Tidy) -> None:
    frame = bilevel_attacks.measure(small)
    assert frame["mean"].notna().all()
    assert frame["ci_low"].isna().all()
    assert "[" not in "".join(
        cell for g in bilevel_attacks.build(small).groups for cell in g.rows[0]
    )
    assert "One seed" in bilevel_attacks.build(small).caption


def test_gamma_intervals(full: Tidy) -> None:
    frame = bilevel_gamma_interval.measure(full).set_index(["dataset", "weights", "bound"])
    theorem = frame.loc[("iris", "knn", "sun_toh_yuan")]
    assert math.isinf(theorem["low"])
    assert theorem["certifies"] == "no"
    reweighted = frame.loc[("iris", "knn", "reweighted")]
    assert reweighted["certifies"] == "yes"
    assert reweighted["ratio"] == pytest.approx(0.31 / 0.30)
    table = bilevel_gamma_interval.build(full)
    assert table.groups[0].title == "k-NN Gaussian weights"
    assert table.groups[0].rows[0] == [
        *("iris", "150", "4", "3", "∞", "0.460", "0.310", "0.300", "2.20", "2.50", "yes")
    ]


def test_interval_without_a_certificate(copy: Path, published: Path) -> None:
    changed(copy, "intervals", low=3.0)
    table = bilevel_gamma_interval.build(Tidy(copy, published))
    assert [row[-1] for group in table.groups for row in group.rows] == ["no", "no"]
    path = copy / "bilevel_intervals.csv"
    frame = pd.read_csv(path)
    frame[frame["bound"] != "true"].to_csv(path, index=False)
    table = bilevel_gamma_interval.build(Tidy(copy, published))
    assert "γ max, true" not in table.columns
    assert table.frame["ratio"].isna().all()


def test_transfer_matrix(full: Tidy) -> None:
    table = bilevel_blackbox.build(full)
    assert list(table.columns[3:]) == [
        *("convex clustering", "k-means", "Ward", "spectral", "DBSCAN", "HDBSCAN")
    ]
    genetic = next(row for row in table.groups[0].rows if row[:2] == ["k-means", "genetic"])
    assert genetic[3] == "–"  # not run on another clusterer
    raw = full.bilevel_blackbox.query("dataset == 'iris' and target == 'kmeans'")
    expected = mean_interval(list(raw[raw["method"] == "genetic"]["matching_error"]))
    assert genetic[4] == f"{expected.mean:.3f} ± {expected.high - expected.mean:.3f}"
    assert genetic[2] == "0.800"


def test_published_values_stand_apart(full: Tidy) -> None:
    table = bilevel_onepoint.build(full)
    rows = {(group.title, *row[:2]): row for group in table.groups for row in group.rows}
    assert rows[("digits 1 and 4", "Ward", "published attack")][2:] == ["24", *["–"] * 5]
    assert rows[("digits 8 and 9", "Ward", "published attack")][2] == "21"
    ours = rows[("digits 1 and 4", "Ward", "one point")]
    expected = mean_interval([22, 23, 24])
    assert ours[2] == f"23.0 [{expected.low:.1f}, {expected.high:.1f}]"
    frame = table.frame.set_index(["pair", "victim", "method", "metric"])
    assert frame.loc[("digits_1_4", "ward", "one_point", "misclustered"), "published"] == 24
    assert pd.isna(frame.loc[("digits_1_4", "convex", "one_point", "misclustered"), "published"])
    assert "Published: arrays released with the paper." in table.notes


def test_sandwich_finds_what_was_put_in(full: Tidy) -> None:
    frame = sandwich(full)
    assert len(frame) == 4 * 2 * 5
    for row in frame.itertuples():
        assert row.certified == pytest.approx(radius(row.gamma, row.weights), rel=1e-6)
        assert row.attacked == pytest.approx(max(row.certified, 0.05) * RATIO["cut"], rel=1e-6)
        assert row.method == "cut"
        assert row.noise > row.attacked
    assert (frame["violated"] == 0).all()
    assert list(frame["dataset"].unique()) == ["iris", "digits_1_4", "moons", "blobs"]


def test_attack_below_the_certificate_is_a_violation(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    frame = pd.read_csv(path)
    middle = (frame["gamma"] == 1.0) & (frame["kind"] == "attacked") & (frame["method"] == "merge")
    frame.loc[middle, "epsilon"] = 0.9 * radius(1.0, "fixed")
    frame.to_csv(path, index=False)
    tidy = Tidy(copy, published)
    assert checks(tidy)["certificate"].violations == 1
    assert any("In 1 of 3 comparisons" in text for text in sentences(tidy))
    assert "no perturbation smaller than the certified radius" in page(tidy).warning
    assert headline_rows(tidy)[1][0][-1] == "1 of 3"


def test_sandwich_without_attacks(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    frame = pd.read_csv(path)
    frame[frame["kind"] == "certified"].to_csv(path, index=False)
    tidy = Tidy(copy, published)
    row = headline_rows(tidy)[1][0]
    assert row[4] == "0.210"
    assert row[5:] == ["–", "–", "–", "–", "–"]
    assert checks(tidy)["certificate"].cases == 0
    assert not any("certified radius the clustering" in text for text in sentences(tidy))
    with figure_style():
        assert_nothing_cut(FIGURES["bilevel_sandwich"].draw(tidy))


def test_what_was_tried_in_vain_is_not_drawn(small: Tidy, copy: Path, published: Path) -> None:
    """An attack that never succeeded and a graph that gives no few clusters have empty rows."""
    keys = {"dataset": "blobs", "seed": 0, "kind": "attacked", "method": "split"}
    values = {
        "sandwich": {**keys, "weights": "fixed", "gamma": 1.0},
        "defence": {"dataset": "blobs", "parameter": "phi", "value": 0.7, "chosen": 0},
    }
    for name, row in values.items():
        frame = pd.read_csv(copy / f"bilevel_{name}.csv")
        more = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)
        more.to_csv(copy / f"bilevel_{name}.csv", index=False)
    tidy = Tidy(copy, published)
    assert len(tidy.bilevel_defence) == len(small.bilevel_defence) + 1
    assert headline_rows(tidy) == headline_rows(small)
    assert sentences(tidy) == sentences(small)
    with figure_style():
        for name in ("bilevel_sandwich", "bilevel_defence"):
            before, after = (
                [
                    line.get_xydata().tolist()
                    for axis in FIGURES[name].draw(run).axes
                    for line in axis.lines
                ]
                for run in (small, tidy)
            )
            np.testing.assert_equal(after, before)


def test_nothing_certified(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    frame = pd.read_csv(path)
    frame.loc[frame["kind"] == "certified", "epsilon"] = 0.0
    frame.to_csv(path, index=False)
    tidy = Tidy(copy, published)
    assert headline_rows(tidy)[1][0][7] == "–"
    with figure_style():
        assert_nothing_cut(FIGURES["bilevel_sandwich"].draw(tidy))


def test_delta_is_taken_from_the_rand_index_where_it_is_missing(
    small: Tidy, copy: Path, published: Path
) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    frame[frame["deviation"] != "delta"].to_csv(path, index=False)
    tidy = Tidy(copy, published)
    keys = ["direction", "tau"]
    first, second = (
        normalised_delta(run).sort_values(keys)["value"].to_numpy() for run in (small, tidy)
    )
    assert first == pytest.approx(second, abs=1e-6)
    assert first.max() <= 1
    assert rand_pairs(tidy).empty
    assert checks(tidy)["rand"].cases == 0
    frame[frame["deviation"] == "matching_error"].to_csv(path, index=False)
    with pytest.raises(UserError, match="no delta-measure"), figure_style():
        FIGURES["bilevel_staircase"].draw(Tidy(copy, published))


def test_rand_index_that_is_not_delta_is_seen(copy: Path, published: Path) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    frame.loc[frame["deviation"] == "one_minus_ri", "value"] *= 1.01
    frame.to_csv(path, index=False)
    tidy = Tidy(copy, published)
    check = checks(tidy)["rand"]
    assert 0 < check.violations < check.cases  # where both are 0 they still agree
    assert any(text.startswith("1 − RI differs") for text in sentences(tidy))


def test_value_function_that_falls_is_seen(copy: Path, published: Path) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    last = (frame["curve"] == "value") & (frame["tau"] == frame["tau"].max())
    frame.loc[last, "value"] = 0.0
    frame.to_csv(path, index=False)
    tidy = Tidy(copy, published)
    assert checks(tidy)["nondecreasing"].violations == 1
    assert any("contradicts its definition" in text for text in sentences(tidy))


def test_staircase_that_was_not_seen(copy: Path, published: Path) -> None:
    changed(copy, "staircase", value=0.0)
    tidy = Tidy(copy, published)
    said = next(text for text in sentences(tidy) if text.startswith("Robust"))
    assert "in 0 of 1 value functions" in said
    assert checks(tidy)["robust"].violations == 1
    assert page(tidy).warning == ""  # the abstract's statement is no theorem
    with figure_style():
        assert_nothing_cut(FIGURES["bilevel_staircase"].draw(tidy))


def test_coarse_grid_of_sizes_does_not_hide_a_certified_radius(copy: Path, published: Path) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    frame = frame[(frame["tau"] == 0) | (frame["tau"] > 1.4)]  # the first size tried is a change
    frame.to_csv(path, index=False)
    assert checks(Tidy(copy, published))["robust"].violations == 0
    changed(
        copy,
        "sandwich",
        kind="unchanged",
        method=range(len(pd.read_csv(copy / "bilevel_sandwich.csv"))),
    )
    assert checks(Tidy(copy, published))["robust"].violations == 1


def test_targets_in_the_order_of_their_size(copy: Path, published: Path) -> None:
    path = copy / "bilevel_attacks.csv"
    frame = pd.read_csv(path)
    frame = frame[(frame["form"] == "min_effort") & (frame["method"] == "merge")]
    wanted = ["first change", "0.1", "0.25", "1"]
    parts = [frame[frame["target"] == "0.1"].assign(target=name) for name in reversed(wanted)]
    pd.concat(parts).to_csv(path, index=False)
    rows = [
        row for group in bilevel_attacks.build(Tidy(copy, published)).groups for row in group.rows
    ]
    assert [row[1] for row in rows] == [
        "first change",
        *(f"matching error ≥ {n}" for n in wanted[1:]),
    ]


def test_calmness_above_the_bound_is_seen(copy: Path, published: Path) -> None:
    path = copy / "bilevel_calmness.csv"
    frame = pd.read_csv(path)
    frame.loc[0, "change"] = 1.1 * frame.loc[0, "bound"]
    frame.to_csv(path, index=False)
    found = checks(Tidy(copy, published))
    assert found["bound"].violations == 1
    assert found["modulus"].violations == 1
    assert found["bound"].cases == len(frame)


def test_sentences(full: Tidy, small: Tidy) -> None:
    said = sentences(full)

    def one(start: str) -> str:
        return next(text for text in said if text.startswith(start))

    assert "never seen to change" in one("Below the certified radius")
    assert "24 comparisons" in one("Below the certified radius")
    assert "1.10 times" in one("With fixed weights")
    assert "8 of 20 γ nothing is certified" in one("With fixed weights")
    assert "12 of 12 value functions" in one("Robust")
    assert "falls again somewhere in 12 of 48 curves" in one("Robust")
    assert "24 of 24 scenarios" in one("δ and the Rand index order partitions alike")
    assert "2,154 of 24,000" in one("One more moved point")
    assert "in 0 of 5,394" in one("One more moved point")
    agreement = one("Agreement")
    assert agreement.index("1 − ARI 0.910") < agreement.index("δ 0.890") < agreement.index("VI")
    assert "Sun, Toh and Yuan 0 of 4" in one("Partitions with a non-empty")
    assert "cut 8" in one("Smallest perturbation")
    assert "3.64 times" in one("Smallest perturbation")
    assert "Most moved: convex clustering" in one("Black box")
    assert "least: HDBSCAN" in one("Black box")
    onepoint = one("One changed point of digits 1 and 4, Ward: 23.0")
    assert "misclustered (ℓ2 20.0); random moves: 2.00" in onepoint
    assert onepoint.endswith("published: 24.")
    assert len(sentences(small)) == len(said) - 1  # one attacker less
    header, rows = verdict_rows(full)
    assert {len(row) for row in rows} == {len(header)}
    assert all(row[-1] == "0" for row in rows)


def test_headline(full: Tidy) -> None:
    header, rows = headline_rows(full)
    assert len(rows) == 8
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][:7] == ["iris", "fixed", "3", "1.00", "0.210", "0.231", "cut"]
    text = headline(full)
    assert "no number of it" in text
    assert "|" not in text
    assert "nan" not in text


def test_gamma_of_the_attacks_that_is_not_recorded(copy: Path, published: Path) -> None:
    path = copy / "bilevel_study.json"
    study = json.loads(path.read_text())
    study["datasets"] = {"blobs": {}}
    path.write_text(json.dumps(study))
    tidy = Tidy(copy, published)
    row = headline_rows(tidy)[1][0]
    assert row[2:4] == ["–", "2.00"]  # the gamma with the largest certified radius
    with figure_style():
        for name in of_study(FIGURES, "bilevel"):
            assert_nothing_cut(FIGURES[name].draw(tidy))


def test_unknown_truth_and_a_solution_that_does_not_move(copy: Path, published: Path) -> None:
    changed(copy, "defence", ari_truth=np.nan)
    changed(copy, "path", ari_truth=np.nan)
    changed(copy, "calmness", change=0.0)
    tidy = Tidy(copy, published)
    with figure_style():
        for name in ("bilevel_defence", "bilevel_clusterpath", "bilevel_calmness"):
            assert_nothing_cut(FIGURES[name].draw(tidy))
        texts = [
            text.get_text()
            for axis in FIGURES["bilevel_defence"].draw(tidy).axes
            for text in axis.texts
        ]
    assert texts == ["no true classes known"]
    assert not any("ARI to the truth" in text for text in sentences(tidy))


@pytest.mark.parametrize(
    "file", [*(f"{name}.csv" for name in SHAPES), "bilevel_choices.csv", "bilevel_study.json"]
)
def test_missing_file(copy: Path, published: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        getattr(Tidy(copy, published), file.partition(".")[0])


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_fact_twice(full: Tidy, copy: Path, published: Path, name: str) -> None:
    frame = pd.read_csv(full.folder / f"{name}.csv", keep_default_na=False, na_values=[""])
    pd.concat([frame, frame.head(1)]).to_csv(copy / f"{name}.csv", index=False)
    with pytest.raises(UserError, match="stands twice") as caught:
        getattr(Tidy(copy, published), name)
    assert f"row {len(frame) + 2}" in caught.value.where or "row 2" in caught.value.where


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("attacks", "epsilon", -1.0),
        ("attacks", "matching_error", 1.5),
        ("agreement", "kendall_tau", -1.1),
        ("sandwich", "epsilon", "large"),
        ("staircase", "value", -0.1),
        ("path", "n_clusters", 0),
    ],
)
def test_impossible_value(
    copy: Path, published: Path, name: str, column: str, value: object
) -> None:
    changed(copy, name, **{column: value})
    with pytest.raises(UserError, match=f"row 2 has a value of {column}") as caught:
        getattr(Tidy(copy, published), f"bilevel_{name}")
    assert f"bilevel_{name}.csv" in caught.value.where


def test_missing_column(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    path.write_text(path.read_text().replace("epsilon", "radius", 1))
    with pytest.raises(UserError, match="missing columns: epsilon"):
        _ = Tidy(copy, published).bilevel_sandwich


def test_damaged_table_is_told_by_its_checksum(
    small: Tidy, published: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "bilevel_calmness.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match="is not the file that 'bilevel_collect' wrote"):
        _ = Tidy(folder, published).bilevel_calmness


def test_flags_in_any_spelling(copy: Path, published: Path) -> None:
    for spelling, expected in (("True", 1.0), ("1", 1.0), ("0", 0.0), ("False", 0.0)):
        changed(copy, "attacks", reached=spelling)
        assert set(Tidy(copy, published).bilevel_attacks["reached"]) == {expected}
    changed(copy, "attacks", reached=np.nan)
    assert Tidy(copy, published).bilevel_attacks["reached"].isna().all()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.05555, "0.0556"),
        (1.0, "1.00"),
        (23.04, "23.0"),
        (15600.4, "15600"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
        (-0.5, "−0.500"),
    ],
)
def test_sized(value: float, expected: str) -> None:
    assert format_significant(value) == expected


def test_bounds_below_zero_are_shown_as_zero() -> None:
    assert significant_interval(2.0, -0.5, 4.5) == "2.00 [0, 4.50]"
    assert significant_interval(2.0, float("nan"), float("nan")) == "2.00"
    assert significant_interval(float("nan"), 0, 1) == "–"


def test_orders() -> None:
    assert datasets(["moons", "own", "iris", "moons"]) == ["iris", "moons", "own"]
    assert in_order(["b", "x", "a"], ["x"]) == ["x", "a", "b"]


def test_means_without_any_value() -> None:
    frame = pd.DataFrame({"dataset": ["a", None], "seed": [0, 1], "value": [np.nan, np.nan]})
    assert means(frame, ["dataset"], ["value"]).empty
    filled = means(frame.assign(value=[1.0, 2.0]), ["dataset"], ["value"])
    assert list(filled["dataset"]) == ["", "a"]


def test_letters_of_the_tables_are_latex(full: Tidy) -> None:
    for name in of_study(TABLES, "bilevel"):
        text = latex(TABLES[name](full), name)
        assert text.isascii(), [letter for letter in text if not letter.isascii()][:5]
