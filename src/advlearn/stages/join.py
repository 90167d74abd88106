"""Helper join: one run out of seeds, or lines of the grid, of several, run where they may be."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
import yaml

from advlearn.stages.tidy_folder import PUBLISHED, open_tidy
from advlearn.studies import study as study_of_name
from advlearn.support.checksums import sha256_of_all
from advlearn.support.errors import UserError
from advlearn.support.io import (
    read_csv,
    read_json,
    write_csv,
    write_json,
    write_npz,
    write_text,
)
from advlearn.support.run_record import find_record
from advlearn.tidy.reader import Tidy
from advlearn.tidy.schema import Lines

_KEPT = ("run", "recorded", "seeds", "source", "code", "lock", "versions", "machine", "device")
"""What the record of a joined run has of the record of each."""

_OTHER_SEEDS = "run one of them with other seeds: its rows would count twice"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class _Part:
    """One of the runs: its folder, tidy tables, record of the study, run.json and config.yaml."""

    folder: Path
    tidy: Tidy
    about: dict[str, Any]
    record: dict[str, Any]
    config: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, study: str) -> _Part:
        tidy = open_tidy(study_of_name(study), folder / "tidy", PUBLISHED)
        tidy.described(tidy.schema.described)
        about = read_json(tidy.folder / tidy.schema.record)
        found = find_record(folder, study, lambda record: _is_of(record, about))
        if found is None:
            raise UserError(
                f"the run has no record of these tables: neither run-{study}.json nor run.json with"
                " its configuration beside it",
                where=str(folder),
                remedy=f"finish it: snakemake {study}",
            )
        record, config = found
        return cls(folder, tidy, about, record, yaml.safe_load(config.read_text(encoding="utf-8")))

    @property
    def seeds(self) -> list[int]:
        return list(self.about["seeds"])

    def table(self, name: str) -> pd.DataFrame:
        """A table as it is written, every cell a text; checked before against the record."""
        read = self.tidy[name]
        path = self.tidy.folder / f"{name}.csv"
        packed = path.with_name(f"{path.name}.gz")
        found = next((each for each in (path, packed) if each.is_file()), None)
        # A file that older runs lack.
        return read if found is None else read_csv(found, dtype=str, na_filter=False)


def join(
    *,
    runs: Annotated[list[Path], typer.Argument(help="folders of the runs, two or more")],
    study: Annotated[str, typer.Option(help="the study: selective, topk or bilevel")],
    out: Annotated[Path, typer.Option(help="folder of the joined run, which must be empty")],
) -> None:
    """Put the seeds of several runs of one study together.

    Written: the tidy tables with the rows of all seeds, the study's record, run-STUDY.json and
    config-STUDY.yaml. What does not depend on the seeds, or shows one of them, is that of the run
    with the smallest seed. Runs of study 1 may have the same seeds, if no line of the grid
    (universe, attack, reduction) has one of them in both; of the baselines of such a seed those of
    the run with the smaller first seed are kept, of equals those of the run that is named first.
    Tables and figures follow: ``advlearn tables --tidy OUT/tidy``.

    Raises:
        UserError: fewer than two runs, a seed or a line with a seed that two of them have, runs of
            other data or with settings that differ in more than seeds, a run that is unfinished or
            damaged, or a folder with files in it.
    """
    if len(runs) < 2:
        raise UserError(
            "there is nothing to join", where=f"{len(runs)} run", remedy="name two runs or more"
        )
    if out.is_dir() and any(out.iterdir()):
        raise UserError(
            "the folder of the joined run is not empty",
            where=f"option --out: {out}",
            remedy="name a new folder, so that no run is overwritten",
        )
    parts = sorted((_Part.of(run, study) for run in runs), key=lambda part: min(part.seeds))
    _check_seeds(parts)
    for other in parts[1:]:
        _check_alike(parts[0], other, study)
    first, schema = parts[0], parts[0].tidy.schema
    folder, seeds = out / "tidy", sorted({seed for part in parts for seed in part.seeds})
    for name in schema.tables:
        write_csv(folder / f"{name}.csv", _joined(name, parts, seeds))
    for name in schema.arrays:
        write_npz(folder / f"{name}.npz", first.tidy.arrays(name))
    files = sha256_of_all(folder / name for name in schema.files)
    run = {"run": out.name, "seeds": seeds}
    write_json(folder / schema.record, first.about | run | {"files": files})
    tidy = sha256_of_all(sorted(folder.glob(f"{study}_*")))
    config = first.config | run
    if config[study].get("seeds") is not None:
        # Seeds of the study itself, which those of the run do not change.
        config |= {"seeds": first.config["seeds"], study: config[study] | {"seeds": seeds}}
    if "grid" in config[study]:
        config |= {study: config[study] | {"grid": _grid(parts, study, seeds)}}
    record = _record([part.record for part in parts], study, seeds)
    own = {"run": out.name, "seeds": config["seeds"], "tidy": tidy}
    write_json(out / f"run-{study}.json", record | own)
    write_text(out / f"config-{study}.yaml", yaml.safe_dump(config, sort_keys=False))


def _is_of(record: Values, about: Values) -> bool:
    """Whether a record of a run is that of the tables that the study's own record names."""
    recorded = record.get("tidy", {})
    return all(recorded.get(name) == checksum for name, checksum in about.get("files", {}).items())


