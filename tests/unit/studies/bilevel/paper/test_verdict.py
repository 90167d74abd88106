"""Claims, sentences and headline of study 3 on made-up runs of known structure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.report.style import figure_style
from advlearn.report.writers import plain_text
from advlearn.studies.bilevel.paper.checks import checks
from advlearn.studies.bilevel.paper.claims.claim import PROVED
from advlearn.studies.bilevel.paper.claims.verdicts import tested as all_claims
from advlearn.studies.bilevel.paper.page import headline_rows, page
from advlearn.studies.bilevel.paper.sandwich import sandwich
from advlearn.studies.bilevel.paper.staircase import normalised_delta, rand_pairs
from advlearn.studies.bilevel.paper.verdict import sentences
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.bilevel_run import RATIO, radius
from tests.helpers.readable import assert_readable
from tests.helpers.spoiled import replace_columns


def test_sandwich_finds_what_was_put_in(full: BilevelTidy) -> None:
    frame = sandwich(full)
    assert len(frame) == 4 * 2 * 5
    for row in records(frame):
        certified = radius(row["gamma"], row["weights"])
        assert row["certified"] == pytest.approx(certified, rel=1e-6)
        assert row["attacked"] == pytest.approx(max(certified, 0.05) * RATIO["cut"], rel=1e-6)
        assert row["method"] == "cut"
        assert row["noise"] > row["attacked"]
    assert list(frame["dataset"].unique()) == ["iris", "digits_1_4", "moons", "blobs"]


def test_a_change_below_the_certificate_is_a_violation(copy: Path, published: Path) -> None:
    path = copy / "bilevel_trials.csv"
    frame = pd.read_csv(path)
    frame.loc[frame.index == 2, "changed"] = 3
    frame.to_csv(path, index=False)
    tidy = BilevelTidy(copy, published)
    check = checks(tidy)["certificate"]
    assert (check.cases, check.violations) == (20 * len(frame), 3)
    assert any("3 of 360 perturbations changed the partition" in text for text in sentences(tidy))
    assert "no perturbation smaller than the certified radius" in page(tidy).warning
    assert headline_rows(tidy)[1][0][-1] == "3 of 360"


def test_a_run_without_tries_below_the_radius_says_so(copy: Path, published: Path) -> None:
    (copy / "bilevel_trials.csv").unlink()
    tidy = BilevelTidy(copy, published)
    assert checks(tidy)["certificate"].cases == 0
    assert "nothing checks the code" in sentences(tidy)[1]
    assert headline_rows(tidy)[1][0][-1] == "–"
    row = all_claims(tidy).frame.set_index("claim").loc["proved-certificate"]
    assert row["verdict"] == PROVED
    assert row["sentence"].endswith(
        "(proved here, fixed weights after Sun, Toh and Yuan (2021)); cases of this run that check"
        " the code: none."
    )


def test_a_victim_who_takes_all_anew_is_beside_the_frozen_graph(
    full: BilevelTidy, copy: Path, published: Path
) -> None:
    frame = pd.read_csv(full.folder / "bilevel_sandwich.csv")
    frame = frame[frame["dataset"] == "blobs"]
    here = (frame["gamma"] == 1.0) & (frame["weights"] == "recomputed")
    anew = frame[here & (frame["kind"] != "certified")].assign(weights="rebuilt")
    anew["epsilon"] *= 0.25
    pd.concat([frame, anew]).to_csv(copy / "bilevel_sandwich.csv", index=False)
    tidy = BilevelTidy(copy, published)
    (said,) = (text for text in sentences(tidy) if text.startswith("A victim who takes"))
    assert "at 0.250 times" in said
    assert said.endswith("1 data set).")
    row = next(row for row in headline_rows(tidy)[1] if row[1] == "all rebuilt")
    assert row[6] == "–"  # nothing is certified
    assert row[7] != "–"
    with figure_style():
        titles = [axis.get_title() for axis in STUDY.figure("bilevel_sandwich").draw(tidy).axes]
    assert "all rebuilt" not in titles


def test_sizes_of_a_run_that_does_not_say_them(copy: Path, published: Path) -> None:
    path = copy / "bilevel_path.csv"
    frame = pd.read_csv(path)
    assert headline_rows(BilevelTidy(copy, published))[1][0][3] == "86+2+2 (outlier split)"
    frame.drop(columns="sizes").to_csv(path, index=False)
    assert headline_rows(BilevelTidy(copy, published))[1][0][3:5] == ["–", "0.80"]
    frame["sizes"] = "50+40"
    frame.to_csv(path, index=False)
    assert headline_rows(BilevelTidy(copy, published))[1][0][3] == "50+40"


def test_sandwich_without_attacks(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    frame = pd.read_csv(path)
    frame[frame["kind"] == "certified"].to_csv(path, index=False)
    # The attack stage found a size at the same gamma, which then is the smallest.
    attacks = pd.read_csv(copy / "bilevel_attacks.csv")
    here = (attacks["form"] == "min_effort") & (attacks["target"] == "first change")
    smallest = attacks.loc[here, "epsilon"].min()
    row = headline_rows(BilevelTidy(copy, published))[1][0]
    assert float(row[7]) == pytest.approx(smallest, rel=1e-2)
    lost = attacks.assign(reached=attacks["reached"].where(~here, 0))
    lost.to_csv(copy / "bilevel_attacks.csv", index=False)
    tidy = BilevelTidy(copy, published)
    row = headline_rows(tidy)[1][0]
    assert row[6] == "0.210"
    assert row[7:-1] == ["–", "–", "–", "–"]
    with figure_style():
        assert_readable(STUDY.figure("bilevel_sandwich").draw(tidy))


def test_nothing_certified(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    frame = pd.read_csv(path)
    frame.loc[frame["kind"] == "certified", "epsilon"] = 0.0
    frame.to_csv(path, index=False)
    tidy = BilevelTidy(copy, published)
    assert headline_rows(tidy)[1][0][9] == "–"
    with figure_style():
        assert_readable(STUDY.figure("bilevel_sandwich").draw(tidy))


def test_delta_is_taken_from_the_rand_index_where_it_is_missing(
    small: BilevelTidy, copy: Path, published: Path
) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    frame[frame["deviation"] != "delta"].to_csv(path, index=False)
    tidy = BilevelTidy(copy, published)
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
        STUDY.figure("bilevel_staircase").draw(BilevelTidy(copy, published))


def test_rand_index_that_is_not_delta_is_seen(copy: Path, published: Path) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    frame.loc[frame["deviation"] == "one_minus_ri", "value"] *= 1.01
    frame.to_csv(path, index=False)
    tidy = BilevelTidy(copy, published)
    check = checks(tidy)["rand"]
    assert 0 < check.violations < check.cases  # where both are 0 they still agree
    assert any(text.startswith("1 − RI differs") for text in sentences(tidy))


def test_value_function_that_falls_is_seen(copy: Path, published: Path) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    last = (frame["curve"] == "value") & (frame["tau"] == frame["tau"].max())
    frame.loc[last, "value"] = 0.0
    frame.to_csv(path, index=False)
    tidy = BilevelTidy(copy, published)
    assert checks(tidy)["nondecreasing"].violations == 1
    assert any("contradicts its definition" in text for text in sentences(tidy))


def test_staircase_that_was_not_seen(copy: Path, published: Path) -> None:
    replace_columns(copy, "staircase", value=0.0)
    tidy = BilevelTidy(copy, published)
    said = next(text for text in sentences(tidy) if text.startswith("Robust, then"))
    assert "in 0 of 1 value functions" in said
    assert checks(tidy)["robust"].violations == 1
    assert page(tidy).warning == ""  # the abstract's statement is no theorem
    with figure_style():
        assert_readable(STUDY.figure("bilevel_staircase").draw(tidy))


def test_coarse_grid_of_sizes_does_not_hide_a_certified_radius(copy: Path, published: Path) -> None:
    path = copy / "bilevel_staircase.csv"
    frame = pd.read_csv(path)
    frame = frame[(frame["tau"] == 0) | (frame["tau"] > 1.4)]  # the first size tried is a change
    frame.to_csv(path, index=False)
    assert checks(BilevelTidy(copy, published))["robust"].violations == 0
    replace_columns(
        copy,
        "sandwich",
        kind="unchanged",
        method=range(len(pd.read_csv(copy / "bilevel_sandwich.csv"))),
    )
    assert checks(BilevelTidy(copy, published))["robust"].violations == 1


def test_calmness_above_the_bound_is_seen(copy: Path, published: Path) -> None:
    path = copy / "bilevel_calmness.csv"
    frame = pd.read_csv(path)
    frame["change"] = frame["change"].where(frame.index > 0, 1.1 * frame["bound"])
    frame.to_csv(path, index=False)
    found = checks(BilevelTidy(copy, published))
    assert found["bound"].violations == 1
    assert found["modulus"].violations == 1
    assert found["bound"].cases == len(frame)


def test_sentences(full: BilevelTidy, small: BilevelTidy) -> None:
    said = sentences(full)

    def one(start: str) -> str:
        return next(text for text in said if text.startswith(start))

    assert "2,880 perturbations of at most 0.5, 0.999 of it" in one(
        "The certified radius is proved"
    )
    assert "none changed the partition" in one("The certified radius is proved")
    assert "1.10 times" in one("With fixed weights")
    assert "8 of 20 γ nothing is certified" in one("With fixed weights")
    assert "12 of 12 value functions" in one("Robust, then")
    assert "falls again somewhere in 12 of 48 curves" in one("Robust, then")
    assert "24 of 24 scenarios" in one("δ and the Rand index order partitions alike")
    assert "2,154 of 24,000" in one("One more moved point")
    assert "in 0 of 5,394" in one("One more moved point")
    agreement = one("Agreement")
    assert agreement.index("1 − ARI 0.910") < agreement.index("δ 0.890") < agreement.index("VI")
    assert "Sun, Toh and Yuan 0 of 4" in one("Partitions with a non-empty")
    assert "cut 8" in one("Smallest perturbation")
    assert "3.64 times" in one("Smallest perturbation")
    assert "Most moved by the genetic attack: convex clustering" in one("Black box")
    assert "least: HDBSCAN" in one("Black box")
    onepoint = one("One changed point of digits 1 and 4, Ward: 23.0")
    assert "misclustered (ℓ2 20.0); best of many random moves: 2.00" in onepoint
    assert onepoint.endswith("published: 24.")
    assert len(sentences(small)) == len(said) - 1  # one attacker less
    header, rows = page(full).comparisons
    assert {len(row) for row in rows} == {len(header)}
    assert len(rows) == 4
    assert said[0].startswith("Robust when the perturbation is small, changed when it is large")


def test_headline(full: BilevelTidy) -> None:
    header, rows = headline_rows(full)
    assert len(rows) == 8
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][:7] == [
        "iris", "fixed", "3", "146+2+2 (outlier split)", "0.80", "1.00", "0.210",
    ]  # fmt: skip
    assert rows[0][7:9] == ["0.231", "cut"]
    text = plain_text("title", (header, rows), sentences(full))
    assert "no number of it" in page(full).subtitle
    assert "|" not in text
    assert "nan" not in text
