"""Statistics, tables, figures and verdict of study 2 on made-up runs of known structure."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from advlearn.paper.figures import FIGURES
from advlearn.paper.tables import TABLES
from advlearn.studies.topk.paper.common import compare, over_images, relevance_groups, summarise

from advlearn.metrics.intervals import mean_interval, wilson_interval
from advlearn.report.numbers import plus_minus
from advlearn.report.panels import log_span
from advlearn.report.save import save_figure
from advlearn.report.style import COLUMN_WIDTH, figure_style
from advlearn.report.tidy import Tidy, of_study
from advlearn.report.writers import latex, write_table
from advlearn.studies.topk.paper.figures.examples import ranked
from advlearn.studies.topk.paper.page import page
from advlearn.studies.topk.paper.tables import cardinality as topk_cardinality
from advlearn.studies.topk.paper.tables import fixed_labels as topk_global
from advlearn.studies.topk.paper.tables import random as topk_random
from advlearn.studies.topk.paper.verdict import comparisons, headline, outcome, sentences
from advlearn.support.errors import UserError
from tests.helpers.drawn import assert_nothing_cut, pixels
from tests.helpers.selective_run import PUBLISHED
from tests.helpers.topk_run import NORM, write_topk

NAMES = tuple("aeroplane bicycle bird boat bottle bus car cat chair cow diningtable".split())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Tidy:
    """Three seeds, three models, all methods, a choice of labels without an eligible image."""
    return Tidy(write_topk(tmp_path_factory.mktemp("topk") / "tidy"), PUBLISHED)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tidy:
    """The least a run can have: one seed, one model, two methods; colour images."""
    folder = write_topk(
        tmp_path_factory.mktemp("small") / "tidy",
        seeds=[4],
        models=["cnn"],
        methods=["tkmia", "kfool"],
        ks=[2],
        n_specified=[1],
        sets=["household"],
        images=12,
        shape=(3, 24, 24),
        class_names=NAMES,
    )
    return Tidy(folder, PUBLISHED)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["full", "small"])
@pytest.mark.parametrize("name", of_study(TABLES, "topk"))
def test_every_table(name: str, run: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    write_table(TABLES[name](request.getfixturevalue(run)), tmp_path / name)
    with (tmp_path / f"{name}.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert {len(row) for row in rows} == {len(header)}
    for index, column in enumerate(header):
        assert any(row[index].strip() not in ("", "nan", "None") for row in rows), column
    for suffix in (".md", ".tex"):
        text = (tmp_path / f"{name}{suffix}").read_text()
        assert "nan" not in text
        assert "No number of the paper is known" in text


def test_cells_against_the_rows_of_the_run(full: Tidy) -> None:
    raw = full.topk_metrics.query(
        "experiment == 'global' and method == 'kfool' and labels == 'low' and k == 3"
    )
    row = topk_global.build(full).frame.query(
        "method == 'kfool' and labels == 'low' and k == 3 and over == 'success' and metric == 'l2'"
    )
    expected = mean_interval(list(raw.query("over == 'success' and metric == 'l2'")["value"]))
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert row["interval"].item() == "seeds"
    asr = raw.query("metric == 'asr'")
    hits = int((asr["value"] * asr["n"]).round().sum())
    share = wilson_interval(hits, int(asr["n"].sum()))
    row = topk_global.build(full).frame.query(
        "method == 'kfool' and labels == 'low' and k == 3 and metric == 'asr'"
    )
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [share.mean, share.low, share.high]
    )
    assert row[["lowest_seed", "highest_seed"]].to_numpy()[0] == pytest.approx(
        [asr["value"].min(), asr["value"].max()]
    )


def test_one_seed_has_intervals_over_images(small: Tidy) -> None:
    table = summarise(small.topk_metrics)
    raw = small.topk_images.query("experiment == 'global' and method == 'tkmia' and success")
    row = table.query(
        "experiment == 'global' and method == 'tkmia' and over == 'success' and metric == 'l2'"
    )
    expected = mean_interval(list(raw["l2"]))
    assert row["interval"].item() == "images"
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert table["lowest_seed"].isna().all()
    same = over_images(raw, ["method"], "l2")
    assert same[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )


def test_empty_choices_are_shown(full: Tidy) -> None:
    rows = [row for group in topk_random.build(full).groups for row in group.rows]
    empty = [row for row in rows if row[2] == "n = 0"]
    assert len(empty) == 7  # |S| = 3 does not fit into k = 2, for each of seven methods
    assert all(row[3] == "–" for row in empty)


def test_comparison_finds_what_was_put_in(full: Tidy) -> None:
    frame = comparisons(full)
    ratio = frame[frame["quantity"] == "l2_ratio"].set_index(["scheme", "method"])
    for (_, method), row in ratio.iterrows():
        assert row["mean"] == pytest.approx(NORM[method], rel=0.03)
        assert row["outcome"] == ("worse" if NORM[method] < 1 else "better")
    rate = frame[(frame["quantity"] == "asr_difference") & (frame["method"] == "kfool")]
    assert set(rate["outcome"]) == {"better"}
    assert (rate["mean"] < -0.4).all()


def test_pairs_by_hand() -> None:
    common = {
        **dict.fromkeys(("dataset", "model", "preset", "scheme", "labels", "experiment"), "a"),
        **{"seed": 0, "n_specified": 1, "k": 2, "knowledge": "truth", "hidden": 0.0},
        **dict.fromkeys(("delta_tkacc", "delta_p", "delta_map"), 0.0),
    }
    rows = [
        # The two methods both succeed on images 0 and 1 alone.
        *(("tkmia", i, i < 3, 1.0, 0.1) for i in range(4)),
        *(("kfool", i, i < 2, 2.0 * (i + 1), -0.4) for i in range(4)),
        ("kfool", 9, True, 50.0, 0.0),  # an image that the reference did not attack
    ]
    images = pd.DataFrame(
        [
            {
                **common,
                "method": method,
                "image": image,
                "success": success,
                "l2": l2,
                "delta_ndcg": ndcg,
                "surrogate": "average" if method == "tkmia" else "none",
                "alpha": 1e-4 if method == "tkmia" else np.nan,
            }
            for method, image, success, l2, ndcg in rows
        ]
    )
    frame = compare(images, ["method"], {"method": "tkmia"}, ["scheme"]).set_index("quantity")
    assert frame.loc["asr_difference", ["mean", "n"]].tolist() == [pytest.approx(-0.25), 4]
    assert frame.loc["l2_ratio", ["mean", "n"]].tolist() == [pytest.approx(8**0.5), 2]
    assert frame.loc["abs_delta_ndcg_difference", "mean"] == pytest.approx(0.3)
    assert compare(images.head(0), ["method"], {"method": "tkmia"}, []).empty


@pytest.mark.parametrize(
    ("quantity", "low", "high", "expected"),
    [
        ("asr_difference", -0.3, -0.1, "better"),
        ("asr_difference", 0.1, 0.3, "worse"),
        ("asr_difference", -0.1, 0.3, "open"),
        ("asr_difference", 0.0, 0.0, "equal"),
        ("l2_ratio", 1.1, 1.5, "better"),
        ("l2_ratio", 0.5, 0.9, "worse"),
        ("l2_ratio", 0.5, 1.5, "open"),
        ("l2_ratio", float("nan"), float("nan"), "open"),
        ("abs_delta_p_difference", 0.1, 0.2, "better"),
        ("abs_delta_p_difference", -0.2, -0.1, "worse"),
    ],
)
def test_outcome(quantity: str, low: float, high: float, expected: str) -> None:
    assert outcome({"quantity": quantity, "ci_low": low, "ci_high": high}) == expected


def test_sentences(full: Tidy, small: Tidy) -> None:
    said = sentences(full)
    size = next(text for text in said if text.startswith("Size") and "random labels" in text)
    assert "3 seeds" in size
    assert size.index("smaller than") < size.index("kFool") < size.index("larger than")
    assert size.index("larger than") < size.index("projected")
    assert any("no image is eligible in 1" in text for text in said)
    assert any(text.startswith("Loss of TkMIA: with the exact order statistic") for text in said)
    assert any("inferred labels, 50 % hidden" in text for text in said)
    assert any("random noise of the same norm on 0.031" in text for text in said)
    assert any("one seed, intervals over images" in text for text in sentences(small))
    text = headline(full)
    assert "ML-CW-U (b)" in text
    assert "|" not in text


def test_weak_classifier_is_warned_of(small: Tidy) -> None:
    assert page(small).warning == ""
    weak = Tidy(small.folder, PUBLISHED)
    weak.__dict__["topk_models"] = small.topk_models.assign(value=0.3)
    assert "so weak a classifier" in page(weak).warning


def test_cardinality_against_the_images(full: Tidy) -> None:
    frame = topk_cardinality.measure(full)
    row = frame.query(
        "scheme == 'random' and k == 3 and relevant == '6' and method == 'tkmia'"
    ).set_index("metric")
    raw = full.topk_images.query(
        "experiment == 'random' and k == 3 and n_relevant == 6 and method == 'tkmia'"
    )
    assert row.loc["asr", "n"] == len(raw)
    assert row.loc["asr", "mean"] == pytest.approx(raw["success"].mean())
    assert row.loc["l2", "density"] == pytest.approx(0.6)
    per_image = raw[raw["success"]].groupby(["seed", "image"])["l2"].mean()
    assert row.loc["l2", "mean"] == pytest.approx(per_image.groupby("seed").mean().mean())


def test_groups_of_numbers_of_labels() -> None:
    assert list(relevance_groups(pd.Series([5, 3, 3, 9]))) == ["5", "3", "3", "9"]
    numbers = pd.Series(np.arange(1, 21))
    names = relevance_groups(numbers, most=4)
    assert list(names.unique()) == ["1–4", "5–9", "10–14", "15–20"]
    for number, name in zip(numbers, names, strict=True):
        first, _, last = name.partition("–")
        assert int(first) <= number <= int(last or first)


@pytest.mark.slow
@pytest.mark.parametrize("name", of_study(FIGURES, "topk"))
def test_every_figure(full: Tidy, small: Tidy, tmp_path: Path, name: str) -> None:
    with figure_style():
        for tidy in (full, small):
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


def test_ranked_labels_show_where_the_specified_went() -> None:
    logits = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    specified = np.zeros(10, bool)
    assert ranked(logits, specified, 3) == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]
    specified[9] = True
    assert ranked(logits, specified, 3) == [(1, 0), (2, 1), (3, 2), (4, 3), (10, 9)]
    assert len(ranked(logits, np.ones(10, bool), 3)) == 8
    assert ranked(logits, specified, 10)[-1] == (8, 7)


def test_no_examples(small: Tidy) -> None:
    tidy = Tidy(small.folder, PUBLISHED)
    tidy.__dict__["topk_examples"] = {name: v[:0] for name, v in small.topk_examples.items()}
    with pytest.raises(UserError, match="no adversarial example images"):
        FIGURES["topk_examples"].draw(tidy)


def test_logarithmic_limits() -> None:
    low, high = log_span([1.0, 1.1])
    assert high / low == pytest.approx(5)
    assert low < 1.0 < 1.1 < high
    low, high = log_span([0.1, 10, 0, float("nan")])
    assert (low, high) == pytest.approx((0.1 / 1.15, 11.5))
    assert log_span([])[0] > 0


@pytest.mark.parametrize(
    ("file", "attribute"),
    [
        ("topk_metrics.csv", "topk_metrics"),
        ("topk_images.csv", "topk_images"),
        ("topk_models.csv", "topk_models"),
        ("topk_transfer.csv", "topk_transfer"),
        ("topk_examples.npz", "topk_examples"),
        ("topk_choices.csv", "topk_choices"),
        ("topk_study.json", "topk_study"),
    ],
)
def test_missing_file(small: Tidy, tmp_path: Path, file: str, attribute: str) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    (folder / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        getattr(Tidy(folder, PUBLISHED), attribute)


def test_impossible_rows(small: Tidy, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "topk_metrics.csv"
    frame = pd.read_csv(path)
    frame.assign(value=frame["value"] + 1).to_csv(path, index=False)
    with pytest.raises(UserError, match="not between 0 and 1"):
        _ = Tidy(folder, PUBLISHED).topk_metrics
    pd.concat([frame, frame.head(1)]).to_csv(path, index=False)
    with pytest.raises(UserError, match="stands twice"):
        _ = Tidy(folder, PUBLISHED).topk_metrics
    frame[frame["experiment"] != "alpha"].to_csv(path, index=False)
    with pytest.raises(UserError, match="no experiment 'alpha'"):
        TABLES["topk_alpha"](Tidy(folder, PUBLISHED))


def test_run_without_an_eligible_image(small: Tidy, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "topk_images.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    tidy = Tidy(folder, PUBLISHED)
    assert topk_global.build(tidy).groups
    with pytest.raises(UserError, match="no image was eligible"):
        TABLES["topk_cardinality"](tidy)


def test_wide_tables_are_turned(small: Tidy) -> None:
    text = latex(topk_global.build(small), "topk_global")
    assert text.startswith("% needs \\usepackage{pdflscape,booktabs}\n\\begin{landscape}")
    assert text.rstrip().endswith("\\end{landscape}")
    assert "$\\Delta$NDCG@k" in text
    assert plus_minus(0.5, float("nan"), float("nan")) == "0.500"
    assert plus_minus(-0.5, -0.6, -0.4, sign=True) == "−0.500 ± 0.100"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["topk_global", "topk_random", "topk_alpha"])
def test_times_are_in_no_table(full: Tidy, tmp_path: Path, name: str) -> None:
    """They differ from run to run; the tables of a run do not."""
    folder = tmp_path / "tidy"
    shutil.copytree(full.folder, folder)
    metrics = pd.read_csv(folder / "topk_metrics.csv", keep_default_na=False)
    times = metrics[metrics["metric"] == "iterations"].assign(metric="seconds")
    assert len(times)
    pd.concat([metrics, times]).to_csv(folder / "topk_metrics.csv", index=False)
    written = []
    for number, tidy in enumerate((full, Tidy(folder, PUBLISHED))):
        write_table(TABLES[name](tidy), tmp_path / str(number) / name)
        files = sorted((tmp_path / str(number)).iterdir())
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