def _check_seeds(parts: Sequence[_Part]) -> None:
    """No fact is in two runs: no seed, or, where runs are made of lines, no line with a seed."""
    if parts[0].tidy.schema.in_lines:
        for name, table in parts[0].tidy.schema.tables.items():
            if table.lines:
                _check_lines(name, table.lines, parts)
        return
    had: dict[int, Path] = {}
    for part in parts:
        for seed in part.seeds:
            if seed in had:
                raise UserError(
                    f"two runs have the seed {seed}",
                    where=f"{had[seed]} and {part.folder}",
                    remedy=_OTHER_SEEDS,
                )
            had[seed] = part.folder


def _check_lines(name: str, lines: Lines, parts: Sequence[_Part]) -> None:
    had: dict[tuple[str, ...], Path] = {}
    for part in parts:
        frame = part.table(name)
        own = frame.loc[~lines.shared(frame), [*lines.line]].drop_duplicates()
        for line in own.itertuples(index=False, name=None):
            if line in had:
                of = ", ".join(f"{column} {value}" for column, value in zip(own, line, strict=True))
                raise UserError(
                    f"two runs have the same line of the grid: {of}",
                    where=f"{had[line]} and {part.folder}",
                    remedy=f"{_OTHER_SEEDS}; or leave its block out there: first_seeds: 0",
                )
            had[line] = part.folder


def _check_alike(first: _Part, other: _Part, study: str) -> None:
    """Runs differ in their seeds alone: means over them would mix two things."""
    where = f"{first.folder} and {other.folder}"
    # The point sets of study 3 are named in its settings, which are compared below.
    one, another = (
        {key: part.about.get(key) for key in ("dataset", "images")} for part in (first, other)
    )
    if one != another or first.record["raw"] != other.record["raw"]:
        raise UserError(
            f"the runs are of different data: {one['dataset']} and {another['dataset']}, with their"
            " raw files",
            where=where,
            remedy="join runs of the same data",
        )
    left, right = (
        {"data": part.config["data"], "threads": part.config["threads"], study: part.config[study]}
        for part in (first, other)
    )
    # Which cells have which seeds, and the search, which is that of the first run.
    own = {f"{study}.seeds", f"{study}.calibrate"}
    for key, here, there in _differences(left, right, ""):
        if key.endswith(".first_seeds") or any(key == o or key.startswith(f"{o}.") for o in own):
            continue
        raise UserError(
            f"the runs differ in more than their seeds: {key} is {here!r} and {there!r}",
            where=where,
            remedy="join runs of one configuration, which differ in seeds alone",
        )
    if (first.config[study].get("calibrate") is None) != (
        other.config[study].get("calibrate") is None
    ):
        said = "note: one of the runs has no search; what the first has of it is kept"
        print(f"{said}: {where}", file=sys.stderr)
    for what in ("code", "lock", "versions", "device"):
        if first.record[what] != other.record[what]:
            print(f"note: the runs have another {what}, see 'joined': {where}", file=sys.stderr)


