from __future__ import annotations

from advlearn.report import sections


def test_record_is_flattened() -> None:
    _, rows = sections.record_rows(
        {"versions": {"torch": None}, "seeds": [0, 1], "jobs": [{"stage": "craft"}], "run": "demo"}
    )
    assert rows == [
        ["versions.torch", "–"],
        ["seeds", "0, 1"],
        ["jobs.0.stage", "craft"],
        ["run", "demo"],
    ]
