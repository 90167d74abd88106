"""What study 3 puts between the markers of the documentation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advlearn.stages.tables import tables
from scripts import readme
from tests.helpers.bilevel_run import write_bilevel, write_published


def test_reference_without_study_3_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "REFERENCE", tmp_path)
    content = readme.bilevel_sections()
    assert set(content.values()) == {content["bilevel"]}
    assert "no study 3" in content["bilevel"]


def test_results_of_study_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = write_published(tmp_path / "published")
    tidy = write_bilevel(tmp_path / "tidy", seeds=[0], datasets=["blobs", "iris"], drawn=[])
    tables(tidy=tidy, out=tmp_path / "paper" / "tables", published=published, study=["bilevel"])
    machine = {"processor": "a processor", "cores": 2, "memory_gib": 8}
    record = {"machine": machine, "recorded": "2026-01-02T03:04", "stages": {"a": {"seconds": 360}}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    monkeypatch.setattr(readme, "REFERENCE", tmp_path)
    monkeypatch.setattr(readme, "PUBLISHED", published)
    content = readme.bilevel_sections()
    said = content["bilevel"]
    assert "iris (150 x 4), blobs (90 x 2); 1 seed; a processor, 2 cores" in said
    assert "| iris     | fixed" in said
    assert "- Below the certified radius" in said
    assert "whose" in said
    assert "published attack" in content["bilevel_onepoint"]
    page = (readme.ROOT / "docs" / "studies" / "bilevel.md").read_text(encoding="utf-8")
    marked = {match[2] for match in readme.MARKERS.finditer(page)}
    assert marked == set(content)
