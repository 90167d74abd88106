from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from advlearn.stages.figures import figures
from advlearn.stages.report import report
from advlearn.studies import NAMES, studies, study
from advlearn.support.errors import UserError
from tests.helpers.bilevel_run import write_bilevel
from tests.helpers.selective_run import PUBLISHED, write_run
from tests.helpers.topk_run import write_topk

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("drawn")]

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Open elements, identifiers, link targets and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.addresses: list[str] = []
        self.headings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.headings += tag in ("h1", "h2", "h3")
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and (value or "").startswith("#"):
                self.targets.append((value or "")[1:])
            elif name in ("src", "href"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _report(run: Path, out: Path, **changes: Any) -> str:
    arguments = {
        "tidy": run / "tidy",
        "figures": run / "paper" / "figures",
        "out": out / "report.html",
        "choices": out / "paper" / "choices.md",
        "published": PUBLISHED,
        "record": run / "run.json",
        **changes,
    }
    report(**arguments)
    return (out / "report.html").read_text(encoding="utf-8")


def test_page_is_whole_and_needs_no_network(made: Path, tmp_path: Path) -> None:
    text = _report(made, tmp_path)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    assert len(page.targets) > 15
    assert {f"table-{name}" for name in study("selective").tables} <= set(page.ids)
    assert {f"figure-{name}" for name in study("selective").figures} <= set(page.ids)
    assert all(address.startswith("data:") for address in page.addresses)
    assert len(page.addresses) == len(study("selective").figures)
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_page_says_what_was_found(made: Path, tmp_path: Path) -> None:
    text = _report(made, tmp_path)
    assert "better adversarial accuracy than an equally large random subset" in text
    assert "0.3016" in text
    assert "universes that hold 90 %" in text
    assert "Failed checks" in text
    assert "a &lt;fast&gt; one" in text
    assert "What the paper leaves open" in (tmp_path / "paper" / "choices.md").read_text()


def test_same_bytes_twice(made: Path, tmp_path: Path) -> None:
    assert _report(made, tmp_path / "a") == _report(made, tmp_path / "b")


def test_other_data_sets_are_warned_of(made: Path, tmp_path: Path) -> None:
    assert "belong to another" not in _report(made, tmp_path)
    tidy = write_run(
        tmp_path / "tidy", seeds=[0, 1], cluster_numbers=[1, 2], dataset="digits", shape=(1, 8, 8)
    )
    assert "belong to another one, MNIST" in _report(made, tmp_path, tidy=tidy)


def test_missing_pieces(made: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="selective_claims has no caption") as caught:
        _report(made, tmp_path, captions=empty)
    assert "**Title.**" in caught.value.remedy
    with pytest.raises(UserError, match="the figure selective_claims is missing"):
        _report(made, tmp_path, figures=empty)
    with pytest.raises(UserError, match="cannot be read"):
        _report(made, tmp_path, record=empty / "run.json")
    (empty / "list.json").write_text("[]")
    with pytest.raises(UserError, match="no JSON object"):
        _report(made, tmp_path, record=empty / "list.json")
    assert not (tmp_path / "report.html").exists()


@pytest.fixture(scope="module")
def every(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all studies, made study by study: first that of study 1."""
    run = tmp_path_factory.mktemp("every")
    shutil.copytree(made, run, dirs_exist_ok=True)
    tidy = run / "tidy"
    write_topk(tidy, seeds=[0], models=["cnn"], methods=["tkmia", "kfool"], images=12, ks=[2])
    write_bilevel(tidy, seeds=[0], datasets=["blobs"], drawn=["blobs"], methods=["merge", "noise"])
    for name in set(NAMES) - {"selective"}:
        figures(tidy=tidy, out=run / "paper" / "figures", published=PUBLISHED, study=[name])
    (run / "run.json").write_text("{}")
    return run


def test_all_studies_share_one_page(every: Path, tmp_path: Path) -> None:
    page = Page()
    text = _report(every, tmp_path)
    page.feed(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    wanted = {f"table-{name}" for each in studies() for name in each.tables}
    wanted |= {f"figure-{name}" for each in studies() for name in each.figures}
    assert wanted | set(NAMES) | {f"{name}-choices" for name in NAMES} <= set(page.ids)
    assert "<h1>Adversarial learning: run synthetic</h1>" in text
    markdown = (tmp_path / "paper" / "choices.md").read_text()
    assert "## What the paper leaves open: selective" in markdown
    assert "## What the paper leaves open: topk" in markdown
    assert "## What the paper leaves open: bilevel" in markdown
    assert "named, not given" in markdown


def test_study_2_alone(every: Path, tmp_path: Path) -> None:
    text = _report(every, tmp_path, study=["topk"])
    page = Page()
    page.feed(text)
    assert "Imperceptible top-k multi-label attacks: run synthetic" in text
    assert "TkMIA&#39;s is higher than that of kFool" in text
    assert "No number of the paper is known" in text
    assert not any("selective" in name for name in page.ids)
    alone = tmp_path / "alone"
    shutil.copytree(
        every / "tidy", alone, ignore=shutil.ignore_patterns("sel*", "study*", "cho*", "bil*")
    )
    assert text == _report(every, tmp_path / "again", tidy=alone)


def test_study_3_alone(every: Path, tmp_path: Path) -> None:
    text = _report(every, tmp_path, study=["bilevel"])
    page = Page()
    page.feed(text)
    assert "Bilevel attacks on convex clustering: run synthetic" in text
    assert "The certified radius is proved; the code is checked" in text
    assert "no number of it" in text
    assert "no perturbation smaller than the certified radius" in text
    assert not any("selective" in name or "topk" in name for name in page.ids)


def test_study_that_did_not_run(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tidy table of the study 'topk'"):
        _report(made, tmp_path, study=["topk"])
