"""Stage tables: every table of the run's studies as CSV, Markdown and LaTeX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.writers import write_table
from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.support.progress import Progress


def tables(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    out: Annotated[Path, typer.Option(help="folder to write the tables to")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
    study: Annotated[
        list[str] | None, typer.Option(help="a study to serve; all that are present by default")
    ] = None,
) -> None:
    """Write every table of the chosen studies, with the published numbers.

    Raises:
        UserError: the tidy folder holds no such study, or a file or column is missing.
    """
    found = chosen_studies(tidy, study)
    progress = Progress(f"tables {tidy}", sum(len(each.tables) for each in found), "tables")
    for each in found:
        run = open_tidy(each, tidy, published)
        for name in each.tables:
            write_table(each.table(name).build(run), out / name)
            progress.advance()
