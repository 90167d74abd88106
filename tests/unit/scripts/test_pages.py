"""What the pages of the studies show of the shipped runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advlearn.studies import NAMES
from scripts import pages, reference
from tests.helpers.bilevel_run import write_bilevel, write_published

pytestmark = pytest.mark.slow


def test_the_shipped_pages_are_what_the_script_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main(["--check"]) == 0, capsys.readouterr().err


def test_every_study_shows_its_results() -> None:
    texts = [page.read_text(encoding="utf-8") for page in pages.PAGES.glob("*.md")]
    marked = {found[2] for text in texts for found in pages.MARKERS.finditer(text)}
    assert set(NAMES) <= marked


def test_a_page_shows_tables_of_a_further_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = write_published(tmp_path / "published")
    further = tmp_path / "further" / "my-run"
    write_bilevel(further / "tidy", seeds=[0], datasets=["blobs", "iris"], drawn=[])
    machine = {"processor": "a processor", "cores": 2, "memory_gib": 8}
    record = {"machine": machine, "recorded": "2026-01-02T03:04", "stages": {"a": {"seconds": 360}}}
    (further / "run-bilevel.json").write_text(json.dumps(record))
    page = tmp_path / "further.md"
    names = ("my-run/bilevel", "my-run/bilevel_attacks first")
    page.write_text("".join(f"<!-- {name}:begin -->\n<!-- {name}:end -->\n" for name in names))
    folders = {"RUNS": further.parent, "REFERENCE": tmp_path / "none", "PUBLISHED": published}
    for name, path in (*folders.items(), ("PAGES", tmp_path), ("FURTHER", ())):
        monkeypatch.setattr(pages, name, path)
    assert pages.main([]) == 0
    said = page.read_text()
    assert "Made on a processor" in said
    assert "| iris     | fixed" in said


def test_a_further_run_is_shipped_beside_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "results" / "my-run"
    (run / "tidy").mkdir(parents=True)
    for name in ("bilevel_a.csv", "topk_a.csv"):
        (run / "tidy" / name).write_text("a\n1\n")
    (run / "tidy" / "bilevel_big.csv").write_bytes(b"a\n" * reference.PACK_FROM_BYTES)
    for name in ("run-bilevel.json", "config-bilevel.yaml"):
        (run / name).write_text("{}")
    calls: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, **_: calls.append(command))
    for name in ("REFERENCE", "FURTHER"):
        monkeypatch.setattr(reference, name, tmp_path / name)
    assert reference.main([str(run), "nosuch"]) == 2
    assert reference.main(["--further", str(run)]) == 2
    assert not calls
    assert reference.main(["--further", str(run), "bilevel"]) == 0
    shipped = tmp_path / "FURTHER" / "my-run"
    found = {path.relative_to(shipped).as_posix() for path in shipped.rglob("*.*")}
    assert found == {
        "tidy/bilevel_a.csv",
        "tidy/bilevel_big.csv.gz",
        "run-bilevel.json",
        "config-bilevel.yaml",
    }
    # Nothing is drawn of it; the pages are renewed.
    assert [Path(command[1]).name for command in calls] == ["pages.py"]


def test_a_stale_page_is_told_and_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published = write_published(tmp_path / "published")
    write_bilevel(tmp_path / "tidy", seeds=[0], datasets=["blobs", "iris"], drawn=[])
    machine = {"processor": "a processor", "cores": 2, "memory_gib": 8}
    record = {"machine": machine, "recorded": "2026-01-02T03:04", "stages": {"a": {"seconds": 360}}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    page = tmp_path / "bilevel.md"
    names = ("bilevel", "bilevel_claims", "bilevel_onepoint", "bilevel_attacks first")
    page.write_text("".join(f"<!-- {name}:begin -->\n<!-- {name}:end -->\n" for name in names))
    for name, path in (("REFERENCE", tmp_path), ("PUBLISHED", published), ("PAGES", tmp_path)):
        monkeypatch.setattr(pages, name, path)
    monkeypatch.setattr(pages, "FURTHER", ())
    assert pages.main(["--check"]) == 1
    assert "bilevel.md" in capsys.readouterr().err
    assert pages.main([]) == 0
    assert pages.main(["--check"]) == 0
    said = page.read_text()
    assert "Made on a processor, 2 cores, 8 GiB, recorded 2026-01-02; 0.1 job hours" in said
    assert "| iris     | fixed" in said
    assert "- The certified radius is proved; the code is checked" in said
    assert "Primary family: robust when" in said
    assert "published attack" in said
