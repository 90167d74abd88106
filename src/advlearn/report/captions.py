"""Captions of figures, written once: in reStructuredText, as Snakemake's own report reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from advlearn.support.errors import UserError
from advlearn.support.project import project_path

FOLDER = project_path("workflow/report")
_FORM = re.compile(r"\*\*(?P<title>.+?)\.\*\* (?P<text>.+)", re.DOTALL)


class Caption(NamedTuple):
    """Title of a figure, without a full stop, and what stands below it."""

    title: str
    text: str


def caption(folder: Path, study: str, name: str) -> Caption:
    """The caption of a figure, from ``FOLDER/STUDY/figures/NAME.rst``.

    Raises:
        UserError: the file is missing, or does not begin with a title in bold.
    """
    path = folder / study / "figures" / f"{name}.rst"
    if not path.is_file():
        raise UserError(
            f"the figure {name} has no caption",
            where=str(path),
            remedy="write one: '**Title.** What the figure shows.'",
        )
    found = _FORM.fullmatch(" ".join(path.read_text(encoding="utf-8").split()))
    if found is None:
        raise UserError(
            "a caption begins with its title in bold",
            where=str(path),
            remedy="write '**Title.** What the figure shows.'",
        )
    plain = {part: re.sub(r"\\(.)", r"\1", text) for part, text in found.groupdict().items()}
    return Caption(plain["title"], plain["text"])
