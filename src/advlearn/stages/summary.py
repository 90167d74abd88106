"""Where a run's results are, and its headline tables, for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.page import Page
from advlearn.report.writers import plain_text
from advlearn.stages.tidy_folder import PUBLISHED, open_tidy, pages_of


def summary(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
) -> None:
    """Print where the results of a run are, and its headline tables."""
    reports, studies = pages_of(run)
    for study in studies:
        page: Page = study.load(study.page)(open_tidy(study, run / "tidy", published))
        said = [page.warning, *page.sentences] if page.warning else page.sentences
        print(plain_text(f"{page.title}: run {page.run}", page.headline, said))
    print()
    for report in reports:
        print(f"report   {report}")
    print(f"tables   {run / 'paper' / 'tables'}")
    print(f"figures  {run / 'paper' / 'figures'}")
    names = [report.stem.removeprefix("report") for report in reports]
    records = (f"{run / f'run{name}.json'} and {run / f'config{name}.yaml'}" for name in names)
    print(f"record   {', '.join(records)}")
