"""The tables of docs/performance.md."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import goals, report, sections, summary

ROOT = Path(__file__).parents[3]


def robust(case: str, ratio: float, unsound: int = 0) -> dict[str, object]:
    return {
        "benchmark": "robust_accuracy",
        "case": case,
        "ours_s": 2.0,
        "peer_s": 2.0 * ratio,
        "ratio": ratio,
        "cpu_ratio": ratio,
        "unsound": unsound,
        "disagreements": 3,
    }


def test_a_table_replaces_what_stood_between_its_markers_and_nothing_else() -> None:
    page = "before\n<!-- dry_run:begin -->\nold\n<!-- dry_run:end -->\nafter\n"
    frame = pd.DataFrame({"case": ["as found"], "jobs": [120], "ours_s": [4.25]})
    rendered = report.render(page, {"dry_run": frame})
    assert rendered == (
        "before\n"
        "<!-- dry_run:begin -->\n"
        "| case | jobs | median (s) | goal | met |\n"
        "| --- | ---: | ---: | --- | --- |\n"
        "| as found | 120 | 4.25 | at most 5 s | yes |\n"
        "<!-- dry_run:end -->\n"
        "after\n"
    )
    assert report.render(rendered, {"dry_run": frame}) == rendered


def test_a_missing_file_is_said_to_be_missing() -> None:
    page = "<!-- ward:begin -->\n| 1 |\n<!-- ward:end -->\n"
    page += "<!-- summary:begin -->\n<!-- summary:end -->\n"
    rendered = report.render(page, {})
    assert "| 1 |" not in rendered
    assert "benchmarks/results/ward.csv is missing" in rendered
    assert (
        "| Ward clustering, 20,000 points |  | scikit-learn | not measured yet |  |  |" in rendered
    )


@pytest.mark.parametrize(
    "page",
    [
        "<!-- ward:begin -->\n",
        "<!-- ward:end -->\n",
        "<!-- ward:begin -->\n<!-- tsne:begin -->\n<!-- ward:end -->\n<!-- tsne:end -->\n",
    ],
)
def test_a_marker_without_its_partner_is_an_error(page: str) -> None:
    with pytest.raises(ValueError, match="needs its"):
        report.render(page, {})


def test_a_marker_of_no_table_is_an_error_that_lists_the_tables() -> None:
    with pytest.raises(ValueError, match=r"no table is called wards; known: .*ward"):
        report.render("<!-- wards:begin -->\n<!-- wards:end -->\n", {})


def test_undefended_and_defended_networks_have_their_own_goals() -> None:
    frame = pd.DataFrame(
        [
            robust("pooled undefended", 3.9),
            robust("pooled defended", 2.1),
            robust("x defended", 1.9),
        ]
    )
    lines = report.section_table(sections.SECTIONS["robust_accuracy"], frame).splitlines()
    assert "at least 4 times as fast" in lines[2]
    assert "| **no**; yes |" in lines[2]
    assert "at least 2 times as fast" in lines[3]
    assert "| yes; yes |" in lines[3]
    assert "| **no**; yes |" in lines[4]


def test_an_unsound_verdict_fails_its_goal() -> None:
    frame = pd.DataFrame([robust("pooled undefended", 9.0, unsound=1)])
    assert "| yes; **no** |" in report.section_table(sections.SECTIONS["robust_accuracy"], frame)


def test_scenes_and_photos_have_their_own_goals_and_disagreements_fail() -> None:
    rows = [
        {"case": "scenes resnet", "ratio": 9.9, "disagreements": 0},
        {"case": "scenes cnn", "ratio": 10.0, "disagreements": 1},
        {"case": "photos resnet50", "ratio": 1.7, "disagreements": 0},
    ]
    lines = report.section_table(sections.SECTIONS["topk"], pd.DataFrame(rows)).splitlines()
    assert "| at least 10 times as fast; 0 disagreements about success | **no**; yes |" in lines[2]
    assert "| yes; **no** |" in lines[3]
    assert "| at least 1.7 times as fast; 0 disagreements about success | yes; yes |" in lines[4]


def test_a_missing_number_does_not_meet_a_goal() -> None:
    row = pd.Series({"ratio": float("nan")})
    assert not goals.Goal("ratio", 4, True, "{}").met(row)
    assert not goals.Goal("ratio", 4, False, "{}").met(row)


def test_rows_without_a_peer_have_no_goal_and_empty_cells() -> None:
    frame = pd.DataFrame(
        [
            {"case": "time", "n": 20_000, "ours_s": 3.0, "peer_s": 450.0, "ratio": 150.0}
            | {"lowest_rand_index": 1.0},
            {"case": "memory", "n": 60_000, "ours_s": 20.0, "grown_mb": 12.34},
        ]
    )
    lines = report.section_table(sections.SECTIONS["ward"], frame).splitlines()
    assert lines[2].startswith("| time | 20,000 | 3 | 450 | 150 | 1 |  |")
    assert lines[3] == "| memory | 60,000 | 20 |  |  |  | 12.3 |  |  |"


def test_the_machine_stands_below_the_table_once() -> None:
    own = {"date": "2026-01-02", "processor": "CPU 9", "cores": 2, "python": "3.11.7"}
    own["versions"] = "torch=2.0 numpy=1.9"
    frame = pd.DataFrame([{"case": case, "jobs": 1, "ours_s": 1.0, **own} for case in "ab"])
    table = report.section_table(sections.SECTIONS["dry_run"], frame)
    sentence = "Measured on 2026-01-02: CPU 9, 2 cores, Python 3.11.7, torch 2.0, numpy 1.9.\n"
    assert table.endswith("|\n\n" + sentence)
    assert table.count("Measured") == 1


def test_the_summary_has_one_line_a_kind_of_work() -> None:
    tsne = pd.DataFrame([{"case": "fgsm", "ratio": 5.5, "difference": -0.02}])
    cases = {"pooled undefended": 9.0, "strided undefended": 3.5, "pooled defended": 1.5}
    networks = pd.DataFrame([robust(case, ratio) for case, ratio in cases.items()])
    networks = networks.assign(processor="CPU 9", cores=2)
    lines = report.summary_table({"tsne": tsne, "robust_accuracy": networks}).splitlines()
    assert "| t-SNE, 55,000 images |  | scikit-learn | 5.5 | 5 | yes |" in lines
    first = "| robust accuracy, undefended networks | CPU 9, 2 cores | torchattacks"
    assert f"{first} | 3.5 to 9 | 4 | **1 of 2** |" in lines
    second = "| robust accuracy, defended networks | CPU 9, 2 cores | torchattacks"
    assert f"{second} | 1.5 | 2 | **no** |" in lines
    assert lines[-1] == "Of all 8 goals below, 5 are met."
    assert len(lines) == 2 + len(summary.WORKS) + 2


def test_every_row_with_a_ratio_is_in_the_summary() -> None:
    frames = report.read(ROOT / "benchmarks" / "results")
    goals = {name: section.goals for name, section in sections.SECTIONS.items()}
    compared = sum(
        goal.column in ("ratio", "cpu_ratio")
        for name, frame in frames.items()
        for _, row in frame.iterrows()
        for goal in goals[name](row)
    )
    shown = [line for line in summary.lines(frames, goals) if line.work.peer]
    assert sum(len(line.values) for line in shown) == compared


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        (55_000, "55,000"),
        (2.0, "2"),
        (0.123456, "0.123"),
        (12345.6, "12,346"),
        (float("nan"), ""),
        (None, ""),
        ("text", "text"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert goals.number(value) == shown


def test_the_page_has_every_table_and_agrees_with_the_results() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    names = {name for name, _ in report.MARKERS.findall(page)}
    assert names == {*sections.SECTIONS, "summary"}
    assert report.render(page, report.read(ROOT / "benchmarks" / "results")) == page
