from __future__ import annotations

import json
from pathlib import Path

import pytest
from snakemake.persistence.file import FilePersistence

from advlearn.chain.records import record_of

FOUND = {"params": ["2", "'b'"], "starttime": 0.0, "endtime": 2.25, "shellcmd": "true"}


def write(folder: Path, file: str, content: object) -> None:
    class Paths:
        """Snakemake's own naming of its files, without its folders."""

        _max_len = 255
        _fetch_max_len = FilePersistence._fetch_max_len
        _record_path = FilePersistence._record_path

    path = Path(Paths()._record_path(str(folder), file))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("file", ["results/a.csv", f"results/{'ü' * 300}.csv"])
def test_a_record_is_found_where_snakemake_puts_it(file: str, tmp_path: Path) -> None:
    write(tmp_path, file, {**FOUND, "starttime": 1e9, "endtime": 1e9 + 2.25})
    record = record_of(file, tmp_path)
    assert record is not None
    assert record.started == "2001-09-09T01:46:40+00:00"
    assert record.seconds == 2.2
    assert record.params == ("'b'", "2")
    assert record.command == "true"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"params": 3}', '{"params": [1], "endtime'])
def test_a_record_of_another_form_is_unknown(content: str, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", content)
    assert record_of("a.csv", tmp_path) is None


def test_no_record_is_unknown(tmp_path: Path) -> None:
    assert record_of("a.csv", tmp_path / "none") is None


def test_times_that_are_not_there_are_unknown(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", {"params": []})
    record = record_of("a.csv", tmp_path)
    assert record is not None
    assert record.started is None
    assert record.seconds is None
