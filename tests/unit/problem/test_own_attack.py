"""docs/own-attack.md: its code runs, prints what it says, and is short; its table is the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from advlearn.attacks.presets import table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "own-attack.md"
TEXT = PAGE.read_text(encoding="utf-8")
FIRST, SECOND, *_ = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
(PRINTED,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


def test_the_code_runs_and_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(FIRST, str(PAGE), "exec"), names)
    assert capsys.readouterr().out == PRINTED
    assert names["shortest"].reached
    assert names["shortest"].size <= names["shortest"].below * 1.001
    exec(compile(SECOND, str(PAGE), "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["noise", "one_point", "genetic"]
    assert names["found"].effect > 0


def test_an_own_learner_and_an_own_deviation_take_under_40_lines() -> None:
    lines = [line for line in FIRST.splitlines() if line.strip()]
    assert 15 < len(lines) < 40


def test_the_table_of_the_page_is_that_of_the_code() -> None:
    assert table() in TEXT


def test_every_budget_is_on_the_page() -> None:
    import advlearn.budgets.points as points

    kinds = [name for name in points.__all__ if name != "PointBudget"]
    assert sorted(re.findall(r"^\| `(\w+)\(", TEXT, re.MULTILINE)) == sorted(kinds)
