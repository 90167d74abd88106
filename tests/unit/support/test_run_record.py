"""Which record of a run is that of a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.support.io import write_json
from advlearn.support.run_record import find_record


def recorded(folder: Path, name: str, when: str, *, configured: bool = True) -> None:
    write_json(folder / name, {"recorded": when, "name": name})
    if configured:
        config = name.replace("run", "config").replace(".json", ".yaml")
        (folder / config).write_text("run: x\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("whole", "alone", "found"),
    [
        ("2026-01-02", "2026-01-01", "run.json"),
        ("2026-01-01", "2026-01-02", "run-topk.json"),
        ("2026-01-01", None, "run.json"),
        (None, "2026-01-01", "run-topk.json"),
    ],
)
def test_the_later_record_counts(
    tmp_path: Path, whole: str | None, alone: str | None, found: str
) -> None:
    recorded(tmp_path, "run-bilevel.json", "2026-01-03")
    if whole:
        recorded(tmp_path, "run.json", whole)
    if alone:
        recorded(tmp_path, "run-topk.json", alone)
    record, config = find_record(tmp_path, "topk") or ({}, Path())
    assert record["name"] == found
    assert config == tmp_path / found.replace("run", "config").replace(".json", ".yaml")


def test_a_record_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    recorded(tmp_path, "run.json", "2026-01-02")
    recorded(tmp_path, "run-topk.json", "2026-01-01")
    record, _ = find_record(tmp_path, "topk", lambda each: each["name"] != "run.json") or ({}, None)
    assert record["name"] == "run-topk.json"
    assert find_record(tmp_path, "topk", lambda record: False) is None


def test_a_run_without_record_or_configuration_has_none(tmp_path: Path) -> None:
    assert find_record(tmp_path, "topk") is None
    recorded(tmp_path, "run.json", "2026-01-01", configured=False)
    assert find_record(tmp_path, "topk") is None
