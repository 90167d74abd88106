"""Stage tables: every table of the run's studies as CSV, Markdown and LaTeX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.pieces import table_piece, write_pieces
from advlearn.report.writers import write_table
from advlearn.stages.tidy_folder import PUBLISHED, pieces_of, remove_left_out
from advlearn.support.progress import Progress


def tables(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    out: Annotated[Path, typer.Option(help="folder to write the tables to")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
    study: Annotated[
        list[str] | None, typer.Option(help="a study to serve; all that are present by default")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="JSON file to write what the page shows of them to")
    ] = None,
) -> None:
    """Write every table of the chosen studies, with the published numbers.

    Raises:
        UserError: the tidy folder holds no such study, or a file or column is missing.
    """
    pieces = pieces_of("tables", tidy, published, study)
    progress = Progress(f"tables {tidy}", len(pieces), "tables")
    shown = {}
    for each, run, name in pieces:
        table = each.table(name).build(run)
        write_table(table, out / name)
        if page:
            shown[name] = table_piece(table)
        progress.advance()
    remove_left_out("tables", tidy, published, study, out)
    if page:
        write_pieces(page, shown)
