"""Write the results of the shipped reference runs into the pages of the studies (docs/studies).

python scripts/readme.py           # rewrite what stands between the markers
python scripts/readme.py --check   # fail when a page and results/reference disagree
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advlearn.report.page import Rows
from advlearn.report.writers import pipe_table
from advlearn.stages.opened import opened
from advlearn.studies import study
from advlearn.studies.bilevel.paper import verdict as bilevel_verdict
from advlearn.studies.bilevel.paper.common import datasets
from advlearn.studies.selective.paper import verdict
from advlearn.studies.topk.paper import verdict as topk_verdict
from advlearn.support.io import write_text

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
PUBLISHED = ROOT / "config" / "published"
PAGES = ("docs/studies/selective.md", "docs/studies/topk.md", "docs/studies/bilevel.md")
MARKERS = re.compile(r"(<!-- (\w+):begin -->\n).*?(<!-- \2:end -->)", re.DOTALL)


def record_of(study: str) -> dict[str, Any]:
    """The record of the run that made a study: its own, or that of all studies together."""
    own = REFERENCE / f"run-{study}.json"
    return _json(own if own.is_file() else REFERENCE / "run.json")


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _piped(rows: Rows) -> str:
    return "\n".join(pipe_table(*rows))


def _made(record: dict[str, Any]) -> str:
    machine = record["machine"]
    hours = sum(stage["seconds"] for stage in record["stages"].values() if stage) / 3600
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB,"
        f" recorded {record['recorded'][:10]}; {hours:.1f} job hours in all."
    )


def run_line(record: dict[str, Any], study: dict[str, Any]) -> str:
    """One sentence: what was run of study 1, where and when."""
    images = study["images"]
    return (
        f"`make paper` on {study['dataset'].upper()}: {images['train']:,} training,"
        f" {images['validation']:,} validation and {images['test']:,} test images,"
        f" {len(study['seeds'])} seeds; {_made(record)}"
    )


def topk_line(record: dict[str, Any], study: dict[str, Any]) -> str:
    """One sentence: what was run of study 2, where and when."""
    data = study["dataset"]
    return (
        f"`snakemake topk` on {data['name']}: {data['n_train']:,} training,"
        f" {data['n_validation']:,} validation and {data['n_test']:,} test images,"
        f" {data['cardinality']['test']:.1f} labels an image, {len(study['seeds'])} seeds,"
        f" at most {study['images']} images a cell and seed; preset {study['preset']};"
        f" {_made(record)}"
    )


def topk_sections() -> dict[str, str]:
    """What study 2 puts between markers."""
    tidy = opened(study("topk"), REFERENCE / "tidy", PUBLISHED)
    line = topk_line(record_of("topk"), _json(REFERENCE / "tidy" / "topk_study.json"))
    overview = _piped(topk_verdict.headline_rows(tidy))
    said = _bullets(topk_verdict.sentences(tidy))
    names = ("models", "relaxation", "alpha", "transfer", "unknown_labels")
    return {
        "topk": f"{line}\n\n{overview}\n\n{said}\n",
        **{f"topk_{name}": table(f"topk_{name}") + "\n" for name in names},
    }


def bilevel_line(record: dict[str, Any], study: dict[str, Any]) -> str:
    """One sentence: what was run of study 3, where and when."""
    data = ", ".join(f"{name} ({about['n']} x {about['d']})" for name, about in _datasets(study))
    seeds = len(study["seeds"])
    return f"`snakemake bilevel`: {data}; {seeds} seed{'s' if seeds > 1 else ''}; {_made(record)}"


def _datasets(study: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found: dict[str, dict[str, Any]] = study["datasets"]
    return [(name.replace("_", " "), found[name]) for name in datasets(found)]


def bilevel_sections() -> dict[str, str]:
    """What study 3 puts between markers; a reference without it says so."""
    names = "gamma_interval blackbox onepoint delta_formulas deviation_agreement".split()
    path = REFERENCE / "tidy" / "bilevel_study.json"
    if not path.is_file():
        absent = "The shipped reference run has no study 3; `make paper` or `make demo` makes it.\n"
        return {"bilevel": absent, **{f"bilevel_{name}": absent for name in names}}
    tidy = opened(study("bilevel"), REFERENCE / "tidy", PUBLISHED)
    line = bilevel_line(record_of("bilevel"), _json(path))
    overview = _piped(bilevel_verdict.headline_rows(tidy))
    said = _bullets(bilevel_verdict.sentences(tidy))
    claims = _piped(bilevel_verdict.verdict_rows(tidy))
    return {
        "bilevel": f"{line}\n\n{overview}\n\n{said}\n\n{claims}\n",
        **{f"bilevel_{name}": table(f"bilevel_{name}") + "\n" for name in names},
    }


def table(name: str) -> str:
    """A Markdown table of the reference run without its title."""
    text = (REFERENCE / "paper" / "tables" / f"{name}.md").read_text(encoding="utf-8")
    return text.split("\n", 1)[1].strip()


def first_universe(text: str) -> str:
    """The caption and the part of a table that stands beside the published numbers."""
    parts = re.split(r"\n(?=\*\*Universe )", text)
    return "\n".join(parts[:2]).strip()


def sections() -> dict[str, str]:
    """What goes between each pair of markers."""
    line = run_line(_json(REFERENCE / "run.json"), _json(REFERENCE / "tidy" / "study.json"))
    said = _bullets(verdict.sentences(opened(study("selective"), REFERENCE / "tidy", PUBLISHED)))
    return {
        "results": f"{line}\n\n{first_universe(table('selective_baselines'))}\n\n{said}\n",
        "table1": first_universe(table("selective_table1_fgsm")) + "\n",
        "table2": first_universe(table("selective_table2_pgd")) + "\n",
        "table3": table("selective_table3_overall") + "\n",
        "controls": table("selective_controls") + "\n",
        **topk_sections(),
        **bilevel_sections(),
    }


def rendered(page: str, content: dict[str, str]) -> str:
    """The page with what stands between its markers replaced."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return MARKERS.sub(lambda m: f"{m[1]}\n{content[m[2]]}\n{m[3]}", text)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    content = sections()
    stale = []
    for page in PAGES:
        text = rendered(page, content)
        if text != (ROOT / page).read_text(encoding="utf-8"):
            stale.append(page)
            if "--check" not in arguments:
                write_text(ROOT / page, text)
    if stale and "--check" in arguments:
        print(f"stale: {', '.join(stale)}; run python scripts/readme.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
