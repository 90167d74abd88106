"""Helper join: one run out of seeds, or lines of the grid, of several, run where they may be."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
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
    read_npz,
    write_csv,
    write_json,
    write_npz,
    write_text,
)
from advlearn.support.run_record import all_stages, find_record, sum_of
from advlearn.tidy.joining import (
    all_arrays,
    all_choices,
    how_many_first,
    largest_difference,
    own_lines,
    seeds_of,
    together,
)
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
    _tables: dict[str, pd.DataFrame] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, folder: Path, study: str) -> _Part:
        if not folder.is_dir():
            raise UserError(
                "there is no such run", where=str(folder), remedy="name the folder of a run"
            )
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
        described: Any = self.tidy.described(self.tidy.schema.described)
        return list(described.seeds)

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration of the study."""
        found: dict[str, Any] = self.config[self.tidy.schema.study]
        return found

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of an archive, of which a run may lack some that another has."""
        return read_npz(self.tidy.folder / f"{name}.npz")

    def table(self, name: str) -> pd.DataFrame:
        """A table as it is written, every cell a text; checked before against the record."""
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    def _read(self, name: str) -> pd.DataFrame:
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
    """Put several runs of one study together, which have other seeds or other lines of the grid.

    Written, all or nothing: the tidy tables with the rows of all, the study's record,
    run-STUDY.json and config-STUDY.yaml. Runs come in the order of their smallest seeds, and those
    with the same one in the order in which they are named. What does not depend on the seeds is
    that of the first run that has it: the search, the map of a line, the images that are shown.
    Runs of study 1 may have the same seeds, if no line of the grid (universe, attack, reduction)
    has one of them in both; baselines of such a seed are those of the first run that has them, in
    each table. Tables and figures follow: ``advlearn tables --tidy OUT/tidy``.

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
    seeds = sorted({seed for part in parts for seed in part.seeds})
    schema = parts[0].tidy.schema
    tables = {name: _joined(name, parts, seeds) for name in schema.tables}
    arrays = {name: _arrays(name, parts) for name in schema.arrays}
    about = _about(parts) | {"run": out.name, "seeds": seeds}
    config = _config(parts, tables, seeds) | {"run": out.name}
    record = _record(parts, study, seeds) | {"run": out.name, "seeds": config["seeds"]}
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
        folder = Path(made, out.name)
        for name, frame in tables.items():
            write_csv(folder / "tidy" / f"{name}.csv", frame)
        for name, each in arrays.items():
            write_npz(folder / "tidy" / f"{name}.npz", each)
        files = sha256_of_all(folder / "tidy" / name for name in schema.files)
        write_json(folder / "tidy" / schema.record, about | {"files": files})
        tidy = sha256_of_all(sorted((folder / "tidy").glob(f"{study}_*")))
        write_json(folder / f"run-{study}.json", record | {"tidy": tidy})
        write_text(folder / f"config-{study}.yaml", yaml.safe_dump(config, sort_keys=False))
        _read_again(folder / "tidy", study)
        if out.is_dir():
            out.rmdir()
        folder.rename(out)


def _read_again(folder: Path, study: str) -> None:
    """Read what was joined as its readers do: a fact that stands twice is found here."""
    tidy = open_tidy(study_of_name(study), folder, PUBLISHED)
    for name in tidy.schema.tables:
        tidy[name]
    for name in tidy.schema.arrays:
        tidy.arrays(name)


def _is_of(record: Values, about: Values) -> bool:
    """Whether a record of a run is that of the tables that the study's own record names."""
    recorded = record.get("tidy", {})
    return all(recorded.get(name) == checksum for name, checksum in about.get("files", {}).items())


def _check_seeds(parts: Sequence[_Part]) -> None:
    """No fact is in two runs: no seed, or, where runs are made of lines, no line with a seed."""
    if parts[0].tidy.schema.in_lines:
        for one, other in combinations(parts, 2):
            _check_lines(one, other)
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


def _check_lines(one: _Part, other: _Part) -> None:
    for name, table in one.tidy.schema.tables.items():
        if not table.lines:
            continue
        left, right = (own_lines(part.table(name), table.lines) for part in (one, other))
        both = left[left.isin(right)]
        if len(both):
            of = ", ".join(f"{key} {value}" for key, value in zip(both.names, both[0], strict=True))
            raise UserError(
                f"two runs have the same line of the grid: {of}; of the {len(right)} lines and"
                f" seeds of the second, {len(both)} are in the first",
                where=f"{one.folder} and {other.folder}",
                remedy=f"{_OTHER_SEEDS}; or leave its block out there: first_seeds: 0",
            )
        if table.key and "value" in table.columns:
            _say_other_baselines(name, table.lines, one, other)


def _say_other_baselines(name: str, lines: Lines, one: _Part, other: _Part) -> None:
    """Say how far baselines lie apart that both runs have, since those of one are left out."""
    key = [*lines.group, "rule", "protocol", "split", "metric"]
    most = largest_difference(one.table(name), other.table(name), lines, key)
    if most > 0:
        print(
            f"note: baselines that both runs have differ by up to {most:.3g}; those of {one.folder}"
            f" are kept, and cells of {other.folder} are compared with them",
            file=sys.stderr,
        )


