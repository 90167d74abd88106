"""Write the results of the shipped reference runs into the pages that show them.

python scripts/pages.py           # rewrite what stands between the markers
python scripts/pages.py --check   # fail when a page and results/reference disagree

A page below docs/studies has markers such as ``<!-- topk:begin -->`` and ``<!-- topk:end -->``:
the name of a study stands for its headline and sentences, the name of a table for that table,
and ``NAME first`` for its caption and first group; ``RUN/NAME`` for the same of a further run,
whose tidy tables are in results/further/RUN. ``figure NAME`` stands for a figure of
results/reference with its caption. ``answers`` in README.md stands for the table of all papers,
``findings`` in docs/findings.md for that page.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from advlearn.report.answers import Answer, Findings
from advlearn.report.captions import FOLDER as CAPTIONS
from advlearn.report.captions import caption
from advlearn.report.page import Page
from advlearn.report.table import Table
from advlearn.report.writers import escape_markdown, markdown, pipe_table
from advlearn.stages.tidy_folder import open_tidy
from advlearn.studies import NAMES, study, study_of
from advlearn.studies.base import Study
from advlearn.support.errors import UserError
from advlearn.support.io import write_text
from advlearn.support.jobnotes import CPU
from advlearn.support.terminal import command
from advlearn.tidy.reader import Tidy

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "studies"
REFERENCE = ROOT / "results" / "reference"
RUNS = ROOT / "results" / "further"
PUBLISHED = ROOT / "config" / "published"
FURTHER = (ROOT / "README.md", ROOT / "docs" / "findings.md")
Found = Sequence[tuple[Study, Findings]]
MARKERS = re.compile(r"(<!-- ([^>]+?):begin -->\n).*?(<!-- \2:end -->)", re.DOTALL)


def block(name: str) -> str:
    """What stands between the markers of a name."""
    if name == "answers":
        return answers_table(all_findings())
    if name == "findings":
        return findings_page(all_findings())
    if name.startswith("figure "):
        return figure(name.removeprefix("figure "))
    run, _, what = name.rpartition("/")
    what, _, first = what.partition(" ")
    folder = RUNS / run if run else REFERENCE
    if what in NAMES:
        return headline(what, folder)
    if what not in {table for each in NAMES for table in study(each).tables}:
        raise UserError(
            f"{what!r} is neither a study nor a table",
            where=f"marker {name}:begin",
            remedy="name a study or a table, of a further run as RUN/TABLE",
        )
    return table(what, folder, first=bool(first))


def all_findings() -> Found:
    """The studies that have an answer, with their findings, in the order of the papers."""
    return [
        (each, each.load(each.findings)(_tidy(each.name, REFERENCE)))
        for each in map(study, NAMES)
        if each.findings
    ]


def headline(name: str, run: Path) -> str:
    """What was run of a study, where and when, its headline table and its sentences."""
    which = study(name)
    page: Page = which.load(which.page)(_tidy(name, run))
    rows = "\n".join(pipe_table(*page.headline))
    said = "\n".join(f"- {sentence}" for sentence in page.sentences)
    return f"{page.subtitle} {made(record_of(name, run))}\n\n{rows}\n\n{said}\n"


def answers_table(found: Found) -> str:
    """One row a paper: its claim, the verdict with its number, and the study's page."""
    rows = [
        [
            _text(answer.paper),
            _text(answer.claim),
            _verdict(answer),
            f"[{_short(study)}](docs/studies/{study.name}.md)",
        ]
        for study, answer in ((of, each.answer) for of, each in found)
    ]
    return _table(["paper", "claim", "verdict", "page"], rows)


def findings_page(found: Found) -> str:
    """The answers in one table, then each study with its comparisons and what they mean."""
    rows = [
        [
            _text(each.answer.paper),
            _text(each.answer.claim),
            f"**{each.answer.verdict}**{_text(each.answer.tally)}",
            _text(each.answer.measured),
            _link(each.answer.table),
        ]
        for _, each in found
    ]
    parts = [_table(["paper", "claim", "verdict", "effect [95 % interval]", "table"], rows)]
    parts += [_section(study, each) for study, each in found]
    return "\n".join(parts)


def _section(study: Study, found: Findings) -> str:
    answer = found.answer
    lines = [
        f"## {_text(study.title)}",
        "",
        f"{_verdict(answer)}. Why: {_text(answer.reason)}. All comparisons:"
        f" {_link(answer.table)}; method and more results:"
        f" [{_short(study)}](studies/{study.name}.md).",
        "",
        *([f"**Read with care.** {_text(answer.warning)}", ""] if answer.warning else []),
        *pipe_table(*found.primary),
        "",
        "**What this means**",
        "",
        *(f"- {_text(sentence)}" for sentence in found.meaning),
        "",
    ]
    header, rows = found.secondary
    if rows:
        lines += [
            '<details markdown="1">',
            f"<summary>Further claims ({len(rows)})</summary>",
            "",
            *pipe_table(header, rows),
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)


