from __future__ import annotations

import base64
import gzip
import io
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advlearn.report.claims import Verdict
from advlearn.stages.figures import figures
from advlearn.stages.report import report
from advlearn.stages.tables import tables
from advlearn.studies import NAMES, studies, study
from advlearn.support.errors import UserError
from advlearn.support.project import project_path
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
        self.figures: list[str] = []
        self.alternatives: list[str] = []
        self.scripts: list[list[tuple[str, str | None]]] = []
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.headings += tag in ("h1", "h2", "h3")
        found = dict(attrs)
        if tag == "figure":
            self.figures.append(found["id"] or "")
        if tag == "img" and len(self.figures) > len(self.alternatives):
            self.alternatives.append(found["alt"] or "")
        if tag == "script":
            self.scripts.append(attrs)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and (value or "").startswith("#"):
                self.targets.append((value or "")[1:])
            elif name == "href" and tag == "a" and (value or "").startswith("../../"):
                self.paths.append((value or "")[6:])
            elif name == "href" and tag == "a" and (value or "").startswith("https://arxiv.org/"):
                continue
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


def _words(html: str) -> str:
    """What a reader sees, without marks."""
    return unescape(re.sub(r"<[^>]*>", "", html))


@pytest.fixture(scope="module")
def one(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of study 1. Read only."""
    out = tmp_path_factory.mktemp("one")
    _report(made, out)
    return out


@pytest.fixture(scope="module")
def all_studies(every: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of all studies. Read only."""
    out = tmp_path_factory.mktemp("all")
    _report(every, out)
    return out


def _text(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def _page(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page


def test_page_is_whole_and_needs_no_network(one: Path) -> None:
    text = _text(one)
    page = _page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    assert len(page.targets) > 15
    assert {f"table-{name}" for name in study("selective").tables} <= set(page.ids)
    assert {f"figure-{name}" for name in study("selective").figures} <= set(page.ids)
    # What is read on is followed by a click; nothing else is outside.
    assert all(address.startswith("data:") for address in page.addresses)
    assert len(page.addresses) >= 2 * len(study("selective").figures)
    assert page.scripts == [[]] * 4
    assert len(text) < 6_000_000
    for path in page.paths:
        assert project_path(path).exists(), path


def test_figures_and_tables_say_what_they_are_made_of(all_studies: Path) -> None:
    text = _text(all_studies)
    for kind in ("Table", "Figure"):
        numbers = re.findall(rf"<h4>{kind} (\d+)\. ", text)
        assert numbers == [str(place) for place in range(1, len(numbers) + 1)]
        assert len(numbers) == sum(len(getattr(each, f"{kind.lower()}s")) for each in studies())
    assert "Table 1 of the paper: one random cluster" in text
    for each in studies():
        for kind in ("tables", "figures"):
            for name in getattr(each, kind):
                assert f"advlearn explain {name} --run results/synthetic" in text
        assert f"advlearn figures --study {each.name} --tidy results/synthetic/tidy" in text
    assert "<code>advlearn.studies.topk.paper.figures.alpha</code>" in text


def test_what_is_seen_in_a_figure_is_said(all_studies: Path) -> None:
    page = _page(_text(all_studies))
    said = dict(zip(page.figures, page.alternatives, strict=True))
    assert all("panel" in text for text in said.values())
    assert re.search(
        r"Vertical: L2 norm.*TkMIA from [\d.]+ to [\d.]+", said["figure-topk_perturbation_vs_k"]
    )


def test_data_of_a_figure_are_the_marks_that_it_shows(all_studies: Path) -> None:
    text = _text(all_studies)
    (packed,) = re.findall(
        r'href="data:application/gzip;base64,([^"]*)" download="topk_perturbation_vs_k.csv.gz"',
        text,
    )
    frame = pd.read_csv(io.BytesIO(gzip.decompress(base64.b64decode(packed))))
    assert {"panel", "series", "x", "y"} <= set(frame)
    assert {"TkMIA", "kFool"} <= set(frame["series"])
    assert set(frame["y_axis"]) == {"L2 norm"}


def test_the_first_screen_has_an_answer_a_study(all_studies: Path) -> None:
    text = _text(all_studies)
    first = text[text.index('id="answers"') : text.index('class="study"')]
    assert first.count("<article") == len(NAMES)
    assert first.count("<img") == len(NAMES)
    verdicts = re.findall(r'<p class="verdict [a-z-]+">([a-z ]+)</p>', first)
    assert len(verdicts) == len(NAMES)
    assert set(verdicts) <= set(Verdict)
    assert len(re.findall(r"<h2>.*\?</a></h2>", first)) == len(NAMES)


def test_terms_are_explained_where_they_first_stand(all_studies: Path) -> None:
    text = _text(all_studies)
    for term in ("universe", "protocol", "stealth", "calmness", "staircase"):
        assert text.count(f'href="#term-{term}"') == 1
        assert f'<dt id="term-{term}"><dfn>{term}</dfn></dt>' in text
    assert '<dt id="term-tidy">' in text


def test_page_says_what_was_found(one: Path) -> None:
    text = _text(one)
    assert "better adversarial accuracy than an equally large random subset" in text
    assert "0.3016" in text
    assert "universes that hold 90 %" in text
    assert "Failed checks" in text
    assert "a &lt;fast&gt; one" in text
    assert "What the paper leaves open" in (one / "paper" / "choices.md").read_text()


def test_same_bytes_twice(one: Path, made: Path, tmp_path: Path) -> None:
    assert _text(one) == _report(made, tmp_path / "b")


def test_what_tables_and_figures_have_kept_is_not_made_again(
    every: Path, all_studies: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "tables.json", tmp_path / "figures.json"
    tidy = every / "tidy"
    tables(tidy=tidy, out=tmp_path / "t", published=PUBLISHED, page=kept[0])
    figures(tidy=tidy, out=tmp_path / "f", published=PUBLISHED, page=kept[1])
    text = _report(every, tmp_path, figures=tmp_path / "f", pieces=kept)
    assert text == _text(all_studies)
    # The numbers on the page are those of these files.
    kept[0].write_text(kept[0].read_text(encoding="utf-8").replace("0.3016", "0.7777"))
    marked = kept[1].read_text(encoding="utf-8").replace("TkMIA from", "TKMIA from")
    kept[1].write_text(marked, encoding="utf-8")
    text = _report(every, tmp_path, figures=tmp_path / "f", pieces=kept)
    assert "0.7777" in text
    assert "TKMIA from" in text


@pytest.mark.parametrize("content", ["[]", "{", '{"topk_alpha": {"words": "x"}}', '{"a": 1}'])
def test_a_damaged_file_of_pieces(made: Path, tmp_path: Path, content: str) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(content)
    with pytest.raises(UserError, match="cannot be read") as caught:
        _report(made, tmp_path, pieces=[kept])
    assert caught.value.where == str(kept)


def test_other_data_sets_are_warned_of(one: Path, made: Path, tmp_path: Path) -> None:
    assert "belong to another" not in _text(one)
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


def test_all_studies_share_one_page(all_studies: Path) -> None:
    text = _text(all_studies)
    page = _page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    wanted = {f"table-{name}" for each in studies() for name in each.tables}
    wanted |= {f"figure-{name}" for each in studies() for name in each.figures}
    assert wanted | set(NAMES) | {f"{name}-choices" for name in NAMES} <= set(page.ids)
    assert "<h1>Adversarial learning: run synthetic</h1>" in text
    markdown = (all_studies / "paper" / "choices.md").read_text()
    assert "## What the paper leaves open: selective" in markdown
    assert "## What the paper leaves open: topk" in markdown
    assert "## What the paper leaves open: bilevel" in markdown
    assert "named, not given" in markdown


def test_study_2_alone(every: Path, tmp_path: Path) -> None:
    text = _report(every, tmp_path, study=["topk"])
    page, words = _page(text), _words(text)
    assert "Imperceptible top-k multi-label attacks: run synthetic" in words
    assert "TkMIA's is higher than that of kFool" in words
    assert "No number of the paper is known" in words
    assert not any("selective" in name for name in page.ids)
    alone = tmp_path / "alone"
    shutil.copytree(
        every / "tidy", alone, ignore=shutil.ignore_patterns("sel*", "study*", "cho*", "bil*")
    )
    assert text == _report(every, tmp_path / "again", tidy=alone)


def test_study_3_alone(every: Path, tmp_path: Path) -> None:
    text = _report(every, tmp_path, study=["bilevel"])
    page, words = _page(text), _words(text)
    assert "Bilevel attacks on convex clustering: run synthetic" in words
    assert "The certified radius is proved; the code is checked" in words
    assert "no number of it" in words
    assert "no perturbation smaller than the certified radius" in words
    assert not any("selective" in name or "topk" in name for name in page.ids)


def test_study_that_did_not_run(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tidy table of the study 'topk'"):
        _report(made, tmp_path, study=["topk"])
