"""Which studies a tidy folder holds, and the folder as each of them reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advlearn.studies import NAMES, study
from advlearn.studies.base import Study
from advlearn.support.errors import UserError
from advlearn.support.project import project_path
from advlearn.tidy.reader import Tidy

PUBLISHED = project_path("config/published")
"""Folder of the published numbers, where a command names no other."""


def studies_in(folder: Path) -> list[str]:
    """Names of the studies that have at least one file in the folder, in the order of the papers.

    Raises:
        UserError: there are none, or there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}",
            where="option --tidy",
            remedy="run the stage 'collect' first, or name the folder that holds the CSVs",
        )
    found = [name for name in NAMES if any(folder.glob(f"{name}_*"))]
    if not found:
        raise UserError(
            "the folder holds no tidy table of any study",
            where=str(folder),
            remedy="run the stages that collect; each study has one",
        )
    return found


def chosen_studies(folder: Path, names: Sequence[str] | None) -> list[Study]:
    """The studies to serve: those of ``names`` in the order of the papers, else all present.

    Raises:
        UserError: a name is no study, or has no file here.
    """
    there = studies_in(folder)
    absent = [name for name in names or () if name not in there]
    if absent:
        raise UserError(
            f"the folder holds no tidy table of the study {absent[0]!r}",
            where=f"{folder}, option --study",
            remedy=f"use one of: {', '.join(there)}; or collect that study first",
        )
    return [study(name) for name in there if not names or name in names]


def pages_of(run: Path) -> tuple[list[Path], list[Study]]:
    """The pages of a run, and the studies that they show.

    A study that was run alone has a page of its own; of the others there may be parts.

    Args:
        run: folder of the run.

    Raises:
        UserError: there is no page, so nothing of the run is finished.
    """
    whole = run / "report.html"
    alone = {name: run / f"report-{name}.html" for name in NAMES}
    alone = {name: page for name, page in alone.items() if page.is_file()}
    if whole.is_file():
        return [whole, *alone.values()], chosen_studies(run / "tidy", None)
    if not alone:
        raise UserError(
            "the run is not finished: it has no report",
            where=str(run),
            remedy="run the workflow first, for example: make demo",
        )
    return list(alone.values()), chosen_studies(run / "tidy", list(alone))


def open_tidy(which: Study, folder: Path, published: Path) -> Tidy:
    """The folder as a study reads it.

    Raises:
        UserError: a folder does not exist.
    """
    tidy: Tidy = which.load(which.tidy)(folder, published)
    return tidy


def pieces_of(
    kind: str, folder: Path, published: Path, names: Sequence[str] | None
) -> list[tuple[Study, Tidy, str]]:
    """The tables or figures of the chosen studies: study, its tidy folder, name of the piece.

    Args:
        kind: ``tables`` or ``figures``.
        folder: the tidy folder.
        published: folder of the published numbers.
        names: the studies; all that are present by default.

    Raises:
        UserError: a folder does not exist, or holds no such study.
    """
    found = _opened(folder, published, names)
    return [(each, run, name) for each, run in found for name in each.drawn(kind, run.left_out)]


def remove_left_out(
    kind: str, folder: Path, published: Path, names: Sequence[str] | None, out: Path
) -> None:
    """Remove from ``out`` what an earlier run drew and this one leaves out.

    Args:
        kind: ``tables`` or ``figures``.
        folder: the tidy folder.
        published: folder of the published numbers.
        names: the studies; all that are present by default.
        out: folder of the tables or figures.

    Raises:
        UserError: a folder does not exist, or holds no such study.
    """
    for each, run in _opened(folder, published, names):
        for name in {*each.drawn(kind)} - {*each.drawn(kind, run.left_out)}:
            for old in out.glob(f"{name}.*"):
                old.unlink()


def _opened(folder: Path, published: Path, names: Sequence[str] | None) -> list[tuple[Study, Tidy]]:
    return [(each, open_tidy(each, folder, published)) for each in chosen_studies(folder, names)]
