"""An explanation for the terminal; checksums stand as ``sha256sum`` writes and checks them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

UNKNOWN = "unknown"
_SHOWN_ROWS = 10
_WIDTH = 64
_BY_JOB = ("own", "cache", "lock", "torch_threads", "device")
"""Parameters that are shown with the run or say nothing of one job."""


def as_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines of text from what the stage explain found."""
    yield f"{found['name']}: {found['title']}"
    yield from _run(found)
    yield ""
    yield "Files"
    for file in found["files"]:
        yield _sum(file) + _again(file["made_again_the_same"])
    if found["number"]:
        yield ""
        yield from _number(found["number"])
    yield ""
    yield "Made of the tidy tables"
    yield from map(_sum, found["tidy"])
    yield ""
    yield from _jobs(found["jobs"])
    if found["given"]:
        yield ""
        yield "Files that no stage makes"
        yield from map(_sum, found["given"])
    yield ""
    yield "To make it again"
    yield f"  {found['command']}"
    yield "  (What is up to date does not run again; with --forceall all of the above does.)"


def _run(found: Mapping[str, Any]) -> Iterator[str]:
    run, kept = found["run"], found["kept"]
    machine, versions = run.get("machine") or {}, run.get("versions") or {}
    yield f"  run {run['run']} in {run['folder']}, recorded {or_unknown(run.get('recorded'))}"
    names = ("advlearn", "python", "snakemake", "torch", "numpy", "scikit-learn")
    yield "  " + ", ".join(f"{name} {or_unknown(versions.get(name))}" for name in names)
    yield (
        f"  {or_unknown(machine.get('processor'))}, {or_unknown(machine.get('cores'))} cores,"
        f" {or_unknown(machine.get('system'))}; device {device(run)},"
        f" {or_unknown(run.get('threads'))} threads a job"
    )
    source = run.get("source") or {}
    changed = " with changes" if source.get("changed") else ""
    lock, commit = or_unknown(run.get("lock")), or_unknown(source.get("commit"))
    yield f"  lock {lock}, commit {commit}{changed}"
    yield "  Its configuration"
    yield _sum(found["config"])
    if kept != "all":
        yield "  only results were kept here: what was between data and results is unknown"


def _number(number: Mapping[str, Any]) -> Iterator[str]:
    yield "Number"
    value = or_unknown(number["value"])
    yield f"  {number['column']} = {value}, line {number['line']} of the CSV file"
    yield "  " + ", ".join(f"{key}={value}" for key, value in number["keys"].items())
    yield f"  how: {number['how']}"
    for part in number["rows"]:
        count = len(part["lines"])
        rows = f"{count} row{'s' if count > 1 else ''}"
        yield f"  {part['role']}: {rows}, line {spans(part['lines'])}"
        yield f"    {or_unknown(part['sha256'])}  {or_unknown(part['path'])}"
        names = varied(part["values"])
        for line, row in list(zip(part["lines"], part["values"], strict=True))[:_SHOWN_ROWS]:
            yield f"      line {line}: " + ", ".join(f"{name}={row[name]}" for name in names)
        if count > _SHOWN_ROWS:
            yield f"      and {count - _SHOWN_ROWS} more (--json has them all)"


def varied(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that tell the rows apart, and those that hold their values."""
    always = ("seed", "value", "published", "source")
    return [
        name
        for name in rows[0]
        if name in always or len({json.dumps(row[name]) for row in rows}) > 1
    ]


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rules = list(dict.fromkeys(job["rule"] for job in jobs))
    count = f"{len(jobs)} job{'s' if len(jobs) > 1 else ''} of {len(rules)} rules"
    yield f"Chain: {count}, in the order in which they run"
    for number, rule in enumerate(rules, start=1):
        yield from _rule(number, [job for job in jobs if job["rule"] == rule])


def _rule(number: int, jobs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    first = jobs[0]
    yield ""
    yield f"{number}. {first['rule']} ({len(jobs)} job{'s' if len(jobs) > 1 else ''})"
    yield f"   code {or_unknown(first['code'])}" + _changed(first)
    shared = {
        name: value
        for name, value in first["params"].items()
        if name not in _BY_JOB and all(job["params"].get(name) == value for job in jobs)
    }
    for name, value in shared.items():
        yield f"   {name}: {_value(value)}"
    for raw in first["raw"]:
        yield f"   raw {raw['name']} from {raw['source']}"
        yield f"   {raw['sha256']}  {raw['name']}"
    for job in jobs:
        name = ", ".join(f"{key}={value}" for key, value in job["wildcards"].items())
        yield f"   - {name or rule_of(job)}: {_time(job)}"
        for key, value in job["params"].items():
            repeated = str(value) in job["wildcards"].values()
            if key not in shared and key not in _BY_JOB and not repeated:
                yield f"     {key}: {_value(value)}"
        yield f"     reads {_reads(job['inputs'])}"
        yield from (_sum(file, "     ") for file in job["outputs"])


def rule_of(job: Mapping[str, Any]) -> str:
    """How a job without wildcards is called."""
    return f"the only job of {job['rule']}"


def _time(job: Mapping[str, Any]) -> str:
    if job["started"] is None:
        return "when it ran is unknown"
    same = job["recorded_parameters_are_these"]
    other = "" if same else "; it ran with OTHER PARAMETERS than these (settings or code changed)"
    return f"ran {job['started']}, {or_unknown(job['seconds'])} s{other}"


def _changed(job: Mapping[str, Any]) -> str:
    if job["code"] is None or job["code"] == job["code_now"]:
        return ""
    return f" in the run; the code here is another: {job['code_now']}"


def _reads(inputs: Sequence[str]) -> str:
    shown = ", ".join(inputs[:3])
    return (shown or "nothing") + (f" and {len(inputs) - 3} more" if len(inputs) > 3 else "")


def spans(lines: Sequence[int]) -> str:
    """``3-7, 12``."""
    spans: list[list[int]] = []
    for line in sorted(lines):
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    parts = [str(a) if a == b else f"{a}-{b}" for a, b in spans]
    return ", ".join(parts[:_SHOWN_ROWS]) + (", ..." if len(parts) > _SHOWN_ROWS else "")


def _sum(file: Mapping[str, Any], margin: str = "  ") -> str:
    checksum = file["sha256"] or f"{UNKNOWN}, not kept".ljust(_WIDTH)
    return f"{margin}{checksum}  {file['path']}"


def _again(same: bool | None) -> str:
    remarks = {None: " (missing)", True: "", False: " (the tidy tables now give another file)"}
    return remarks[same]


def device(run: Mapping[str, Any]) -> str:
    """The device that was asked for, and those on which jobs say that they computed."""
    used = run.get("devices") or {}
    jobs = ", ".join(f"{name} in {n} job{'s' if n > 1 else ''}" for name, n in used.items())
    return or_unknown(run.get("device")) + (f" ({jobs})" if jobs else "")


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def or_unknown(value: object) -> str:
    """A value, or that it is unknown."""
    return UNKNOWN if value is None else str(value)
