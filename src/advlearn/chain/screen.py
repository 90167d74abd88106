"""The first screen of an explanation: what is asked most, in 24 lines of 80 characters."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from advlearn.chain.text import device, or_unknown, spans

_WIDTH = 79
_ROWS = 5
"""Rows behind a number that are shown: one a seed."""
_TOLD = ("seed", "value", "published", "source")
"""Their columns that are shown, where there are such."""
_NAMED = 3
"""Rules that are named; of more their number is told."""


class Asked(NamedTuple):
    """What can be asked of one study.

    Attributes:
        study: its name, with which every name of its begins.
        title: for readers.
        tables: names of tables.
        figures: names of figures.
    """

    study: str
    title: str
    tables: Sequence[str]
    figures: Sequence[str]


def index(folder: Path, asked: Sequence[Asked]) -> Iterator[str]:
    """What can be asked of a run, and how."""
    yield f"Tables and figures of {folder}; in a name `...` is a word of its list"
    for each in asked:
        yield ""
        yield textwrap.shorten(each.title, _WIDTH, placeholder=" ...")
        for kind, names in (("tables", each.tables), ("figures", each.figures)):
            short = " ".join(name.removeprefix(f"{each.study}_") for name in names)
            yield from _wrapped(f"  {kind} {each.study}_...: {short}")
    name = f"tables/{asked[0].tables[0]}"
    yield ""
    yield f"make explain WHAT={name}          what it was made of"
    yield f"make explain WHAT={name} ALL=1    every job and checksum"
    yield "One number: WHAT=TABLE:value,key=value,column; a wrong word tells the right ones"


def first_screen(found: Mapping[str, Any]) -> Iterator[str]:
    """What the stage explain found, without jobs one by one, parameters and checksums."""
    yield from _wrapped(f"{found['name']}: {found['title']}")
    yield from _run(found)
    yield from _files(found)
    if found["number"]:
        yield from _number(found["number"])
    else:
        yield from _wrapped("made of " + ", ".join(file["path"] for file in found["tidy"]))
    yield from _jobs(found["jobs"])
    yield f"again: {found['command']}"
    yield "Every job, parameter and checksum: --all, with make ALL=1; for machines: --json"


def _run(found: Mapping[str, Any]) -> Iterator[str]:
    run, kept = found["run"], found["kept"]
    machine, versions, source = (run.get(key) or {} for key in ("machine", "versions", "source"))
    commit = source.get("commit")
    yield f"run {run['run']} in {run['folder']}, recorded {or_unknown(run.get('recorded'))}"
    yield from _wrapped(
        f"advlearn {or_unknown(versions.get('advlearn'))}, commit"
        f" {or_unknown(commit and commit[:12])}; {or_unknown(machine.get('processor'))}, device"
        f" {device(run)}"
    )
    if kept != "all":
        yield "only results were kept here: what was between data and results is unknown"


def _files(found: Mapping[str, Any]) -> Iterator[str]:
    """Where the files are, and whether the tidy tables still give them."""
    paths = {Path(file["path"]): file["made_again_the_same"] for file in found["files"]}
    first, *others = paths
    yield " ".join(["files", str(first), *(path.suffix for path in others)])
    for same, told in (
        (True, "made again now from the tidy tables: the same bytes"),
        (False, "the tidy tables now give another file"),
        (None, "missing"),
    ):
        suffixes = [path.suffix for path, found in paths.items() if found is same]
        if suffixes:
            yield f"  {' '.join(suffixes)}: {told}" if len(suffixes) < len(paths) else f"  {told}"


def _number(number: Mapping[str, Any]) -> Iterator[str]:
    yield f"number {number['column']} = {or_unknown(number['value'])}, line {number['line']}"
    yield from _wrapped("  " + ", ".join(f"{key}={value}" for key, value in number["keys"].items()))
    how = textwrap.shorten(number["how"], 2 * _WIDTH - 20, placeholder=" ...")
    yield from _wrapped(f"  how: {how}")
    for part in number["rows"]:
        lines, rows = part["lines"], part["values"]
        count = f"{len(lines)} row{'s' if len(lines) > 1 else ''}"
        where = f"  {part['role']}: {count} of {part['path']}"
        # On one line of the terminal: all of them are told with --all.
        told = (f"{where}, line {spans(lines)}", f"{where}, line {lines[0]} ...")
        yield from _wrapped(next((each for each in told if len(each) <= _WIDTH), where))
        names = [name for name in _TOLD if name in rows[0]]
        if len(rows) <= _ROWS and names != ["seed"]:
            values = (" ".join(f"{name}={row[name]}" for name in names) for row in rows)
            yield from _wrapped(f"    {'; '.join(values)}")


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    count = Counter(job["rule"] for job in jobs)
    chain = ", ".join(f"{rule} {n}" for rule, n in count.items())
    yield from _wrapped(f"made by {len(jobs)} job{'s' if len(jobs) > 1 else ''}: {chain}")
    for rules, told in (
        (
            {job["rule"] for job in jobs if job["code"] not in (None, job["code_now"])},
            "the code here is another than in the run",
        ),
        (
            {job["rule"] for job in jobs if job["recorded_parameters_are_these"] is False},
            "ran with OTHER PARAMETERS than these",
        ),
    ):
        if rules:
            named = ", ".join(sorted(rules)) if len(rules) <= _NAMED else f"{len(rules)} rules"
            yield from _wrapped(f"  {told}: {named}")


def _wrapped(text: str) -> list[str]:
    margin = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(text, _WIDTH, subsequent_indent=margin, break_on_hyphens=False)
