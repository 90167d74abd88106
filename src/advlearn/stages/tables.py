"""Stage tables: every table of the run's studies as CSV, Markdown and LaTeX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.paper.tables import TABLES
from advlearn.paper.tidy import Tidy
from advlearn.paper.writers import write_table
from advlearn.support.progress import Progress


def tables(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    out: Annotated[Path, typer.Option(help="folder to write the tables to")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = Path(
        "config/published"
    ),
    study: Annotated[
        list[str] | None, typer.Option(help="a study to serve; all that are present by default")
    ] = None,
) -> None:
    """Write every table of the chosen studies, beside the published numbers.

    Raises:
        UserError: the tidy folder holds no such study, or a file or column is missing.
    """
    run = Tidy(tidy, published)
    chosen = run.chosen(study)
    wanted = {name: build for name, build in TABLES.items() if name.split("_")[0] in chosen}
    progress = Progress(f"tables {run.folder}", len(wanted), "tables")
    for name, build in wanted.items():
        write_table(build(run), out / name)
        progress.advance()