def _differences(left: Any, right: Any, above: str) -> Iterator[tuple[str, Any, Any]]:
    """Settings with different values: their path, as in the configuration, and both values."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            path = f"{above}.{key}".strip(".")
            yield from _differences(left.get(key), right.get(key), path)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for place, (one, another) in enumerate(zip(left, right, strict=True)):
            yield from _differences(one, another, f"{above}[{place}]")
    elif left != right:
        yield above, left, right


def _joined(name: str, parts: Sequence[_Part], seeds: Sequence[int]) -> pd.DataFrame:
    """A table of the joined run: rows of all seeds, cell for cell as they were."""
    first, *others = [part.table(name) for part in parts]
    schema = parts[0].tidy.schema
    if name == schema.choices:
        # The one choice in which the runs differ.
        of_seeds = first["key"].str.endswith(".seeds")
        return first.assign(value=first["value"].mask(of_seeds, " ".join(map(str, seeds))))
    if name in schema.seedless or "seed" not in first.columns:
        return first
    for other, part in zip(others, parts[1:], strict=True):
        if list(other.columns) != list(first.columns):
            raise UserError(
                f"{name} has other columns than in the first run",
                where=str(part.tidy.folder),
                remedy="run both with one version of advlearn",
            )
        if lines := schema.tables[name].lines:
            other = other[~_shared(other, first, lines)]
        first = pd.concat([first, other], ignore_index=True)
    return first


def _shared(rows: pd.DataFrame, had: pd.DataFrame, lines: Lines) -> pd.Series:
    """Which rows are those of all lines of a group that has such rows already."""
    groups = pd.MultiIndex.from_frame(had.loc[lines.shared(had), [*lines.group]])
    return lines.shared(rows) & pd.MultiIndex.from_frame(rows[[*lines.group]]).isin(groups)


def _grid(parts: Sequence[_Part], study: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The blocks of the grid, each with the number of first seeds that it has in all runs."""
    grids = [part.config[study]["grid"] for part in parts]
    return [
        {**blocks[0], "first_seeds": _first_seeds(blocks, parts, seeds)}
        for blocks in zip(*grids, strict=True)
    ]


def _first_seeds(
    blocks: Sequence[Values], parts: Sequence[_Part], seeds: Sequence[int]
) -> int | None:
    """How many of all seeds have run a block; none: all have."""
    found = {
        seed
        for block, part in zip(blocks, parts, strict=True)
        for seed in part.seeds[: block.get("first_seeds")]
    }
    count = len(found)
    if found != set(seeds[:count]):
        print(
            f"note: a block of the grid ({blocks[0]['universes']}) has run with the seeds"
            f" {sorted(found)}, which are not the first; its first_seeds says their number",
            file=sys.stderr,
        )
    return None if count == len(seeds) else count


def _record(records: Sequence[dict[str, Any]], study: str, seeds: list[int]) -> dict[str, Any]:
    """The record of the first run with the jobs of all, and what each was made with."""
    stages = reduce(_both_stages, [each["stages"] for each in records])
    # Of a run that was joined before, its parts.
    parts = [part for each in records for part in each.get("joined", [each])]
    return {
        **records[0],
        "study_seeds": {**records[0]["study_seeds"], study: seeds},
        "recorded": max(each["recorded"] for each in records),
        "devices": _sum([each["devices"] for each in records]),
        "stages": stages,
        "joined": [{key: each[key] for key in _KEPT} for each in parts],
    }


def _both_stages(one: Values, another: Values) -> dict[str, Any]:
    return {stage: _both(one.get(stage), another.get(stage)) for stage in {**one, **another}}


def _both(one: Values | None, another: Values | None) -> dict[str, Any] | None:
    """Jobs and seconds of a stage in both runs, and the most of what is a most."""
    if one is None or another is None:
        found = one or another
        return dict(found) if found else None
    both: dict[str, Any] = {"devices": _sum([one["devices"], another["devices"]])}
    for key in one:
        if key != "devices":
            values = [each[key] for each in (one, another) if each[key] is not None]
            most = key in ("longest_seconds", "peak_mib")
            both[key] = (max(values) if most else sum(values)) if values else None
    return both


def _sum(counts: Sequence[Mapping[str, int] | None]) -> dict[str, int] | None:
    """Jobs by device; none where no run knows."""
    total = Counter[str]()
    for each in counts:
        total.update(each or {})
    return dict(sorted(total.items())) or None
