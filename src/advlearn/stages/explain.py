"""What is behind a figure, a table or one of its numbers: rows, jobs, parameters, checksums."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from advlearn.chain.address import Address, find_cell, parse
from advlearn.chain.records import record_of
from advlearn.chain.rules import RuleJob, Rules, rules_of
from advlearn.chain.run_folder import RunFolder, checksum
from advlearn.chain.screen import Asked, first_screen, index
from advlearn.chain.text import as_lines
from advlearn.chain.walk import Chain, follow
from advlearn.report.captions import FOLDER, caption
from advlearn.report.style import figure_style, save_figure
from advlearn.report.table import Table
from advlearn.report.writers import write_table
from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.studies import studies, study_of
from advlearn.studies.base import Study
from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import read_json
from advlearn.support.project import project_path
from advlearn.support.text import shown
from advlearn.tidy.reader import Tidy

_SNAKEFILE = project_path("Snakefile")
_REFERENCE = project_path("results/reference")


def explain(
    what: Annotated[
        str,
        typer.Argument(
            help="table or figure, or a number: selective_table1_fgsm:kmeans,n_clusters=3,mean;"
            " nothing: what can be asked"
        ),
    ] = "",
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")] = _REFERENCE,
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
    snakefile: Annotated[Path, typer.Option(help="front door of the workflow")] = _SNAKEFILE,
    everything: Annotated[
        bool, typer.Option("--all", help="every job, parameter and checksum, not one screen")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="everything, with every job's inputs, for machines")
    ] = False,
) -> None:
    """Print what a figure, a table or one of its numbers was made of, and how to make it again.

    The first screen has what is asked most; without a name it lists what can be asked.
    """
    if not what:
        print("\n".join(map(shown, index(run, _what_can_be_asked(run, published)))))
        return
    tables = [name for each in studies() for name in each.tables]
    address = parse(what, tables, [name for each in studies() for name in each.figures])
    run_folder = RunFolder.of(address, address.run or run)
    found = explanation(address, run_folder, published, snakefile)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print("\n".join(map(shown, as_lines(found) if everything else first_screen(found))))


def _what_can_be_asked(run: Path, published: Path) -> list[Asked]:
    """The studies of a run with their tables and figures.

    Raises:
        UserError: the folder holds no results.
    """
    folder = run / "tidy"
    if not folder.is_dir():
        raise UserError(
            "the folder holds no results of a run",
            where=f"option --run: {run}",
            remedy="run the workflow first, for example 'make demo', and give results/demo",
        )
    asked = []
    for each in chosen_studies(folder, None):
        left_out = open_tidy(each, folder, published).left_out
        tables, figures = (each.drawn(kind, left_out) for kind in ("tables", "figures"))
        asked.append(Asked(each.name, each.title, tables, figures))
    return asked


def explanation(
    address: Address, run_folder: RunFolder, published: Path, snakefile: Path
) -> dict[str, Any]:
    """Everything that is known of a figure, a table or a number, as plain values.

    Raises:
        UserError: there is no such number, or a file of the run is missing or damaged.
    """
    study = study_of(address.name)
    tidy = open_tidy(study, run_folder.folder / "tidy", published)
    if address.name not in study.drawn(address.kind, tidy.left_out):
        raise UserError(
            f"the run left out what {address.name} is made of",
            where=f"{run_folder.folder}; left out: {', '.join(tidy.left_out)}",
            remedy="ask for another table or figure: 'explain' without a name lists them",
        )
    title, table, again = _rebuilt(address, study, tidy, run_folder.folder / "paper" / address.kind)
    opened = [path for path in tidy.opened if path.parent == tidy.folder]
    tables = [path.name.partition(".")[0] for path in opened]
    number: dict[str, Any] | None = None
    frames: dict[str, list[pd.DataFrame]] = {}
    if address.words and table is not None:
        number, frames = _explain_number(address, tidy, run_folder, table)
        # A published number has no rows of ours, and nothing was run for it.
        stage_of = tidy.schema.stage_of
        tables = [*frames, *(n for n in tables if not stage_of(n))] if frames else []
    suffix = ".csv" if address.kind == "tables" else ".svg"
    target = f"{run_folder.home}/paper/{address.kind}/{address.name}{suffix}"
    with rules_of(snakefile, run_folder.config) as rules:
        chain = _trace_chain(target, study, tidy, tables, frames, rules)
        jobs = [_job(job, chain.used[job.outputs[0]], run_folder) for job in chain.jobs]
    return {
        "kind": address.kind.removesuffix("s"),
        "name": address.name,
        "title": title,
        "run": {"folder": str(run_folder.folder), **run_folder.record},
        "config": {"path": str(run_folder.config), "sha256": checksum(run_folder.config)},
        "kept": "all" if run_folder.is_complete else "results only",
        "files": again,
        "number": number,
        "tidy": [{"path": str(path), "sha256": checksum(path)} for path in opened],
        "jobs": jobs,
        "given": [run_folder.file_entry(file) for file in chain.given],
        "command": _command(target, run_folder.config, snakefile),
    }


def _rebuilt(
    address: Address, study: Study, tidy: Tidy, folder: Path
) -> tuple[str, Table | None, list[dict[str, Any]]]:
    """Title, the table, and whether its files are those that the tidy tables give now."""
    with tempfile.TemporaryDirectory() as scratch:
        stem = Path(scratch) / address.name
        if address.kind == "tables":
            table: Table | None = study.table(address.name).build(tidy)
            assert table is not None
            title = table.title
            files = write_table(table, stem)
        else:
            entry, table = study.figure(address.name), None
            title = caption(FOLDER, study.name, address.name).title
            with figure_style():
                files = save_figure(entry.draw(tidy), stem)
        again = []
        for new in files:
            old = folder / new.name
            there = old.is_file()
            same = there and old.read_bytes() == new.read_bytes()
            again.append(
                {
                    "path": str(old),
                    "sha256": checksum(old) if there else None,
                    "made_again_the_same": same if there else None,
                }
            )
    return title, table, again


def _explain_number(
    address: Address, tidy: Tidy, run_folder: RunFolder, table: Table
) -> tuple[dict[str, Any], dict[str, list[pd.DataFrame]]]:
    """A number with the rows behind it, and these rows by tidy table."""
    csv = run_folder.folder / "paper" / address.kind / f"{address.name}.csv"
    if not csv.is_file():
        raise UserError(
            "the table has not been made",
            where=str(csv),
            remedy="run the workflow first, for example 'make demo'",
        )
    cell = find_cell(csv, table.keys, address.words)
    if cell.row >= len(table.frame):
        raise UserError(
            "the table has other lines than its tidy tables give",
            where=str(csv),
            remedy=REBUILT,
        )
    line = {str(name): value for name, value in table.frame.iloc[cell.row].items()}
    parts: list[dict[str, Any]] = []
    frames: dict[str, list[pd.DataFrame]] = {}
    quoted = cell.column in ("published", "source", "note")
    for part in [] if quoted else table.source_rows(line, cell.column):
        rows = tidy[part.table].loc[part.rows]
        frames.setdefault(part.table, []).append(rows)
        file = run_folder.locate(f"{run_folder.home}/tidy/{part.table}.csv")
        parts.append(_rows(part.role, file, rows))
    published = tidy.published(address.name) if table.published else None
    beside = table.published_rows(line, published) if published is not None else []
    if published is not None and beside:
        beside_rows = published.loc[beside]
        parts.append(_rows("published", tidy.published_folder / f"{address.name}.csv", beside_rows))
    number = {
        "column": cell.column,
        "value": cell.text or None,
        "line": cell.line,
        "keys": dict(cell.keys),
        "how": "quoted from the published numbers" if quoted else table.how,
        "rows": parts,
    }
    return number, frames


def _rows(role: str, file: Path | None, rows: pd.DataFrame) -> dict[str, Any]:
    values = json.loads(rows.to_json(orient="records", double_precision=15))
    return {
        "role": role,
        "path": str(file) if file else None,
        "sha256": checksum(file) if file else None,
        "lines": [int(index) + 2 for index in rows.index],
        "values": values,
    }


def _trace_chain(
    target: str,
    study: Study,
    tidy: Tidy,
    tables: Sequence[str],
    frames: Mapping[str, list[pd.DataFrame]],
    rules: Rules,
) -> Chain:
    """The jobs behind the tidy tables that were read, or behind the rows of a number alone."""
    drawn = rules.job_of(target)
    if drawn is None:
        raise UserError(
            "no rule of the workflow makes this file",
            where=target,
            remedy="use the version of this project with which the run was made",
        )
    wanted = {stage for name in tables if (stage := tidy.schema.stage_of(name))}
    choices = any(name.endswith("choices") for name in tables)
    of_rule: dict[str, list[pd.DataFrame]] = {}
    for name, found in frames.items():
        of_rule.setdefault(tidy.schema.stage_of(name) or "", []).extend(found)
    every = [frame for found in frames.values() for frame in found]

    def reads(job: RuleJob, file: str, maker: RuleJob | None) -> bool:
        name = Path(file).name.partition(".")[0]
        if job is drawn:
            own = maker is None and name == drawn_name
            return own or (maker is not None and name in tables)
        if job.rule != study.collect:
            return True
        if maker is None:
            return choices
        if maker.rule in describing:
            return _may_have_made(maker, every, tidy)
        return maker.rule in wanted and _may_have_made(maker, of_rule.get(maker.rule, []), tidy)

    describing = {"prepare", *(name for name, each in study.stages.items() if each.describes_data)}
    drawn_name = Path(target).name.partition(".")[0]
    return follow([target], rules.job_of, reads)


def _may_have_made(job: RuleJob, frames: Sequence[pd.DataFrame], tidy: Tidy) -> bool:
    """Whether one of the rows can be a result of the job; without rows every job counts."""
    for frame in frames:
        keep = pd.Series(True, index=frame.index)
        for name, value in job.wildcards.items():
            column, values = name, [value]
            if name in tidy.schema.wildcards:
                column, known = tidy.schema.wildcards[name]
                values = list(known[value])
            if column in frame.columns:
                keep &= frame[column].astype(str).isin(values)
        if keep.any():
            return True
    return not frames


def _job(job: RuleJob, used: Sequence[str], run_folder: RunFolder) -> dict[str, Any]:
    # Records of a run elsewhere, or of another run of this name, say nothing of this one.
    record = record_of(used[0]) if run_folder.is_complete else None
    outputs: list[dict[str, Any]] = [run_folder.file_entry(file) for file in used]
    raw = run_folder.locate(used[0]) if job.rule == "download" else None
    return {
        "rule": job.rule,
        "stage": job.stage,
        "wildcards": dict(job.wildcards),
        "params": {name: _plain(value) for name, value in job.params.items() if name != "code"},
        "code": _recorded_code(run_folder.record, job),
        "code_now": job.params.get("code"),
        "inputs": list(job.inputs),
        "outputs": outputs,
        "raw": read_json(raw)["files"] if raw else [],
        "log": job.log,
        "started": record.started if record else None,
        "seconds": record.seconds if record else None,
        "command": record.command if record else None,
        "recorded_parameters_are_these": record.params == job.recorded if record else None,
    }


def _recorded_code(record: Mapping[str, Any], job: RuleJob) -> str | None:
    """Digest that a run noted for a job; early runs noted one for the tables of all studies."""
    code: Mapping[str, str] = record.get("code", {})
    return code.get(job.rule, code.get(job.stage))


def _plain(value: object) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, int | float | bool | None) else str(value)


def _command(target: str, config: Path, snakefile: Path) -> str:
    """The one command that makes the file, from the folder in which this one was given."""
    snakemake = Path(os.path.relpath(Path(sys.executable).with_name("snakemake")))
    shown = "snakemake" if ".." in snakemake.parts else str(snakemake)
    door = [] if snakefile == Path("Snakefile") else ["--snakefile", str(snakefile)]
    return shlex.join([shown, target, "--cores", "all", *door, "--configfile", str(config)])
