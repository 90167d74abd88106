"""Study 2's tables on made-up runs of known structure."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.report.bounded import share_bounds
from advlearn.report.crossed import two_way_bootstrap
from advlearn.report.numbers import plus_minus
from advlearn.report.table import Table
from advlearn.report.writers import latex, write_table
from advlearn.settings.topk import METHODS
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import over_images_and_seeds
from advlearn.studies.topk.paper.tables.cardinality import relevance_groups
from advlearn.studies.topk.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.intervals import mean_interval
from tests.helpers.lineage import with_table
from tests.helpers.topk_run import open_topk, write_topk

pytestmark = pytest.mark.slow

REPORT = Path(__file__).parents[5] / "workflow" / "report" / "topk"


def built(name: str, run: TopkTidy) -> Table:
    table: Table = STUDY.table(name).build(run)
    return table


@pytest.mark.slow
@pytest.mark.parametrize("run", ["full", "small"])
@pytest.mark.parametrize("name", STUDY.tables)
def test_every_table(name: str, run: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    write_table(built(name, request.getfixturevalue(run)), tmp_path / name)
    with (tmp_path / f"{name}.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert {len(row) for row in rows} == {len(header)}
    for index, column in enumerate(header):
        assert any(row[index].strip() not in ("", "nan", "None") for row in rows), column
    for suffix in (".md", ".tex"):
        text = (tmp_path / f"{name}{suffix}").read_text()
        assert "nan" not in text
        assert "No number of the paper is known" in text


@pytest.mark.parametrize("name", STUDY.tables)
def test_captions_of_the_workflow_report(name: str, small: TopkTidy) -> None:
    text = " ".join((REPORT / "tables" / f"{name}.rst").read_text(encoding="utf-8").split())
    assert text.startswith(f"**{built(name, small).title}.** ")


def test_cells_against_the_rows_of_the_run(full: TopkTidy) -> None:
    here = "experiment == 'global' and method == 'kfool' and labels == 'low' and k == 3"
    raw, images = full["topk_metrics"].query(here), full["topk_images"].query(here)
    frame = built("topk_global", full).frame
    row = frame.query(
        "method == 'kfool' and labels == 'low' and k == 3 and over == 'success' and metric == 'l2'"
    )
    won = images[images["success"]]
    expected = two_way_bootstrap(won["l2"], won["image"], won["seed"])
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [won["l2"].mean(), *expected.bounds]
    )
    assert row["interval"].item() == "crossed"
    asr = raw.query("metric == 'asr'")
    row = frame.query("method == 'kfool' and labels == 'low' and k == 3 and metric == 'asr'")
    share = two_way_bootstrap(images["success"].astype(float), images["image"], images["seed"])
    bounds = share_bounds(share.mean, share.error, share.freedom, share.images)
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [asr["value"].mean(), *bounds]
    )
    assert row["images"].item() == images["image"].nunique()
    assert row[["lowest_seed", "highest_seed"]].to_numpy()[0] == pytest.approx(
        [asr["value"].min(), asr["value"].max()]
    )


def test_what_is_not_known_of_single_images_is_over_seeds(full: TopkTidy) -> None:
    norms = full["topk_metrics"].query("experiment == 'global' and metric == 'l2'")
    table = over_images_and_seeds(norms.assign(metric="removed"), full.images("global"))
    here = "method == 'kfool' and labels == 'low' and k == 3 and over == 'success'"
    expected = mean_interval(list(norms.query(here)["value"]))
    row = table.query(here)
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert row["interval"].item() == "seeds"


def test_empty_choices_are_shown(full: TopkTidy) -> None:
    rows = [row for group in built("topk_random", full).groups for row in group.rows]
    empty = [row for row in rows if row[2] == "n = 0"]
    assert len(empty) == len(METHODS)  # |S| = 3 does not fit into k = 2
    assert all(row[3] == "–" for row in empty)


def test_cardinality_against_the_images(full: TopkTidy) -> None:
    row = (
        built("topk_cardinality", full)
        .frame.query("scheme == 'random' and k == 3 and relevant == '6' and method == 'tkmia'")
        .set_index("metric")
    )
    raw = full["topk_images"].query(
        "experiment == 'random' and k == 3 and n_relevant == 6 and method == 'tkmia'"
    )
    assert row.loc["asr", "n"] == len(raw)
    assert row.loc["asr", "mean"] == pytest.approx(raw["success"].mean())
    assert row.loc["l2", "density"] == pytest.approx(0.6)
    assert row.loc["l2", "mean"] == pytest.approx(raw.loc[raw["success"], "l2"].mean())


def test_density_without_the_experiment_is_that_of_the_random_scheme(full: TopkTidy) -> None:
    table = built("topk_density", full)
    raw = full["topk_images"].query(
        "experiment == 'random' and k == 3 and n_specified == 2 and n_relevant == 6"
    )
    for method in METHODS:
        mine = raw[raw["method"] == method]
        here = f"k == 3 and n_specified == 2 and relevant == '6' and method == '{method}'"
        row = table.frame.query(here).set_index("metric")
        assert row.loc["asr", "n"] == len(mine)
        assert row.loc["asr", "mean"] == pytest.approx(mine["success"].mean())
        assert row.loc["stealth_asr", "mean"] == pytest.approx(mine["stealth"].mean())
        assert row.loc["l2", "mean"] == pytest.approx(mine.loc[mine["success"], "l2"].mean())
        assert row.loc["delta_map", "mean"] == pytest.approx(mine["delta_map"].mean())
        assert row.loc["delta_map", "n"] == len(mine)
        assert row["density"].to_list() == [pytest.approx(0.6)] * 7
    assert {group.title for group in table.groups} == {
        f"cnn, TkMIA, random, |S| = {count}" for count in (1, 2, 3)
    }


def test_density_with_the_experiment_goes_by_its_ranges(tmp_path: Path) -> None:
    folder = write_topk(
        tmp_path / "tidy", seeds=[0, 1], methods=["tkmia", "kfool"], densities=[(4, 6), (7, 9)]
    )
    run = open_topk(folder)
    table = built("topk_density", run)
    assert set(table.frame["relevant"]) == {"4–6", "7–9"}
    assert set(table.frame["n_specified"]) == {2}
    row = table.frame.query("k == 3 and relevant == '7–9' and method == 'kfool'")
    mine = run.images("density").query("k == 3 and n_relevant >= 7 and method == 'kfool'")
    assert row.set_index("metric").loc["asr", "mean"] == pytest.approx(mine["success"].mean())
    assert row["n"].max() == len(mine)
    (group,) = table.groups
    # No image of at most 6 labels has 5 besides 2 specified ones.
    assert [line[:2] for line in group.rows] == [
        ["2", "4–6"], ["2", "7–9"], ["3", "4–6"], ["3", "7–9"], ["5", "7–9"],
    ]  # fmt: skip
    # Other tables do not change by the experiment.
    plain = open_topk(write_topk(tmp_path / "plain", seeds=[0, 1], methods=["tkmia", "kfool"]))
    for name in ("topk_random", "topk_cardinality", "topk_claims"):
        pd.testing.assert_frame_equal(built(name, run).frame, built(name, plain).frame)


def test_groups_of_numbers_of_labels() -> None:
    assert list(relevance_groups(pd.Series([5, 3, 3, 9]))) == ["5", "3", "3", "9"]
    numbers = pd.Series(np.arange(1, 21))
    names = relevance_groups(numbers, most=4)
    assert list(names.unique()) == ["1–4", "5–9", "10–14", "15–20"]
    for number, name in zip(numbers, names, strict=True):
        first, _, last = name.partition("–")
        assert int(first) <= number <= int(last or first)


def test_run_without_an_eligible_image(small: TopkTidy, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "topk_images.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    run = open_topk(folder)
    assert built("topk_global", run).groups
    with pytest.raises(UserError, match="no image was eligible"):
        built("topk_cardinality", run)


def test_wide_tables_are_turned(small: TopkTidy) -> None:
    text = latex(built("topk_global", small), "topk_global")
    assert text.startswith("% needs \\usepackage{pdflscape,booktabs}\n\\begin{landscape}")
    assert text.rstrip().endswith("\\end{landscape}")
    assert "$\\Delta$NDCG@k" in text
    assert plus_minus(0.5, float("nan"), float("nan")) == "0.500"
    assert plus_minus(-0.5, -0.6, -0.4, sign=True) == "−0.500 ± 0.100"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["topk_global", "topk_random", "topk_alpha"])
def test_times_are_in_no_table(full: TopkTidy, tmp_path: Path, name: str) -> None:
    """They differ from run to run; the tables of a run do not."""
    folder = tmp_path / "tidy"
    shutil.copytree(full.folder, folder)
    metrics = pd.read_csv(folder / "topk_metrics.csv", keep_default_na=False)
    times = metrics[metrics["metric"] == "iterations"].assign(metric="seconds")
    assert len(times)
    pd.concat([metrics, times]).to_csv(folder / "topk_metrics.csv", index=False)
    written = []
    for number, run in enumerate((full, open_topk(folder))):
        write_table(built(name, run), tmp_path / str(number) / name)
        files = sorted((tmp_path / str(number)).iterdir())
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


def test_attacks_with_an_end_of_the_range_chosen_by_all_seeds_are_named(full: TopkTidy) -> None:
    rows = full["topk_search"]
    ends = built("topk_search", full).notes[-1]
    # Of the two steps of the made-up run every seed chooses the larger one.
    for model in full.models:
        assert f"TkMIA on {model} (largest)" in ends
    kfool = (rows["method"] == "kfool") & (rows["model"] == "cnn")
    turned = rows.assign(chosen=rows["chosen"].where(~kfool, 1 - rows["chosen"]))
    assert "kFool on cnn (smallest)" in built("topk_search", searched(full, turned)).notes[-1]
    one = kfool & (rows["seed"] == rows["seed"].min())
    turned = rows.assign(chosen=rows["chosen"].where(~one, 1 - rows["chosen"]))
    assert "kFool on cnn" not in built("topk_search", searched(full, turned)).notes[-1]
    # With three steps and the middle one chosen nothing is at an end.
    middle = pd.concat([rows, rows[rows["step"] == 0.1].assign(step=0.2, chosen=0)])
    note = built("topk_search", searched(full, middle.reset_index(drop=True))).notes[-1]
    assert note == "No attack has an end of what was tried chosen by all seeds."


def searched(run: TopkTidy, rows: pd.DataFrame) -> TopkTidy:
    other = with_table(run, "topk_search", rows)
    assert isinstance(other, TopkTidy)
    return other
