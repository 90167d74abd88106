"""Where a run's results are, and its headline tables, for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.page import Page
from advlearn.report.writers import plain_text
from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.support.errors import UserError


def summary(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
) -> None:
    """Print where the results of a run are, and its headline tables."""
    report = run / "report.html"
    if not report.is_file():
        raise UserError(
            "the run is not finished: it has no report",
            where=str(run),
            remedy="run the workflow first, for example: make demo",
        )
    for study in chosen_studies(run / "tidy", None):
        page: Page = study.load(study.page)(open_tidy(study, run / "tidy", published))
        said = [page.warning, *page.sentences] if page.warning else page.sentences
        print(plain_text(f"{page.title}: run {page.run}", page.headline, said))
    print()
    print(f"report   {report}")
    print(f"tables   {run / 'paper' / 'tables'}")
    print(f"figures  {run / 'paper' / 'figures'}")
    print(f"record   {run / 'run.json'} and {run / 'config.yaml'}")
