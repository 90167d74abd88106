"""What the pages of the studies show of the shipped runs."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from advlearn.studies import NAMES
from advlearn.support.errors import UserError
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


def test_a_page_shows_a_figure_with_its_caption() -> None:
    said = pages.block("figure selective_fig1_fgsm")
    assert said.startswith(
        '<img src="../../results/reference/paper/figures/selective_fig1_fgsm.png" width="422"'
    )
    assert "*Figure 1: k-means against agglomerative clustering, FGSM.* Adversarial" in said
    with pytest.raises(UserError, match="no figure 'selective_fig9'"):
        pages.block("figure selective_fig9")


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run of study 3 alone, with its record."""
    run = tmp_path / "results" / "my-run"
    write_bilevel(run / "tidy", seeds=[0], datasets=["blobs", "iris"], drawn=[])
    (run / "tidy" / "topk_metrics.csv").write_text("a\n1\n")
    for name in ("run-bilevel.json", "config-bilevel.yaml"):
        (run / name).write_text("{}")
    return run


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that are run; results are shipped below ``tmp_path``."""
    found: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, **_: found.append(command))
    for name in ("REFERENCE", "FURTHER"):
        monkeypatch.setattr(reference, name, tmp_path / name)
    return found


def test_a_further_run_is_shipped_beside_the_reference(
    finished: Path, tmp_path: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "PACK_FROM_BYTES", 2_000)
    reference.main(["--further", str(finished), "bilevel"])
    shipped = tmp_path / "FURTHER" / "my-run"
    own = list((finished / "tidy").glob("bilevel_*"))
    for path in own:
        packed = path.suffix == ".csv" and path.stat().st_size > 2_000
        name = f"{path.name}.gz" if packed else path.name
        content = (shipped / "tidy" / name).read_bytes()
        assert (gzip.decompress(content) if packed else content) == path.read_bytes()
    assert len([*(shipped / "tidy").iterdir()]) == len(own)
    assert {path.name for path in shipped.iterdir()} == {
        "tidy",
        "run-bilevel.json",
        "config-bilevel.yaml",
    }
    # Nothing is drawn of it; the pages are renewed.
    assert [Path(command[1]).name for command in calls] == ["pages.py"]


def test_what_cannot_be_shipped_changes_nothing(
    finished: Path, tmp_path: Path, calls: list[list[str]]
) -> None:
    reference.main(["--further", str(finished), "bilevel"])
    shipped = tmp_path / "FURTHER" / "my-run"
    before = {path: path.read_bytes() for path in shipped.rglob("*.*")}
    calls.clear()

    def refused(what: str, *arguments: str) -> None:
        with pytest.raises(UserError, match=what):
            reference.main(arguments)
        assert {path: path.read_bytes() for path in shipped.rglob("*.*")} == before
        assert not calls

    refused("is the shipped one", "--further", str(shipped), "bilevel")
    refused(r"has no run\.json", str(finished))
    refused(r"has no run\.json", "--further", str(tmp_path / "none" / "my-run"), "bilevel")
    (finished / "config-bilevel.yaml").unlink()
    refused(r"has no config-bilevel\.yaml", "--further", str(finished), "bilevel")
    (finished / "config-bilevel.yaml").write_text("{}")
    table = finished / "tidy" / "bilevel_attacks.csv"
    table.write_text(table.read_text().splitlines()[0] + "\n")
    refused("was damaged or edited", "--further", str(finished), "bilevel")
    table.unlink()
    refused("bilevel_attacks", "--further", str(finished), "bilevel")
    shutil.rmtree(finished / "tidy")
    refused("no folder", "--further", str(finished), "bilevel")


@pytest.mark.parametrize(
    "wrong", [[], ["--further", "results/x"], ["results/x", "nosuch"], ["a", "topk", "bilevel"]]
)
def test_a_command_that_is_none_is_refused(wrong: list[str], calls: list[list[str]]) -> None:
    with pytest.raises(SystemExit) as ended:
        reference.main(wrong)
    assert ended.value.code == 2
    assert not calls


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("nosuch", "neither a study nor a table"),
        ("selective_fig1_fgsm", "neither a study nor a table"),
        ("cifar10/selective_universes", "leaves the table selective_universes out"),
        ("cifar.10/selective", "no folder"),
        ("../cifar10/answers", "neither a study nor a table"),
    ],
)
def test_a_marker_that_nothing_stands_for_is_an_error(
    marker: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"<!-- {marker}:begin -->\n<!-- {marker}:end -->\n")
    with pytest.raises(UserError, match=said):
        pages.rendered(page)


def test_a_marker_without_an_end_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- topk:begin -->\n<!-- bilevel:end -->\n")
    with pytest.raises(UserError, match="no end"):
        pages.rendered(page)


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
