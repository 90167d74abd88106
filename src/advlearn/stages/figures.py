"""Stage figures: every figure of the run's studies as PDF, SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.drawn import figure_piece
from advlearn.report.pieces import write_pieces
from advlearn.report.style import figure_style, save_figure
from advlearn.stages.tidy_folder import PUBLISHED, pieces_of, remove_left_out
from advlearn.support.progress import Progress


def figures(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    out: Annotated[Path, typer.Option(help="folder to write the figures to")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
    study: Annotated[
        list[str] | None, typer.Option(help="a study to serve; all that are present by default")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="JSON file to write what the page shows of them to")
    ] = None,
) -> None:
    """Draw every figure of the chosen studies; the same bytes each time.

    Raises:
        UserError: the tidy folder holds no such study, or a file or column is missing.
    """
    pieces = pieces_of("figures", tidy, published, study)
    progress = Progress(f"figures {tidy}", len(pieces), "figures")
    shown = {}
    with figure_style():
        for each, run, name in pieces:
            figure = each.figure(name).draw(run)
            if page:
                shown[name] = figure_piece(figure)
            save_figure(figure, out / name)
            progress.advance()
    remove_left_out("figures", tidy, published, study, out)
    if page:
        write_pieces(page, shown)
