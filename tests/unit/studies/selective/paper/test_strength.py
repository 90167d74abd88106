from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from advlearn.report.bounded import mean_share_bounds
from advlearn.report.table import Table
from advlearn.report.writers import markdown
from advlearn.studies.selective.paper.tables import strength
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.intervals import mean_interval
from tests.helpers.selective_run import with_table

ATTACKS = ["fgsm", "apgd_cross_entropy", "apgd_targeted_dlr", "fab", "square"]
KEYS = "universe attack reduction clusterer setting rule".split()


@pytest.fixture(scope="module")
def table(full: SelectiveTidy) -> Table:
    return strength.build(full)


def test_every_model_has_a_line(full: SelectiveTidy, table: Table) -> None:
    rows = full["selective_strength"]
    assert len(table.frame) == len(rows[KEYS].drop_duplicates())
    assert not table.frame.duplicated(list(table.keys)).any()
    first = table.groups[0]
    assert first.title == "Universe small, FGSM, PCA"
    assert [row[0] for row in first.rows[:3]] == [
        "classic training",
        "adversarial training",
        "retrained on clean images only",
    ]
    assert first.rows[4][0] == "k-means n_clusters=2, one random cluster"
    assert {len(row) for group in table.groups for row in group.rows} == {len(table.columns)}


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize("rule", ["all", "random"])
def test_numbers_against_the_rows_of_the_run(
    attack: str, rule: str, full: SelectiveTidy, table: Table
) -> None:
    def mine(frame: pd.DataFrame) -> pd.DataFrame:
        setting = "n_clusters=1" if rule == "all" else "n_clusters=4"
        wanted = {"universe": "standard", "attack": attack, "rule": rule, "setting": setting}
        return frame[(frame[list(wanted)] == pd.Series(wanted)).all(axis=1)]

    line, raw = mine(table.frame).iloc[0], mine(full["selective_strength"])

    def seeds(name: str, column: str) -> np.ndarray:
        found = raw[raw["strong_attack"] == name].sort_values("seed")[column]
        assert len(found) == 3
        return found.to_numpy(float)

    clean, whitebox = seeds("clean", "robust"), seeds("whitebox", "robust")
    worst = seeds("square", "robust_so_far")
    for name, values in (("clean", clean), ("whitebox", whitebox), ("worst_case", worst)):
        bounds = mean_share_bounds(values.mean(), values.std(ddof=1), 3, 200).iloc[0]
        assert line[name] == pytest.approx(values.mean())
        assert line[f"{name}_low"] == pytest.approx(bounds["ci_low"])
        assert line[f"{name}_high"] == pytest.approx(bounds["ci_high"])
    expected = mean_interval(list(whitebox - worst))
    assert line["excess"] == pytest.approx(expected.mean)
    assert line["excess_high"] == pytest.approx(expected.high)
    adds = [line[f"adds_{name}"] for name in ATTACKS]
    assert np.nansum(adds) == pytest.approx(line["excess"])
    assert np.isnan(adds[0]) == (attack == "fgsm")
    assert line["too_high"] == ("yes" if worst.mean() < line["whitebox_low"] else "no")
    assert line["too_high"] == ("yes" if rule == "all" else "no")
    assert line["black_box_failed"] == (3 if rule == "all" else 0)
    assert (line["n"], line["n_images"]) == (3, 200)


def test_several_subsets_of_a_seed_are_one_number(full: SelectiveTidy) -> None:
    rows = full["selective_strength"]
    mine = (rows["rule"] == "subset") & (rows["setting"] == "n_clusters=4")
    mine &= (rows["universe"] == "small") & (rows["attack"] == "fgsm") & (rows["seed"] == 0)
    more = rows[mine].assign(digest="another", robust=0.0, robust_so_far=0.0)
    changed = with_table(full, "selective_strength", pd.concat([rows, more], ignore_index=True))

    def line(run: SelectiveTidy) -> pd.Series:
        frame = strength.compare(run)
        found = frame.query("rule == 'subset' and setting == 'n_clusters=4'")
        return found.query("universe == 'small' and attack == 'fgsm'").iloc[0]

    before, after = line(full), line(changed)
    of_seed = rows[mine & (rows["strong_attack"] == "whitebox")]["robust"].mean()
    assert after["n"] == before["n"] == 3
    assert after["whitebox"] == pytest.approx(before["whitebox"] - of_seed / 2 / 3)


def test_what_is_too_high_is_marked_and_counted(table: Table) -> None:
    marked = [row[0] for group in table.groups for row in group.rows if row[2].endswith("*")]
    assert marked == ["adversarial training"] * 4
    assert f"(4 of {len(table.frame)} rows)" in table.notes[0]
    assert table.groups[0].rows[1][-1] == "– and 3 of 3"


def test_a_run_without_strong_attacks_says_so(full: SelectiveTidy) -> None:
    none = with_table(full, "selective_strength", full["selective_strength"].iloc[:0])
    built = strength.build(none)
    assert [row[0] for row in built.groups[0].rows] == ["small", "standard"]
    assert set(built.groups[0].rows[0][1:]) == {"–"}
    assert "not measured" in built.caption
    assert built.sources
    assert "| standard" in markdown(built)
