"""Stage finalists: which draws of the first stage are measured on all images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from advlearn.studies.selective.search.finalists import choose
from advlearn.studies.selective.search.rows import published_shares, read_rows
from advlearn.studies.selective.settings.calibrate import FinalistsJob
from advlearn.support.io import write_csv
from advlearn.support.manifest import Manifest


def finalists(
    *,
    files: Annotated[
        Manifest, typer.Option(parser=Manifest.parse, help="paths of the jobs' files, JSON")
    ],
    published: Annotated[Path, typer.Option(help="CSV of the published baselines")],
    settings: Annotated[FinalistsJob, typer.Option(parser=FinalistsJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help=".csv to write")],
) -> None:
    """Choose the draws with the highest likelihood, and some of the others at random."""
    frame = pd.concat(
        [read_rows(files.path("calibration", block=block)) for block in settings.blocks],
        ignore_index=True,
    )
    write_csv(out, choose(frame, published_shares(published), settings.likeliest, settings.random))