def _short(study: Study) -> str:
    """What a study is called in running text: ``study 1``."""
    return _text(study.title.partition(":")[0]).lower()


def _verdict(answer: Answer) -> str:
    said = f"{answer.tally}; {answer.measured}"
    if answer.data:
        said += f" ({answer.data})"
    return f"**{answer.verdict}**{_text(said)}"


def _link(table: str) -> str:
    """A link from docs/ to a table of the shipped results: for readers, else the tidy one."""
    paths = [REFERENCE / "paper" / "tables" / f"{table}.md"]
    paths += sorted((REFERENCE / "tidy").glob(f"{table}.csv*"))
    path = next(path for path in paths if path.is_file())
    return f"[{table}](../{path.relative_to(ROOT).as_posix()})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _text(words: str) -> str:
    return escape_markdown(words).replace("|", "\\|")


def table(name: str, run: Path, *, first: bool = False) -> str:
    """A table of a shipped run without its title; with ``first`` its first group alone."""
    which = study_of(name)
    tidy = _tidy(which.name, run)
    if name not in which.drawn("tables", tidy.left_out):
        raise UserError(
            f"the run leaves the table {name} out",
            where=str(run),
            remedy="take its marker out of the page",
        )
    built: Table = which.table(name).build(tidy)
    if first:
        built = replace(built, groups=built.groups[:1], notes=())
    return markdown(built).split("\n", 1)[1].strip() + "\n"


def figure(name: str) -> str:
    """A figure of the shipped results as a page below docs/studies shows it, with its caption."""
    path = REFERENCE / "paper" / "figures" / f"{name}.png"
    if not path.is_file():
        raise UserError(
            f"there is no figure {name!r}", where=str(path), remedy="name a figure of the results"
        )
    title, text = caption(CAPTIONS, study_of(name).name, name)
    source = Path("..", "..", path.relative_to(ROOT)).as_posix()
    # As wide as in print on a screen of 124 dots an inch.
    width = round(int.from_bytes(path.read_bytes()[16:20], "big") * 124 / 300)
    image = f'<img src="{source}" width="{width}" alt="{escape(title)}">'
    return f"{image}\n\n*{escape_markdown(title)}.* {escape_markdown(text)}\n"


def made(record: dict[str, Any]) -> str:
    """One sentence: on which machine a run was made, when, and how long it took."""
    machine = record["machine"]
    gpus = [name for name in record.get("devices") or {} if name != CPU]
    beside = f", jobs with a network on {' and '.join(gpus)}" if gpus else ""
    hours = sum(stage["seconds"] for stage in record["stages"].values() if stage) / 3600
    return (
        f"Made on {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
        f"{beside}, recorded {record['recorded'][:10]}; {hours:.1f} job hours in all."
    )


def record_of(name: str, run: Path) -> dict[str, Any]:
    """The record of the run that made a study: its own, or that of all studies together."""
    own = run / f"run-{name}.json"
    path = own if own.is_file() else run / "run.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def rendered(page: Path) -> str:
    """The page with what stands between its markers replaced."""
    text = page.read_text(encoding="utf-8")
    if text.count(":begin -->") != len(MARKERS.findall(text)):
        raise UserError(
            "a marker has no end, or no line of its own",
            where=str(page),
            remedy="write <!-- NAME:begin --> and <!-- NAME:end --> as lines",
        )
    return MARKERS.sub(lambda found: f"{found[1]}\n{block(found[2])}\n{found[3]}", text)


@cache
def _opened(name: str, folder: Path, published: Path) -> Tidy:
    return open_tidy(study(name), folder, published)


def _tidy(name: str, run: Path) -> Tidy:
    return _opened(name, run / "tidy", PUBLISHED)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    stale = []
    for page in (*sorted(PAGES.glob("*.md")), *FURTHER):
        try:
            text = rendered(page)
        except UserError:
            print(f"in {page}:", file=sys.stderr)
            raise
        if text != page.read_text(encoding="utf-8"):
            stale.append(page.name)
            if "--check" not in arguments:
                write_text(page, text)
    if stale and "--check" in arguments:
        print(f"stale: {', '.join(stale)}; run python scripts/pages.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with command():
        sys.exit(main(sys.argv[1:]))
