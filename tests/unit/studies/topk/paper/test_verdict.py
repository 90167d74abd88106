"""Comparisons of study 2's attacks, and what is said of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from advlearn.report.writers import plain_text
from advlearn.studies.topk.paper.page import page
from advlearn.studies.topk.paper.pairs import mean_differences, pairs
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import over_images_and_seeds, summarise
from advlearn.studies.topk.paper.verdict import (
    by_cell,
    comparisons,
    headline_rows,
    outcome,
    sentences,
)
from advlearn.studies.topk.study import STUDY
from tests.helpers.intervals import mean_interval
from tests.helpers.lineage import with_table
from tests.helpers.topk_run import NORM


def test_one_seed_has_intervals_over_images(small: TopkTidy) -> None:
    table = summarise(small["topk_metrics"])
    raw = small["topk_images"].query("experiment == 'global' and method == 'tkmia' and success")
    row = table.query(
        "experiment == 'global' and method == 'tkmia' and over == 'success' and metric == 'l2'"
    )
    expected = mean_interval(list(raw["l2"]))
    assert row["interval"].item() == "images"
    assert row[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert table["lowest_seed"].isna().all()
    same = over_images_and_seeds(small["topk_metrics"], small["topk_images"]).loc[row.index]
    assert same[["mean", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert same["interval"].item() == "images"


def test_comparison_finds_what_was_put_in(full: TopkTidy) -> None:
    frame = comparisons(full)
    for _, row in frame[frame["metric"] == "l2_ratio"].iterrows():
        norm = NORM[row["method"]]
        assert row["mean"] == pytest.approx(norm, rel=0.03)
        assert row["outcome"] == ("worse" if norm < 1 else "better")
    rate = frame[(frame["metric"] == "asr_difference") & (frame["method"] == "kfool")]
    assert set(rate["outcome"]) == {"better"}
    assert (rate["mean"] < -0.4).all()


def test_pairs_by_hand() -> None:
    common: dict[str, object] = {
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
    found = pairs(images, {"method": "tkmia"})
    rates = found[found["metric"] == "asr_difference"]
    assert rates["row"].tolist() == [4, 5, 6, 7]
    assert rates["row_reference"].tolist() == [0, 1, 2, 3]
    assert found.loc[found["metric"] == "l2_ratio", "row"].tolist() == [4, 5]
    frame = mean_differences(found, ["scheme", "method"]).set_index("metric")
    mean, n = frame["mean"].to_dict(), frame["n"].to_dict()
    assert mean["asr_difference"] == pytest.approx(-0.25)
    assert mean["l2_ratio"] == pytest.approx(8**0.5)
    assert mean["abs_delta_ndcg_difference"] == pytest.approx(0.3)
    assert (n["asr_difference"], n["l2_ratio"]) == (4, 2)
    assert mean_differences(pairs(images.head(0), {"method": "tkmia"}), ["method"]).empty


@pytest.mark.parametrize(
    ("metric", "low", "high", "expected"),
    [
        ("asr_difference", -0.3, -0.1, "better"),
        ("asr_difference", 0.1, 0.3, "worse"),
        ("asr_difference", -0.1, 0.3, "open"),
        ("l2_ratio", 1.1, 1.5, "better"),
        ("l2_ratio", 0.5, 0.9, "worse"),
        ("l2_ratio", 0.5, 1.5, "open"),
        ("l2_ratio", float("nan"), float("nan"), "open"),
        ("abs_delta_p_difference", 0.1, 0.2, "better"),
        ("abs_delta_p_difference", -0.2, -0.1, "worse"),
    ],
)
def test_outcome(metric: str, low: float, high: float, expected: str) -> None:
    row = {"metric": metric, "mean": (low + high) / 2, "ci_low": low, "ci_high": high, "error": 0.1}
    assert outcome(row) == expected


def test_no_image_that_differs_is_equal_whatever_the_images_would_miss() -> None:
    row = {"metric": "asr_difference", "mean": 0.0, "ci_low": -0.02, "ci_high": 0.02, "error": 0.0}
    assert outcome(row) == "equal"
    assert outcome({**row, "error": 0.01}) == "open"


def test_a_cell_against_the_claim_is_named_whatever_all_cells_say(full: TopkTidy) -> None:
    images = full["topk_images"]
    here = (images["experiment"] == "random") & (images["n_specified"] == 1) & (images["k"] == 3)
    turned = here & (images["method"] == "kfool") & (images["model"] == full.study.primary_model)
    shorter = images.assign(l2=images["l2"].where(~turned, images["l2"] / 8))
    run = with_table(full, "topk_images", shorter)
    assert isinstance(run, TopkTidy)
    pooled = comparisons(run).query("scheme == 'random' and metric == 'l2_ratio'")
    assert pooled.set_index("method").loc["kfool", "outcome"] != "worse"
    cells = by_cell(run).query("method == 'kfool' and metric == 'l2_ratio' and exception")
    assert cells["cell"].tolist() == ["1 random label, k = 3"]
    (text,) = [t for t in sentences(run) if "Exceptions by L2 norm" in t and "random labels" in t]
    assert "1 random label, k = 3, kFool: × 0.5" in text
    (before,) = [
        t for t in sentences(full) if "Exceptions by L2 norm" in t and "random labels" in t
    ]
    assert "kFool" not in before
    # The comparator that is better everywhere is named in every cell.
    assert before.count("projected") == len(
        by_cell(full).query("scheme == 'random' and metric == 'l2_ratio' and method == 'projected'")
    )


def test_a_sentence_and_the_table_give_the_same_difference(full: TopkTidy) -> None:
    rates = full.primary_images().groupby(["scheme", "method"])["success"].mean()
    frame = comparisons(full).query("metric == 'asr_difference'")
    for scheme, method, mean in frame[["scheme", "method", "mean"]].itertuples(index=False):
        assert mean == pytest.approx(rates[scheme, method] - rates[scheme, "tkmia"], abs=1e-12)


def test_sentences(full: TopkTidy, small: TopkTidy) -> None:
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
    text = plain_text("title", headline_rows(full), said)
    assert "ML-CW-U (b)" in text
    assert "|" not in text


def test_unknown_labels_are_judged_by_success_and_by_stealth(full: TopkTidy) -> None:
    (said,) = [each for each in sentences(full) if "who knows all labels" in each]
    images = full.images("unknown")
    of = {
        name: images.query(f"knowledge == '{name}' and hidden == {hidden}")
        for name, hidden in (("inferred", 0.5), ("truth", 0.0))
    }
    lost = {
        name: float(of["inferred"][name].mean() - of["truth"][name].mean())
        for name in ("success", "stealth")
    }
    assert lost["success"] < -0.1
    assert lost["stealth"] != pytest.approx(lost["success"], abs=0.005)
    (part,) = [each for each in said.split(";") if "inferred labels, 50 % hidden" in each]
    shown = [f"{lost[name]:+.3f}".replace("-", "−") for name in ("success", "stealth")]
    success, _, stealth = part.partition(" and ")
    assert shown[0] in success
    assert shown[1] in stealth
    (table,) = [STUDY.table("topk_unknown_labels").build(full)]
    assert {"ASR", "stealth ASR"} <= set(table.columns)
    assert {"asr", "stealth_asr"} <= set(table.frame["metric"])


def test_a_run_of_tkmia_alone_has_nothing_to_compare(small: TopkTidy) -> None:
    images = small["topk_images"]
    alone = with_table(small, "topk_images", images[images["method"] == "tkmia"])
    assert isinstance(alone, TopkTidy)
    assert "This run has nothing to compare TkMIA with." in sentences(alone)


def test_weak_classifier_is_warned_of(small: TopkTidy) -> None:
    assert page(small).warning == ""
    weak = with_table(small, "topk_models", small["topk_models"].assign(value=0.3))
    assert isinstance(weak, TopkTidy)
    assert "so weak a classifier" in page(weak).warning