def _check_alike(first: _Part, other: _Part, study: str) -> None:
    """Runs differ in seeds and lines alone: means over them would mix two things."""
    where = f"{first.folder} and {other.folder}"
    # The point sets of study 3 are named in its settings, which are compared below.
    one, another = (
        {key: part.about.get(key) for key in ("dataset", "images", "shared")}
        for part in (first, other)
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
    grids = [each[study].get("grid", []) for each in (left, right)]
    if len({len(grid) for grid in grids}) > 1:
        raise UserError(
            f"the grids of the runs have {len(grids[0])} and {len(grids[1])} blocks",
            where=where,
            remedy="keep all blocks, and give those that are left out first_seeds: 0",
        )
    # Which lines have which seeds, and the search, which is that of the first run with one.
    own = {f"{study}.seeds", f"{study}.calibrate"}
    for key, here, there in _differences(left, right, ""):
        if key.endswith(".first_seeds") or any(key == o or key.startswith(f"{o}.") for o in own):
            continue
        raise UserError(
            f"the runs differ in more than their seeds: {key} is {here!r} and {there!r}",
            where=where,
            remedy="join runs of one configuration, which differ in seeds alone",
        )
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
    """A table of the joined run: rows of all seeds and lines, cell for cell as they were."""
    schema = parts[0].tidy.schema
    if name == schema.choices:
        return all_choices([part.table(name) for part in parts], seeds)
    lines = schema.tables[name].lines
    first = parts[0].table(name)
    if not lines and (name in schema.seedless or "seed" not in first.columns):
        return _searching(parts).table(name)
    for part in parts[1:]:
        other = part.table(name)
        if unlike := {*other.columns} ^ {*first.columns}:
            raise UserError(
                f"{name} has other columns than in {parts[0].folder}: {', '.join(sorted(unlike))}",
                where=str(part.tidy.folder),
                remedy="run both with one version of advlearn",
            )
        first = together(first, other, lines)
    return first


def _arrays(name: str, parts: Sequence[_Part]) -> dict[str, np.ndarray]:
    """What is shown of one seed; of the attacks of a divided grid, each by the run that has it."""
    showing = parts if parts[0].tidy.schema.in_lines else parts[:1]
    return all_arrays([part.arrays(name) for part in showing])


def _searching(parts: Sequence[_Part]) -> _Part:
    """The first run that searched; the first of all where none did."""
    with_search = (part for part in parts if part.settings.get("calibrate") is not None)
    return next(with_search, parts[0])


def _about(parts: Sequence[_Part]) -> dict[str, Any]:
    """The study's record, with the universes of all and the search of the run that has it."""
    about = dict(parts[0].about)
    if "universes" in about:
        found = {name: of for part in parts for name, of in part.about["universes"].items()}
        about["universes"] = {
            name: found[name] for name in parts[0].settings["universes"] if name in found
        }
        about["left_out"] = _searching(parts).about.get("left_out", [])
    return about


def _config(
    parts: Sequence[_Part], tables: Mapping[str, pd.DataFrame], seeds: Sequence[int]
) -> dict[str, Any]:
    """The configuration of the joined run: its seeds, and which of them each block has."""
    first = parts[0]
    study, own = first.tidy.schema.study, dict(first.settings)
    config = first.config | {"seeds": list(seeds)}
    if own.get("seeds") is not None:
        # Seeds of the study itself, which those of the run do not change.
        config["seeds"], own["seeds"] = first.config["seeds"], list(seeds)
    if first.tidy.schema.in_lines:
        own["calibrate"] = _searching(parts).settings.get("calibrate")
        schema, metrics = first.tidy.schema.tables, f"{study}_metrics"
        lines = schema[metrics].lines
        assert lines is not None
        own["grid"] = [
            block
            | {
                "first_seeds": _first_seeds(
                    f"block {number} of the grid", seeds_of(tables[metrics], lines, block), seeds
                )
            }
            for number, block in enumerate(own["grid"])
        ]
        if strong := own.get("evaluate", {}).get("strong"):
            met = set(tables[f"{study}_strength"]["seed"].astype(int))
            count = _first_seeds("the strong attacks", met, seeds)
            own["evaluate"] = own["evaluate"] | {"strong": strong | {"first_seeds": count}}
    return config | {study: own}


def _first_seeds(what: str, found: set[int], seeds: Sequence[int]) -> int | None:
    """How many of all seeds something has run with; none: all."""
    count, are_first = how_many_first(found, seeds)
    if not are_first:
        print(
            f"note: {what} has the seeds {sorted(found)}, which are not the first of {list(seeds)};"
            " its first_seeds says their number",
            file=sys.stderr,
        )
    return count


def _record(parts: Sequence[_Part], study: str, seeds: list[int]) -> dict[str, Any]:
    """The record of the first run with the jobs of all, and what each was made with."""
    records = [part.record for part in parts]
    # Of a run that was joined before, its parts.
    made = [each for part in parts for each in part.record.get("joined", [_kept(part)])]
    return {
        **records[0],
        "study_seeds": {**records[0]["study_seeds"], study: seeds},
        "recorded": max(each["recorded"] for each in records),
        "devices": sum_of([each["devices"] for each in records]),
        "stages": all_stages([each["stages"] for each in records]),
        "joined": made,
    }


def _kept(part: _Part) -> dict[str, Any]:
    kept = {key: part.record[key] for key in _KEPT}
    if part.tidy.schema.in_lines:
        kept["first_seeds"] = [block["first_seeds"] for block in part.settings["grid"]]
    return kept
