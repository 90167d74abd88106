from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.report.writers import plain_text
from advlearn.studies.selective.paper.verdict import (
    Verdict,
    headline_rows,
    sentences,
    verdict_rows,
    verdicts,
)
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import PUBLISHED, with_table, write_run


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.01, 0.03, "better"),
        (-0.03, -0.01, "worse"),
        (-0.01, 0.03, "open"),
        (0.0, 0.03, "open"),
        (float("nan"), float("nan"), "open"),
    ],
)
def test_outcome(low: float, high: float, outcome: str) -> None:
    assert Verdict("subset", "kmeans", "fgsm", 0.01, low, high, 3).outcome == outcome


def test_verdict_finds_what_was_put_in(full: SelectiveTidy) -> None:
    """The made-up run has a true gain over subsets and a true loss against all images."""
    found = verdicts(full)
    assert len(found) == 3 * 4 * 2  # controls, clusterers, attacks
    assert {verdict.outcome for verdict in found if verdict.control == "subset"} == {"better"}
    assert {verdict.outcome for verdict in found if verdict.control == "all"} == {"worse"}
    first = sentences(full)[0]
    assert "better in 8, worse in 0 and not distinguishable in 0 of 8 comparisons" in first
    assert "closest, white-box, 3 seeds" in first
    assert len(verdict_rows(full)[1]) == len(found)


def test_one_seed_gives_no_verdict(smoke: SelectiveTidy) -> None:
    assert all("says nothing about chance" in sentence for sentence in sentences(smoke))


def test_run_that_selects_everything(tmp_path: Path) -> None:
    folder = write_run(tmp_path, cluster_numbers=[1], clusterers=["kmeans"], seeds=[0, 1])
    assert "no cluster that is smaller" in sentences(SelectiveTidy(folder, PUBLISHED))[0]


def test_headline_is_plain_text(full_folder: Path) -> None:
    run = SelectiveTidy(full_folder, PUBLISHED)
    text = plain_text("title", headline_rows(run), sentences(run))
    assert "0.3016" in text
    assert "0.9701" in text
    assert "One random cluster against an equally large random subset" in text
    assert "<" not in text
    assert "|" not in text
    table = text.split("\n\n")[1].splitlines()
    assert len(table) == 2 + 10


def test_floor_is_said(full: SelectiveTidy) -> None:
    """Where every adversarial accuracy is zero, nothing can differ, and the report says so."""
    metrics = full["selective_metrics"].copy()
    floor = (metrics["protocol"] == "whitebox") & (metrics["metric"] == "adversarial_accuracy")
    metrics.loc[floor, "value"] = 0.0
    tidy = with_table(full, "selective_metrics", metrics)
    said = [sentence for sentence in sentences(tidy) if "at this floor" in sentence]
    assert [sentence.split(" no ")[0] for sentence in said] == [
        "In closest, white-box",
        "In sound, white-box",
    ]
    assert not any("at this floor" in sentence for sentence in sentences(full))


def test_other_universes_are_judged_too(full: SelectiveTidy) -> None:
    about_transfer = [sentence for sentence in sentences(full) if "sound, transfer" in sentence]
    assert len(about_transfer) == 1
    assert "equally large random subset" in about_transfer[0]
