"""Stage figures: every figure of the run's studies as PDF, SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.paper.figures import FIGURES
from advlearn.paper.save import save_figure
from advlearn.paper.style import figure_style
from advlearn.paper.tidy import Tidy
from advlearn.support.progress import Progress


def figures(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    out: Annotated[Path, typer.Option(help="folder to write the figures to")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = Path(
        "config/published"
    ),
    study: Annotated[
        list[str] | None, typer.Option(help="a study to serve; all that are present by default")
    ] = None,
) -> None:
    """Draw every figure of the chosen studies; the same bytes each time.

    Raises:
        UserError: the tidy folder holds no such study, or a file or column is missing.
    """
    run = Tidy(tidy, published)
    chosen = run.chosen(study)
    wanted = {name: entry for name, entry in FIGURES.items() if name.split("_")[0] in chosen}
    progress = Progress(f"figures {run.folder}", len(wanted), "figures")
    with figure_style():
        for name, entry in wanted.items():
            save_figure(entry.draw(run), out / name)
            progress.advance()
